"""Was CPU the limit?"""

from __future__ import annotations

import pytest

from loadctl.analysis.resources import cpu_findings
from loadctl.analysis.run_context import RunContext
from loadctl.results.measures.measured import measure
from loadctl.results.recording import Reading
from tests.results.recorded import load, recording, scenario, steady


def messages(name: str, percents: list[float], cores: float = 4) -> list[str]:
    made = [
        Reading(t, "system", "process", "uvicorn pid 7", {name: pct, "cores_available": cores})
        for t, pct in enumerate(percents, 1)
    ]
    asked, seen = scenario(load("10 300 hold")), recording(steady(300), readings=made)
    return [finding.message for finding in cpu_findings(RunContext(asked, seen, measure(asked, seen)))]


@pytest.mark.parametrize(
    ("percents", "high"),
    [
        ([75.0] * 300, False),
        ([85.0] * 300, True),
        ([90.0] * 150 + [20.0] * 150, True),  # half of the run
        ([20.0] * 100 + [100.0] * 10 + [20.0] * 190, False),  # a spike of 10 s
        ([20.0] * 100 + [85.0] * 30 + [20.0] * 170, True),  # 30 s in a row
        ([100.0, 20.0] * 150, False),  # bursts of a second
        ([], False),
    ],
)
def test_high_for_long(percents: list[float], high: bool) -> None:
    assert bool(messages("cpu_pct", percents)) is high


def test_one_full_core_is_told_apart_from_all_cores() -> None:
    assert messages("busiest_pct_of_one_core", [99.0] * 300) == [
        "one process or thread of the system was at 99 % of one core for 5 min"
    ]
    assert messages("cpu_pct", [26.0] * 300) == []
    assert messages("busiest_pct_of_one_core", [99.0] * 300, cores=1) == []  # then it is all there is
