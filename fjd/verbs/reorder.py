"""Choose which of the waiting jobs go first.

The command reads the names of all waiting jobs, one a line, and prints those
that go first. A dispatcher follows the new order within two seconds. If the
command fails, the order stays as it is.

Examples:
    fjd reorder --by 'sort -r'
    fjd reorder --reset
"""
import time
from typing import Any

from fjd import home, output
from fjd.errors import BadUsage
from fjd.names import new_token, Stamps
from fjd.options import flag, option, PROJECT
from fjd.project import ORDER
from fjd.queueorder import reorder

OPTIONS = (
    PROJECT,
    option("--by", metavar="CMD", help="the command that chooses"),
    flag("--reset", help="return to the natural order (job2 before job10)"),
)


def act(options: Any) -> None:
    if (options.by is None) != options.reset:
        raise BadUsage("reorder: give either --by or --reset")
    project = home.find_project(options.project, output.teller("fjd"))
    if options.reset:
        project.discard(project.path(ORDER))
        return
    stamp = Stamps(new_token(time.time())).new()
    first, others = reorder(project, options.by, stamp)
    output.show(f"First: {output.shortened(first)}")
    if others:
        output.show(f"Ignored: {others} other lines")
