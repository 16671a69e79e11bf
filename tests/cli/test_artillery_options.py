"""What a user of Artillery types: its options for its scripts, and loadctl's words where they mean something else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadctl.cli.options import Overrides, ScriptOverrides
from loadctl.cli.planning import planned
from tests.cli.conftest import Loadctl

if TYPE_CHECKING:
    from loadctl.engines.artillery.locate import Artillery

Write = Callable[[str, str], Path]

SCRIPT = """
config:
  target: "{{ $env.SYSTEM }}"
  phases: [{duration: "{{ seconds }}", arrivalRate: 5}]
  environments: {dev: {phases: [{arrivalRate: 7}]}}
scenarios: [{name: browse, flow: []}]
"""
LOCUSTFILE = "from locust import HttpUser\n\nclass WebUser(HttpUser):\n    host = 'http://localhost:1'\n"
SCENARIO = "artillery: s.yml\nenvironment: dev\n"


@pytest.fixture
def project(loadctl: Loadctl, write: Write) -> Loadctl:
    write("s.yml", SCRIPT)
    write("f.py", LOCUSTFILE)
    write("wrapped.yaml", SCENARIO)
    write("own.yaml", "host: http://localhost:1\ntasks: [{get: /}]\nload: [{users: 1, for: 9s}]\n")
    write("some.env", "SYSTEM=http://localhost:1\n")
    return loadctl


SAID = ("--dotenv", "some.env", "-v", '{"seconds": 20}')


@pytest.mark.parametrize(
    ("argv", "rate"),
    [
        (["s.yml", *SAID], 5),
        (["s.yml", *SAID, "-e", "dev"], 7),
        (["wrapped.yaml", *SAID], 7),
        (["s.yml", *SAID, "--overrides", '{"config": {"phases": [{"duration": 20, "arrivalRate": 9}]}}'], 9),
        (["s.yml", "--env-file=some.env", '--variables={"seconds": "20"}', "--scenario-name", "browse"], 5),
    ],
)
def test_options_say_what_the_script_leaves_open(project: Loadctl, argv: list[str], rate: int) -> None:
    said = project("show", *argv)
    assert said.code == 0, said.err
    assert f"{rate}/s, 20 s, artillery, http://localhost:1" in said.out.splitlines()[0]


def test_a_configuration_file_goes_over_the_script(project: Loadctl, write: Write) -> None:
    write("c.yml", "config: {phases: [{arrivalRate: 6}]}\n")
    assert "6/s, 20 s" in project("show", "s.yml", *SAID, "--config", "c.yml").out
    assert "6/s, 20 s" in project("show", "s.yml", *SAID, "-c", "c.yml").out


JSON_HINT = """for example: '{"user": "ann"}'"""


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("s.yml -v {", "--variables is not JSON: Expecting property name enclosed in double quotes"),
        ("s.yml --overrides [1]", f"--overrides takes a JSON object, not [1]\n{JSON_HINT}"),
        ("s.yml --dotenv no.env", "no such file: no.env"),
        ("s.yml -c no.yml", "no such file: no.yml"),
        ("s.yml -t http://here", "-t is how long the load goes on\nthe system is  -H http://here"),
        (
            "s.yml --target https://here/x?a=b",
            "--target is a limit, such as latency_p95=200ms\nthe system is  -H https://here/x?a=b",
        ),
        (
            "s.yml -s 5",
            "-s is for a locustfile, and s runs none\none virtual user of an Artillery script:  --overrides ",
        ),
        ("s.yml --tags team:a", "-T is for a locustfile, and s runs none\nArtillery's tags name a run in its cloud"),
        ("s.yml -E x", "-E is for a locustfile, and s runs none\nleave it out"),
        ("s.yml Some", "'Some' would be a class of a locustfile, and s runs none"),
        ("f.py -u 1 -t 9 -e dev", "-e is for a script of Artillery, and f runs none\nleave it out"),
        ("f.py -u 1 -t 9 -v {}", "-v is for a script of Artillery, and f runs none"),
        ("f.py -u 1 -t 9 --overrides {}", "--overrides is for a script of Artillery, and f runs none"),
        ("f.py -u 1 -t 9 -p x.csv", "-p is for a script of Artillery, and f runs none"),
        ("f.py -u 1 -t 9 --dotenv x", "--dotenv is for a script of Artillery, and f runs none"),
        ("f.py -u 1 -t 9 --scenario-name x", "--scenario-name is for a script of Artillery, and f runs none"),
        ("own.yaml -e dev", "-e is for a script of Artillery, and own runs none"),
        ("own.yaml -c s.yml", "--config is for a script of your own, and own runs none"),
        ("own.yaml -t http://here", "-t is how long the load goes on\nthe system is  -H http://here"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told(project: Loadctl, argv: str, words: str) -> None:
    said = project("run", *argv.split())
    assert said.code == 2
    assert said.err.startswith(words), said.err


def test_k_checks_no_certificate_of_a_script(project: Loadctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEM", "https://localhost:1")
    said = ScriptOverrides(variables='{"seconds": 5}')
    assert not planned("s.yml", Overrides(script=said, insecure=True)).tls.verify
    assert planned("s.yml", Overrides(script=said)).tls.verify
    assert "-k" in project("run", "--help").out


def test_secrets_among_the_variables_are_hidden(project: Loadctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEM", "http://localhost:1")
    said = ScriptOverrides(
        variables='{"seconds": 5, "apiKey": "open sesame", "maxTokens": "4096"}',
        overrides='{"config": {"variables": {"list": [{"password": "swordfish"}]}}}',
    )
    assert list(planned("s.yml", Overrides(script=said)).secrets) == ["swordfish", "open sesame"]


OURS = {"target", "config", "environment", "scenario-name", "dotenv", "variables", "overrides", "payload"}
OURS |= {"insecure", "quiet", "tags"}


def test_every_option_of_artillery_is_ours_or_says_what_is(artillery: Artillery, project: Loadctl) -> None:
    """Read from the installed one: its long names and its letters."""
    text = "".join(
        (artillery.package / "dist/lib" / name).read_text() for name in ("cli/common-flags.js", "cmds/run.js")
    )
    flags = re.findall(r"'?([\w-]+)'?: Flags\.\w+\(\{(?:\s*char: '(\w)',)?", text)
    assert len(flags) >= 20
    for name, letter in flags:
        words = [f"--{name}"] if name not in OURS else []
        words += [f"-{letter}"] if letter and name not in {*OURS, "solo"} else []
        for word in words:
            said = project("run", "s.yml", word)
            assert said.code == 2
            assert said.err.startswith(f"there is no {word} here: "), said.err
    help_text = project("run", "--help").out
    assert all(f"--{name}" in help_text for name in OURS)
