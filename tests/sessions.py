"""Sessions in reStructuredText: what is typed is run, what is shown is seen.

A session is a literal block with lines that begin with `$ `; lines that begin
with `> ` continue them.  In a line that is shown, ... stands for anything; a
line ... stands for any lines.
"""
import re

from docutils import core, nodes

from helpers import run

STRICT = {"halt_level": 2, "report_level": 2, "_disable_config": True}
END = "that was command"
# How many jobs and workers are found when, is chance; not every machine has
# screen.
CHANCE = re.compile(r".*(\] Found |background processes).*")


def document(text):
    """The tree of a page; SystemMessage if its syntax is wrong."""
    return core.publish_doctree(text, settings_overrides=STRICT)


def blocks(text):
    """The literal blocks of a page."""
    return [
        node.astext() for node in document(text).findall(nodes.literal_block)]


def commands_of(text):
    """[(command, lines that it shows)] of all sessions of a page."""
    found = []
    for block in blocks(text):
        is_session = False
        for line in block.splitlines():
            if line.startswith("$ "):
                is_session = True
                found.append((line[2:], []))
            elif is_session and line.startswith("> "):
                found[-1] = (f"{found[-1][0]}\n{line[2:]}", found[-1][1])
            elif is_session:
                found[-1][1].append(line)
    return found


def play(commands, directory):
    """Run the commands in one shell; [(command, printed, shown)]."""
    script = "".join(
        f"{{ {command}\n}} 2>&1; echo '{END}'\n" for command, _ in commands)
    result = run(["sh", "-c", script], cwd=str(directory))
    assert result.stderr == ""
    *parts, rest = result.stdout.split(f"{END}\n")
    assert (len(parts), rest) == (len(commands), "")
    return [
        (command, part, shown)
        for (command, shown), part in zip(commands, parts)
    ]


def is_as_shown(printed, shown):
    lines = [line for line in printed.splitlines() if not CHANCE.match(line)]
    pattern = "".join(
        "(.*\n)*" if line == "..."
        else re.escape(line).replace(re.escape("..."), ".*") + "\n"
        for line in shown if not CHANCE.match(line)
    )
    text = "".join(f"{line}\n" for line in lines)
    return bool(re.fullmatch(pattern, text))
