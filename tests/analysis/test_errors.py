"""What failed, and does it fail alike?"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from loadctl.analysis.errors import error_findings
from loadctl.analysis.run_context import RunContext
from loadctl.results.decision import void_scores
from loadctl.results.measures.measured import measure
from loadctl.results.recording import Example, Recording
from loadctl.results.scoring import score
from loadctl.results.verdict import Finding
from loadctl.scenario.target import Target
from tests.results.recorded import P95, load, recording, scenario, shard, steady, target

OWN = target("error_rate", 5.0, 2.0)


def found(
    made: Recording, targets: Sequence[Target] = (), doubts: Sequence[Finding] = ()
) -> dict[str, Finding]:
    asked = scenario(load("10 50 hold"), targets)
    measured = measure(asked, made)
    scores = void_scores([score(aim, measured) for aim in targets], doubts)
    return {finding.id: finding for finding in error_findings(RunContext(asked, made, measured, scores))}


def failing(per_mille: int) -> Recording:
    """1,000 requests in 50 s, so many of them failed."""
    seconds = steady(50, [10.0] * 20)
    seconds[25:26] = steady(1, [10.0] * (20 - min(per_mille, 20)), start=25, errors={"reset": per_mille})
    return recording(seconds)


@pytest.mark.parametrize(
    ("per_mille", "targets", "finding_id", "severity"),
    [
        (0, [], "no-errors", "good"),
        (1, [], None, None),  # 0.1 % is not above 0.1 %
        (2, [], "errors-over-target", "warning"),
        (10, [], "errors-over-target", "warning"),
        (11, [], "errors-over-critical", "warning"),  # nobody set a limit: it decides nothing
        (11, [OWN], None, None),  # the limits of the targets hold
        (30, [OWN], "errors-over-target", "warning"),
        (60, [OWN], "errors-over-critical", "critical"),
        (60, [target("error_rate", 5.0, 2.0, judged=False)], "errors-over-critical", "warning"),
        (30, [target("error_rate", 5.0)], None, None),  # a single limit has no target
    ],
)
def test_error_rate(
    per_mille: int, targets: list[Target], finding_id: str | None, severity: str | None
) -> None:
    findings = list(found(failing(per_mille), targets).values())
    assert [(f.id, f.severity) for f in findings] == ([(finding_id, severity)] if finding_id else [])


def all_fail(errors: dict[str, int], message: str = "") -> Finding | None:
    example = Example(0.2, "POST /predict", next(iter(errors)), 401, message)
    made = recording(steady(50, [], errors=errors), examples=[example] if message else [])
    return found(made).get("all-requests-failed")


def test_all_failed_alike_by_the_scenario_says_how_to_see_one() -> None:
    finding = all_fail({"status_401": 24}, "missing X-API-Key")
    assert finding is not None
    assert finding.severity == "critical"
    assert finding.message == (
        'all 1,200 requests failed the same way: status 401 on POST /predict, "missing X-API-Key"; '
        "this points to the scenario, not the load"
    )
    assert finding.advice == ("see one with: loadctl try api",)


@pytest.mark.parametrize(
    ("errors", "alike", "scenario_is_wrong"),
    [
        ({"status_404": 10}, True, True),
        ({"check_failed": 10}, True, True),
        ({"status_500": 10}, True, False),
        ({"connect_refused": 10}, True, False),
        ({"status_404": 9, "reset": 1}, True, True),
        ({"status_404": 5, "status_500": 5}, False, False),
    ],
)
def test_all_failed(errors: dict[str, int], alike: bool, scenario_is_wrong: bool) -> None:
    finding = all_fail(errors)
    assert finding is not None
    assert ("the same way" in finding.message) is alike
    assert ("not the load" in finding.message) is scenario_is_wrong


def test_one_success_is_not_all_failed() -> None:
    seconds = [*steady(49, [], errors={"status_401": 20}), *steady(1, [1.0], start=49)]
    assert "all-requests-failed" not in found(recording(seconds))


def test_hanging_requests_have_all_failed_too() -> None:
    made = recording(steady(50, []), shards=[shard(last_t=49, hangs=[50_000.0] * 10)])
    assert found(made)["all-requests-failed"].message == "all 10 requests failed the same way: no answer"


SLOW = recording(steady(50, [600.0] * 20))


@pytest.mark.parametrize(
    ("targets", "doubts", "severity"),
    [
        ([target(P95, 500)], [], "critical"),
        ([target(P95, 700)], [], None),  # the limits of the targets hold
        ([target(P95, 500, judged=False)], [], "warning"),
        ([], [], "warning"),  # 500 ms where nobody set a limit
        ([target(P95, 500)], [Finding("generator-saturated", "invalid", "", voids="all")], None),
    ],
)
def test_slow_responses(targets: list[Target], doubts: list[Finding], severity: str | None) -> None:
    finding = found(SLOW, targets, doubts).get("slow-responses")
    assert (finding and finding.severity) == severity
