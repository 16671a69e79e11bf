"""What is said of stalls."""

from __future__ import annotations

from loadctl.analysis.run_context import RunContext
from loadctl.analysis.service import stall_findings
from loadctl.results.interval import Second
from loadctl.results.measures.measured import measure
from loadctl.results.verdict import Finding
from tests.results.measures.test_outage import answered, run
from tests.results.recorded import load, recording, scenario


def found(seconds: list[Second]) -> list[Finding]:
    asked = scenario(load("20 60 hold"))
    made = recording(seconds)
    return stall_findings(RunContext(asked, made, measure(asked, made)))


def test_a_stall_with_its_period_and_who_waited() -> None:
    [told] = found(run(answered(2, 10)))
    assert told.message == (
        "the system stalled 5 times, every 10 s, for up to 2 s, first at 0:10: up to 20 requests in flight waited "
        "without an answer"
    )
    assert told.advice[0].startswith("look for what runs every 10 s")


def test_one_alone_and_one_without_an_end() -> None:
    [once] = found(run(answered(2, 35)))
    assert once.message.startswith("the system stalled for 2 s at 0:35: up to 20 requests")
    [for_good] = found(run(lambda sent: sent + 0.01 if sent < 30 else 1e9))
    assert for_good.message == (
        "the system stopped answering at 0:30: 20 requests in flight were never answered"
    )


def test_none() -> None:
    assert not found(run(answered()))
