"""What is in the window, in a stage, in a counter."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.results.interval import Second
from loadctl.results.measures.fold import Folded, fold
from loadctl.results.recording import Event, Recording, Shard
from loadctl.scenario.load import Load
from tests.records import replace
from tests.results.recorded import interval, load, recording, second, shard, steady

RAMP_HOLD_FALL = load("0..10 10 warm warmup", "10 20 hold", "10..0 10 fall")


def total(folded: Folded) -> tuple[int, int, int]:
    summary = folded.summary.total
    return summary.completed, summary.failed, summary.unfinished


@pytest.mark.parametrize(
    ("t", "scored"),
    [
        (9, False),  # the last second of the warm-up
        (10, True),  # the first second after it
        (29, True),  # the last second before the ramp-down
        (30, False),  # the ramp-down
        (42, False),  # the drain after a ramp-down
    ],
)
def test_only_requests_that_end_in_the_window_are_scored(t: int, scored: bool) -> None:
    seconds = [second(s, {"GET /": interval([5.0])} if s == t else {}) for s in range(45)]
    assert fold(RAMP_HOLD_FALL, recording(seconds)).summary.total.completed == scored


def test_the_drain_counts_for_latency_and_errors_but_not_for_throughput() -> None:
    drained = second(10, {"GET /": interval([9000.0], errors={"timeout": 1})})
    folded = fold(load("10 10 hold"), recording([*steady(10, [5.0]), drained]))
    assert total(folded) == (12, 1, 0)
    assert folded.summary.total.latency.max == 9000.0
    assert folded.summary.total.throughput_per_s == 1.0
    assert folded.summary.end_s == 10


def test_unfinished_requests_count_as_failed() -> None:
    made = recording(steady(10, [5.0]), shards=[shard(last_t=9, slow=[12_000.0, 300.0])])
    folded = fold(load("10 10 hold"), made)
    assert total(folded) == (10, 0, 2)
    assert folded.summary.total.error_rate == 2 / 12
    assert folded.counters.started == folded.counters.completed + folded.counters.unfinished == 12
    assert {e.endpoint: e.unfinished for e in folded.summary.endpoints} == {"GET /": 0, "GET /slow": 2}


@pytest.mark.parametrize(("age_ms", "counted"), [(12_000.0, 1), (2_000.0, 0)])
def test_before_a_ramp_down_only_unfinished_requests_that_began_in_the_window_count(
    age_ms: float, counted: int
) -> None:
    made = recording(steady(40, [5.0]), shards=[shard(last_t=39, slow=[age_ms])])
    assert fold(RAMP_HOLD_FALL, made).summary.total.unfinished == counted


def test_what_was_under_way_in_a_shard_that_died_is_unfinished_but_no_failure_of_the_system() -> None:
    lost = Shard(0, hello=True, bye=False, last_t=4, cut_off={"GET /": 3})
    folded = fold(load("10 10 hold"), recording(steady(5, [5.0]), shards=[lost]))
    assert total(folded) == (5, 0, 0)
    assert folded.summary.total.error_rate == 0
    assert (folded.counters.started, folded.counters.completed, folded.counters.unfinished) == (8, 5, 3)


def test_faults_of_the_generator_are_no_requests_of_the_system() -> None:
    folded = fold(load("10 10 hold"), recording(steady(10, [5.0], errors={"generator": 1, "reset": 1})))
    assert total(folded) == (20, 10, 0)
    assert folded.counters.failed == 10
    assert folded.summary.total.errors == {"generator": 10, "reset": 10}


def test_expected_429s_are_completed_but_neither_failed_nor_latency_nor_throughput() -> None:
    cells = {"GET /": interval([5.0], rate_limited=3)}
    folded = fold(load("10 10 hold"), recording([second(t, cells) for t in range(10)]))
    assert total(folded) == (40, 0, 0)
    assert folded.counters.rate_limited == 30
    assert folded.summary.total.latency.n == 10
    assert folded.summary.total.throughput_per_s == 1.0


@pytest.mark.parametrize(
    ("have", "p95", "why"),
    [
        (0, None, "needs 200 successes, has 0"),
        (199, None, "needs 200 successes, has 199"),
        (200, 5.0, None),
    ],
)
def test_a_percentile_needs_its_samples_or_gives_its_reason(
    have: int, p95: float | None, why: str | None
) -> None:
    folded = fold(load("10 10 hold"), recording([*steady(1, [5.0] * have), *steady(9, [], start=1)]))
    latency = folded.summary.total.latency
    assert latency.p95 == p95
    assert latency.absent.get("p95") == why


def test_nothing_measured_is_none_with_a_reason_and_never_zero() -> None:
    summary = fold(load("10 10 hold"), recording([])).summary.total
    assert (summary.error_rate, summary.throughput_per_s, summary.latency.mean) == (None, None, None)
    assert set(summary.absent) == {"error_rate", "throughput_per_s"}
    assert set(summary.latency.absent) == {"p50", "p95", "p99", "p999", "mean", "min", "max"}


STAIRS = load("10 20 low", "20 20 high", "15..20 10 climb", "20 10 again", "10 20 back")


def test_throughput_is_that_of_all_hold_stages_at_the_highest_level() -> None:
    seconds = [*steady(20, [1.0] * 5), *steady(20, [1.0] * 9, start=20), *steady(10, [1.0], start=40)]
    seconds += [*steady(10, [1.0] * 3, start=50), *steady(20, [1.0] * 50, start=60)]
    folded = fold(STAIRS, recording(seconds))
    assert folded.top is not None
    assert folded.top.level == 20
    assert folded.top.portion.throughput_per_s == (20 * 9 + 10 * 3) / 30
    assert folded.best is not None
    assert folded.best.portion.throughput_per_s == 50


def test_a_run_that_ended_before_the_highest_level_has_no_throughput() -> None:
    folded = fold(STAIRS, recording(steady(15, [1.0] * 5)))
    assert folded.top is None
    assert folded.best is not None
    assert folded.best.portion.throughput_per_s == 5


def test_max_throughput_ignores_stages_under_10_s() -> None:
    planned = load("10 9 short", "5 10 long")
    folded = fold(planned, recording([*steady(9, [1.0] * 9), *steady(10, [1.0], start=9)]))
    assert folded.best is not None
    assert folded.best.portion.throughput_per_s == 1


@pytest.mark.parametrize(
    ("made", "ended"),
    [
        (recording(steady(60)), 60.0),  # as planned
        (recording(steady(59)), 60.0),  # the last frame is part of the bye
        (recording(steady(70)), 60.0),  # ten seconds of drain
        (recording(steady(30)), 30.0),  # everything died
        (recording(steady(40), events=[Event(30.5, "signal", "SIGINT")]), 30.5),  # Ctrl-C, then drained
        (recording([]), 0.0),
    ],
)
def test_the_load_ended_when_it_was_stopped_or_no_later_than_its_plan(made: Recording, ended: float) -> None:
    folded = fold(load("10 60 hold"), made)
    assert folded.ended_s == ended
    assert folded.summary.end_s == ended


def test_stages_have_their_own_summaries_warm_up_and_ramp_down_too() -> None:
    folded = fold(RAMP_HOLD_FALL, recording(steady(40, [5.0])))
    rows = [
        (s.name, s.start_s, s.end_s, s.warmup, s.planned, s.summary.total.completed) for s in folded.stages
    ]
    assert rows == [
        ("warm", 0, 10, True, 10, 10),
        ("hold", 10, 30, False, 10, 20),
        ("fall", 30, 40, False, 0, 10),
    ]
    assert set(folded.named) == {"hold"}
    assert set(folded.unscored) == {"warm", "fall"}


def test_the_open_model_counts_arrivals() -> None:
    seconds = steady(10, planned=5, begun=4, dropped=1)
    counters = fold(load("5 10 hold", model="open"), recording(seconds)).counters
    assert (counters.planned_arrivals, counters.begun, counters.dropped) == (50, 40, 10)
    assert fold(load("5 10 hold"), recording(seconds)).counters.planned_arrivals is None


def test_corrected_latencies_exist_only_with_a_pace() -> None:
    made = recording([*steady(10, [5.0] * 30), *steady(1, [3000.0] * 10, start=10)])
    assert fold(load("10 11 hold"), made).summary.total.corrected is None
    with_pace = fold(load("10 11 hold"), made, pace_s=1.0).summary.total
    assert with_pace.corrected is not None
    assert with_pace.corrected.n == 310 + 10 * 2  # after 3 s, the turns due after 1 s and 2 s were skipped


def test_successes_without_a_latency_count_and_leave_no_percentile() -> None:
    """The quick ones alone would say that all were quick."""
    chat = interval([5.0] * 20, errors={"timeout": 1}, untimed=4)
    made = recording([second(t, {"POST /chat": chat, "GET /": interval([9.0] * 20)}) for t in range(30)])
    folded = fold(load("10 30 hold"), made)
    total, (slow, quick) = folded.summary.total, folded.summary.endpoints
    assert (slow.endpoint, slow.completed, slow.failed, slow.throughput_per_s) == (
        "POST /chat",
        750,
        30,
        24.0,
    )
    assert (total.completed, total.throughput_per_s, total.error_rate) == (1350, 44.0, 30 / 1350)
    assert quick.latency.p95 == 9.0
    for latency, told in ((slow.latency, "120 of 720"), (total.latency, "120 of 1,320")):
        assert (latency.p50, latency.p95, latency.mean, latency.min, latency.max) == (None,) * 5
        assert latency.absent["p95"].startswith(
            f"{told} successes have no latency: their bodies were read outside"
        )
    assert [point.p95_ms for point in folded.timeline] == [None] * 30


cells = st.dictionaries(
    st.sampled_from(["GET /", "GET /b"]),
    st.builds(
        lambda ok, errors: interval(ok, errors=errors),
        st.lists(st.floats(0.001, 60_000), max_size=5),
        st.dictionaries(st.sampled_from(["timeout", "reset", "generator"]), st.integers(1, 3), max_size=2),
    ),
    max_size=2,
)
frames = st.lists(st.tuples(st.integers(0, 44), cells), max_size=30)


def _shard_frames(frames: list[tuple[int, dict]]) -> list[Second]:  # type: ignore[type-arg]
    return [second(t, made, users=1) for t, made in frames]


def _merged(frames: list[Second]) -> list[Second]:
    by_t: dict[int, Second] = {}
    for frame in frames:
        by_t.setdefault(frame.t, Second(frame.t)).merge(frame)
    return [by_t[t] for t in sorted(by_t)]


def _numbers(folded: Folded) -> object:
    return folded.summary, folded.stages, folded.counters, folded.named


@given(frames, st.randoms())
def test_shards_and_seconds_may_be_merged_in_any_order(frames: list, random) -> None:  # type: ignore[no-untyped-def,type-arg]
    anchor = [second(44)]
    one = fold(RAMP_HOLD_FALL, recording(_merged([*_shard_frames(frames), *anchor])))
    random.shuffle(frames)
    other = fold(RAMP_HOLD_FALL, recording(_merged([*_shard_frames(frames), *anchor])))
    assert _numbers(one) == _numbers(other)


@given(frames)
def test_the_parts_add_up_to_the_whole(frames: list) -> None:  # type: ignore[type-arg]
    """Every request is in exactly one stage, and folding seconds apart is folding them together."""
    apart = [*_shard_frames(frames), second(44)]
    folded = fold(RAMP_HOLD_FALL, recording(apart))
    assert _numbers(folded) == _numbers(
        fold(RAMP_HOLD_FALL, recording(_merged([*_shard_frames(frames), second(44)])))
    )
    assert sum(s.summary.total.completed for s in folded.stages) == folded.counters.completed
    assert sum(s.summary.total.failed for s in folded.stages) == folded.counters.failed
    errors: Counter[str] = Counter()
    for endpoint in folded.summary.endpoints:
        errors.update(endpoint.errors)
    assert errors == folded.summary.total.errors


@given(frames, st.integers(1, 44))
def test_a_stage_cut_in_two_folds_to_the_same_window(frames: list, cut: int) -> None:  # type: ignore[type-arg]
    whole = load("10 45 hold")
    first = whole.stages[0]
    halves = [replace(first, duration_s=cut), replace(first, duration_s=45 - cut, name="rest")]
    seconds = _merged([*_shard_frames(frames), second(44)])
    together, apart = fold(whole, recording(seconds)), fold(Load("closed", halves), recording(seconds))
    assert together.summary == apart.summary
    assert together.top is not None
    assert apart.top is not None
    assert together.top.portion == apart.top.portion


@pytest.mark.parametrize(("length", "step"), [(1800, 1), (1801, 2), (3600, 2)])
def test_a_long_timeline_has_every_second_and_some_percentiles(length: int, step: int) -> None:
    points = fold(load(f"10 {length} hold"), recording(steady(length, [5.0] * 200))).timeline
    assert [point.t for point in points] == list(range(length))
    assert [point.t for point in points if point.p95_ms is not None] == list(range(0, length, step))
