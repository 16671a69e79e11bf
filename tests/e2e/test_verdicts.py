"""What a run ends with, when the truth about the system is known. The verdict never lies."""

from __future__ import annotations

import pytest

from tests.e2e.shell import Shell

pytestmark = pytest.mark.e2e

SMALL = """
think: 20ms..60ms
tasks:
  - {get: /models, weight: 3}
  - post: /predict
    json: {model: churn, features: "{{ random_floats(8) }}"}
    check: {has: prediction}
load:
  - {users: 10, over: 1s, warmup: true}
  - {users: 10, for: 3s}
"""
LIMITS = "targets: {latency_p95: 200ms, error_rate: 1%}\n"


@pytest.mark.quiet
def test_a_healthy_fast_system_passes(loadctl: Shell, engine: str) -> None:
    loadctl.write("scenarios/small.yaml", SMALL + LIMITS)
    ended = loadctl("run", "--demo", "--engine", engine, "--json")
    assert (ended.code, ended.verdict) == (0, "PASS"), ended.err
    assert ended.score("latency_p95")["value"] < 200
    assert ended.result["summary"]["total"]["latency_ms"]["p50"] < 20
    assert "no-errors" in ended.finding_ids()


def test_a_closed_port_is_an_error_and_nothing_is_sent(loadctl: Shell, engine: str) -> None:
    loadctl.write("scenarios/small.yaml", SMALL + LIMITS)
    ended = loadctl("run", "-H", "http://127.0.0.1:9", "--engine", engine, "--ready-timeout", "1s")
    assert ended.code == 4
    assert "nothing listens on 127.0.0.1:9" in ended.err
    assert "nothing was sent" in ended.err


@pytest.mark.parametrize("fault", ["errors=100%", "hang=100%@2s", "crash@3s"])
def test_a_system_that_answers_only_500_or_hangs_or_dies_fails(
    loadctl: Shell, engine: str, fault: str
) -> None:
    loadctl.write("scenarios/small.yaml", SMALL + LIMITS + "timeout: 2s\ndrain: 2s\n")
    ended = loadctl("run", "--demo", "--engine", engine, "--fault", fault, "--json")
    assert (ended.code, ended.verdict) == (1, "FAIL"), ended.err
    assert ended.score("error_rate")["status"] == "FAIL"


def test_zero_requests_are_an_error(loadctl: Shell) -> None:
    idle = "from locust import HttpUser, constant, task\nclass Idle(HttpUser):\n    wait_time = constant(1)\n"
    loadctl.write("locustfile.py", idle + "    @task\n    def nothing(self):\n        pass\n")
    ended = loadctl("run", "locustfile.py", "-u", "2", "-t", "3s", "--demo", "--json")
    assert (ended.code, ended.verdict) == (4, "ERROR"), ended.err


def test_too_few_requests_for_a_judged_percentile_are_inconclusive(loadctl: Shell) -> None:
    slower = SMALL.replace("20ms..60ms", "100ms..300ms")
    loadctl.write("scenarios/small.yaml", slower + "targets: {latency_p999: 200ms, error_rate: 1%}\n")
    ended = loadctl("run", "--demo", "--json")
    assert (ended.code, ended.verdict) == (3, "INCONCLUSIVE"), ended.err
    assert ended.score("latency_p999")["status"] == "NO_DATA"
    assert "10,000" in ended.score("latency_p999")["reason"]
    assert "cannot be judged: latency_p999" in ended.err


def test_a_saturated_generator_is_inconclusive(loadctl: Shell) -> None:
    loadctl.write(
        "locustfile.py",
        "import time\n"
        "from locust import HttpUser, constant, task\n"
        "class Burner(HttpUser):\n"
        "    wait_time = constant(0)\n"
        "    @task\n"
        "    def burn(self):\n"
        "        end = time.perf_counter() + 0.05\n"
        "        while time.perf_counter() < end:\n"
        "            pass\n"
        "        self.client.get('/models')\n",
    )
    ended = loadctl("run", "locustfile.py", "-u", "10", "-t", "5s", "--demo", "--json")
    assert (ended.code, ended.verdict) == (3, "INCONCLUSIVE"), ended.err
    assert "generator-saturated" in ended.finding_ids()


@pytest.mark.quiet
def test_latency_over_the_limit_fails_and_between_the_limits_warns(loadctl: Shell) -> None:
    loadctl.write(
        "scenarios/slow.yaml",
        SMALL + "targets: {latency_p95: {target: 10ms, critical: 1s}, error_rate: 1%}\n",
    )
    ended = loadctl("run", "--demo", "--fault", "latency=50ms@100%", "--json")
    assert (ended.code, ended.verdict) == (0, "WARN"), ended.err
    strict = loadctl(
        "run", "--demo", "--fault", "latency=50ms@100%", "--target", "latency_p95=20ms", "--json"
    )
    assert (strict.code, strict.verdict) == (1, "FAIL"), strict.err
    again = loadctl("score", "latest~1", "--fail-on", "warn")
    assert again.code == 1


def test_a_stall_shows_in_the_open_model(loadctl: Shell) -> None:
    loadctl.write(
        "scenarios/open.yaml",
        "tasks: [{get: /models}]\nload: [{rate: 120/s, for: 10s}]\ntargets: {latency_p99: 500ms, error_rate: 1%}\n",
    )
    ended = loadctl("run", "--demo", "--fault", "stall=2s/5s", "--json")
    assert (ended.code, ended.verdict) == (1, "FAIL"), ended.err
    assert 1000 < ended.score("latency_p99")["value"] < 2600
    counters = ended.result["counters"]
    assert counters["planned_arrivals"] == counters["begun"] + counters["dropped"] == 1200
