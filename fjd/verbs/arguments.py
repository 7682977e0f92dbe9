"""The sources of arguments as they were typed, and the commands they make."""
import sys
from typing import Any, List, Tuple

from fjd import output
from fjd.verbs.rows import (
    checked, Columns, columns_by, Given, Maker, opened, Row, Rows, split,
    STDIN, width,
)
from fjd.verbs.source import Made, Source, Typed
from fjd.verbs.template import Template

SEPARATORS = {False: b"\n", True: b"\0"}  # by the option -0


def typed_commands(
    options: Any, words: List[str],
) -> Tuple[Template, Source]:
    """Return what stands in place of a command, and the commands made of it.

    BadUsage: there are none; then nothing was read from standard input.
    """
    command, lists = split(words)
    files = [Given([], path) for path in options.files]
    given = checked(files + lists)
    columns = columns_by(options.colsep)
    template = Template(command, width(options, len(given)),
                        words[len(command):])
    if not options.header:
        template.compile()
    if is_input(options, given):
        return template, source_of(options, given, columns, template)
    if options.header:
        template.compile()
    return template, Source(())


def source_of(
    options: Any, given: List[Given], columns: Columns, template: Template,
) -> Source:
    """Return the commands; it sets the names of a template's columns."""
    separator = SEPARATORS[options.is_null]
    first, *others = given or [Given([], STDIN)]
    typed = opened_file(first.path, separator) if first.path else None
    lists = [values_of(source, separator) for source in others]
    values = first.values
    if options.header:
        values = list(typed.header()) if typed else values
        names = [column for found in [values, *lists]
                 for name in found[:1] for column in columns(name)]
        values, lists = values[1:], [found[1:] for found in lists]
        template.compile(names)
    groups: List[List[List[Row]]] = [[]]
    for source, found in zip(others, lists):
        if not source.is_linked:
            groups.append([])
        groups[-1].append(list(map(columns, found)))
    maker = Maker(template, Rows(columns, groups, options.per_job))
    if not typed:
        return Made(maker, values)
    typed.begin(maker)
    return typed


def is_input(options: Any, given: List[Given]) -> bool:
    """Return whether there is something to read; say so if a person types it.
    """
    if given and STDIN not in [source.path for source in given]:
        return True
    is_terminal = bool(sys.stdin) and sys.stdin.isatty()
    if not sys.stdin or is_terminal and options.resume:
        return False
    if is_terminal:
        output.teller("fjd", stream="stderr")(
            "Reading from the terminal, a job a line, until Ctrl-D.")
    return True


def opened_file(path: str, separator: bytes) -> Typed:
    name = "standard input" if path == STDIN else path
    return Typed(opened(path), separator, name)


def values_of(source: Given, separator: bytes) -> List[str]:
    """Return all values of a source that is not the first."""
    if not source.path:
        return source.values
    return opened_file(source.path, separator).all()
