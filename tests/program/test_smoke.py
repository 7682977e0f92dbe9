"""Each command and verb once, as in a first session: for every Python."""
import re
import shlex

import pytest

from helpers import fjd, ok

# What is typed, and what is printed, among other things.
SESSION = [
    ("fjd-recruiter --session process hire 1", "Hired 1 worker in project"),
    ("fjd put --name good 'echo hello'", "good"),
    ("fjd put --name bad 'exit 3'", "bad"),
    ("fjd put --name late true", "late"),
    ("fjd put --name never true", "never"),
    ("fjd hold late", "late"),
    ("fjd cancel never", "never"),
    ("fjd reorder --by tac", ""),
    ("fjd-dispatcher", r"1 done, 1 failed: bad \(exit 3\)"),
    ("fjd release late", "late"),
    ("fjd retry bad", "bad"),
    ("fjd-worker --help", "usage: fjd-worker "),
    ("fjd-dispatcher --hire", r"1 done, 1 failed: bad \(exit 3\)"),
    ("fjd log good", "^hello$"),
    ("fjd why bad", "exit 3"),
    ("fjd results", "^done\tgood\t"),
    ("fjd status", "2 done, 1 failed"),
    ("fjd audit", ": 0 not accounted for$"),
    ("fjd clean --done --failed", "2 done, 1 failed"),
    ("fjd doctor", "^ok    python: 3"),
    ("fjd run -k echo ::: a b", "^b$"),
    ("fjd runs", "^begun "),
    ("fjd help hold", "^Set jobs aside"),
    ("fjd exe --help", "usage: fjd .*--exe COMMAND"),
    ("fjd --exe 'echo $1' --parameters 1,2", ""),
    ("fjd-recruiter fire", "Fired 0 workers"),
]


def test_a_session_with_all_commands(project):
    for typed, printed in SESSION:
        result = fjd(*shlex.split(typed))
        assert result.returncode in (0, 3), (typed, result)
        text = result.stdout + result.stderr
        assert re.search(printed, text, re.M), (typed, result)


@pytest.mark.parametrize("name", ["fjd", "fjd-recruiter"])
def test_no_verb_is_missing_in_it(name):
    typed = {word for line, _ in SESSION for word in line.split()}
    verbs = re.findall(r"^    ([a-z]+)  ", "\n".join(ok(name, "--help")), re.M)
    assert verbs and set(verbs) <= typed
