"""What a load asked and could not be told, with what would be enough."""

from __future__ import annotations

from loadctl.analysis.run_context import RunContext
from loadctl.analysis.undecided import undecided_findings
from loadctl.results.measures.measured import measure
from loadctl.scenario.load import Load
from tests.results.recorded import load, readings, recording, scenario, steady


def told(plan: Load, *, watched: bool = False) -> str:
    length = int(plan.duration_s)
    made = recording(steady(length), readings=readings(length, memory_bytes=1e8) if watched else ())
    asked = scenario(plan)
    found = undecided_findings(RunContext(asked, made, measure(asked, made)))
    assert len(found) <= 1
    assert all((one.id, one.severity) == ("undecided", "info") for one in found)
    return "".join(one.message for one in found)


def test_a_staircase_that_is_too_quick() -> None:
    quick = load("10 6 a", "20 6 b", "30 6 c", "40 6 d")
    assert told(quick).startswith(
        "not enough data to say how latency scales with load (needs 4 levels of 20 s"
    )
    assert told(load("10 30 a", "20 30 b", "30 30 c", "40 30 d")) == ""


def test_a_spike_without_enough_time_after_it() -> None:
    assert "how the system recovers (the load must be back for at least 10 s" in told(
        load("10 60 a", "50 20 b", "10 5 c")
    )
    assert told(load("10 60 a", "50 20 b", "10 60 c")) == ""


def test_memory_in_a_run_of_a_few_minutes() -> None:
    assert "whether memory grows (needs 10 min at constant load)" in told(load("10 300 a"), watched=True)
    assert told(load("10 60 a"), watched=True) == ""  # a smoke test
    assert told(load("10 600 a"), watched=True) == ""
    assert told(load("10 300 a")) == ""  # nobody watched


def test_all_in_one() -> None:
    assert "; how the system recovers" in told(load("10 6 a", "20 6 b", "30 6 c", "10 6 d"))
