"""The screen of a comparison, as README shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadctl.analysis.comparison import Change, Comparison, Decision, SideFacts
from loadctl.errors import ExitCode
from loadctl.reports.terminal.comparison import comparison_text, headline
from loadctl.scenario.target import Scope
from tests.records import replace

HOSTILE = "\x1b[31mred\x1b[0m \u202eright-to-left\n" + 90 * "long "
README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


def latency(
    metric: str, figures: tuple[float, ...], decision: Decision = "worse", *, gated: bool = False
) -> Change:
    before, after, change, low, high = figures
    return Change(
        metric=metric,
        scope=Scope(),
        unit="ms",
        gated=gated,
        decision=decision,
        before=before,
        after=after,
        change=change,
        low=low,
        high=high,
        visible=11.0,
        change_unit="%",
    )


P50 = latency("latency_p50", (21.5, 26.0, 20.9, 8.9, 34.2))
P95 = latency("latency_p95", (61.2, 75.4, 23.2, 9.9, 38.1), gated=True)
ERRORS = Change(
    metric="error_rate",
    scope=Scope(),
    unit="%",
    gated=True,
    decision="same",
    before=0.0,
    after=0.0,
    change=0.0,
    low=-0.03,
    high=0.08,
    visible=0.1,
    change_unit="points",
)
WORSE = Comparison(
    outcome="worse",
    exit_code=ExitCode.FAIL,
    before=SideFacts(name="main", scenario="api", runs=("a", "b", "c"), git_revisions=("4f2a9c1",)),
    after=SideFacts(
        name="latest", scenario="api", runs=("20261201T011811Z-api-locust-90c0",), git_revisions=()
    ),
    tolerance_pct=15.0,
    doubts=(),
    changes=(P50, P95, ERRORS),
)


def test_the_screen_is_that_of_the_readme() -> None:
    assert f"```console\n{comparison_text(WORSE)}```\n" in README


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (replace(P95, decision="better"), "Latency p95 is faster: +23 % (likely +9.9 to +38 %)."),
        (replace(P95, decision="same"), "Latency p95 is the same within 15 %: +23 % (likely +9.9 to +38 %)."),
        (
            replace(P95, decision="cannot tell"),
            "Latency p95: no difference seen (+23 %, likely +9.9 to +38 %); changes under about +11 % cannot be seen.",
        ),
        (
            replace(P95, decision="cannot tell", reason="the load generator itself was up to 12.0 ms late"),
            "Latency p95: cannot tell, because the load generator itself was up to 12.0 ms late (+23 %).",
        ),
        (
            replace(P95, decision="cannot tell", change=None, reason="before: needs 200 successes, has 12"),
            "Latency p95: cannot tell, because before: needs 200 successes, has 12.",
        ),
        (
            replace(ERRORS, decision="worse", change=12.3),
            "Error rate is worse: +12.3 pt (likely -0.03 to +0.08 pt).",
        ),
    ],
)
def test_a_gated_row_is_a_sentence(change: Change, sentence: str) -> None:
    said = " ".join(comparison_text(replace(WORSE, changes=(change,))).split())
    assert sentence.replace("about +11", "about 11") in said


def test_what_was_passed_over_is_said() -> None:
    text = comparison_text(replace(WORSE, doubts=("engine processes: 1 before, 2 after",)))
    assert "Compared although engine processes: 1 before, 2 after." in text


def test_many_endpoints_are_cut_and_hostile_names_are_harmless() -> None:
    rows = [replace(P50, scope=Scope("endpoint", f"GET /{n} {HOSTILE}")) for n in range(30)]
    text = comparison_text(replace(WORSE, changes=(P95, *rows)))
    assert "… and 10 more endpoints (--json has all)" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text


def test_colour_is_for_the_outcome_alone() -> None:
    assert headline(WORSE, colour=True) == "\x1b[1;31mWORSE\x1b[0m  api"
