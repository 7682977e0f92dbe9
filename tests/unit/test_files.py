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
    """stale(n): the server calls n handles stale before it answers."""
    def stale(times, number=errno.ESTALE):
        left = [number] * times

        def slow_to_answer(real):
            def call(*arguments):
                if left:
                    raise OSError(left.pop(), "stale")
                return real(*arguments)
            return call
        for name in "listdir", "mkdir", "open", "rename", "rmdir", "unlink":
            monkeypatch.setattr(os, name, slow_to_answer(getattr(os, name)))
    return stale


def test_drafts_are_not_listed_among_names():
    for name in "b", "a", ".draft", ".nfs01":
        write(name)
    assert sorted(files.names(".")) == ["a", "b"]
    assert sorted(files.each_name(".")) == ["a", "b"]
    assert files.drafts(".", ".dr") == [".draft"]


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
    assert files.status("a").st_mtime == 1000


@pytest.mark.parametrize("call", [
    files.names, files.read, files.status, files.touch,
])
def test_what_is_not_there_is_not_found(call):
    with pytest.raises(FileNotFoundError):
        call("no such")
    assert os.listdir(".") == []


def test_is_there_also_without_a_file_behind_it():
    os.symlink("nowhere", "dangling")
    os.symlink("circle", "circle")
    os.mkfifo("fifo")
    for name in ".", "dangling", "circle", "fifo", write("a"):
        assert files.is_there(name)
    assert not files.is_there("no such") and not files.is_there("no such/a")


def test_only_the_first_creates_and_for_its_user_alone():
    assert files.create("a", "first\n") and files.make_directory("b")
    assert not files.create("a", "second\n") and not files.make_directory("b")
    assert text_of("a") == "first\n"
    modes = [stat.S_IMODE(os.stat(name).st_mode) for name in "ab"]
    assert modes == [0o600, 0o700]


def test_create_leaves_nothing_on_a_full_disk():
    with room_for(4), pytest.raises(OSError) as error:
        files.create("a", "too long\n")
    assert error.value.errno == errno.EFBIG
    assert os.listdir(".") == []


def test_create_can_write_the_name_of_any_file():
    files.create("a", os.fsdecode(b"caf\xe9\n"))
    assert files.read("a")[1] == b"caf\xe9\n"


def test_touch_changes_the_time_and_not_the_text():
    files.touch(write("a", "b\nc\n"))
    assert files.status("a").st_mtime > 1000
    assert text_of("a") == "b\nc\n"


def test_what_is_gone_need_not_be_removed():
    files.remove(write("a"))
    assert os.listdir(".") == []
    files.remove("a")


def test_only_an_empty_directory_is_removed():
    os.mkdir("a")
    write("a/b")
    assert not files.remove_directory("a")
    assert text_of("a/b") == "a\n"
    os.unlink("a/b")
    assert files.remove_directory("a") and not os.path.exists("a")
    assert files.remove_directory("a")


def test_a_log_is_new_and_can_be_read_back():
    log = files.open_log("a")
    files.append("a", log, b"1\n")
    assert os.pread(log, 9, 0) == b"1\n"
    os.close(log)
    with pytest.raises(FileExistsError):
        files.open_log("a")


@pytest.mark.parametrize("room", [3, 4, 9])
def test_a_line_is_appended_whole_or_not_at_all(room):
    ours = files.open_own(write("a", "12\n"))
    with room_for(room), pytest.raises(OSError) as error:
        files.append("a", ours, b"345678\n")
    assert error.value.filename == "a"
    assert text_of("a") == "12\n"
    files.append("a", ours, b"9\n")
    os.close(ours)
    assert text_of("a") == "12\n9\n"


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EREMOTEIO])
@pytest.mark.parametrize("name, paths, result", [
    ("names", ["d"], ["a"]), ("drafts", ["d", "a"], ["a"]),
    ("move", ["d/a", "b"], True), ("is_there", ["d/a"], True),
    ("touch", ["d/a"], None), ("remove", ["d/a"], True),
    ("make_directory", ["e"], True), ("remove_directory", ["d"], False),
])
def test_a_stale_handle_is_tried_again(stale, name, paths, result, number):
    os.mkdir("d")
    write("d/a")
    stale(files.TRIES - 1, number)
    assert getattr(files, name)(*paths) == result


@pytest.mark.parametrize("name, paths, result", [
    ("move", ["a", "b"], False), ("is_there", ["a"], False),
    ("remove", ["a"], False), ("remove_directory", ["a"], True),
])
def test_what_stays_stale_counts_as_gone(stale, name, paths, result):
    write("a")
    stale(files.TRIES)
    assert getattr(files, name)(*paths) == result


@pytest.mark.parametrize("call", [files.names, files.read, files.touch])
def test_what_stays_stale_is_not_found(stale, call):
    stale(files.TRIES)
    with pytest.raises(FileNotFoundError):
        call(".")


@pytest.mark.parametrize("kind, is_fuse", [
    ("fuse.sshfs", True), ("nfs4", False), ("ext4", False),
])
def test_fuse_is_known_by_its_mount(tmp_path, monkeypatch, kind, is_fuse):
    device = os.stat(str(tmp_path)).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    line = f"36 35 {number} / /a\\040b rw,noatime shared:1 - {kind} x rw\n"
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"22 1 0:0 / / rw - fuse x rw\n{line}")
    monkeypatch.setattr(
        files, "open", lambda path: mountinfo.open(), raising=False)
    files.file_system.cache_clear()
    files.type_of.cache_clear()
    assert files.is_fuse(str(tmp_path)) is is_fuse
    assert files.is_local(str(tmp_path)) is (kind == "ext4")
    files.file_system.cache_clear()
    files.type_of.cache_clear()


def test_a_directory_on_fuse_is_touched_before_it_is_listed(
    tmp_path, monkeypatch,
):
    place = tmp_path / "place"
    place.mkdir()
    (place / "a").touch()
    for is_fuse in (False, True):
        monkeypatch.setattr(files, "is_fuse", lambda directory: is_fuse)
        for names in (files.names, files.each_name):
            os.utime(str(place), (1, 1))
            assert list(names(str(place))) == ["a"]
            assert (os.stat(str(place)).st_mtime > 1) is is_fuse


def test_an_empty_log_that_nobody_else_has_open_may_be_used_again(tmp_path):
    path = str(tmp_path / "log")
    log = files.open_log(path)
    assert files.is_reusable(log)
    other = files.open_output(path)
    assert not files.is_reusable(log)
    os.close(other)
    reader = os.open(path, os.O_RDONLY)
    assert not files.is_reusable(log)
    os.close(reader)
    assert files.is_reusable(log)
    os.write(log, b"x")
    assert not files.is_reusable(log)
    os.ftruncate(log, 0)
    assert files.is_reusable(log)
    os.unlink(path)
    assert not files.is_reusable(log)
    os.close(log)


@pytest.mark.parametrize("error", [OSError, AttributeError])
def test_a_log_of_which_that_is_unknown_is_not_used_again(
    tmp_path, monkeypatch, error,
):
    def unknown(*arguments):
        raise error
    log = files.open_log(str(tmp_path / "log"))
    monkeypatch.setattr(files.fcntl, "fcntl", unknown)
    assert not files.is_reusable(log)
    os.close(log)
