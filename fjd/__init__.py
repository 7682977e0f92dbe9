"""File-based job distribution: many jobs on many CPUs, told by files alone.

The protocol is described in project.py; the commands are in bin/.
"""
from fjd.api import Project

__version__ = "1.2.0.dev0"
__all__ = ["Project"]
