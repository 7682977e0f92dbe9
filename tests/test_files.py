"""The file operations: what each does, and what it says if it lost."""
import contextlib
import errno
import os
import resource
import stat

import pytest

from fjd import files


def write(path, text="a\n"):
    with open(path, "w") as file:
        file.write(text)
    os.utime(path, (1000, 1000))
    return path


def text_of(path):
    with open(path) as file:
        return file.read()


@contextlib.contextmanager
def room_for(size):
    """As on a full disk, a write stops there (setrlimit(2), FSIZE)."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


@pytest.fixture
def stale(monkeypatch):
    """stale(n, number): the server calls n handles stale before it answers."""
    def stale(times, number=errno.ESTALE):
        left = [times]

        def once_more(real):
            def call(*arguments):
                left[0] -= 1
                if left[0] >= 0:
                    raise OSError(number, os.strerror(number))
                return real(*arguments)
            return call
        for name in "listdir", "mkdir", "open", "rename", "rmdir", "unlink":
            monkeypatch.setattr(os, name, once_more(getattr(os, name)))
    return stale


def test_drafts_are_not_listed_among_names():
    for name in "b", "a", ".draft", ".nfs01":
        write(name)
    assert sorted(files.names(".")) == ["a", "b"]
    assert files.drafts(".", ".dr") == [".draft"]
    with pytest.raises(FileNotFoundError):
        files.names("no such")


def test_move_tells_who_was_first():
    write("a")
    os.mkdir("there")
    assert files.move("a", "there/b")
    assert not files.move("a", "there/c")
    assert not files.move("there/b", "no such/b")
    assert os.listdir("there") == ["b"] and not os.path.exists("a")


def test_read_gives_status_and_bytes():
    status, data = files.read(write("a", "0123456789"))
    assert (status.st_size, status.st_mtime, data) == (10, 1000, b"0123456789")
    assert files.read("a", 4)[1] == b"0123"
    assert files.read("a", offset=7)[1] == b"789"
    assert files.read("a", 2, 10)[1] == b""
    assert stat.S_ISDIR(files.read(".")[0].st_mode) and not files.read(".")[1]
    with pytest.raises(FileNotFoundError):
        files.read("no such")


def test_is_there_also_without_a_file_behind_it():
    os.symlink("nowhere", "dangling")
    os.symlink("circle", "circle")
    os.mkfifo("fifo")
    for name in ".", "dangling", "circle", "fifo", write("a"):
        assert files.is_there(name)
    assert not files.is_there("no such")
    assert not files.is_there("no such/a")


def test_only_the_first_creates():
    assert files.create("a", "first\n")
    assert not files.create("a", "second\n")
    assert text_of("a") == "first\n"
    assert stat.S_IMODE(os.stat("a").st_mode) & 0o077 == 0


def test_create_leaves_nothing_on_a_full_disk():
    with room_for(4), pytest.raises(OSError) as error:
        files.create("a", "too long\n")
    assert error.value.errno == errno.ENOSPC
    assert os.listdir(".") == []


def test_create_writes_the_names_of_any_files():
    """As in the log of a job whose name is no UTF-8."""
    files.create("a", "caf\udce9\n")
    assert files.read("a")[1] == b"caf\xe9\n"


def test_touch_changes_the_time_and_not_the_text():
    files.touch(write("a", "b\nc\n"))
    assert files.status("a").st_mtime > 1000
    assert text_of("a") == "b\nc\n"
    with pytest.raises(FileNotFoundError):
        files.touch("no such")
    assert not files.is_there("no such")


def test_status_says_size_and_time():
    status = files.status(write("a", "abc"))
    assert (status.st_size, status.st_mtime) == (3, 1000)
    with pytest.raises(FileNotFoundError):
        files.status("no such")


def test_what_is_gone_need_not_be_removed():
    files.remove(write("a"))
    assert os.listdir(".") == []
    files.remove("a")


def test_a_directory_is_for_its_user_alone():
    assert files.make_directory("a")
    assert stat.S_IMODE(os.stat("a").st_mode) == 0o700
    assert not files.make_directory("a")


def test_only_empty_directories_are_removed():
    os.mkdir("a")
    write("a/b")
    assert not files.remove_directory("a")
    assert text_of("a/b") == "a\n"
    os.unlink("a/b")
    assert files.remove_directory("a") and not os.path.exists("a")
    assert files.remove_directory("a")
    with pytest.raises(NotADirectoryError):
        files.remove_directory(write("c"))


def test_a_log_is_new_and_can_be_read_back():
    log = files.open_log("a")
    files.append(log, b"1\n")
    assert os.pread(log, 9, 0) == b"1\n"
    os.close(log)
    with pytest.raises(FileExistsError):
        files.open_log("a")


@pytest.mark.parametrize("room", range(3, 9))
def test_a_line_is_appended_whole_or_not_at_all(room):
    ours = files.open_own(write("a", "12\n"))
    with room_for(room), pytest.raises(OSError):
        files.append(ours, b"345678\n")
    assert text_of("a") == "12\n"
    files.append(ours, b"9\n")
    os.close(ours)
    assert text_of("a") == "12\n9\n"


@pytest.mark.parametrize("number", files.STALE)
@pytest.mark.parametrize("call, result", [
    (lambda: files.names("d"), ["a"]),
    (lambda: files.drafts("d", "a"), ["a"]),
    (lambda: files.move("d/a", "b"), True),
    (lambda: files.read("d/a")[1], b"a\n"),
    (lambda: files.is_there("d/a"), True),
    (lambda: files.status("d/a").st_size, 2),
    (lambda: files.touch("d/a"), None),
    (lambda: files.remove("d/a"), None),
    (lambda: files.make_directory("e"), True),
    (lambda: files.remove_directory("d"), False),
])
def test_a_stale_handle_is_tried_again(stale, number, call, result):
    os.mkdir("d")
    write("d/a")
    stale(files.TRIES - 1, number)
    assert call() == result


@pytest.mark.parametrize("call, result", [
    (lambda: files.move("a", "b"), False),
    (lambda: files.is_there("a"), False),
    (lambda: files.remove("a"), None),
    (lambda: files.remove_directory("a"), True),
])
def test_what_stays_stale_counts_as_gone(stale, call, result):
    write("a")
    stale(files.TRIES)
    assert call() == result


@pytest.mark.parametrize("call", [files.names, files.status, files.touch])
def test_what_stays_stale_is_not_found(stale, call):
    stale(files.TRIES)
    with pytest.raises(FileNotFoundError):
        call(".")
