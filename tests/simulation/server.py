"""The file server: directories, files, and one change after another.

Each operation happens at once and whole, as rename(2) and its like do on the
server; everything that makes a shared file system harder than that is in
client.py.  Whoever watches is told of each change.
"""
import errno
import os
import stat

USER = "user"
LEDGERS = "/home/fjd/p/ledger"
FILE, DIRECTORY, LINK = stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK


def failure(number, path):
    return OSError(number, os.strerror(number), path)


def split(path):
    directory, _, name = path.rpartition("/")
    return directory, name


class Node:
    """A file; job is what the user wanted with it, if it is one."""

    def __init__(self, kind, job=None):
        self.kind = kind
        self.data = b""
        self.written = 0.0  # true time
        self.mtime = 0.0    # by the clock of the server
        self.job = job
        self.is_gone = False
        self.is_ghost = False  # made by a request that was repeated late


class Server:
    """What is where.  by, in every change, is the process that asked."""

    def __init__(self, clock, watch):
        self.clock = clock  # tells the true time
        self.watch = watch
        self.skew = 1.6e9  # how far its own clock is off that
        self.directories = {}

    def listing(self, path):
        found = self.directories.get(path)
        if found is None:
            raise failure(errno.ENOENT, path)
        return list(found)

    def find(self, path):
        """The node there, or None."""
        directory, name = split(path)
        return self.directories.get(directory, {}).get(name)

    def lookup(self, path):
        node = self.find(path)
        if node is None:
            raise failure(errno.ENOENT, path)
        return node

    def place(self, path):
        """The directory that path is to be made in."""
        directory, name = split(path)
        if directory not in self.directories:
            raise failure(errno.ENOENT, path)
        return self.directories[directory], name

    def create(self, by, path, again=False, kind=FILE, job=None):
        directory, name = self.place(path)
        if name in directory:
            raise failure(errno.EEXIST, path)
        node = directory[name] = Node(kind, job)
        self.stamp(node)
        if kind == DIRECTORY:
            self.directories[path] = {}
        self.watch.created(by, path, node, again)
        return node

    def mkdir(self, by, path, again=False):
        self.create(by, path, again, DIRECTORY)

    def rmdir(self, by, path, again=False):
        node = self.lookup(path)
        if self.directories[path]:
            raise failure(errno.ENOTEMPTY, path)
        del self.directories[path]
        self.take_out(path)
        self.watch.removed(by, path, node)

    def unlink(self, by, path, again=False):
        node = self.lookup(path)
        self.take_out(path).is_gone = True
        self.watch.removed(by, path, node)

    def rename(self, by, source, target, again=False):
        node = self.lookup(source)
        directory, name = self.place(target)
        replaced = directory.get(name)
        if replaced is not None:
            replaced.is_gone = True
        self.take_out(source)
        directory[name] = node
        if node.kind == DIRECTORY:
            self.directories[target] = self.directories.pop(source)
        self.watch.renamed(by, source, target, node, replaced, again)

    def link(self, by, source, target, again=False):
        """A second name; a copy will do, as nobody writes to it again."""
        node = self.lookup(source)
        self.create(by, target, again).data = node.data

    def take_out(self, path):
        directory, name = split(path)
        return self.directories[directory].pop(name)

    def write(self, by, path, node, offset, data):
        node.data = node.data[:offset] + data + node.data[offset + len(data):]
        self.has_changed(by, path, node)

    def truncate(self, by, path, node, size):
        node.data = node.data[:size]
        self.has_changed(by, path, node)

    def has_changed(self, by, path, node):
        if node.is_gone and path.startswith(LEDGERS):
            self.clock.lose(node.data)
        silence = self.clock.now - node.written
        self.stamp(node)
        self.watch.wrote(by, path, silence)

    def stamp(self, node):
        node.written = self.clock.now
        node.mtime = node.written + self.skew
