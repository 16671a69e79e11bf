"""`--metrics-port`: a real Prometheus scrapes real runs, and every query of the dashboard is asked there."""

from __future__ import annotations

import json
import math
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import httpx
import pytest

import loadctl
from tests.e2e.shell import Ended, Shell, wait_for
from tests.monitors.prometheus_server import prometheus_server

pytestmark = pytest.mark.e2e

CLOSED = """
think: 20ms
tasks: [{get: /models, weight: 3}, {get: /health}]
load: [{users: 8, over: 2s, warmup: true}, {users: 8, for: 6s, name: hold}]
targets: {latency_p95: {target: 1s, critical: 2s}, error_rate: 50%, cpu: 99%, memory: 8GB}
"""
OPEN = """
tasks: [{get: /models}]
load: [{rate: 40/s, for: 4s}]
targets: {error_rate: 50%}
"""
DASHBOARD = json.loads((Path(loadctl.__file__).parent / "reports" / "dashboard.json").read_text())
QUERIES = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]


@dataclass(frozen=True)
class Scraped:
    """Two runs, closed and open, and the Prometheus that scraped them."""

    shell: Shell
    url: str
    runs: tuple[Ended, Ended]
    began: float

    @property
    def ids(self) -> list[str]:
        return [Path(run.result["run_dir"]).name for run in self.runs]

    def ask(self, query: str, **more: str | float) -> list[Mapping[str, Any]]:
        """At one time, or over all of the runs where `step` is given."""
        way = "query_range" if "step" in more else "query"
        answer = httpx.get(f"{self.url}/api/v1/{way}", params={"query": query, **more}, trust_env=False)
        assert answer.json()["status"] == "success", answer.text
        found: list[Mapping[str, Any]] = answer.json()["data"]["result"]
        return found

    def last(self, metric: str, run: int = 0, *labels: str) -> dict[tuple[str, ...], float]:
        """What was scraped last, by the values of `labels`."""
        found = self.ask(f'last_over_time({metric}{{run="{self.ids[run]}"}}[10m])')
        return {tuple(one["metric"][name] for name in labels): float(one["value"][1]) for one in found}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    shell = Shell(tmp_path_factory.mktemp("shell"))
    shell.write("scenarios/closed.yaml", CLOSED)
    shell.write("scenarios/open.yaml", OPEN)
    shell.write("api.log", "")
    port = free_port()
    began = time.time()
    options = ("--demo", "--json", "--metrics-port", str(port), "--metrics-linger", "30s")
    with prometheus_server(tmp_path_factory.mktemp("prometheus"), f"127.0.0.1:{port}") as url:
        runs = (
            shell("run", "closed", *options, "--fault", "errors=20%", "--logs", "api.log"),
            shell("run", "open", *options),
        )
        yield Scraped(shell, url, runs, began)


def test_the_runs_end_as_they_do_without_it(scraped: Scraped) -> None:
    for run in scraped.runs:
        assert run.code in {0, 3}, run.err
        assert "metrics for Prometheus: http://127.0.0.1:" in run.err


@pytest.mark.parametrize(("title", "query"), QUERIES, ids=lambda text: text[:40])
def test_every_query_of_the_dashboard_finds_something(scraped: Scraped, title: str, query: str) -> None:
    """As Grafana asks it, with the closed run chosen; what only the open model has, with the open run."""
    asked = query.replace("$__rate_interval", "2s").replace("$__range", "10m")
    assert "$" not in asked.replace("$run", "")
    only_open = re.search("arrival", asked) is not None
    asked = asked.replace("$run", scraped.ids[only_open])
    found = scraped.ask(asked, start=scraped.began, end=time.time(), step=0.5)
    values = [float(value) for series in found for _, value in series["values"]]
    assert any(map(math.isfinite, values)), f"{title}: {asked}"


def test_the_dashboard_offers_the_runs(scraped: Scraped) -> None:
    variable = next(one for one in DASHBOARD["templating"]["list"] if one["name"] == "run")
    assert variable["definition"] == variable["query"]["query"] == "label_values(loadctl_run_info, run)"
    answer = httpx.get(
        f"{scraped.url}/api/v1/label/run/values", params={"match[]": "loadctl_run_info"}, trust_env=False
    )
    assert sorted(answer.json()["data"]) == sorted(scraped.ids)


