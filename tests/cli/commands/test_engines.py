"""`loadctl engines`: what is here, what is missing and why, and how to get it."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadctl.engines.artillery.locate import Artillery
from tests.cli.conftest import Loadctl


@pytest.fixture
def nothing_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Artillery in the user's data, at a prefix, or on PATH."""
    monkeypatch.delenv("LOADCTL_ENGINES", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


def test_what_is_here_with_version_and_place(loadctl: Loadctl, artillery: Artillery) -> None:
    lines = loadctl("engines").out.splitlines()
    assert [line.split()[:1] + line.split()[2:3] for line in lines] == [
        ["locust", "usable"],
        ["artillery", "usable"],
    ]
    assert lines[1].split()[1] == "2.0.34"
    assert lines[1].endswith(f"{artillery.origin}, on Node {artillery.node_version}")
    document = loadctl("engines", "--json").document
    assert [(entry["name"], entry["usable"], entry["reason"]) for entry in document] == [
        ("locust", True, None),
        ("artillery", True, None),
    ]


@pytest.mark.usefixtures("nothing_installed")
def test_what_is_missing_comes_with_the_command(loadctl: Loadctl) -> None:
    said = loadctl("engines")
    assert said.code == 0
    assert "Artillery is not installed\n" in said.out
    assert said.out.endswith(" loadctl engines install artillery\n")
    entry = loadctl("engines", "--json").document[1]
    assert (entry["usable"], entry["version"], entry["install"]) == (
        False,
        None,
        "loadctl engines install artillery",
    )


@pytest.mark.usefixtures("nothing_installed")
def test_the_doctor_and_a_run_say_the_same(loadctl: Loadctl) -> None:
    said = loadctl("doctor")
    assert said.code == 0
    assert "look  artillery   Artillery is not installed\n" in said.out
    assert f"{'':<18}loadctl engines install artillery\n" in said.out
    run = loadctl("run", "baseline", "--engine", "artillery", "-H", "http://127.0.0.1:9")
    assert run.code == 2
    assert run.err.endswith(
        "the engine artillery cannot be used here: Artillery is not installed\n"
        "loadctl engines install artillery\n"
        "or this once:  --engine locust   (same scenario, same load)\n"
    )


def test_what_is_there_is_not_installed_again(loadctl: Loadctl, artillery: Artillery) -> None:
    if artillery.cache is None:
        pytest.skip("this Artillery is the one on PATH:  make dev  installs loadctl's own")
    said = loadctl("engines", "install", "artillery")
    assert (said.code, said.out) == (0, f"{artillery.cache.parent}\n")
    assert said.err == "Artillery 2.0.34 is already installed\n"
    prefix = artillery.cache.parent.parent
    said = loadctl("engines", "install", "artillery", "--prefix", str(prefix), "--json")
    assert said.document == {"name": "artillery", "folder": str(artillery.cache.parent)}
    assert said.err.endswith(f"loadctl finds it with  LOADCTL_ENGINES={prefix}\n")


def test_an_engine_that_comes_with_loadctl_is_there_already(loadctl: Loadctl) -> None:
    assert loadctl("engines", "install", "locust").code == 0
    assert loadctl("engines", "install", "locust", "--prefix", "x").code == 2


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["install"], "engines install: not a command\n"),
        (["remove", "artillery"], "engines remove artillery: not a command\n"),
        (["--prefix", "x"], "engines --prefix: not a command\n"),
        (["install", "nonsense"], "there is no engine 'nonsense'"),
    ],
)
def test_other_words_are_refused(loadctl: Loadctl, argv: list[str], message: str) -> None:
    said = loadctl("engines", *argv)
    assert said.code == 2
    assert message in said.err
