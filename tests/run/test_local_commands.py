"""A command after a run is bounded in time, and what it has started ends with it."""

from __future__ import annotations

from pathlib import Path

from loadctl.results.recording import Event
from loadctl.run.interruption import Interruption
from loadctl.run.local_commands import LocalCommands
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import LocalCommand, Scenario


def test_a_command_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    told: list[Event] = []
    scenario = Scenario(name="ci", host="http://localhost", load=Load("closed", ()))
    slow = LocalCommand(argv=("sh", "-c", "echo begun; sleep 987", "-"), timeout_s=3.0)
    with Interruption() as interruption:
        commands = LocalCommands(scenario, tmp_path, interruption, tell=told.append)
        commands.finish(slow, tmp_path / "result.json")
    begun, ended = told
    assert begun.message.endswith(f" - {tmp_path}/result.json")
    assert "did not end within 3 s and was stopped after " in ended.message
    assert ended.message.endswith(": begun")
    assert "begun" in (tmp_path / "on-finish-1.log").read_text()
