"""CSV of the intervals and the readings, read back by Python's own reader."""

from __future__ import annotations

import csv
import io

from loadctl.reports.table import INTERVALS, READINGS, intervals, readings
from loadctl.results.recording import Reading
from tests.reports.hostile import given_texts
from tests.results.recorded import interval, load, second

LOAD = load("0..10 10 up")


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_a_row_for_each_endpoint_of_a_second_and_one_for_all() -> None:
    busy = interval([2.0] * 200, errors={"timeout": 2, "generator": 1}, rate_limited=3)
    quiet = interval([10.0])
    busy.in_flight, quiet.in_flight, quiet.bytes = 4, 1, 512
    text = intervals([second(5, {"GET /a": busy, "GET /b": quiet}, users=7)], LOAD)
    whole, first, last = rows(text)
    assert list(whole) == list(INTERVALS)
    assert (whole["t_s"], whole["endpoint"], whole["planned"], whole["users"]) == ("5", "(all)", "6", "7")
    assert (whole["completed"], whole["failed"], whole["in_flight"]) == ("206", "2", "5")
    assert (first["endpoint"], first["planned"], first["users"]) == ("GET /a", "", "")
    assert (first["completed"], first["failed"], first["rate_limited"]) == ("205", "2", "3")
    assert (first["p50_ms"], first["p95_ms"], first["p99_ms"]) == ("2.000", "2.000", "")
    assert first["errors"] == "generator=1 timeout=2"
    assert (last["mean_ms"], last["p50_ms"], last["max_ms"], last["bytes"]) == ("10.000", "", "10.000", "512")


def test_a_second_without_requests_has_no_latency_and_no_zero_in_its_place() -> None:
    (row,) = rows(intervals([second(0, {})], LOAD))
    assert (row["completed"], row["mean_ms"], row["p50_ms"], row["max_ms"]) == ("0", "", "", "")


def test_a_row_for_each_value_and_a_gap_with_its_reason() -> None:
    seen = Reading(1.5, "system", "process", "uvicorn pid 4312", {"cpu_pct": 12.5}, {"memory_kind": "PSS"})
    lost = Reading(2.5, "system", "process", "uvicorn pid 4312", gap="the process ended, with code 1")
    found = rows(readings([seen, lost]))
    assert list(found[0]) == list(READINGS)
    assert [(row["t_s"], row["name"], row["value"], row["text"]) for row in found] == [
        ("1.500", "cpu_pct", "12.5", ""),
        ("1.500", "memory_kind", "", "PSS"),
        ("2.500", "gap", "", "the process ended, with code 1"),
    ]


@given_texts
def test_hostile_names_stay_in_their_cell_and_are_no_formula(text: str) -> None:
    (_, row) = rows(intervals([second(0, {text: interval([1.0])})], LOAD))
    (value,) = rows(readings([Reading(0, text, text, text, {text: 1.0})]))
    for name in (row["endpoint"], value["subject"], value["source"], value["entity"], value["name"]):
        assert not name.startswith(("=", "+", "-", "@"))
        assert not set(name) & set("\x1b\n\r\x00")
    assert len(row) == len(INTERVALS)
