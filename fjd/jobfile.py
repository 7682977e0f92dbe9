"""Reading job files: a program to run as it is, or an INI file.

For any bytes the result is a Job, or BadJob with the reason.
"""
import errno
import os
import re
import shlex
import stat
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from fjd import ini
from fjd.errors import BadJob
from fjd.files import is_ours
from fjd.ledger import unescape

NICENESS = 9
WRITE_BUFFER = 4096  # bytes; a longer file may come in several writes
SECTIONS = ("control", "fjd")
ARRAY = "array"  # the section of a range
ELF = b"\x7fELF"
BOM = b"\xef\xbb\xbf"
SHELL = "/bin/sh"
NONE = "none"  # in place of a shell: the command is only split into words
PROGRAM = (b"#!", ELF)
# The first line that is neither empty nor a comment opens no section.
NO_SECTION = re.compile(
    rb"(?:%s|(?!%s))(?:[ \t]*(?:[#;].*)?\r?\n)*[ \t]*[^\s#;\[\0]" % (BOM, BOM))
COMMENT = re.compile(
    rb"^[ \t]*#[ \t]*fjd:[ \t]*([a-z]+)[ \t]*[=:][ \t]*(.*?)\s*$", re.M)
KEYS = {  # the pattern of each value, and its description
    "nice": (r"[+-]?[01]?[0-9]|-20", "a number from -20 to 19"),
    "timeout": (r"[0-9]{1,9}(\.[0-9]{1,9})?[smhd]?",
                "seconds, or 10m, 2h, 1d"),
    "retries": ("[0-9]{1,6}", "a number from 0 to 999999"),
    "argument": ("yes|no", "yes or no"),
    "offset": ("[0-9]{1,15}", "a number of bytes"),
    "escaped": ("yes|no", "yes or no"),
    "errors": ("apart|together", "apart or together"),
}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LARGEST = 1 << 24  # bytes of an INI file
SHELL_SYNTAX = re.compile(
    r"[|&;<>()$`\\*?\[\]#~{}!\n]|^\s*[A-Za-z_][A-Za-z0-9_]*\+?=",
)
QUOTES = re.compile("['\"]")
# Most job files: a command of plain words, and nothing but these lines.
PLAIN_JOB = re.compile(
    r"\[(?:control|fjd)\]\nexecutable: ([\w./+,:@%-]+(?: [\w./+,:@%=-]+)*)\n"
    r"(?:argument: (yes|no)\n)?(?:directory: (/[!-~]*)\n)?", re.A)
# POSIX.1-2017, "Special Built-In Utilities" and those of 2.9.1 that have to
# be built in, without those that are also programs (test, echo, printf, ...).
BUILTINS = frozenset(
    ". : alias bg break cd command continue eval exec exit export fc fg"
    " getopts hash jobs local read readonly return set shift source times"
    " trap type ulimit umask unalias unset wait".split(),
)
# Of a shell that is not listed, no command is started without it.
BUILTINS_OF = {"sh": BUILTINS, "dash": BUILTINS, "bash": BUILTINS.union(
    "builtin caller compgen complete compopt coproc declare dirs disown enable"
    " function help history let logout mapfile popd pushd readarray select"
    " shopt suspend time typeset".split(),
)}


class Tasks(NamedTuple):
    """How the tasks of a range are listed: where the line of its first one
    begins, the shell for their commands, and whether lines are escaped as
    in a ledger.
    """

    offset: int = 0  # bytes
    shell: str = SHELL
    is_escaped: bool = False


class Job(NamedTuple):
    """How to run a job: its arguments, and the command as written.

    timeout is in seconds, 0.0 for none; directory "" is that of the worker.
    written is the time of the last write, in the server's seconds, if the
    file may be incomplete; 0.0 if one write(2) wrote all of it.  is_apart:
    its stderr has a log of its own.  Of a range, tasks is set, and command is
    what its tasks have in common: {} stands for the line of each; "" if the
    line is the command.
    """

    argv: List[str]
    command: str
    niceness: int = NICENESS
    timeout: float = 0.0
    retries: int = 0
    directory: str = ""
    written: float = 0.0
    tasks: Optional[Tasks] = None
    is_apart: bool = False


