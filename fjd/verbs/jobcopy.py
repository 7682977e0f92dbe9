"""Copies of users' job files, with the directory that they were put in."""
import os
import re
from typing import Optional

from fjd import files
from fjd.errors import BadJob
from fjd.jobfile import (
    Job, parse, PROGRAM, read_job, SECTIONS, whole_lines, WRITE_BUFFER,
)
from fjd.newjob import JobFile

# The first lines of a script whose interpreter takes # for a comment, up to
# its code; a line that ends in a backslash may go on in the next (Tcl).
SCRIPT = (
    rb"#![ \t]*(?:\S*/env[ \t]+(?:(?:-|\w+=)\S*[ \t]+)*)?(?:\S*/)?"
    rb"(?:(?:|a|ba|c|da|fi|k|mk|tc|z)sh|python|pypy|perl|ruby|Rscript|[gm]?awk"
    rb"|sed|tclsh|wish|expect|julia|g?make|octave|gnuplot)[0-9.]*"
    rb"(?:[ \t].*)?(?<!\\)\n(?:#.*(?<!\\)\n)*"
)
SECTION = (  # the header line, and the indentation of the next key
    rb"^(?:\xef\xbb\xbf)?[ \t]*\[%s\].*?(\r?\n)"
    rb"(?=(?:[ \t]*(?:[#;].*)?\r?\n)*([ \t]*))"
)


def of_file(path: str, directory: str) -> JobFile:
    """Return a user's file, with an added line that records the directory.

    The line is left out if the file has a directory, or has no place for it.
    BadJob: it cannot be run.
    """
    try:
        job = read_job(files, path)._replace(written=0.0)
    except FileNotFoundError:
        raise BadJob("there is no such file")
    status, data = files.read(path)
    is_program = data.startswith(PROGRAM)
    wanted = job._replace(directory=job.directory or directory)
    for text in (data, with_directory(data, os.fsencode(directory))):
        if job_in(status.st_mode, text, path) == wanted:
            return JobFile(text, is_program)
    return JobFile(data, is_program, has_directory=False)


def job_in(mode: int, data: bytes, path: str) -> Optional[Job]:
    """Return the job that a worker would read; None if it is bad."""
    if data.startswith(PROGRAM) and len(data) > WRITE_BUFFER:
        data = whole_lines(data[:WRITE_BUFFER])
    try:
        return parse(mode, data, path)
    except BadJob:
        return None


def with_directory(data: bytes, directory: bytes) -> bytes:
    """Return the data with a line that records the directory, if possible."""
    script = b"\0" not in data and re.match(SCRIPT, data)
    if script:
        line = b"# fjd: directory=" + directory + b"\n"
        return data[:script.end()] + line + data[script.end():]
    for name in SECTIONS:
        header = re.search(SECTION % name.encode(), data, re.M)
        if header:
            end, indent = header.groups()
            line = indent + b"directory: " + directory + end
            return data[:header.end()] + line + data[header.end():]
    return data
