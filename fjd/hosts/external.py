"""Calls to other programs through sh: screen, tmux, ssh and Slurm's.

Only this module imports sh, and late: that takes a tenth of a second.  If sh
is not installed, it is imported from wheels/ beside the package of fjd, as
Python can import from a wheel of one pure module directly.
"""
import os
import sys
from shlex import quote
from typing import Any, Iterable, List, Tuple

from fjd.bytecode import optional
from fjd.errors import NotHired, Unavailable
from fjd.process import keep_descriptors

WHEEL = "wheels/sh-*.whl"
INSTALLERS = (
    "apt-get install", "dnf install", "zypper install", "apk add", "pacman -S",
)
INTO_FILES = 'exec %s </dev/null >"$1/out" 2>"$1/err"\n'
OF_A_CLONE = "./install.sh --user of a clone with its wheels/"


def call(name: str, *arguments: str, **how: Any) -> str:
    """Run a program to its end; return "", or the reason if it failed.

    Unavailable: the program or sh is missing.
    """
    command, sh = program(name), package()
    keep_descriptors()  # sh would use /dev/fd, which may be missing.
    if "_fg" not in how:
        how["_close_fds"] = False
        how["_tty_out"] = False  # It would open a terminal; there may be none.
    try:
        command(*arguments, **how)
    except sh.ErrorReturnCode as error:
        said = (error.stdout + error.stderr).decode(errors="replace")
        return " ".join(said.split())[:200] or f"exit {error.exit_code}"
    except sh.TimeoutException:
        return f"no answer within {how['_timeout']} seconds"
    return ""


def ask(seconds: float, *words: str, **how: Any) -> Tuple[str, str]:
    """Run a program; return what it printed, and the reason if it failed.

    The reason is what it printed on stderr.  NotHired: there is no place for
    that.  It prints into files: with pipes, a process that it started could
    keep us waiting for its end.
    """
    import tempfile  # Late: few need it.
    program(words[0])
    try:
        with tempfile.TemporaryDirectory(prefix="fjd-") as place:
            write_command(f"{place}/run", words)
            why = call("sh", f"{place}/run", place, _timeout=seconds, **how)
            out, err = [text_of(f"{place}/{name}") for name in ("out", "err")]
    except OSError as error:
        raise NotHired(
            f"no temporary directory for what {os.path.basename(words[0])}"
            f" prints: {error.strerror or error}",
            "try: make room in /tmp, or set TMPDIR to another directory")
    if why.startswith("no answer"):
        return out, f"{os.path.basename(words[0])}: {why}"
    return out, why and (" ".join(err.split()) or why)


def write_command(path: str, words: Iterable[str]) -> None:
    """Write what sh(1) runs; in a C locale, the package sh could not pass all
    words itself.
    """
    text = INTO_FILES % " ".join(map(quote, words))
    with open(path, "wb") as file:
        file.write(text.encode(errors="surrogateescape"))


def text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""  # sh could not start.


def program(name: str) -> Any:
    """Return a program to call; Unavailable says what to install."""
    import shutil
    sh = package()
    if not shutil.which(name):
        raise Unavailable(
            f"{name} is not installed", f"try: {to_install(name)}")
    return sh.Command(name)


def to_install(name: str) -> str:
    """Return what installs a package on this machine."""
    import shutil
    for words in INSTALLERS:
        if shutil.which(words.partition(" ")[0]):
            return f"{words} {name} (as root)"
    return f"install the package {name}"


def to_get_sh() -> str:
    """Return what gets the Python package sh."""
    ways = [to_install("python3-sh"), OF_A_CLONE]
    place = os.path.dirname(os.__file__)
    is_venv = sys.prefix != sys.base_prefix
    # PEP 668: pip refuses to install into a system's Python.
    if is_venv or not os.path.exists(f"{place}/EXTERNALLY-MANAGED"):
        ways.append(f"{sys.executable} -m pip install sh")
    return "try: " + ", or ".join(ways)


def package() -> Any:
    """Return the package sh; Unavailable says how to get it."""
    try:
        return optional("sh")
    except ImportError:
        sys.path[:0] = wheels()
        try:
            return optional("sh")
        except ImportError:
            raise Unavailable(
                "the Python package sh is missing", to_get_sh())


def wheels() -> List[str]:
    """Return the paths of the unchanged wheels of sh shipped with fjd."""
    import glob
    import hashlib
    place = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    pattern = os.path.join(glob.escape(os.path.dirname(place)), WHEEL)
    found = []
    for path in glob.glob(pattern):
        with open(os.path.join(place, "requirements.txt")) as pins, \
                open(path, "rb") as file:
            if hashlib.sha256(file.read()).hexdigest() in pins.read():
                found.append(path)
    return found
