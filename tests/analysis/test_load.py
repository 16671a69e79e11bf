"""Was the load made that was planned?"""

from __future__ import annotations

import pytest

from loadctl.analysis.judgement import RunFacts, judge
from loadctl.analysis.load import load_findings
from loadctl.analysis.run_context import RunContext
from loadctl.results.interval import Second
from loadctl.results.measures.measured import measure
from loadctl.results.recording import Recording, Shard
from loadctl.results.verdict import Finding
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import Script
from tests.records import replace
from tests.results.recorded import load, recording, scenario, shard, steady, target

FACTS = RunFacts(engine="locust", engine_version=None, shards=1, started_at="2026-11-23T08:20:00Z")


def found(planned: Load, made: Recording, *, known: bool = True) -> list[Finding]:
    asked = scenario(planned)
    return load_findings(RunContext(asked, made, measure(asked, made), (), known))


HOLD = load("100 60 hold")


def users(*spans: tuple[int, int]) -> list[Second]:
    """(seconds, users) after one another."""
    made: list[Second] = []
    for length, count in spans:
        made += steady(length, users=count, start=len(made))
    return made


@pytest.mark.parametrize(
    ("seconds", "reached"),
    [
        (users((60, 100)), True),
        (users((60, 95)), True),  # 5 % are forgiven
        (users((10, 50), (50, 100)), True),  # 10 s are forgiven
        (users((11, 50), (49, 100)), False),
        (users((60, 94)), False),
    ],
)
def test_users_of_the_closed_model(seconds: list[Second], reached: bool) -> None:
    findings = found(HOLD, recording(seconds))
    assert [(f.id, f.severity, f.voids) for f in findings] == (
        [] if reached else [("load-not-reached", "invalid", "pass")]
    )


def test_a_lost_engine_process_explains_missing_users_so_more_of_them_are_not_advised() -> None:
    alive, dead = shard(last_t=59), Shard(1, hello=True, bye=False, last_t=20)
    missing = users((20, 100), (40, 50))
    for second in missing[:21]:
        second.lag_ms = [0.1] * 20
    [found_alive] = found(HOLD, recording(missing, shards=[alive]))
    [found_dead] = found(HOLD, recording(missing, shards=[alive, dead]))
    assert (found_alive.advice, found_dead.advice) == (("use more engine processes: --workers 2",), ())


def test_one_user_missing_of_few_is_forgiven() -> None:
    assert not found(load("5 60 hold"), recording(users((60, 4))))
    assert found(load("5 60 hold"), recording(users((60, 3))))


def leaving(count: int, at: int, *, users: int = 10, length: int = 60) -> list[Second]:
    """`count` of `users` end by themselves at second `at`."""
    return [
        *steady(at, users=users),
        *steady(
            length - at, [10.0] * (20 if count < users else 0), users=users - count, ended=count, start=at
        ),
    ]


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (7, "7 of 10 users ended by themselves, the first after 6 s"),
        (10, "10 of 10 users ended by themselves, the first after 6 s; for 55 s no user was left"),
    ],
)
def test_users_who_ended_by_themselves_are_told_and_not_missing(count: int, message: str) -> None:
    [finding] = found(load("10 60 hold"), recording(leaving(count, 5)))
    assert (finding.id, finding.severity, finding.voids) == ("users-ended", "warning", None)
    assert finding.message == message
    assert (finding.evidence["ended"], finding.evidence["planned"], finding.evidence["first_at_s"]) == (
        count,
        10,
        5,
    )


def test_users_who_are_missing_besides_are_not_forgiven() -> None:
    seconds = leaving(3, 5)
    for second in seconds[30:]:
        second.users = 4
    short, ended = found(load("10 60 hold"), recording(seconds))
    assert (short.id, short.message) == (
        "load-not-reached",
        "fewer users than planned for 30 s: 4 of 7 at 0:30",
    )
    assert ended.id == "users-ended"


