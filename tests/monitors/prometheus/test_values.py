"""What a page's scrapes, one after the other, say about the system."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.monitors.prometheus.exposition import ExpositionReader
from loadctl.monitors.prometheus.page import RUNTIMES, STANDARD, PageValues, Scraped, quantile


def scrapes(*pages: str, series: Sequence[str] = (), every_s: float = 1.0) -> list[Scraped]:
    reader = ExpositionReader([*STANDARD, *RUNTIMES, *series])
    seen = PageValues(series, "/metrics")
    return [
        seen.update(reader.read(page.encode()), at=n * every_s, wall=1e9 + n * every_s)
        for n, page in enumerate(pages)
    ]


def test_a_process_is_told_by_standard_names() -> None:
    page = """process_cpu_seconds_total {cpu}
process_resident_memory_bytes 5e7
process_open_fds 12
process_max_fds 1024
process_start_time_seconds 1e8
go_goroutines 9
"""
    first, second = scrapes(page.format(cpu=10), page.format(cpu=13), every_s=2)
    assert first.values == {"memory_bytes": 5e7, "open_fds": 12, "open_fds_limit": 1024, "go_goroutines": 9}
    assert first.notes["cpu_cores"].startswith("first reading")
    assert second.values == {**first.values, "cpu_cores": 1.5}
    assert second.notes == {
        "memory_kind": "RSS as reported by the page",
        "cpu_pct": "the page does not say how many cores the system may use",
    }


def test_requests_are_counted_since_the_first_scrape_without_our_own() -> None:
    page = """http_requests_total{{handler="/predict",status="200"}} {ok}
