"""Did a stall hide behind waiting users?"""

from __future__ import annotations

import pytest

from loadctl.analysis.run_context import RunContext
from loadctl.analysis.service import closed_model_findings
from loadctl.results.interval import Second
from loadctl.results.measures.measured import measure
from loadctl.scenario.load import Model
from tests.results.recorded import load, recording, scenario, steady, user_type


def messages(seconds: list[Second], *, pace_s: float | None = None, model: Model = "closed") -> list[str]:
    asked = scenario(load("10 60 hold", model=model), user_types=[user_type("GET /", pace_s=pace_s)])
    made = recording(seconds)
    return [
        finding.message for finding in closed_model_findings(RunContext(asked, made, measure(asked, made)))
    ]


STALLED = [*steady(50), *steady(9, [], start=50), *steady(1, [9000.0] * 10, start=59)]


def test_where_users_keep_a_pace_the_corrected_figure_is_told() -> None:
    [message] = messages(STALLED, pace_s=0.5)
    assert message.startswith("users that waited sent fewer requests: p95 is 10.")
    assert message.endswith("corrected 6.52 s")


@pytest.mark.parametrize(
    ("seconds", "pace_s"),
    [(steady(60), None), (steady(60), 0.5), (STALLED, None)],
    ids=["steady", "steady with a pace", "nothing to correct from"],
)
def test_without_a_corrected_figure_there_is_no_finding(seconds: list[Second], pace_s: float | None) -> None:
    assert not messages(seconds, pace_s=pace_s)


def test_the_open_model_measures_stalls_itself() -> None:
    assert not messages(STALLED, model="open")
