"""File-based job distribution: many jobs on many CPUs, told by files alone.

The protocol is described in project.py; the commands are in bin/.
"""

__version__ = "1.0.0"
__all__ = ["Project"]

from fjd.api import Project  # noqa: E402 - options.py needs the version