http_requests_total{{handler="/predict",status="503"}} {failed}
http_requests_total{{handler="/metrics",status="200"}} {ours}
"""
    seen = scrapes(
        page.format(ok=100, failed=10, ours=1),
        page.format(ok=140, failed=10, ours=2),
        page.format(ok=150, failed=16, ours=3),
        every_s=2,
    )
    assert [one.values["server_requests"] for one in seen] == [0, 40, 56]
    assert [one.values.get("server_requests_per_s") for one in seen] == [None, 20, 8]
    assert [one.values.get("server_errors_per_s") for one in seen] == [None, 0, 3]
    assert "server_errors_per_s" in seen[0].notes


def test_without_a_status_no_errors_are_told() -> None:
    _, second = scrapes("http_requests_total 1", "http_requests_total 3")
    assert second.values == {"server_requests": 2, "server_requests_per_s": 2}
    assert second.notes["server_errors_per_s"] == "http_requests_total has no label status, code, status_code"


def buckets(*counts: int) -> str:
    edges = ("0.01", "0.1", "1", "+Inf")
    return "".join(
        f'http_request_duration_seconds_bucket{{le="{edge}"}} {n}\n'
        for edge, n in zip(edges, counts, strict=True)
    )


def test_server_side_percentiles_are_of_each_interval() -> None:
    _, second, third = scrapes(buckets(0, 0, 0, 0), buckets(50, 90, 100, 100), buckets(50, 90, 100, 101))
    assert second.values == pytest.approx(
        {"server_p50_ms": 10, "server_p95_ms": 550, "server_p99_ms": 910}, abs=1e-6
    )
    assert third.values == {}
    assert third.notes["server_p95_ms"] == "only 1 requests between two scrapes"


def test_beyond_the_last_bucket_only_its_lower_edge_is_known() -> None:
    assert quantile([(0.1, 1), (float("inf"), 10)], 0.5) == (
        0.1,
        "at least: it lies beyond the last bucket, 0.1 s",
    )


def test_buckets_without_an_end_are_not_read() -> None:
    assert quantile([(0.1, 50)], 0.5) == (None, "its buckets do not end with +Inf")


def test_a_gauge_is_its_name_and_each_of_its_series_with_the_largest_as_its_name() -> None:
    (seen,) = scrapes('db_pool_in_use{pool="a"} 3\ndb_pool_in_use{pool="b"} 5\n', series=["db_pool_*"])
    assert seen.values == {
        'db_pool_in_use{pool="a"}': 3,
        'db_pool_in_use{pool="b"}': 5,
        "db_pool_in_use": 5,
    }


def test_of_many_series_the_fifty_largest_are_kept_and_that_is_said() -> None:
    (seen,) = scrapes("".join(f'queue{{shard="{n}"}} {n}\n' for n in range(80)), series=["queue"])
    assert len(seen.values) == 51
    assert min(seen.values.values()) == 30
    assert seen.notes["queue"] == "80 series; the 50 largest are recorded one by one"


def test_a_counter_is_its_increase_and_its_rate() -> None:
    page = '# TYPE jobs counter\njobs{{kind="a"}} {a}\njobs{{kind="b"}} {b}\n'
    *_, last = scrapes(page.format(a=5, b=7), page.format(a=6, b=7), page.format(a=8, b=9), series=["jobs"])
    assert last.values == {'jobs{kind="a"}': 3, 'jobs{kind="b"}': 2, "jobs": 5, "jobs_per_s": 4}


def test_a_name_that_is_not_on_the_page_is_said_and_never_zero() -> None:
    (seen,) = scrapes("up 1", series=["db_pool_in_use", "queue_*"])
    assert seen.values == {}
    assert seen.notes == {"db_pool_in_use": "it is not on the page"}


def worker(started: float, requests: int) -> str:
    return (
        f"process_start_time_seconds {started}\nprocess_cpu_seconds_total {requests / 10}\n"
        f'process_resident_memory_bytes 5e7\nhttp_requests_total{{status="200"}} {requests}\nqueue {requests % 7}\n'
    )


def test_a_restart_loses_no_requests_and_makes_none_up() -> None:
    seen = scrapes(
        worker(1e8, 100),
        worker(1e8, 140),
        *(worker(1e9 + 1.5, n) for n in (150, 160, 170, 180, 190)),
        series=["queue"],
    )
    assert [one.values.get("server_requests") for one in seen] == [0, 40, None, None, None, 220, 230]
    assert (
        seen[2].notes["server_requests"] == "the process behind the page changed; the next scrapes show how"
    )
    assert [len(one.restarts) for one in seen] == [0, 0, 0, 0, 0, 1, 0]
    assert all("memory_bytes" in one.values for one in seen)


def test_several_workers_give_no_rates_no_restart_and_one_word() -> None:
    a = [worker(1e8, n) for n in range(100, 200, 10)]
    b = [worker(1e8 + 0.02, n) for n in range(500, 600, 10)]
    seen = scrapes(a[0], a[1], b[0], b[1], a[2], b[2], a[3], b[3], series=["queue"])
    assert [one.several for one in seen].count(True) == 1
    assert not any(one.restarts for one in seen)
    assert max(one.values.get("server_requests_per_s", 0) for one in seen) == 10
    assert max(one.values.get("cpu_cores", 0) for one in seen) == 1
    last = seen[-1]
    assert last.values == {"queue": 530 % 7}
    assert last.notes["queue"] == "of one of several workers"
    for name in ("cpu_cores", "cpu_pct", "memory_bytes", "server_requests", "server_errors_per_s"):
        assert last.notes[name].startswith("several workers answer this page in turn")


def test_a_sum_beyond_all_numbers_is_left_out() -> None:
    page = 'a_total{{b="1"}} {n}\na_total{{b="2"}} {n}\n'
    _, second = scrapes(page.format(n=0), page.format(n=1.7e308), series=["a_total"])
    assert set(second.values) == {'a_total{b="1"}', 'a_total{b="2"}'}


NUMBERS = st.one_of(st.floats(), st.integers(-(10**400), 10**400), st.integers(0, 50))
LINES = st.builds(
    "{}{} {}".format,
    st.sampled_from([*STANDARD, *RUNTIMES, "a", "a_total"]),
    st.sampled_from(["", '{status="500"}', '{le="+Inf"}', '{le="0.1"}', '{le="x"}', '{le="-Inf",status=""}']),
    NUMBERS,
)


@given(st.lists(st.lists(LINES, max_size=8).map("\n".join), max_size=8))
def test_whatever_numbers_a_page_holds_values_are_finite_and_totals_never_shrink(pages: list[str]) -> None:
    totals = [0.0]
    for seen in scrapes(*pages, series=["a*"]):
        assert all(abs(value) < float("inf") for value in seen.values.values())
        totals.append(max(seen.values.get("server_requests", 0.0), totals[-1] * 0))
    counted = [total for total in totals if total]
    assert counted == sorted(counted)
