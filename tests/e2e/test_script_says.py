"""What a locustfile says of itself, as far as its user sees it: exit codes, the screen, `score` and `report`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.shell import Ended, Shell
from tests.engines.conftest import KnownServer

pytestmark = pytest.mark.e2e

USER = """
import sys
from locust import HttpUser, LoadTestShape, constant, events, task
from locust.exception import StopUser
class User(HttpUser):
    wait_time = constant(0.02)
    turns = 0
    @task
    def one(self):
        self.client.get("/sleep/1")
        self.turns += 1
"""


@pytest.fixture
def server() -> Iterator[KnownServer]:
    known = KnownServer()
    yield known
    known.close()


def content(ran: Ended) -> str:
    """The verdict of a run that nothing is held against, on a machine that may be too busy to make load."""
    saturated = any(finding.get("voids") == "all" for finding in ran.result["findings"])
    return "INCONCLUSIVE" if saturated else "PASS"


BOTH = """
host: {url}
health: none
locustfile: ../own.py
users:
  User: 1
  Reader: {{tasks: [{{get: /sleep/1}}], think: 50ms, weight: 1}}
load: [{{users: 2, for: 2s}}]
"""
OWN = "the script's own users and clients"
OURS = "user types as locust.User subclasses, with loadctl's own client and waits"


def test_the_result_says_whose_users_made_the_load(loadctl: Shell, server: KnownServer) -> None:
    loadctl.write("own.py", USER)
    loadctl.write("scenarios/both.yaml", BOTH.format(url=server.url))
    short = ("-u", "1", "-t", "1s", "-H", server.url, "--json")
    going = [
        loadctl.start("run", "own.py", *short),
        loadctl.start("run", f"{server.url}/sleep/1", "-u", "1", "-t", "1s", "--json"),
        loadctl.start("run", "both", "--json"),
    ]
    said = [ended.result["engine"]["users"] for ended in (one.wait() for one in going)]
    assert said == [OWN, OURS, f"{OWN} and {OURS}"]


def test_a_listener_that_raises_and_an_exit_code_fail_the_run_now_and_later(
    loadctl: Shell, server: KnownServer
) -> None:
    loadctl.write(
        "own.py",
        USER
        + """
@events.request.add_listener
def check(response, **_):
    response.missing
@events.quitting.add_listener
def judge(environment, **_):
    environment.process_exit_code = 3
""",
    )
    ran = loadctl("run", "own.py", "-u", "4", "-t", "3s", "-H", server.url, "--json")
    assert ran.code == 1, ran.err
    found = {finding["id"]: finding for finding in ran.result["findings"]}
    fault = found["script_fault"]
    assert fault["evidence"]["count"] == server.count["GET /sleep/1"] == ran.result["counters"]["completed"]
    assert fault["evidence"]["where"] == f"own.py:{USER.count(chr(10)) + 4}"
    assert "object has no attribute 'missing' (own.py:" in fault["message"]
    assert found["script_verdict"]["message"] == "the script set exit code 3"
    assert ran.score("error_rate")["status"] == "PASS"
    again = loadctl("score", "latest", "--json")
    assert (again.code, again.result["reasons"]) == (1, ran.result["reasons"])
    reported = loadctl("report", "latest", "--json")
    assert (reported.code, reported.result["reasons"]) == (0, ran.result["reasons"])


def test_users_who_end_by_themselves_are_told_and_nothing_is_held_against_the_load(
    loadctl: Shell, server: KnownServer
) -> None:
    loadctl.write("own.py", USER + "        if self.turns == 40:\n            raise StopUser\n")
    ran = loadctl("run", "own.py", "-u", "10", "-t", "4s", "-H", server.url, "--json")
    assert ran.verdict == content(ran), ran.err
    assert server.count["GET /sleep/1"] == ran.result["counters"]["completed"] == 400
    [ended] = [finding for finding in ran.result["findings"] if finding["id"] == "users-ended"]
    assert (ended["severity"], ended["evidence"]["ended"], ended["evidence"]["planned"]) == (
        "warning",
        10,
        10,
    )
    assert "load-not-reached" not in ran.finding_ids()


SHAPE = """
class Shape(LoadTestShape):
    def tick(self):
        if self.get_run_time() < 2:
            return 4, 4
        return (8, 8) if self.get_run_time() < 5 else None
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_levels_of_a_shape_are_the_stages(loadctl: Shell, server: KnownServer, workers: str) -> None:
    loadctl.write("own.py", USER + SHAPE)
    limits = ("--target", "throughput=1/s", "--target", "latency_p95=1s")
    ran = loadctl("run", "own.py", "--workers", workers, "-H", server.url, *limits, "--json")
    assert ran.verdict == content(ran), ran.err
    stages = [(one["name"], one["start_s"], one["end_s"]) for one in ran.result["stages"]]
    assert stages == [
        ("to 4 users", 0, 1),
        ("4 users", 1, 2),
        ("to 8 users", 2, 3),
        ("8 users", 3, 5),
    ]
    assert ran.result["counters"]["completed"] == server.count["GET /sleep/1"]
    assert ran.result["window"] == {"start_s": 0, "end_s": 5}
    held = ran.result["stages"][-1]["summary"]["total"]["throughput_per_s"]
    assert ran.score("throughput")["value"] == held
    assert [event["kind"] for event in ran.result["events"]] == ["level", "level", "level"]
    again = loadctl("score", "latest", "--json")
    assert (again.code, again.result["stages"]) == (ran.code, ran.result["stages"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "@events.test_start.add_listener\ndef _(**_): open('users.csv')\n",
            "your script raised in a listener of init or test_start: FileNotFoundError",
        ),
        ("print('no licence found')\nsys.exit(7)\n", "own.py ended the process before the load (exit 7)\n"),
    ],
    ids=["a listener", "an exit"],
)
def test_what_a_script_refuses_is_a_usage_error(
    loadctl: Shell, server: KnownServer, text: str, reason: str
) -> None:
    loadctl.write("own.py", USER + text)
    ran = loadctl("run", "own.py", "-u", "1", "-t", "2s", "-H", server.url)
    assert ran.code == 2, ran.err
    assert reason in ran.err
    assert ("it printed: no licence found" in ran.err) is ("print" in text)
    assert "Traceback" not in ran.err
    assert server.count["GET /sleep/1"] == 0
