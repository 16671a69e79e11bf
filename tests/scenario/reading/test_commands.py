"""`before:` and `after:` as they are written: words for a program, and what only a shell would understand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.scenario.reading.commands import CommandReader
from loadctl.scenario.reading.document import Mistakes, Text
from loadctl.scenario.reading.environment import Environment
from loadctl.scenario.scenario import LocalCommand

SHELL = "write  sh -c '…'  if you need one; in quotes it is an ordinary character"
FORMS = "takes a command (text, or words in a list of their own), or a list of commands"


def read(text: str, **variables: str) -> tuple[list[LocalCommand], list[str], list[str]]:
    """The commands, the mistakes, and the secrets."""
    mistakes = Mistakes()
    node = mistakes.read(Text("s.yaml", f"before: {text}\n"))
    if node is None:
        return [], ["no YAML"], []
    environment = Environment(variables, mistakes)
    commands = CommandReader(mistakes, environment).read(node, "before")
    found = [
        f"{m.where.line}:{m.where.column}  {m.message}" + (f" | {m.hint}" if m.hint else "")
        for m in mistakes.found.values()
    ]
    return list(commands), found, list(environment.secrets)


@pytest.mark.parametrize(
    ("text", "argvs"),
    [
        ("docker compose up -d --wait api", [["docker", "compose", "up", "-d", "--wait", "api"]]),
        ("[make db, make api]", [["make", "db"], ["make", "api"]]),
        ("[[docker, compose, up]]", [["docker", "compose", "up"]]),
        ("[[sleep, 5], make api]", [["sleep", "5"], ["make", "api"]]),
        ("{run: make api}", [["make", "api"]]),
        ("{run: [echo, a && b]}", [["echo", "a && b"]]),
        ("sh -c 'make db && make api | tail'", [["sh", "-c", "make db && make api | tail"]]),
        ('echo "a; b" \\*', [["echo", "a; b", "*"]]),
        ("echo it\\'s", [["echo", "it's"]]),
        ("[['./run it', '']]", [["./run it", ""]]),
        ("echo a#b ~ x=1 50%", [["echo", "a#b", "~", "x=1", "50%"]]),
    ],
)
def test_a_command_is_words(text: str, argvs: list[list[str]]) -> None:
    commands, mistakes, _ = read(text)
    assert mistakes == []
    assert [list(command.argv) for command in commands] == argvs
    assert all(command.timeout_s == 300 for command in commands)


def test_a_command_may_take_longer_or_less() -> None:
    commands, mistakes, _ = read("[{run: make api, timeout: 2m}, {run: make db, timeout: '${T}'}]", T="30s")
    assert mistakes == []
    assert [command.timeout_s for command in commands] == [120, 30]
    assert commands[1].where.column == 40


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        *(
            (
                f"'make {sign} x'",
                f"1:9  before: only a shell understands '{sign}', and no shell runs it | {SHELL}",
            )
            for sign in ("&&", "||", "|", "&", ";", ">", ">>", "<", "*", "?", "`", "(", "$(")
        ),
        ("echo $HOME", f"1:9  before: only a shell understands '$', and no shell runs it | {SHELL}"),
        (
            "[make a, make b; make c]",
            f"1:18  before: only a shell understands ';', and no shell runs it | {SHELL}",
        ),
        (
            "PORT=80 ./up",
            (
                "1:9  before: 'PORT=80' sets a variable for a shell, and no shell runs it | "
                "write  env NAME=value …  before the program"
            ),
        ),
        ("'echo \"a'", "1:9  before: a quote is not closed"),
        ("echo a\\", "1:9  before: it ends in a backslash"),
        ("", f"1:8  before: {FORMS}"),
        ("[]", f"1:9  before: {FORMS}"),
        ("''", "1:9  before: takes one line of text"),
        ("[[]]", "1:10  before: names no program to run"),
        ("['\"\"']", "1:10  before: names no program to run"),
        ('[["a\\0b"]]', "1:10  before: names no program to run"),
        ("[[a, [b]]]", "1:10  before: the words of a command are texts, not lists or mappings"),
        ("[[a, ]]", None),
        ("[[a, null]]", "1:10  before: has no value"),
        ("{timeout: 3s}", "1:9  a command needs run:"),
        ("{run: make, timeout: 3}", "1:30  timeout: 3 has no unit; write 3s, 3m or 3h"),
        ("{run: make, timeout: 0s}", "1:30  timeout: must be longer than 0s"),
        (
            "echo ${UNSET}",
            "1:9  UNSET is not set in the environment | set it, or give a default: ${UNSET:-secret}",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, mistake: str | None) -> None:
    commands, mistakes, _ = read(text)
    assert mistakes == ([mistake] if mistake else [])
    if mistake and "[make a" not in text and "timeout" not in text:
        assert commands == []


def test_values_of_the_environment_stay_one_word_and_are_no_shell_text() -> None:
    commands, mistakes, _ = read(
        "up ${DIR} --name=${NAME:-the api} '${DIR}/x' $${DIR}", DIR="/a b/c;d", OTHER=""
    )
    assert mistakes == []
    assert list(commands[0].argv) == ["up", "/a b/c;d", "--name=the api", "/a b/c;d/x", "${DIR}"]


def test_secrets_of_the_environment_and_of_urls_are_known_and_never_shown() -> None:
    commands, _, secrets = read(
        "['login --token=${API_TOKEN}', [psql, 'postgres://app:open%20it@db/x']]", API_TOKEN="it's hidden"
    )
    assert {"it's hidden", "open%20it", "open it"} <= set(secrets)
    assert [command.shown(secrets) for command in commands] == [
        "login '--token=[redacted]'",
        "psql 'postgres://[redacted]@db/x'",
    ]
    assert commands[0].argv[1] == "--token=it's hidden"


@given(st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    """A command, or a mistake; never both, never neither."""
    quoted = "'" + text.replace("'", "''") + "'"
    commands, mistakes, _ = read(f"[{quoted}]")
    assert bool(commands) != bool(mistakes)
