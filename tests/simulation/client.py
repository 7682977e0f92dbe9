"""What a host makes of the file server: a stand-in for os.

Measured on real homes: a name once missed stays missing for a while, even
for open(); stat() answers from a cache; listings lag on sshfs, and so does
what fstat() says of a file that another host has written to; what was
written lies on the host until it is flushed, which is when a full disk
shows: until then the processes of that host see it, and no other, and a power
cut takes it.  A change may happen although an error is reported, later than
it is reported, or twice.
"""
import errno
import os
import stat
from contextlib import closing
from types import SimpleNamespace
from typing import NamedTuple

from fjd.files import STALE

from simulation.server import DIRECTORY, failure, LINK, split


class Home(NamedTuple):
    """A kind of home: for how many seconds at most a host believes what."""

    name: str
    missing: float
    known: float   # by stat()
    opened: float  # by open() and fstat()
    listing: float
    is_buffered: bool
    is_coarse: bool  # mtimes are whole seconds
    gone: int        # what fstat() says of a file that was removed
    is_fuse: bool    # and is known to be
    asks: bool       # fstat() flushes first, and keeps an error to itself

    @property
    def is_local(self):
        return self.name == "local"

    @property
    def forgets(self):
        """Whether a file that was removed cannot be read or written."""
        return self.gone == errno.ESTALE


NFS = Home("nfs", 30.0, 60.0, 0.0, 0.0, True, False, errno.ESTALE, False,
           True)
SSHFS = Home("sshfs", 5.0, 10.0, 4.0, 6.0, False, True, errno.ENOENT, True,
             False)
LAGGING = SSHFS._replace(name="lagging", is_fuse=False)
LOCAL = Home("local", 0.0, 0.0, 0.0, 0.0, True, False, 0, False, False)


class Status(NamedTuple):
    st_mode: int
    st_size: int
    st_mtime: float
    st_uid: int = os.geteuid()


class Handle:
    """An open file, and what was written to it and is not on the server."""

    def __init__(self, process, path, node):
        self.process = process
        self.path = path
        self.node = node
        self.pending = []  # (offset, data)
        self.error = 0     # of a flush that nobody was told of
        self.is_short = False  # the last write was; then writes are not kept


class Client:
    """What one host believes; a power cut takes it away."""

    def __init__(self, home):
        self.home = home
        self.missing = {}   # path: until when
        self.known = {}     # path: until when, status
        self.opened = {}    # path: until when, status
        self.listings = {}  # directory: until when, names
        self.unsaved = []   # handles
        self.last_stale = ""

    def content(self, node):
        """What is in a file, for the processes of this host."""
        data = node.data
        for handle in self.unsaved:
            for offset, new in handle.pending if handle.node is node else ():
                data = data[:offset] + new + data[offset + len(new):]
        return data

    def size(self, handle):
        ends = [offset + len(data) for offset, data in handle.pending]
        return max(ends + [len(self.content(handle.node))])

    def has_made(self, path):
        self.missing.pop(path, None)
        self.has_written(path)
        self.listings.pop(split(path)[0], None)

    def has_removed(self, path):
        self.has_written(path)
        self.listings.pop(split(path)[0], None)

    def has_written(self, path):
        self.known.pop(path, None)
        self.opened.pop(path, None)


class SimPath:
    """os.path, as far as it asks the file system: by lstat, and its cache."""

    def __init__(self, files):
        self.files = files

    def isdir(self, path):
        return self.kind(path) == DIRECTORY

    def islink(self, path):
        return self.kind(path) == LINK

    def exists(self, path):
        return self.kind(path) not in (None, LINK)

    def kind(self, path):
        try:
            return stat.S_IFMT(self.files.lstat(path).st_mode)
        except OSError:
            return None


