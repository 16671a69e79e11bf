"""Locust's statistics as scripts read them: exact counts, percentiles as near as the recorder's, bounded names."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FEED = """
import json, sys
from locust.env import Environment
from locust.stats import RequestStats
from loadctl.engines.locust.inside.recorder.cells import Flight
from loadctl.engines.locust.inside.recorder.recorder import Recorder
from loadctl.engines.locust.inside.recorder.statistics import Statistics
class Scripted(Flight):
    pass
now = [1000.0]
stats = RequestStats()
recorder = Recorder(lambda line: None, clock=lambda: now[0])
statistics = Statistics(stats, recorder.clock, recorder.uncount, wall=lambda: now[0])
recorder.statistics = statistics
recorder.start(1000.0)
for act, *given in json.load(sys.stdin):
    if act == "add":
        statistics.add(*given)
    elif act == "request":
        endpoint, us, error = given
        recorder.end(recorder.begin(endpoint), us=us, error=error, size=7)
    elif act == "scripted":
        endpoint, entry, us = given
        flight = Scripted(recorder.endpoint(endpoint), now[0])
        flight.entry = tuple(entry)
        recorder.end(flight, us=us, size=7)
    elif act == "wait":
        now[0] += given[0]
    elif act == "second":
        recorder.write_frames()
    else:
        getattr(stats if act in {"reset_all", "clear_all"} else statistics, act)()
names = ("num_requests", "num_failures", "num_none_requests", "min_response_time", "max_response_time",
    "avg_response_time", "total_content_length", "fail_ratio", "last_request_timestamp")
def told(entry):
    return {
        **{name: getattr(entry, name) for name in names},
        "percentiles": [entry.get_response_time_percentile(q) for q in (0.5, 0.9, 0.95, 0.99)],
        "times": len(entry.response_times),
        "per_second": {str(t): n for t, n in entry.num_reqs_per_sec.items()},
        "failed": {str(t): n for t, n in entry.num_fail_per_sec.items()},
    }