def read_job(files: Any, path: str, owner: Optional[int] = None) -> Job:
    """Return the job in a file, which must belong to owner if that is given.

    FileNotFoundError: it is missing.  BadJob: it cannot be run.
    """
    status, data = read_start(files, path)
    try:
        if status.st_size > len(data):
            is_program = data.startswith(PROGRAM)
            data = whole_lines(data) if is_program \
                else files.read(path, LARGEST)[1]
        job = parse(status.st_mode, data, path)
        if owner not in (None, status.st_uid):
            raise BadJob(f"it belongs to another user (uid {status.st_uid});"
                         " fjd put makes a copy that is yours")
    except BadJob as error:
        error.written = status.st_mtime
        raise
    is_long = status.st_size > WRITE_BUFFER
    return job._replace(written=status.st_mtime) if is_long else job


def whole_lines(data: bytes) -> bytes:
    """Return the start of a file without its last, incomplete line."""
    return data[:data.rfind(b"\n") + 1] or data


def retries_of(files: Any, path: str) -> int:
    """Return how often a failed job is to be tried again."""
    try:
        return read_job(files, path).retries
    except (FileNotFoundError, BadJob):
        return 0


def read_start(files: Any, path: str) -> Tuple[os.stat_result, bytes]:
    try:
        return files.read(path, WRITE_BUFFER)
    except FileNotFoundError:
        if files.is_link(path):
            raise BadJob("it is a link that leads nowhere")
        raise
    except OSError as error:
        if is_ours(error):
            raise
        raise BadJob(f"cannot read it: {error.strerror}")


def parse(mode: int, data: bytes, path: str) -> Job:
    """Return the job in a file of that mode that is or begins with data."""
    plain = PLAIN_JOB.fullmatch(os.fsdecode(data))
    if plain and stat.S_ISREG(mode):
        command, argument, directory = plain.groups()
        words = command.split(" ")
        if not needs_shell(command, SHELL):
            own = [] if argument == "no" else [path]
            return Job(words + own, command, directory=directory or "")
    if not stat.S_ISREG(mode):
        raise BadJob(f"it is {kind_of_file(mode)}, not a file")
    if data.startswith(PROGRAM) and mode & 0o111:
        keys = keys_in(data)
        shown = keys.get("command") or first_line(data)
        return with_keys(Job([path], shown), keys)
    if data.startswith(b"#!"):
        raise BadJob("it begins with #! but may not be executed (chmod +x)")
    if mode & 0o111 and NO_SECTION.match(data):
        # A shell would run it, but on some file systems all files are
        # executable (vfat, CIFS), also those of data.
        raise BadJob("it is executable, but neither does it begin with #! nor"
                     " is it an INI file; a script needs its first line, such"
                     " as #!/bin/sh")
    return parse_job(data, path)


def parse_job(data: bytes, path: str) -> Job:
    """Return the job in an INI file; path is its last argument."""
    if not data.strip():
        raise BadJob("the file is empty")
    if b"\0" in data:
        raise BadJob("it is neither an INI file nor an executable program")
    data = data[len(BOM):] if data.startswith(BOM) else data
    try:
        sections = ini.sections(os.fsdecode(data))
    except ini.Error as error:
        text = " ".join(str(error).split()).replace("file: '<string>', ", "")
        raise BadJob(f"no INI file: {text}")
    for section in SECTIONS:
        if section in sections:
            return job_of_section(sections[section], section, path)
    if ARRAY in sections:
        return range_of_section(sections[ARRAY])
    raise BadJob("no section [control]")


def range_of_section(keys: dict) -> Job:
    tasks = Tasks(
        int(value(keys, "offset", "0")), keys.get("shell") or SHELL,
        value(keys, "escaped", "no") == "yes")
    return with_keys(Job([], keys.get("command") or "", tasks=tasks), keys)


def job_of_task(job: Job, line: str) -> Job:
    """Return the job of a task of that range, by its line; BadJob if it
    cannot be run.
    """
    assert job.tasks
    text = unescape(line) if job.tasks.is_escaped else line
    command = job.command.replace("{}", shlex.quote(text)) or text
    if not command.strip() or "\0" in command:
        raise BadJob("the command is empty, or holds a NUL byte")
    argv = arguments(command, [], job.tasks.shell)
    return job._replace(argv=argv, command=command, tasks=None)