class SimOS:
    """The os module as one process sees it, for files.py."""

    O_RDONLY, O_WRONLY, O_RDWR = os.O_RDONLY, os.O_WRONLY, os.O_RDWR
    O_CREAT, O_EXCL, O_APPEND = os.O_CREAT, os.O_EXCL, os.O_APPEND
    O_NONBLOCK, O_NOCTTY = os.O_NONBLOCK, os.O_NOCTTY
    strerror, fsencode = staticmethod(os.strerror), staticmethod(os.fsencode)

    def __init__(self, process):
        self.process = process
        self.world = process.world
        self.server = process.world.server
        self.client = process.host.client
        self.home = self.client.home
        self.path = SimPath(self)
        self.handles = {}
        self.last = 2

    # Requests to the server

    def ask(self, path):
        """The node there, after one travel to the server and back."""
        return self.request(self.look_up, path)

    def look_up(self, path):
        """NFS: a handle that is stale is dropped, so the next try is new."""
        mishap = self.world.faults.mishap_of_look()
        if mishap in STALE and self.client.last_stale == path:
            mishap = None
        self.client.last_stale = path if mishap in STALE else ""
        if mishap:
            raise failure(mishap, path)
        return self.server.lookup(path)

    def change(self, operation, *paths):
        return self.request(self.befall, operation, *paths)

    def request(self, what, *arguments):
        """A process may die before that happens, or after it."""
        process = self.process
        happens_later = self.world.draw() < 0.5 or process.is_cut_off()
        if happens_later:
            process.travel()
        process.check()
        try:
            return what(*arguments)
        finally:
            if not happens_later:
                process.travel()

    def befall(self, operation, *paths):
        """Do it, as well as the network can."""
        by = self.process
        mishap = self.world.faults.mishap_of_change(operation.__name__)
        if not mishap:
            answer = operation(by, *paths)
            self.world.faults.has_changed(by, paths[-1])
            return answer
        self.world.note("mishap", by, mishap, operation.__name__, *paths)
        if isinstance(mishap, int):
            raise failure(mishap, paths[0])
        if mishap == "death":
            self.world.after(0.0, self.process.kill)
        if mishap in ("late", "twice"):
            self.repeat_later(operation, paths)
        answer = None if mishap == "late" else operation(by, *paths)
        if mishap in ("late", "lost"):
            raise failure(errno.EIO, paths[0])
        if mishap == "again":
            operation(by, *paths, again=True)
        return answer

    def repeat_later(self, operation, paths):
        """What a network held back finds whatever is there by then.

        Only a bare name in the queue is the user's, and may be used again:
        there it is not repeated for a namesake.
        """
        if operation.__name__ == "create" and "/." in paths[0]:
            return  # Else, of two requests, it would have to repeat both.
        node = self.server.find(paths[0])
        is_bare = "/jobqueue/" in paths[0] and "~" not in paths[0]

        def again():
            if is_bare and self.server.find(paths[0]) is not node:
                return
            try:
                operation(self.process, *paths, again=True)
            except OSError:
                pass  # Nobody is told.
        self.world.at(self.world.faults.until(0.01, 120), again)

    # Names

    def listdir(self, path):
        return list(self.believed(
            self.client.listings, path, self.home.listing,
            lambda: self.request(self.list, path)))

    def list(self, path):
        mishap = self.world.faults.mishap_of_look()
        if mishap and mishap not in STALE:
            raise failure(mishap, path)
        return self.server.listing(path)

    def scandir(self, path):
        names = self.listdir(path)
        return closing(SimpleNamespace(name=name) for name in names)

    def utime(self, path):
        """Of a directory that was just changed from here nothing is old."""
        self.ask(path)
        self.client.listings.pop(path, None)

    def statvfs(self, path):
        """It does not know how much room there is."""
        return SimpleNamespace(
            f_blocks=0, f_bavail=0, f_frsize=0, f_files=0, f_favail=0)

    def lstat(self, path):
        return self.believed(
            self.client.known, path, self.home.known,
            lambda: self.status(self.find(path)))

    def believed(self, cache, path, seconds, ask):
        """What is so now, or was so a while ago."""
        until, answer = cache.get(path, (0, None))
        if until <= self.world.now:
            answer = ask()
            if seconds:
                until = self.world.now + self.world.draw() * seconds
                cache[path] = until, answer
        return answer

    def find(self, path):
        """The node there, unless it was missed a while ago."""
        if self.client.missing.get(path, 0) > self.world.now:
            self.process.travel()
            raise failure(errno.ENOENT, path)
        try:
            return self.ask(path)
        except FileNotFoundError:
            until = self.world.now + self.world.draw() * self.home.missing
            self.client.missing[path] = until
            raise

    def rename(self, source, target):
        self.change(self.server.rename, source, target)
        self.client.has_removed(source)
        self.client.has_made(target)

    def link(self, source, target):
        self.change(self.server.link, source, target)
        self.client.has_made(target)

    def unlink(self, path):
        self.change(self.server.unlink, path)
        self.client.has_removed(path)

    def mkdir(self, path, mode):
        self.change(self.server.mkdir, path)
        self.client.has_made(path)

    def rmdir(self, path):
        self.change(self.server.rmdir, path)
        self.client.has_removed(path)

    # Open files

    def open(self, path, flags, mode=0):
        handle = Handle(self.process, path, self.open_node(path, flags))
        self.last += 1
        self.handles[self.last] = handle
        return self.last

    def open_node(self, path, flags):
        if not flags & os.O_CREAT:
            node = self.find(path)
            if node.kind == LINK:
                raise failure(errno.ENOENT, path)
            return node
        if not flags & os.O_EXCL and self.server.find(path):
            return self.ask(path)
        node = self.change(self.server.create, path)
        self.client.has_made(path)
        return node

    def handle(self, descriptor):
        self.process.check()
        if descriptor not in self.handles:
            raise failure(errno.EBADF, "")
        return self.handles[descriptor]

    def fstat(self, descriptor):
        handle = self.handle(descriptor)
        if self.home.asks and handle.pending:
            self.save(handle)
        status = self.believed(
            self.client.opened, handle.path, self.home.opened,
            lambda: self.status_of(handle))
        # Of what this host has written itself, it knows the size.
        return status._replace(st_size=self.client.size(handle)) \
            if self.client.unsaved else status

    def status_of(self, handle):
        if handle.node.is_gone and self.home.gone:
            raise failure(self.home.gone, handle.path)
        return self.status(handle.node)

    def status(self, node):
        mtime = node.mtime
        if self.home.is_coarse:
            mtime = float(int(mtime))
        return Status(node.kind | 0o600, len(node.data), mtime)

    def pread(self, descriptor, size, offset):
        handle = self.handle(descriptor)
        if handle.node.is_gone and self.home.forgets:
            raise failure(errno.ESTALE, "")
        data = self.client.content(handle.node)[offset:offset + size]
        self.world.checks.has_read(self.process, handle.path, offset, data)
        return data

    def write(self, descriptor, data):
        handle = self.handle(descriptor)
        return self.pwrite(descriptor, data, self.client.size(handle))

    def pwrite(self, descriptor, data, offset):
        handle, is_short = self.handle(descriptor), False
        if data and offset + len(data) > self.client.size(handle):
            taken = self.world.faults.room(len(data))
            if not taken:
                raise failure(errno.ENOSPC, handle.path)
            data, is_short = data[:taken], taken < len(data)
        if data:
            handle.pending.append((offset, data))
            self.world.checks.has_written(self.process, handle.path, data)
            is_direct = self.home.asks and (is_short or handle.is_short)
            handle.is_short = is_short
            if is_direct:
                self.save(handle, may_fail=False)
            elif self.home.is_buffered:
                self.save_later(handle)
            else:
                self.save(handle)
                self.report(handle)
        return len(data)

    def report(self, handle):
        """Tell of an error since the last time, once."""
        error, handle.error = handle.error, 0
        if error:
            raise failure(error, handle.path)

    def save_later(self, handle):
        """It comes to the server by and by, also if this process dies."""
        if handle not in self.client.unsaved:
            self.client.unsaved.append(handle)
            self.world.after(self.world.draw() * 30, lambda: self.save(handle))

    def save(self, handle, may_fail=True):
        """Write what is pending; keep an error if that is refused."""
        if handle in self.client.unsaved:
            self.client.unsaved.remove(handle)
        ends = [offset + len(data) for offset, data in handle.pending]
        grows = max(ends, default=0) > len(handle.node.data)
        pending, handle.pending = handle.pending, []
        # A local disk has reserved the room when it was written.
        may_fail = may_fail and not self.home.is_local
        is_refused = may_fail and grows and not self.world.faults.room(1)
        is_stale = handle.node.is_gone and self.home.forgets
        if pending and (is_refused or is_stale):
            self.world.lose(b"".join(data for _, data in pending))
        else:
            for offset, data in pending:
                self.client.has_written(handle.path)
                self.server.write(
                    handle.process, handle.path, handle.node, offset, data)
        if is_refused or (pending and is_stale):
            handle.error = errno.ENOSPC if is_refused else errno.ESTALE

    def fsync(self, descriptor):
        if self.home.is_local and self.world.checks.ranges.plans:
            self.fsync_slowly(self.handle(descriptor).node)
            self.report(self.handle(descriptor))
        else:
            self.flush(descriptor)

    def fsync_slowly(self, node):
        """A disk takes its time for what has been written until now.

        Others go on writing meanwhile, and a rename waits for no disk.
        """
        handles = [h for h in self.client.unsaved if h.node is node]
        before = {id(piece) for h in handles for piece in h.pending}
        self.process.sleep(self.world.draw())
        for handle in handles:
            later = [p for p in handle.pending if id(p) not in before]
            handle.pending = [p for p in handle.pending if id(p) in before]
            self.save(handle)
            if later:
                handle.pending = later
                self.save_later(handle)

    def flush(self, descriptor, is_all=True):
        """All of that file which lies on this host, whoever wrote it."""
        handle = self.handle(descriptor)
        others = [other for other in self.client.unsaved if is_all
                  and other.node is handle.node and other is not handle]
        for one in [handle] * bool(handle.pending) + others:
            self.request(self.save, one)
            handle.error = handle.error or one.error
        self.report(handle)

    def ftruncate(self, descriptor, size):
        handle = self.handle(descriptor)
        self.world.checks.has_cut_off(
            handle.path, self.client.size(handle) - size)
        kept = [(o, data) for o, data in handle.pending if o < size]
        handle.pending = kept
        if len(handle.node.data) > size:
            self.client.has_written(handle.path)
            self.server.truncate(
                self.process, handle.path, handle.node, size)

    def close_all(self):
        """The process has ended: the kernel closes what it had open.

        To a local disk it writes that when it likes.
        """
        longest = 30 if self.home.is_local else 1
        for handle in self.handles.values():
            if handle.pending:
                self.world.after(
                    longest * self.world.draw(), lambda h=handle: self.save(h))

    def close(self, descriptor):
        try:
            self.flush(descriptor, is_all=False)
        finally:
            del self.handles[descriptor]
