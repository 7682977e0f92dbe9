"""Arguments of fjd run, and the shells of commands, as people type them."""
import os
import shlex
import subprocess

import pytest

from helpers import command, log_of, ok, program, wait_until
from test_run import of_jobs, projects, run_fjd
from test_stream import typed, write

typed = typed  # A fixture.
ODD = ["a b", "it's", '"', "$HOME", "*", "\\", "", "é", "a\nb", "-n", "{}",
       "`id`", "--help", ":", "a\\nb", "\\", "~", "#x"]
SHOW = "import os, sys; print([os.fsencode(word) for word in sys.argv[1:]])"


def printed(*words, data=b""):
    """What jobs print, in order; none fails."""
    status, out, said = run_fjd("run", "-k", *words, data=data)
    assert (status, of_jobs(said)) == (0, "")
    return out


# Words

def test_several_words_are_no_line_for_a_shell(home):
    (home / "a b").write_text("x a b\nx\n")
    assert printed("grep", "a b", ":::", "a b") == "x a b\n"
    assert printed("awk", "{print $2, $NF}", "{}", ":::", "a b") == "a b\n x\n"
    assert printed("echo", "$HOME;", "*", "'{}'", ":::", "it's") == (
        "$HOME; * 'it's'\n")
    project = projects(home)[0]
    assert (home / project.path("arrays", "list-1")).read_text() == (
        "grep 'a b' 'a b'\n")


@pytest.mark.parametrize("words, made", [
    ([], lambda word: [word]), (["{}", "x{}y"], lambda word: [
        word, f"x{word}y"]),
])
def test_arguments_arrive_byte_for_byte(home, words, made):
    odd = ODD + ["\udcff\udc80", "'" * 9]
    found = printed("python3", "-c", SHOW, *words, ":::", *odd).splitlines()
    assert found == [str(list(map(os.fsencode, made(word)))) for word in odd]
    line = f"python3 -c {shlex.quote(SHOW)} {' '.join(words)}"
    assert printed(line.strip(), ":::", *odd).splitlines() == found


def test_they_arrive_by_standard_input_and_files_too(home):
    odd = [word for word in ODD if "\n" not in word]
    lines = os.fsencode("".join(f"{word}\n" for word in odd))
    with_nul = os.fsencode("".join(f"{word}\0" for word in ODD))
    (home / "lines").write_bytes(lines)
    (home / "nul").write_bytes(with_nul)
    words = ["python3", "-c", SHOW]
    wanted = [str([word.encode()]) for word in odd]
    all_of_them = [str([word.encode()]) for word in ODD]
    assert printed(*words, data=lines).splitlines() == wanted
    assert printed(*words, "::::", "lines").splitlines() == wanted
    assert printed("-a", "lines", *words).splitlines() == wanted
    assert printed("-a-", *words, data=lines).splitlines() == wanted
    assert printed("-0", *words, data=with_nul).splitlines() == all_of_them
    assert printed("--null", *words, "::::", "nul").splitlines() \
        == all_of_them


def test_many_arguments_need_no_shell(home):
    """Together they are longer than one argument may be."""
    data = "".join(f"{number:0100}\n" for number in range(2000)).encode()
    words = ["python3", "-c", "import sys; print(len(sys.argv))"]
    assert printed("-n", "1999", *words, data=data) == "2000\n2\n"


@pytest.mark.needs("bash")
def test_functions_and_builtins_of_bash_are_programs_too(home, monkeypatch):
    monkeypatch.setenv("BASH_FUNC_twice%%", "() { echo \"$@\" \"$@\"; }")
    assert printed("twice", ":::", "a b") == "a b a b\n"
    assert printed("twice", "x", "{}", ":::", "a  b") == "x a  b x a  b\n"
    assert printed("twice {} | cat", ":::", "a") == "a a\n"
    assert run_fjd("run", "--quiet", "exit", "{}", ":::", "0")[0] == 0
    assert run_fjd("run", "--quiet", "cd", "{}", ":::", "/", "/no")[0] == 3


@pytest.mark.needs("bash")
def test_bash_runs_command_lines(home):
    assert printed("[[ {} == a* ]] && cat <(echo {}) || echo no", ":::",
                   "ab", "b") == "ab\nno\n"
    assert printed("x=({} c); echo ${x[1]}", ":::", "a") == "c\n"
    assert printed(data=b"echo $((2#11)) {a,b}\n") == "3 a b\n"


def test_another_shell_runs_them(home):
    assert printed("--shell", "sh", "echo $0", ":::", "x").endswith("sh x\n")
    assert run_fjd("run", "--shell", "sh -e", "false {}; true", ":::", "a")[
        0] == 3
    program(home / "my", "")
    said = run_fjd("run", "--shell", "./my", "a", ":::", "a")
    assert said[0] == 2 and "my: the path of a shell may not" in said[2]


def test_a_slot_is_a_word_or_a_part_of_one(home):
    words = ["-j1", "echo", "{%}", "x {%} {}", ":::", "a  b"]
    assert printed(*words) == "1 x 1 a  b\n"
    assert printed("-j1", "echo '{%}' \"{%} $((1+1))\" {%}{}", ":::", "a"
                   ) == "1 1 2 1a\n"


# Sources

def test_lists_may_be_linked(home):
    (home / "f").write_text("x\ny\n")
    assert printed("echo", ":::", "a", "b", ":::+", "1", "2") == "a 1\nb 2\n"
    assert printed("echo", ":::", "a", "b", "c", "::::+", "f") == "a x\nb y\n"
    assert printed("echo {2}{1}{3}", "::::", "f", ":::+", "1", "2", ":::",
                   "p", "q") == "1xp\n1xq\n2yp\n2yq\n"
    assert printed("-a", "f", "-a", "f", "echo") == "x x\nx y\ny x\ny y\n"
    assert printed("echo", "::::", "f", "-", data=b"1\n2\n") == (
        "x 1\nx 2\ny 1\ny 2\n")
    assert printed("echo", ":::", "a", "::::", "-", data=b"1\n2\n") == (
        "a 1\na 2\n")