@pytest.mark.parametrize("run", [0, 1], ids=["closed", "open"])
def test_the_counters_at_the_end_are_those_of_the_result(scraped: Scraped, run: int) -> None:
    result = scraped.runs[run].result
    counters = result["counters"]
    requests = scraped.last("loadctl_requests_total", run, "endpoint", "outcome")
    assert sum(requests.values()) == counters["completed"] > 100
    assert sum(n for (_, outcome), n in requests.items() if outcome == "failed") == counters["failed"]
    told: dict[str, list[Any]] = {}
    for stage in result["stages"]:
        for one in stage["summary"]["endpoints"]:
            told.setdefault(one["endpoint"], []).append(one)
    for endpoint, parts in told.items():
        failed = sum(part["failed"] for part in parts)
        assert requests[endpoint, "failed"] == failed
        assert requests[endpoint, "ok"] == sum(part["completed"] for part in parts) - failed
        classes: dict[str, int] = {}
        for part in parts:
            for name, count in part["errors"].items():
                classes[name] = classes.get(name, 0) + count
        failures = scraped.last("loadctl_failures_total", run, "endpoint", "class")
        assert {name: n for (where, name), n in failures.items() if where == endpoint} == classes
        assert (
            scraped.last("loadctl_latency_seconds_count", run, "endpoint")[endpoint,]
            == requests[endpoint, "ok"]
        )
    if run == 1:
        arrivals = scraped.last("loadctl_arrivals_total", run, "outcome")
        assert arrivals == {("begun",): counters["begun"], ("dropped",): counters["dropped"]}


def test_the_verdict_is_scraped_at_the_end_and_never_before(scraped: Scraped) -> None:
    for run, ended in enumerate(scraped.runs):
        found = scraped.last("loadctl_verdict", run, "loadctl_verdict")
        assert [word for (word,), value in found.items() if value] == [ended.verdict]
        exit_codes = scraped.ask(
            f'loadctl_exit_code{{run="{scraped.ids[run]}"}}', start=scraped.began, end=time.time(), step=0.2
        )
        seconds = [t for t, _ in exit_codes[0]["values"]]
        assert max(seconds) - min(seconds) < 3  # not while the load went on


def test_percentiles_are_those_of_the_result_and_not_guessed_from_buckets(scraped: Scraped) -> None:
    """The whole closed run is shorter than the half minute that the page tells of."""
    told = scraped.last("loadctl_recent_latency_seconds", 0, "percentile")["p95",]
    scored = scraped.last("loadctl_scored_latency_seconds", 0, "percentile")["p95",]
    p95_ms = scraped.runs[0].result["summary"]["total"]["latency_ms"]["p95"]
    assert scored == pytest.approx(p95_ms / 1000)
    assert told == pytest.approx(scored, rel=0.5)


def test_report_says_the_same_from_the_directory_alone(scraped: Scraped) -> None:
    page = scraped.shell("report", scraped.ids[0], "--format", "openmetrics").out
    assert page.endswith("# EOF\n")
    completed = scraped.runs[0].result["counters"]["completed"]
    assert f'loadctl_run_requests{{run="{scraped.ids[0]}",state="completed"}} {completed}.0' in page


def test_a_taken_port_is_told_before_anything_is_sent(loadctl: Shell) -> None:
    loadctl.write("scenarios/closed.yaml", CLOSED)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = loadctl("run", "closed", "--demo", "--metrics-port", str(port))
    assert ended.code == 2
    assert f"cannot listen on 127.0.0.1:{port} for --metrics-port: Address already in use" in ended.err
    assert not (loadctl.folder / "runs").exists()


def test_neither_a_crowd_of_scrapers_nor_ctrl_c_while_it_lingers_disturbs_the_run(loadctl: Shell) -> None:
    loadctl.write("scenarios/closed.yaml", CLOSED)
    port = free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    going = loadctl.start(
        "run", "closed", "--demo", "--json", "--metrics-port", str(port), "--metrics-linger", "10m"
    )
    going.wait_for_seconds(1)
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            httpx.get(url, trust_env=False)

    crowd = [threading.Thread(target=ask) for _ in range(3)]
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
    for one in crowd:
        one.start()
    going.wait_for_seconds(4)
    over.set()
    for one in crowd:
        one.join()
    wait_for(lambda: (going.run_dir() / "result.json").exists() or None, 30)
    with pytest.raises(TimeoutExpired):  # it has its result, and waits for a reader that does not come
        going.popen.wait(1)
    going.signal(signal.SIGINT)
    ended = going.wait(10)
    for silent in idle:
        silent.close()
    assert ended.code in {0, 3}, ended.err
    assert "Traceback" not in ended.err
    assert ended.result["counters"]["completed"] > 100
