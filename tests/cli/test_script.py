"""What a user of Locust types: files, classes, arguments, and Locust's own words for what loadctl has too."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadctl.cli.options import Overrides
from loadctl.cli.planning import planned
from tests.cli.conftest import Loadctl

Write = Callable[[str, str], Path]

SCRIPT = "from locust import HttpUser\n\nclass WebUser(HttpUser):\n    host = 'http://localhost:1'\n"
AT = ("-H", "http://localhost:1")
LOAD = ("-u", "20", "-t", "60", *AT)


@pytest.fixture
def plan(loadctl: Loadctl, write: Write, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Callable[..., Any]:
    """What `show` says of a command line, for a folder with f.py and more/a.py, more/b.py."""
    monkeypatch.setenv("HOME", str(folder / "home"))
    for name in ("f.py", "more/a.py", "more/b.py", "more/_no.py"):
        write(name, SCRIPT)

    def show(*argv: str) -> Any:
        said = loadctl("show", *argv[: argv.index("--")] if "--" in argv else argv, "--json", *_rest(argv))
        assert (said.code, said.err) == (0, ""), said.err
        return said.document

    return show


def _rest(argv: tuple[str, ...]) -> tuple[str, ...]:
    return argv[argv.index("--") :] if "--" in argv else ()


def files(document: Any) -> list[str]:
    return [Path(path).name for path in document["script"]["files"]]


def test_after_the_file_come_classes_and_after_the_dashes_arguments(plan: Callable[..., Any]) -> None:
    shown = plan("f.py", "WebUser", "ApiUser", *LOAD, "--", "--tenant", "acme", "--", "--api-key=abc")
    script = shown["script"]
    assert (files(shown), script["classes"]) == (["f.py"], ["WebUser", "ApiUser"])
    assert script["arguments"] == ["--tenant", "acme", "--", "--api-key=[redacted]"]


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["-f", "more/a.py,f.py"], ["a.py", "f.py"]),
        (["-f", "more/a.py", "--locustfile", "f.py"], ["a.py", "f.py"]),
        (["more"], ["a.py", "b.py"]),
        (["-f", "more,f.py"], ["a.py", "b.py", "f.py"]),
        (["f.py,more/a.py"], ["f.py", "a.py"]),
    ],
)
def test_several_files(plan: Callable[..., Any], argv: list[str], found: list[str]) -> None:
    assert files(plan(*argv, *LOAD)) == found


def test_with_f_all_words_are_classes(plan: Callable[..., Any]) -> None:
    assert plan("-f", "f.py", *LOAD, "WebUser")["script"]["classes"] == ["WebUser"]


def test_locusts_own_words(plan: Callable[..., Any]) -> None:
    words = ["-u", "20", "-r", "2.5", "--run-time", "1m30s", "-T", "smoke", "slow", "-E", "never", "-s", "3"]
    shown = plan(*words, *AT, "f.py")
    assert [(stage["to"], stage["end_s"], stage["warmup"]) for stage in shown["stages"]] == [
        (20, 8, True),
        (20, 90, False),
    ]
    assert (shown["script"]["tags"], shown["script"]["exclude_tags"]) == (["smoke", "slow"], ["never"])
    assert shown["drain_s"] == 3


def test_what_follows_a_tag_may_be_the_file(plan: Callable[..., Any]) -> None:
    for argv in (["-T", "smoke", "f.py"], ["--tags=smoke", "f.py"], ["-T", "smoke", "-E", "x", "./f.py"]):
        shown = plan(*argv, *LOAD)
        assert (files(shown), shown["script"]["tags"]) == (["f.py"], ["smoke"])


def test_a_bare_number_is_in_seconds_as_locust_reads_it(plan: Callable[..., Any]) -> None:
    assert plan("f.py", *LOAD)["duration_s"] == 60


def test_users_of_a_url_come_at_a_rate_too(plan: Callable[..., Any]) -> None:
    assert plan("http://localhost:1", "-u", "10", "-r", "5", "-t", "9s")["stages"][0]["end_s"] == 2


def test_without_a_load_the_shape_of_the_file_is_the_load(plan: Callable[..., Any], loadctl: Loadctl) -> None:
    shown = plan("f.py", *AT)
    assert (shown["script"]["own_load"], shown["stages"], shown["model"]) == (True, [], "closed")
    assert "load: the shape of f.py" in loadctl("show", "f.py", *AT).out


def test_variables_of_locust_count_where_no_option_is_given(
    plan: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "HOST": "http://127.0.0.1:2",
        "USERS": "8",
        "SPAWN_RATE": "4",
        "RUN_TIME": "20",
        "TAGS": "[a, b]",
        "EXCLUDE_TAGS": "c",
        "USER_CLASSES": "WebUser ApiUser",
        "CSV": "out",
        "API_TOKEN": "mine",
    }.items():
        monkeypatch.setenv(f"LOCUST_{name}", value)
    shown = plan("f.py")
    assert (shown["host"], shown["peak"], shown["duration_s"]) == ("http://127.0.0.1:2", 8, 20)
    assert shown["stages"][0]["end_s"] == 2
    script = shown["script"]
    assert (script["tags"], script["exclude_tags"]) == (["a", "b"], ["c"])
    assert script["classes"] == ["WebUser", "ApiUser"]
    assert shown["notes"] == ["not used: LOCUST_CSV"]
    shown = plan("f.py", "Mine", "-u", "3", "-t", "9s", "-r", "3", *AT, "-T", "x")
    assert (shown["host"], shown["peak"], shown["duration_s"]) == ("http://localhost:1", 3, 9)
    assert (shown["script"]["tags"], shown["script"]["classes"]) == (["x"], ["Mine"])
    assert plan("f.py", "--rate", "5/s", *AT, "-t", "9s")["model"] == "open"


def test_a_scenario_says_its_load_itself(
    plan: Callable[..., Any], write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        "scenarios/own.yaml", "host: http://localhost:1\nlocustfile: ../f.py\nload: [{users: 5, for: 9s}]\n"
    )
    monkeypatch.setenv("LOCUST_USERS", "500")
    shown = plan("own", "WebUser", "--", "--tenant", "acme")
    assert (shown["peak"], shown["notes"]) == (5, ["not used: LOCUST_USERS"])
    assert (shown["script"]["classes"], shown["script"]["arguments"]) == (["WebUser"], ["--tenant", "acme"])


def test_configuration_files_are_named_and_read_when_asked(plan: Callable[..., Any], write: Write) -> None:
    write("locust.conf", "locustfile = f.py\nusers = 8\nrun-time = 20\nspawn-rate = 4\nheadless\ncsv = out\n")
    write("pyproject.toml", "[tool.locust]\nusers = 9\n")
    notes = ["locust.conf is not read: --config locust.conf does"]
    notes += ["pyproject.toml [tool.locust] is not read: --config pyproject.toml does"]
    assert plan("f.py", *LOAD)["notes"] == notes
    shown = plan("--config", "locust.conf", *AT)
    assert (files(shown), shown["peak"], shown["duration_s"]) == (["f.py"], 8, 20)
    assert shown["notes"] == ["locust.conf: not used: csv", notes[1]]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["f.py", "more/a.py", *LOAD], "more/a.py: after the file of a run come its classes"),
        (["-f", "f.py,nowhere.py", *LOAD], "no such file: nowhere.py"),
        (["empty", *LOAD], "there is no locustfile in"),
        (["baseline", "spike"], "'spike' would be a class of a locustfile, and baseline runs none"),
        (
            ["baseline", "--", "--tenant", "x"],
            "arguments after --  are for a locustfile, and baseline runs none",
        ),
        (["baseline", "-T", "smoke"], "-T is for a locustfile, and baseline runs none"),
        (["baseline", "-r", "5"], "the load of baseline already says how fast users start"),
        (["f.py", *LOAD, "-r", "0.1"], "20 users at 0.1 a second take 200 s to start"),
        (["f.py", "--rate", "5/s", "-t", "9s", "-r", "1", *AT], "-r says how fast users start"),
        (["f.py", "-u", "5"], "f.py needs its load on the command line: users and a duration"),
        (["f.py", *LOAD, "--config", "nowhere.conf"], "cannot read nowhere.conf"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    plan: Callable[..., Any], loadctl: Loadctl, write: Write, argv: list[str], words: str
) -> None:
    write("empty/readme.txt", "")
    said = loadctl("show", *argv)
    assert said.code == 2
    assert words in said.err


def test_a_variable_that_is_no_number(
    loadctl: Loadctl, plan: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCUST_USERS", "many")
    said = loadctl("show", "f.py", *AT)
    assert (said.code, said.err.splitlines()[0]) == (
        2,
        "users: 'many' is not a number (from a LOCUST_ variable or --config)",
    )


def test_insecure_checks_no_certificate(plan: object) -> None:
    insecure = Overrides(host="https://localhost:1", users=1, duration="9s", insecure=True)
    assert not planned("f.py", insecure).tls.verify
    assert planned("f.py", replace(insecure, insecure=False)).tls.verify


OPTIONS = """
import json
from locust.argument_parser import get_parser
actions = get_parser(default_config_files=[])._actions
print(json.dumps([[word, action.nargs == 0] for action in actions for word in action.option_strings]))
"""
OURS = {
    "-h",
    "--help",
    "-f",
    "--locustfile",
    "--config",
    "-H",
    "--host",
    "-u",
    "--users",
    "-r",
    "--spawn-rate",
}
OURS |= {
    "-t",
    "--run-time",
    "--headless",
    "--processes",
    "-T",
    "--tags",
    "-E",
    "--exclude-tags",
    "--html",
    "--json",
}
OURS |= {"-s", "--stop-timeout", "--profile"}
"""Options of `run` under Locust's name; `--profile` alone means something else."""


def test_every_option_of_locust_is_ours_or_says_what_is(loadctl: Loadctl) -> None:
    done = subprocess.run([sys.executable, "-c", OPTIONS], capture_output=True, text=True, check=True)
    for option, _ in json.loads(done.stdout):
        if option in OURS or option == "--version":
            continue
        said = loadctl("run", "f.py", option)
        assert said.code == 2
        assert said.err.startswith(f"there is no {option} here: "), said.err
    help_text = loadctl("run", "--help").out
    assert all(option in help_text for option in OURS - {"--headless"})


@pytest.mark.parametrize("option", ["--headless", "--processes=2"])
def test_options_without_another_effect_are_taken(loadctl: Loadctl, option: str) -> None:
    said = loadctl("run", "nowhere.py", option, "-u", "1", "-t", "1")
    assert (said.code, said.err) == (2, "no such file: nowhere.py\n")