def test_columns_may_be_split_and_named(home):
    data = b"name,size\na b,1\nc,2\n"
    assert printed("--colsep", ",", "--header", ":", "echo", "{size}",
                   "<{name}>", data=data) == "1 <a b>\n2 <c>\n"
    assert printed("--colsep", "[, ]+", "echo {2}-{1} {}", data=b"a,  b\n"
                   ) == "b-a a b\n"
    assert printed("--header", ":", "echo {x}{y.}", ":::", "x", "1", "2",
                   ":::", "y", "p.q") == "1p\n2p\n"
    assert printed("--header", ":", "echo {x}", data=b"x\n1\n") == "1\n"
    assert run_fjd("run", "--header", ":", "echo", data=b"")[0] == 0


def test_arguments_may_be_given_some_at_a_time(home):
    assert printed("-n2", "echo", ":::", "a", "b", "c") == "a b\nc\n"
    assert printed("-n", "2", "echo {2}-{1}", data=b"a\nb\nc\n") == (
        "b-a\n-c\n")
    assert printed("-n2", "echo", "{}", "x{}", ":::", "a", "b") == (
        "a b xa b\n")


@pytest.mark.parametrize("words, lines", [
    (["-n2", "touch"], [("a\nb\n", "ab"), ("c\n", ""), ("d\n", "cd")]),
    (["--colsep", ",", "touch"], [("a,b\nc", "ab"), (",d\n", "cd")]),
    (["--colsep", ",", "--header", ":", "touch {x} {y}"],
     [("x,y\na,b\n", "ab"), ("c,d\n", "cd")]),
    (["touch", "{1}{2}", "::::", "-", ":::", "", "x"],
     [("a\n", ["a", "ax"]), ("b\nc\n", "bc"), ("d\n", ["dx"])]),
    (["touch", "::::", "-", ":::+", "e", "f", "g"],
     [("a\n", "ae"), ("b\n", "bf")]),
])
def test_jobs_begin_while_lines_still_come(home, typed, words, lines):
    process = typed(*words)
    for line, names in lines:
        write(process, line)
        for name in names:
            wait_until((home / name).exists)
    assert process.poll() is None


def test_a_linked_list_that_ends_ends_the_run(home, typed):
    process = typed("echo", "::::", "-", ":::+", "1", "2")
    write(process, "a\nb\nc\n")
    said = process.stdout.read().decode().splitlines()
    assert process.wait() == 0 and "[fjd] 2 done, 0 failed" in said


@pytest.mark.parametrize("words, data", [
    (["test", "{}", "!=", "b c", ":::", "a", "b c"], b""),
    (["-n2", "test {1} != b;:", ":::", "a", "b", "b"], b""),
    (["--colsep", ",", "test", "{2}", "!=", "b c"], b"1,a\n2,b c\n"),
    (["test", "{1}{2}", "!=", "ay", "::::", "-", ":::", "x", "y"], b"a\n"),
])
def test_what_failed_is_run_again(home, words, data):
    status = run_fjd("run", *words, data=data)[0]
    dry = run_fjd("run", "--dry-run", "--resume", *words, data=data)
    status_again, _, said = run_fjd("run", "--resume", *words, data=data)
    assert status == status_again and "which has 2 of 2 command(s)" in said
    assert dry[1].count("\n") == (status == 3)


def test_words_of_an_older_run_are_resumed(home):
    """It had the same text, and its lines were for sh."""
    assert run_fjd("run", "--shell", "sh", "test {} = a", ":::", "a", "b"
                   )[0] == 3
    said = run_fjd("run", "--resume", "test", "{}", "=", "a", ":::", "a",
                   "b")[2]
    assert "which has 2 of 2 command(s)" in said
    assert len(projects(home)) == 1


# Jobs

@pytest.mark.needs("bash")
def test_put_records_the_shell_of_commands(project, home):
    ok("fjd", "put", "--name", "a", "[[ x == x ]] && echo $BASH")
    ok("fjd", "put", "--name", "b", "echo hi")
    ok("fjd", "put", "--name", "c", "--array", "1-1", "x=({}); echo ${x[0]}")
    ok("fjd", "put", "--name", "d", "--array", "1-1", "echo {}")
    with open("list", "w") as file:
        file.write("[[ a == a ]]\n")
    ok("fjd", "put", "--name", "e", "--list", "list")
    result = subprocess.run(command("fjd", "put"), input=b"[[ a == a ]]\n")
    assert result.returncode == 0
    shells = {}
    for name in project.names("jobqueue"):
        with open(project.path("jobqueue", name)) as file:
            shells[name[0]] = "\nshell: /bin/bash\n" in file.read()
    assert shells == {
        "a": True, "b": False, "c": True, "d": False, "e": True, "2": True}
    assert ok("fjd-dispatcher", "--hire")[-1].endswith(" 6 done, 0 failed")
    assert log_of(project, "a") == "/bin/bash\n"


def test_a_shell_that_is_missing_is_named(project, put, home):
    put("job1", "[control]\nexecutable: a; b\nshell: /no/bash\n")
    with open("list", "w") as file:
        file.write("a b\n")
    put("job2", "[control]\nexecutable: a; echo {}\nlist: list\n"
        "shell: /no/zsh\n", mode=0o600)
    ok("fjd-recruiter", "hire", "1")
    subprocess.run(command("fjd-dispatcher"))
    assert "/no/bash" in "".join(ok("fjd", "why", "job1"))