def test_a_run_whose_users_all_ended_is_judged_by_what_they_did() -> None:
    """Latency and errors of 100 requests a second for 5 s; the throughput of 500/s was not asked for by anybody."""
    made = recording([*steady(5, [10.0] * 100, users=10), *steady(55, [], users=0, ended=10, start=5)])
    targets = [target("latency_p95", 50.0), target("error_rate", 1.0), target("throughput", 500.0)]
    result = judge(scenario(load("10 60 hold"), targets), made, FACTS)
    assert [score.status for score in result.scores] == ["PASS", "PASS", "NOT_EXERCISED"]
    assert result.scores[2].reason == "users ended by themselves, so the load never asked for it"
    assert result.verdict == "PASS"
    assert "users-ended" in {finding.id for finding in result.findings}
    too_few = recording([*steady(2, [10.0] * 10), *steady(58, [], users=0, ended=10, start=2)])
    assert judge(scenario(load("10 60 hold"), targets), too_few, FACTS).verdict == "INCONCLUSIVE"


def test_a_ramp_may_be_a_second_behind() -> None:
    ramp = load("0..60 60 up", "60 10 hold")
    seconds = [*(s for t in range(60) for s in steady(1, users=t, start=t)), *steady(10, users=60, start=60)]
    assert not found(ramp, recording(seconds))


@pytest.mark.parametrize(
    ("begun", "dropped", "severity", "voids"),
    [
        (100, 0, None, None),
        (99, 1, None, None),  # up to 1 %
        (97, 3, "warning", None),
        (90, 10, "invalid", "pass"),  # more than 5 %
        (90, 0, "invalid", "pass"),  # never even due: a shard was gone
    ],
)
def test_arrivals_of_the_open_model(
    begun: int, dropped: int, severity: str | None, voids: str | None
) -> None:
    made = recording(steady(60, planned=begun + dropped, begun=begun, dropped=dropped))
    findings = found(load("100 60 hold", model="open"), made)
    assert [(f.severity, f.voids) for f in findings] == ([(severity, voids)] if severity else [])


def test_dropped_arrivals_are_told() -> None:
    made = recording(steady(60, planned=100, begun=77, dropped=23))
    [finding] = found(load("100 60 hold", model="open"), made)
    assert finding.message == (
        "4,620 of 6,000 planned arrivals began (23.0 % missing); 1,380 were dropped because 1,000 were in flight"
    )
    assert finding.advice == (
        (
            "100/s with at most 1,000 in flight needs turns of 10 s or less: "
            "make the system faster, or raise max_in_flight"
        ),
    )


def test_a_load_that_ended_early_without_a_word_was_not_reached() -> None:
    [finding] = found(HOLD, recording(users((30, 100)), shards=[shard(last_t=29)]))
    assert finding.message == "the load ended after 30 s of 1 min"
    assert finding.voids == "pass"


def test_an_interrupted_load_is_no_finding() -> None:
    assert not found(HOLD, recording(users((30, 100)), interrupted_by=2))


def test_a_stop_rule_that_fired_is_critical_and_gives_its_reason() -> None:
    [finding] = found(HOLD, recording(users((30, 100)), stopped_early="90 % errors for 30 s"))
    assert (finding.id, finding.severity, finding.message) == (
        "stopped-early",
        "critical",
        "90 % errors for 30 s",
    )


def test_a_script_with_its_own_load_has_no_plan_to_fall_short_of() -> None:
    assert not found(HOLD, recording(users((60, 1))), known=False)


@pytest.mark.parametrize(("loose", "missing"), [(True, False), (False, True)])
def test_arrivals_left_to_a_script_cannot_be_missing(loose: bool, missing: bool) -> None:
    script = Script("artillery", "own.yml", own_load=True, loose_arrivals=loose)
    asked = replace(scenario(load("100 60 hold", model="open")), script=script)
    made = recording(steady(60, planned=60, begun=60))
    assert bool(load_findings(RunContext(asked, made, measure(asked, made)))) is missing
