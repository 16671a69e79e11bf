"""What a search for capacity says."""

from __future__ import annotations

import json

from loadctl.analysis.capacity import Probe, Search
from loadctl.reports.terminal.capacity import document, probe_line, text, verdict
from tests.results.recorded import load, scenario


def search(*probes: Probe, whole: bool = False) -> Search:
    return Search(50, 1000, whole, list(probes))


def probe(level: float, outcome: str, why: str = "", throughput: float | None = None) -> Probe:
    return Probe(level, outcome, why, throughput, 12.3, "runs/x")  # type: ignore[arg-type]


FOUND = search(probe(100, "meets", "", 200), probe(110, "fails", "latency p95", 205))


def test_a_band_in_requests() -> None:
    assert verdict(FOUND, "/s") == (
        "Meets all targets up to 210 requests/s (190 to 231), which are 105 arrivals/s. "
        "What fails next: latency p95."
    )


def test_a_band_in_users() -> None:
    found = search(probe(7, "meets", "", 70), probe(8, "fails", "error rate"), whole=True)
    assert verdict(found, "users") == "Meets all targets up to 7 users (6 to 9). What fails next: error rate."


def test_ends_that_are_no_band() -> None:
    assert verdict(search(probe(50, "fails", "error rate")), "/s") == (
        "Does not meet the targets even at 50/s: error rate."
    )
    unclear = search(probe(50, "meets", "", 50), probe(100, "unclear", "the generator was saturated"))
    assert verdict(unclear, "/s") == (
        "Meets all targets at 50/s; no result at 100/s: the generator was saturated."
    )
    assert verdict(search(probe(50, "unclear", "nothing answered")), "/s") == (
        "No result at 50/s: nothing answered."
    )


def test_lines_and_document() -> None:
    assert probe_line(3, probe(110, "fails", "latency p95", 205), "/s") == (
        "  3       110/s  205/s done, p95 12.3 ms, fails: latency p95"
    )
    shown = text(scenario(load("10 60 hold")), FOUND, "/s", "runs/capacity")
    assert all(len(line) <= 80 for line in shown.splitlines())
    told = json.loads(document(scenario(load("10 60 hold")), FOUND, "/s"))
    assert (told["highest_met"], told["lowest_failed"], told["requests_per_arrival"]) == (100, 110, 2.0)
    assert [one["outcome"] for one in told["probes"]] == ["meets", "fails"]
