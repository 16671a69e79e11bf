"""Is anything missing from the data?"""

from __future__ import annotations

import pytest

from loadctl.analysis.completeness import completeness_findings
from loadctl.analysis.run_context import RunContext
from loadctl.results.measures.measured import measure
from loadctl.results.recording import Event, Recording, Shard
from loadctl.results.verdict import Finding
from tests.records import replace
from tests.results.recorded import load, recording, scenario, shard, steady


def found(made: Recording) -> list[Finding]:
    asked = scenario(load("10 60 hold"))
    return completeness_findings(RunContext(asked, made, measure(asked, made)))


def ids(made: Recording) -> list[tuple[str, str, str | None]]:
    return [(finding.id, finding.severity, finding.voids) for finding in found(made)]


LOST = ("data-incomplete", "invalid", "pass")


def test_a_whole_recording_has_no_findings() -> None:
    assert not found(recording(steady(60)))


@pytest.mark.parametrize(
    "lost", [shard(1, bye=False, last_t=20), Shard(1, hello=False, bye=False)], ids=["no bye", "no hello"]
)
def test_a_shard_that_did_not_finish(lost: Shard) -> None:
    assert ids(recording(steady(60), shards=[shard(), lost])) == [LOST]


def test_it_says_which_shard_and_when() -> None:
    [finding] = found(recording(steady(60), shards=[shard(), shard(1, bye=False, last_t=20)]))
    assert finding.message == "1 of 2 engine processes did not finish (shard 1), the first stopped after 21 s"


def test_interrupted_shards_need_no_finding() -> None:
    assert not found(recording(steady(60), shards=[shard(bye=False)], interrupted_by=9))


@pytest.mark.parametrize(
    ("totals", "expected"),
    [
        ({"completed": 1200, "failed": 0}, []),
        ({}, []),
        ({"completed": 1201, "failed": 0}, [("data-incomplete", "warning", None)]),
        ({"completed": 1300, "failed": 0}, [LOST]),
        ({"completed": 1300, "failed": 100}, [LOST, LOST]),
    ],
)
def test_totals_of_the_recorders_are_held_against_their_frames(
    totals: dict[str, int], expected: list[tuple[str, str, str | None]]
) -> None:
    assert ids(recording(steady(60), shards=[replace(shard(), totals=totals)])) == expected


@pytest.mark.parametrize(("missing", "expected"), [(3, []), (4, [LOST])])
def test_seconds_that_nobody_reported(missing: int, expected: list[tuple[str, str, str | None]]) -> None:
    seconds = steady(60)
    assert ids(recording([*seconds[:20], *seconds[20 + missing :]])) == expected


def test_what_a_recorder_had_to_cap_is_passed_on_once() -> None:
    note = "more than 500 endpoint names; the rest is counted as (other)"
    shards = [replace(shard(index), notes=[note]) for index in range(2)]
    assert [(f.id, f.severity, f.message) for f in found(recording(steady(60), shards=shards))] == [
        ("recorder-note", "info", note)
    ]


def test_a_clock_step_is_said_and_changes_nothing() -> None:
    made = recording(steady(60), events=[Event(9.0, "clock_step", "the wall clock was set by -3600.0 s")])
    assert ids(made) == [("clock-step", "info", None)]
