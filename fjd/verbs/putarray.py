"""The arrays that a person puts: by options, or by a job file."""
import os
import re
import shlex
import time
from typing import Any

from fjd import files, ini, output
from fjd.errors import BadJob, BadUsage
from fjd.jobfile import BOM, keys_in, SECTIONS, SHELL, value
from fjd.names import printable
from fjd.project import Project
from fjd.verbs import shells
from fjd.verbs.arraylines import checked, file_lines, numbers, typed_list
from fjd.verbs.newarray import Common
from fjd.verbs.putting import put_array

SHARED = ("nice", "timeout", "retries")  # keys of a job file for its tasks


def put_words(project: Project, options: Any, directory: str) -> int:
    """Put the array of a command line; return the exit status."""
    if options.array and options.list is not None:
        raise BadUsage("put: give either --array or --list")
    command = " ".join(options.words)
    shell = shells.for_array(command, shells.chosen(options.shell))
    name = options.name or default_name()
    if options.array:
        if not command.strip():
            raise BadUsage("put: --array needs a command")
        lines = numbers(options.array)
    else:
        if options.words and "{}" not in command:
            raise BadUsage(
                "put: the command has no {}, which stands for the line",
                f"try: fjd put --list {printable(options.list)} --name NAME"
                " './simulate {}'")
        lines = typed_list(options.list, bool(options.words))
    try:
        common = checked(Common(
            command if options.words else "", directory, shell=shell))
        put_array(project, name, common, lines, options.chunk, output.show)
    except BadJob as error:
        output.complain(f'"{printable(name)}": not put: {error}')
        return BadUsage.exit_code
    return 0


def put_file(
    project: Project, path: str, name: str, directory: str, chunk: int,
) -> bool:
    """Put the array that a job file describes; False if it describes none.

    BadJob: it is bad.
    """
    keys = keys_of_array(path)
    if not keys:
        return False
    command = keys.get("executable") or ""
    place = os.path.expanduser(keys.get("directory") or "")
    place = os.path.join(directory, place) if place else directory
    if "array" in keys and "list" in keys:
        raise BadJob("it has both array and list: one is wanted")
    for key in SHARED:
        value(keys, key, "0")
    common = checked(Common(command, place, tuple(
        (key, keys[key]) for key in SHARED if keys.get(key)),
        keys.get("shell") or SHELL))
    if "array" in keys:
        match = re.fullmatch("1-([1-9][0-9]{0,8})", keys["array"] or "")
        if not match:
            raise BadJob(f"array: 1-N, not {keys['array']!r}")
        if not command:
            raise BadJob("an array needs 'executable'; only a list may do"
                         " without")
        lines = numbers(int(match.group(1)))
    else:
        if command and "{}" not in command:
            raise BadJob("executable: it has no {}, which stands for the line")
        listed = os.path.expanduser(keys["list"] or "")
        here = os.path.dirname(os.path.abspath(path))
        lines = file_lines(os.path.join(here, listed), bool(command))
    put_array(project, name, common, lines, chunk, output.show)
    return True


def keys_of_array(path: str) -> dict:
    """Return the keys of a job file that describes an array, else none.

    BadJob: it is a script with such keys, which are not for scripts.
    """
    _, data = files.read(path)
    if {"array", "list"}.intersection(keys_in(data)):
        raise BadJob(
            "a script cannot describe an array; try: fjd put --array 1-N"
            f" --name NAME {shlex.quote(printable(os.path.abspath(path)))}")
    data = data[len(BOM):] if data.startswith(BOM) else data
    try:
        found = ini.sections(os.fsdecode(data))
    except ini.Error:
        return {}
    keys = next((found[name] for name in SECTIONS if name in found), {})
    return keys if "array" in keys or "list" in keys else {}


def default_name() -> str:
    now = time.time()
    stem = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    return f"{stem}.{int(now % 1 * 1000):03}"