print(json.dumps({
    "total": told(stats.total),
    "entries": {f"{method} {name}": told(entry) for (name, method), entry in stats.entries.items()},
    "errors": {error.to_name(): error.occurrences for error in stats.errors.values()},
}))
"""


def fed(*acts: list[Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", FEED],
        input=json.dumps(acts),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_counts_are_exact_and_percentiles_within_a_bucket() -> None:
    chance = random.Random(1)
    times = [round(chance.lognormvariate(3, 1.5), 4) for _ in range(5000)]
    acts: list[list[Any]] = [
        ["add", "GET", "/a", ms, 10, "bad" if i % 10 == 0 else None] for i, ms in enumerate(times)
    ]
    acts.insert(2500, ["wait", 1.5])
    acts.insert(2500, ["flush"])
    total = fed(*acts, ["add", "WS", "/send", None, 5, None], ["flush"])["total"]
    assert (total["num_requests"], total["num_failures"], total["num_none_requests"]) == (5001, 500, 1)
    extremes = (total["min_response_time"], total["max_response_time"])
    assert extremes == pytest.approx((min(times), max(times)), abs=0.0005)
    assert total["avg_response_time"] == pytest.approx(sum(times) / 5000)
    assert total["total_content_length"] == 50_005
    assert total["fail_ratio"] == 500 / 5001
    assert total["per_second"] == {"1000": 2500, "1001": 2501}
    assert total["failed"] == {"1000": 250, "1001": 250}
    assert total["last_request_timestamp"] == 1001.5
    for q, found in zip((0.5, 0.9, 0.95, 0.99), total["percentiles"], strict=True):
        truth = sorted(times)[int(q * 5000)]
        assert truth <= found <= truth * 1.0079


def test_seconds_of_user_types_stand_under_method_and_path() -> None:
    told = fed(
        *[["request", "GET /a", 2000, None]] * 3,
        ["request", "GET /a", 9000, "status_500"],
        ["request", "checkout", 5000, None],
        ["wait", 1.01],
        ["second"],
    )
    entry = told["entries"]["GET /a"]
    assert (entry["num_requests"], entry["num_failures"], entry["total_content_length"]) == (4, 1, 28)
    assert (entry["min_response_time"], entry["max_response_time"]) == (2.0, 9.0)
    assert (entry["per_second"], entry["failed"]) == ({"1000": 4}, {"1000": 1})
    assert told["entries"][" checkout"]["num_requests"] == 1
    assert told["errors"] == {"GET /a: status_500": 1}
    assert told["total"]["num_requests"] == 5


def test_names_and_errors_are_bounded_and_the_total_stays_exact() -> None:
    acts = [["add", "GET", f"/{i}", 1.0, 1, f"error {i}"] for i in range(700)]
    told = fed(*acts, ["flush"], *acts, ["flush"])
    assert len(told["entries"]) == 501
    assert told["entries"][" (other)"]["num_requests"] == 400
    assert len(told["errors"]) == 100
    assert set(told["errors"].values()) == {2}
    assert (told["total"]["num_requests"], told["total"]["num_failures"]) == (1400, 1400)


def test_requests_of_a_script_stand_under_the_names_that_locust_gives_them() -> None:
    """One endpoint of ours may have several names there, and one of those may belong to several endpoints."""
    told = fed(
        *[["scripted", "GET /a", ["/a?x=1", "GET"], 2000]] * 2,
        ["scripted", "GET /a", ["/a?x=2", "GET"], 9000],
        ["scripted", "GET /b", ["/a?x=2", "GET"], 4000],
        ["request", "GET /a", 1000, None],
        ["add", "GET", "/a?x=2", 3.0, 1, "bad"],
        ["wait", 1.01],
        ["second"],
    )
    counts = {name: (entry["num_requests"], entry["num_failures"]) for name, entry in told["entries"].items()}
    assert counts == {"GET /a?x=1": (2, 0), "GET /a?x=2": (3, 1), "GET /a": (1, 0)}
    entry = told["entries"]["GET /a?x=2"]
    assert (entry["min_response_time"], entry["max_response_time"]) == (3.0, 9.0)
    assert told["total"]["total_content_length"] == 5 * 7 + 1


def test_ever_new_names_end_in_one_entry() -> None:
    acts: list[list[Any]] = [["scripted", "GET /a", [f"/a?x={i}", "GET"], 1000] for i in range(700)]
    told = fed(*acts, ["wait", 1.01], ["second"])
    assert len(told["entries"]) == 501
    assert told["entries"][" (other)"]["num_requests"] == 200
    assert told["total"]["num_requests"] == 700


@pytest.mark.parametrize("act", ["reset_all", "clear_all"])
def test_a_second_that_is_reset_midway_counts_from_there(act: str) -> None:
    scripted = ["scripted", "GET /a", ["/a", "GET"], 1000]
    told = fed(scripted, ["request", "GET /b", 1000, None], [act], scripted, ["wait", 1.01], ["second"])
    assert told["total"]["num_requests"] == 1
    assert told["entries"]["GET /a"]["num_requests"] == 1


@pytest.mark.parametrize("act", ["reset_all", "clear_all"])
def test_what_ended_before_a_reset_does_not_come_after_it(act: str) -> None:
    told = fed(["add", "GET", "/", 1.0, 1, "bad"], [act], ["add", "GET", "/", 2.0, 1, None], ["flush"])
    assert (told["total"]["num_requests"], told["total"]["num_failures"]) == (1, 0)
    assert not told["errors"]


def test_what_is_kept_does_not_grow_with_the_seconds() -> None:
    """Locust keeps a key for each different time, for the whole run."""
    acts: list[list[Any]] = []
    for second in range(300):
        acts += [["add", "GET", "/", 100 + second / 300, 1, None], ["flush"]]
    assert fed(*acts)["total"]["times"] <= 3