def job_of_section(keys: dict, section: str, path: str) -> Job:
    if "array" in keys or "list" in keys:
        raise BadJob("it describes an array: use fjd put")
    command = keys.get("executable")
    if not command:
        raise BadJob(f"no 'executable' in section [{section}]")
    own = [path] if value(keys, "argument", "yes") == "yes" else []
    argv = arguments(command, own, keys.get("shell") or SHELL)
    return with_keys(Job(argv, command), keys)


def needs_shell(command: str, shell: str) -> bool:
    """Return whether only that shell can run a command, not execve(2)."""
    word = command.split()[0]
    builtins = BUILTINS_OF.get(shell.rpartition("/")[2])
    return shell != NONE and (
        builtins is None or word in builtins
        or SHELL_SYNTAX.search(command) is not None
        or is_function(word))


def is_function(word: str) -> bool:
    """Return whether bash has exported a function of that name to us."""
    return f"BASH_FUNC_{word}%%" in os.environ


def arguments(command: str, own: List[str], shell: str) -> List[str]:
    """Return the command split, or passed to a shell if it needs one."""
    if needs_shell(command, shell):
        # The user's own command line goes to a shell, by contract; the file
        # name stays outside of it.
        behind = ' "$@"' if own else ""
        return [*shell.split(), "-c", command + behind, *own, *own]
    is_plain = command.isprintable() and not QUOTES.search(command)
    try:
        # For plain words shlex has the same result, in ten times as long.
        words = command.split() if is_plain else shlex.split(command)
        return words + own
    except ValueError as error:
        raise BadJob(f"executable: {error} in: {command}")


def keys_in(script: bytes) -> Dict[str, str]:
    """Return the keys in a script's lines `# fjd: key=value`."""
    lines = COMMENT.findall(script) if script.startswith(b"#!") else []
    return {os.fsdecode(key): os.fsdecode(value) for key, value in lines}


def with_keys(job: Job, keys: Mapping[str, Optional[str]]) -> Job:
    """Return the job with its keys applied; unknown keys are ignored."""
    directory = keys.get("directory") or ""
    if "\0" in directory:
        raise BadJob("directory: it holds a NUL byte")
    limit = value(keys, "timeout", "0")
    return job._replace(
        niceness=int(value(keys, "nice", str(NICENESS))),
        timeout=float(limit.rstrip("smhd")) * UNITS.get(limit[-1], 1),
        retries=int(value(keys, "retries", "0")),
        directory=os.path.expanduser(directory),
        is_apart=value(keys, "errors", "together") == "apart",
    )


def value(keys: Mapping[str, Optional[str]], key: str, default: str) -> str:
    """Return the value of a key; BadJob if its form is wrong."""
    text = keys.get(key)
    pattern, wanted = KEYS[key]
    if text is not None and not re.fullmatch(pattern, text):
        raise BadJob(f"{key}: {wanted}, not {text!r}")
    return default if text is None else text


def first_line(data: bytes) -> str:
    """Return the text to show as a program's command: #! line, or ELF."""
    if not data.startswith(b"#!"):
        return "(ELF program)"
    return os.fsdecode(data.split(b"\n", 1)[0][:200])


def kind_of_file(mode: int) -> str:
    kinds = (
        (stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
    )
    return next((text for is_it, text in kinds if is_it(mode)), "a socket")


def why_not_started(error: OSError, job: Job) -> str:
    """Return the reason why execve(2) failed, with the command's name."""
    if job.directory and not os.path.isdir(job.directory):
        return f"directory: there is no directory {job.directory}"
    if job.directory and error.filename == job.directory:
        return f"directory: cannot enter {job.directory}: {error.strerror}"
    program = job.argv[0]
    if error.errno not in (errno.ENOENT, errno.ENOTDIR):
        return f"cannot run {program}: {error.strerror}"
    place = job.directory
    try:
        place = os.path.join(os.getcwd(), place)
        with open(os.path.join(place, program), "rb") as script:
            return f"interpreter not found: {first_line(script.read(200))!r}"
    except OSError:
        is_relative = "/" in program and program[0] != "/"
        where = f" (in {place.rstrip('/')})" if is_relative else ""
        return f"command not found: {program}{where}"
