"""What a run has counted so far, for whoever scrapes it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.results.histogram import Histogram
from loadctl.results.interval import Interval
from loadctl.results.live import EDGES_US, ENDPOINTS_MAX, OTHERS, RECENT_S, Tally, label, merged
from loadctl.results.recording import Event, Reading
from tests.results.recorded import interval, second, steady


def told(*cells: dict[str, Interval]) -> Tally:
    """A tally of one second after another."""
    tally = Tally()
    for t, each in enumerate(cells):
        tally.add(second(t, each))
    return tally


def test_counters_grow_by_outcome_and_class_and_leave_out_the_generators_own_faults() -> None:
    tally = told(
        {"GET /": interval([5.0] * 3, errors={"timeout": 2, "generator": 4}, rate_limited=1)},
        {"GET /": interval([5.0], errors={"timeout": 1})},
    )
    found = tally.endpoints["GET /"]
    assert (found.ok, found.failed, found.rate_limited) == (4, 3, 1)
    assert dict(tally.failures) == {("GET /", "timeout"): 3}


@given(st.lists(st.integers(0, 200_000_000), max_size=60))
def test_no_bucket_makes_a_latency_look_shorter_than_it_was(values_us: Sequence[int]) -> None:
    tally = told({"GET /": Interval(ok=Histogram.of(values_us))})
    found = tally.endpoints["GET /"]
    assert (sum(found.buckets), found.ok, found.sum_us) == (len(values_us), len(values_us), sum(values_us))
    for edge, below in zip(
        EDGES_US, (sum(found.buckets[: k + 1]) for k in range(len(EDGES_US))), strict=True
    ):
        assert sum(us <= edge / 1.008 for us in values_us) <= below <= sum(us <= edge for us in values_us)


def test_what_a_shard_says_late_counts_but_is_not_the_present() -> None:
    tally = told({}, {}, {"GET /": interval([5.0])})
    tally.add(second(1, {"GET /": interval([5.0])}, users=7))
    assert (tally.t, tally.users, tally.endpoints["GET /"].ok) == (2, 10, 2)
    tally.add(second(2, {"GET /": interval([5.0])}, users=7))
    assert (tally.users, tally.endpoints["GET /"].ok) == (17, 3)


def test_percentiles_are_of_the_last_half_minute_and_the_rest_is_forgotten() -> None:
    tally = Tally()
    for each in [*steady(50, [5.0] * 20), *steady(RECENT_S, [100.0] * 20, start=50)]:
        tally.add(each)
    assert tally.recent()["GET /"].min_us == 100_000
    assert tally.recent()["GET /"].count == RECENT_S * 20
    assert tally.lag().count == RECENT_S * 10
    assert tally.endpoints["GET /"].ok == 80 * 20


def test_an_endpoint_that_is_not_called_any_more_has_no_recent_latency() -> None:
    tally = told({"GET /": interval([5.0])}, *[{} for _ in range(RECENT_S)])
    assert tally.endpoints["GET /"].recent(tally.t).count == 0


def test_names_that_look_alike_as_labels_are_counted_together() -> None:
    long = "GET /" + "x" * 300
    tally = told({"GET /a\x00": interval([5.0]), "GET /a\n": interval([5.0])}, {f"{long}1": interval([1.0])})
    tally.add(second(2, {f"{long}2": interval([1.0])}))
    assert {name: found.ok for name, found in tally.endpoints.items()} == {"GET /a ": 2, long[:200]: 2}


@given(st.text())
def test_a_label_is_one_short_printable_line(text: str) -> None:
    assert label(text).isprintable()
    assert len(label(text)) <= 200


def test_more_endpoints_and_classes_than_a_page_should_have_are_counted_as_others() -> None:
    cells = {f"GET /{k}": interval([5.0], errors={f"status_{k}": 1}) for k in range(3 * ENDPOINTS_MAX)}
    tally = told(cells, cells)
    assert len(tally.endpoints) == ENDPOINTS_MAX + 1
    assert tally.endpoints[OTHERS].ok == 2 * 2 * ENDPOINTS_MAX
    assert len(tally.failures) == ENDPOINTS_MAX + 1
    assert tally.failures[OTHERS, OTHERS] == 2 * 2 * ENDPOINTS_MAX
    assert tally.failures.total() == 2 * 3 * ENDPOINTS_MAX


@pytest.mark.parametrize(
    ("last", "found"),
    [
        (Reading(2.0, "system", "process", "api pid 1", {"cpu_pct": 50.0}), {("process", "api pid 1"): 50.0}),
        (Reading(2.0, "system", "process", "api pid 1", gap="it is gone"), {}),
        (Reading(200.0, "system", "process", "api pid 2", {"cpu_pct": 7.0}), {("process", "api pid 2"): 7.0}),
    ],
)
def test_only_what_was_read_lately_is_the_present(last: Reading, found: dict[tuple[str, str], float]) -> None:
    tally = Tally()
    tally.see(Reading(1.0, "system", "process", "api pid 1", {"cpu_pct": 40.0}))
    tally.see(last)
    assert tally.latest("system", "cpu_pct") == found


def test_what_was_watched_long_ago_takes_no_room() -> None:
    tally = Tally()
    for t in range(1000):
        tally.see(Reading(float(t), "system", "pods", f"pod {t}", {"cpu_pct": 1.0}))
    assert len(tally.latest("system", "cpu_pct")) == 60


def test_what_is_merged_stays_as_it_is() -> None:
    parts = [Histogram.of([1, 2]), Histogram.of([3])]
    assert (merged(parts).count, parts[0].count) == (3, 2)


def test_log_errors_are_summed_up_and_absent_without_a_log() -> None:
    tally = Tally()
    assert (tally.log_lines, tally.log_errors) == (None, None)
    for errors in (0, 2, 3):
        tally.see(Reading(1.0, "system", "logs", "api.log", {"log_lines": 10, "log_errors": errors}))
    assert (tally.log_lines, tally.log_errors) == (30, 5)


def test_events_are_counted_by_kind() -> None:
    tally = Tally()
    for kind in ("stage", "stage", "service_crashed"):
        tally.see(Event(1.0, kind, "…"))
    assert dict(tally.events) == {"stage": 2, "service_crashed": 1}
