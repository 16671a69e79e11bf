"""Lines for what a script says of itself: written by the recorder, read back from the files of a shard."""

from __future__ import annotations

import pytest

from loadctl.engines.locust.inside.recorder.recorder import Recorder
from loadctl.engines.redaction import Redaction
from loadctl.results.recording import ScriptFault
from loadctl.results.wire.frame import parse
from loadctl.run.merge import ShardLog
from loadctl.scenario.load import LevelChange


class Written:
    """A recorder that has started, and a log of what it wrote."""

    def __init__(self, *secrets: str) -> None:
        self.now = 100.0
        self.lines: list[str] = []
        self.recorder = Recorder(self.lines.append, redact=Redaction(secrets), clock=lambda: self.now)
        self.recorder.start(100.0)

    @property
    def log(self) -> ShardLog:
        log = ShardLog(0)
        for line in self.lines:
            log.take(line.encode())
        return log


def test_a_fault_of_a_script_says_where_and_when() -> None:
    written = Written()
    written.now = 102.5
    written.recorder.script_fault("KeyError: 'id'", "own.py:12")
    assert written.log.shard().script_faults == (ScriptFault(2.5, "KeyError: 'id'", "own.py:12"),)


def test_faults_are_all_counted_and_the_first_twenty_different_ones_kept() -> None:
    written = Written()
    for n in range(100):
        written.recorder.script_fault(f"ValueError: {n % 30}", "own.py:12")
    written.recorder.bye()
    shard = written.log.shard()
    assert [fault.message for fault in shard.script_faults] == [f"ValueError: {n}" for n in range(20)]
    assert shard.script_faults_count == 100
    assert written.recorder.script_faults[:2] == [
        ("ValueError: 0", "own.py:12"),
        ("ValueError: 1", "own.py:12"),
    ]


def test_faults_after_the_bye_are_counted_too() -> None:
    written = Written()
    for _ in range(5):
        written.recorder.script_fault("KeyError: 'id'", "own.py:12")
    assert written.log.shard().script_faults_count == 1, "it may still die: one is written down"
    written.recorder.bye()
    written.recorder.script_fault("KeyError: 'report'", "own.py:40")
    written.recorder.script_verdict(1)
    shard = written.log.shard()
    assert (shard.script_faults_count, len(shard.script_faults), shard.script_code) == (6, 2, 1)


def test_a_fault_before_the_start_is_told_at_0_and_hides_secrets() -> None:
    lines: list[str] = []
    recorder = Recorder(lines.append, redact=Redaction(["hunter22"]))
    recorder.script_fault("ValueError: hunter22", "")
    fault = parse(lines[0])
    assert isinstance(fault, ScriptFault)
    assert (fault.t, fault.where) == (0.0, "")
    assert "hunter22" not in lines[0]


def test_the_exit_code_that_a_script_asks_for() -> None:
    written = Written()
    assert written.log.shard().script_code is None
    written.recorder.script_verdict(3)
    assert written.log.shard().script_code == 3
    written.recorder.script_verdict(-1)
    assert written.log.shard().script_code == -1


def test_the_levels_of_a_script_s_own_load() -> None:
    written = Written()
    written.recorder.level(0.0, 10, 5.0)
    written.recorder.level(20.0461, 0, 0.0)
    assert written.log.levels == [LevelChange(0.0, 10, 5.0), LevelChange(20.046, 0, 0.0)]


@pytest.mark.parametrize(
    "line",
    [
        '{"kind":"script"}',
        '{"kind":"script","what":"song"}',
        '{"kind":"script","what":"verdict","code":"3"}',
        '{"kind":"script","what":"verdict","code":1e400}',
        '{"kind":"script","what":"fault","message":7,"where":"","t":0}',
        '{"kind":"level","t":0,"users":-1,"per_s":1}',
        '{"kind":"level","t":0,"users":1,"per_s":-1}',
        '{"kind":"level","t":-1,"users":1,"per_s":1}',
    ],
)
def test_a_line_that_is_none_of_them_is_no_frame(line: str) -> None:
    assert parse(line) is None
