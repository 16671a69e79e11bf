"""`--on-finish`: it learns the result, whatever the run's end was, and changes nothing."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import psutil
import pytest

from tests.e2e.shell import Shell, all_gone, wait_for

pytestmark = pytest.mark.e2e

SCENARIO = """
think: 20ms
tasks: [{get: /models}]
load: [{users: 2, for: 2s}]
targets: {error_rate: 50%}
"""
NOTE = """#!/bin/sh
echo told; printf '%s\\n' "$@" > noted; exit ${EXIT:-0}
"""
SLEEPER = """#!/bin/sh
sleep 987 & echo $! > sleeper.pid; echo $$ > leader.pid; wait
"""


def script(loadctl: Shell, text: str) -> None:
    loadctl.write("note", text).chmod(0o755)
    loadctl.write("scenarios/ci.yaml", SCENARIO)


def the_run(loadctl: Shell) -> Path:
    (run,) = (loadctl.folder / "runs").iterdir()
    return run


def noted(loadctl: Shell) -> list[str]:
    return (loadctl.folder / "noted").read_text().splitlines()


def left(loadctl: Shell) -> list[psutil.Process]:
    """The script that sleeps and what it has started, once both are there."""
    try:
        return [
            psutil.Process(int((loadctl.folder / f"{name}.pid").read_text()))
            for name in ("leader", "sleeper")
        ]
    except (OSError, ValueError, psutil.NoSuchProcess):
        return []


def test_it_gets_the_path_of_the_result_and_its_failure_changes_nothing(loadctl: Shell) -> None:
    script(loadctl, NOTE)
    env = {"EXIT": "7", "API_TOKEN": "s3cret-value"}
    command = "./note 'two words' ${API_TOKEN} ;"
    refused = loadctl("run", "ci", "--demo", "--on-finish", command, env=env)
    assert refused.code == 2
    assert "--on-finish: only a shell understands ';', and no shell runs it" in refused.err
    assert not (loadctl.folder / "runs").exists()
    ended = loadctl("run", "ci", "--demo", "-q", "--on-finish", command.removesuffix(" ;"), env=env)
    assert ended.code in {0, 3}
    result = the_run(loadctl) / "result.json"
    assert noted(loadctl) == ["two words", "s3cret-value", str(result)]
    assert json.loads(result.read_text())["exit_code"] == ended.code
    said = f"on-finish: ./note 'two words' '${{API_TOKEN}}' {result} failed with exit code 7 after 0."
    assert said in ended.err
    assert ended.err.rstrip().endswith("s: told")
    log = the_run(loadctl) / "engine" / "on-finish-1.log"
    assert log.read_text() == f"$ ./note 'two words' '${{API_TOKEN}}' {result}\ntold\n"


def test_it_runs_after_ctrl_c_and_after_a_run_that_could_not_begin(loadctl: Shell) -> None:
    script(loadctl, NOTE)
    going = loadctl.start("run", "ci", "--demo", "-t", "60s", "--on-finish", "./note")
    going.wait_for_seconds(1)
    going.signal(signal.SIGINT)
    assert going.wait().code == 130
    assert json.loads(Path(noted(loadctl)[0]).read_text())["verdict"] == "INTERRUPTED"
    ended = loadctl(
        *("run", "ci", "-H", "http://127.0.0.1:9", "--ready-timeout", "300ms", "--on-finish", "./note")
    )
    assert ended.code == 4
    assert json.loads(Path(noted(loadctl)[0]).read_text())["verdict"] == "ERROR"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it_and_what_it_has_started(loadctl: Shell, number: signal.Signals) -> None:
    script(loadctl, SLEEPER)
    going = loadctl.start("run", "ci", "--demo", "--on-finish", "./note")
    waiting = wait_for(lambda: left(loadctl) or None, 60)
    going.signal(number)
    ended = going.wait()
    assert all_gone(waiting)
    if number is signal.SIGKILL:
        assert ended.code == -signal.SIGKILL
    else:
        assert ended.code in {0, 3}  # the verdict was out
        assert "was stopped by a signal to loadctl" in ended.err
    assert (the_run(loadctl) / "result.json").is_file()


def test_a_program_that_is_missing_is_found_out_before_the_load(loadctl: Shell) -> None:
    loadctl.write("scenarios/ci.yaml", SCENARIO)
    ended = loadctl("run", "ci", "--demo", "--on-finish", "./nothing there")
    assert ended.code == 2
    assert f"--on-finish: ./nothing is not a file in {loadctl.folder}; nothing was sent" in ended.err
    assert not (loadctl.folder / "runs").exists()
