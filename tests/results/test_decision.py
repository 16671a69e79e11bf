"""Verdicts, exit codes, order and voiding; each line of its tables is a row here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.errors import ExitCode
from loadctl.results.decision import Decision, decide, void_scores
from loadctl.results.findings import FindingId
from loadctl.results.recording import Recording, Shard
from loadctl.results.verdict import Finding, Score, Severity, Status, Verdict, Voids
from tests.records import replace
from tests.results.recorded import P95, P99, recording, shard, steady, target

ORDER = ["INTERRUPTED", "ERROR", "FAIL", "INCONCLUSIVE", "WARN", "PASS"]
VALUES = {Status.PASS: 10.0, Status.WARN: 100.0, Status.FAIL: 250.0, Status.NOT_EXERCISED: 20.0}


def scored(status: str, metric: str = P95, *, judged: bool = True) -> Score:
    at = Status(status)
    return Score.of(
        target(metric, 200, 50),
        at,
        VALUES.get(at),
        n=1000,
        judged=judged,
        reason={"NO_DATA": "needs 200 successes, has 5", "NOT_EXERCISED": "10 users offer 20/s"}.get(status),
    )


def finding(severity: Severity, voids: Voids | None = None) -> Finding:
    names: dict[str, FindingId] = {
        "all": "generator-saturated",
        "pass": "load-not-reached",
        "excess": "generator-saturated",
    }
    return Finding(names.get(voids or "", "service-crashed"), severity, f"something {severity}", voids=voids)


SATURATED = finding("invalid", "all")
NOT_REACHED = finding("invalid", "pass")
LATE = finding("warning", "excess")
CRASHED = finding("critical")
A_LITTLE_LATE = Finding("generator-lag", "info", "late", {"lag_p95_ms": 4.0}, voids="near")
RAN = recording(steady(1))


def decided(
    scores: list[Score], findings: list[Finding] | None = None, made: Recording = RAN, *, started: int = 100
) -> Decision:
    found = findings or []
    return decide(void_scores(scores, found), found, made, started=started)


@pytest.mark.parametrize(
    ("scores", "findings", "verdict", "code"),
    [
        (["PASS"], [], "PASS", 0),
        (["PASS", "WARN"], [], "WARN", 0),  # a target missed, no critical limit
        (["PASS", "WARN", "FAIL"], [], "FAIL", 1),  # a judged critical limit is crossed
        (["PASS"], [CRASHED], "FAIL", 1),  # a critical finding
        ([], [CRASHED], "FAIL", 1),
        (["PASS"], [NOT_REACHED], "INCONCLUSIVE", 3),  # the generator could not keep up
        (["PASS"], [SATURATED], "INCONCLUSIVE", 3),
        (["PASS", "NO_DATA"], [], "INCONCLUSIVE", 3),  # NO_DATA on a judged target
        (["WARN", "NO_DATA"], [], "INCONCLUSIVE", 3),
        (["FAIL", "NO_DATA"], [], "FAIL", 1),
        (["NOT_EXERCISED"], [], "INCONCLUSIVE", 3),  # nothing could be judged
        (["PASS", "NOT_EXERCISED"], [], "PASS", 0),  # not a failure
        ([], [], "INCONCLUSIVE", 3),  # nothing to judge by
        (["NO_DATA"], [SATURATED], "INCONCLUSIVE", 3),
    ],
)
def test_verdict_of_scores_and_findings(
    scores: list[str], findings: list[Finding], verdict: str, code: int
) -> None:
    decision = decided([scored(status) for status in scores], findings)
    assert (decision.verdict, decision.exit_code) == (verdict, code)


def test_what_is_not_judged_decides_nothing_but_never_makes_a_run_green() -> None:
    for status in ("PASS", "WARN", "FAIL", "NO_DATA"):
        aside = scored(status, judged=False)
        assert decided([scored("PASS", P99), aside]).verdict == "PASS"
        assert decided([aside]).verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("status", "value", "verdict"),
    [
        ("PASS", 49.0, "PASS"),  # lag can only have added to it
        ("WARN", 54.0, "INCONCLUSIVE"),  # over 50 by what the generator may have added
        ("WARN", 55.0, "WARN"),
        ("FAIL", 204.0, "INCONCLUSIVE"),
        ("FAIL", 205.0, "FAIL"),
    ],
)
def test_a_little_lag_decides_only_where_the_limit_is_as_near(
    status: str, value: float, verdict: str
) -> None:
    score = replace(scored(status), value=value)
    assert decided([score], [A_LITTLE_LATE]).verdict == verdict
    errors = replace(score, metric="error_rate", unit="%")
    assert decided([errors], [A_LITTLE_LATE]).verdict == status


@pytest.mark.parametrize(
    ("metric", "value", "verdict"),
    [
        ("latency_p95", 54.5, "WARN"),
        ("latency_p99", 54.5, "INCONCLUSIVE"),  # the generator's own p99
        ("latency_p99", 59.5, "WARN"),
    ],
)
def test_what_is_far_out_is_held_against_the_lag_that_is_as_far_out(
    metric: str, value: float, verdict: str
) -> None:
    late = replace(A_LITTLE_LATE, evidence={"lag_p95_ms": 4.0, "lag_p99_ms": 9.0})
    score = replace(scored("WARN", metric), value=value)
    assert decided([score], [late]).verdict == verdict


def test_fail_on_warn_makes_a_warning_exit_1() -> None:
    scores = void_scores([scored("WARN")], [])
    decision = decide(scores, [], RAN, started=1, fail_on_warn=True)
    assert (decision.verdict, decision.exit_code) == ("WARN", 1)
    assert decide(void_scores([scored("PASS")], []), [], RAN, started=1, fail_on_warn=True).exit_code == 0


@pytest.mark.parametrize(
    ("made", "started", "verdict", "code"),
    [
        (recording(steady(1), failure="the system was never ready"), 0, "ERROR", 4),
        (recording(steady(1)), 0, "ERROR", 4),  # no request made
        (recording([], shards=[]), 0, "ERROR", 4),
        (recording(steady(9), shards=[shard(bye=False)]), 90, "ERROR", 4),  # all engine processes dead
        (recording(steady(9), shards=[shard(0, bye=False), shard(1, bye=False)]), 90, "ERROR", 4),
        (
            recording(steady(9), shards=[shard(0), shard(1, bye=False)]),
            90,
            "PASS",
            0,
        ),  # voided by its finding
        (recording(steady(9), interrupted_by=2), 90, "INTERRUPTED", 130),
        (recording(steady(9), interrupted_by=15), 90, "INTERRUPTED", 143),
        (recording(steady(9), interrupted_by=9, shards=[shard(bye=False)]), 90, "INTERRUPTED", 143),  # killed
        (recording([], interrupted_by=2, failure="x"), 0, "INTERRUPTED", 130),
    ],
)
def test_verdict_of_how_the_run_went(made: Recording, started: int, verdict: str, code: int) -> None:
    decision = decided([scored("PASS")], [], made, started=started)
    assert (decision.verdict, decision.exit_code) == (verdict, code)


@pytest.mark.parametrize(
    ("doubt", "metric", "status", "void"),
    [
        # generator saturation voids every PASS and WARN, latency FAIL and throughput FAIL
        (SATURATED, P95, "PASS", True),
        (SATURATED, "error_rate", "PASS", True),
        (SATURATED, "cpu", "WARN", True),
        (SATURATED, P95, "FAIL", True),
        (SATURATED, "corrected_p99", "FAIL", True),
        (SATURATED, "ttfb_p95", "FAIL", True),
        (SATURATED, "throughput", "FAIL", True),
        (SATURATED, "max_throughput", "FAIL", True),
        # error_rate, cpu and memory FAIL are never voided
        (SATURATED, "error_rate", "FAIL", False),
        (SATURATED, "cpu", "FAIL", False),
        (SATURATED, "memory", "FAIL", False),
        # load not reached or an incomplete shard voids PASS and WARN only
        (NOT_REACHED, P95, "PASS", True),
        (NOT_REACHED, "cpu", "WARN", True),
        (NOT_REACHED, P95, "FAIL", False),
        (NOT_REACHED, "throughput", "FAIL", False),
        # lag can only add to a latency
        (LATE, P95, "PASS", False),
        (LATE, "throughput", "PASS", False),
        (LATE, P95, "WARN", True),
        (LATE, P95, "FAIL", True),
        (LATE, "throughput", "FAIL", True),
        (LATE, "cpu", "WARN", False),
        (LATE, "error_rate", "WARN", False),
        # what says nothing cannot be void
        (SATURATED, P95, "NO_DATA", False),
        (SATURATED, "throughput", "NOT_EXERCISED", False),
        # findings about the system void nothing
        (CRASHED, P95, "PASS", False),
    ],
)
def test_voiding(doubt: Finding, metric: str, status: str, void: bool) -> None:
    [found] = void_scores([scored(status, metric)], [doubt])
    assert bool(found.void) is void
    assert (found.status, found.value) == (status, VALUES.get(Status(status)))  # kept for the reader


@pytest.mark.parametrize(
    ("scores", "findings", "verdict"),
    [
        ([scored("PASS")], [LATE], "PASS"),  # a healthy fast system is PASS despite a little lag
        ([scored("FAIL")], [LATE], "INCONCLUSIVE"),
        ([scored("FAIL")], [SATURATED], "INCONCLUSIVE"),
        ([scored("FAIL", "error_rate")], [SATURATED], "FAIL"),
        ([scored("FAIL")], [NOT_REACHED], "FAIL"),  # a shard lost, and a FAIL stays
        ([scored("PASS")], [SATURATED, CRASHED], "FAIL"),  # critical findings are never voided
    ],
)
def test_verdict_after_voiding(scores: list[Score], findings: list[Finding], verdict: str) -> None:
    assert decided(scores, findings).verdict == verdict


def test_all_reasons_are_listed_the_one_that_decided_first() -> None:
    scores = [scored("FAIL"), scored("NO_DATA", P99), scored("WARN", "cpu"), scored("FAIL", "error_rate")]
    made = replace(RAN, interrupted_by=2)
    assert decided(scores, [NOT_REACHED, CRASHED], made).reasons == (
        "Interrupted by SIGINT after 1 s.",
        "Something critical.",
        "2 of 4 targets are beyond their critical limit: latency p95, error rate.",
        "Something invalid.",
        "No data for latency p99: needs 200 successes, has 5.",
    )


def test_only_an_inconclusive_verdict_says_that_there_is_no_verdict_on_the_system() -> None:
    lost = decided([scored("PASS")], [NOT_REACHED])
    assert lost.reasons == ("No verdict on the system: something invalid.",)
    assert "No verdict" not in " ".join(decided([scored("FAIL")], [NOT_REACHED]).reasons)


def test_a_run_that_could_not_be_carried_out_says_why_once() -> None:
    dead = replace(RAN, failure="all engine processes are dead", shards=[Shard(0, hello=True, bye=False)])
    assert decided([], [], dead).reasons[0] == "All engine processes are dead."
    assert not any("died or hung" in reason for reason in decided([], [], dead).reasons)


def test_a_killed_loadctl_is_told_apart_from_a_signal_that_asked_it_to_end() -> None:
    killed = decided([scored("PASS")], [], replace(RAN, interrupted_by=9))
    assert (killed.verdict, killed.reasons[0]) == ("INTERRUPTED", "loadctl itself was killed after 1 s.")
    unborn = replace(RAN, interrupted_by=15, seconds=())
    assert decided([], [], unborn).reasons[0] == "Interrupted by SIGTERM before the load began."


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (
            [scored("PASS"), scored("PASS", P99)],
            "Both targets are met. Closest: latency p95, 80 % below its limit.",
        ),
        ([scored("PASS")], "The only target is met. Closest: latency p95, 80 % below its limit."),
        (
            [scored("PASS"), scored("NOT_EXERCISED", "throughput")],
            "The one target that could be judged is met. Closest: latency p95, 80 % below its limit.",
        ),
        ([scored("WARN")], "1 target is missed, but no critical limit is crossed: latency p95."),
        ([scored("FAIL")], "The only target is beyond its critical limit: latency p95."),
        ([], "Nothing was judged: the scenario has no targets."),
        (
            [scored("NOT_EXERCISED", "throughput")],
            "Nothing could be judged: throughput: 10 users offer 20/s.",
        ),
    ],
)
def test_the_first_reason_is_a_sentence_for_people(scores: list[Score], reason: str) -> None:
    assert decided(scores).reasons[0] == reason


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        (["a", "a"], "No data for latency p95, latency p99: a."),
        (["a", "b"], "No data for latency p95 (a), latency p99 (b)."),
        (["a", "b", "c", "d"], "No data for 4 of 4 targets."),
    ],
)
def test_what_there_is_no_data_for_is_one_sentence(missing: list[str], reason: str) -> None:
    metrics = (P95, P99, "error_rate", "cpu")
    scores = [
        replace(scored("NO_DATA", metric), reason=why) for metric, why in zip(metrics, missing, strict=False)
    ]
    assert decided(scores).reasons == (reason,)


any_score = st.builds(
    scored,
    st.sampled_from([status.value for status in Status]),
    st.sampled_from([P95, P99, "error_rate", "cpu", "throughput"]),
    judged=st.booleans(),
)
any_finding = st.sampled_from([SATURATED, NOT_REACHED, LATE, CRASHED, finding("info"), finding("good")])
any_run = st.sampled_from(
    [
        RAN,
        replace(RAN, interrupted_by=2),
        replace(RAN, failure="broken"),
        replace(RAN, shards=[shard(bye=False)]),
    ]
)


@given(st.lists(any_score, max_size=5), st.lists(any_finding, max_size=3), any_run)
def test_a_failing_score_or_a_bad_finding_never_improves_the_verdict(
    scores: list[Score], findings: list[Finding], made: Recording
) -> None:
    before = ORDER.index(decided(scores, findings, made).verdict)
    for worse in (scored("FAIL", "memory"), scored("FAIL"), scored("NO_DATA")):
        assert ORDER.index(decided([*scores, worse], findings, made).verdict) <= before
    for doubt in (SATURATED, NOT_REACHED, CRASHED):
        decision = decided(scores, [*findings, doubt], made)
        assert decision.verdict not in {"PASS", "WARN"}


@given(st.lists(any_score, max_size=5), st.lists(any_finding, max_size=3), any_run)
def test_pass_only_where_something_judged_passed_and_nothing_speaks_against_it(
    scores: list[Score], findings: list[Finding], made: Recording
) -> None:
    decision = decided(scores, findings, made)
    assert decision.reasons
    if decision.verdict is Verdict.PASS:
        assert decision.exit_code is ExitCode.OK
        judged = [score for score in scores if score.judged]
        assert any(score.status is Status.PASS for score in judged)
        assert all(score.status in {Status.PASS, Status.NOT_EXERCISED} for score in judged)
        assert not any(f.severity in {"critical", "invalid"} for f in findings)


def test_a_fault_of_a_script_is_called_that_where_a_score_is_void() -> None:
    faults = Finding("generator-faults", "invalid", "m", {"of": "script"}, voids="all")
    [found] = void_scores([scored("PASS")], [faults])
    assert found.void == "faults of your script"
    [found] = void_scores([scored("PASS")], [replace(faults, evidence={"of": "generator"})])
    assert found.void == "generator faults"


def test_a_run_whose_turns_sent_nothing_says_how_many_there_were() -> None:
    quiet = steady(4, [], turns=5)
    assert decide([], [], recording(quiet), started=0).reasons[0] == "No request was measured in 20 turns."
    none = steady(4, [])
    assert decide([], [], recording(none), started=0).reasons[0] == "No request was made."
