"""`loadctl ui`: Locust's own page, driven by a browser, and over HTTP as its buttons do it, above our shards."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from loadctl.cli.system import demo_system
from loadctl.engines import read_report
from loadctl.scenario.reading.document import Text
from tests.e2e.browser import Keys, chromium
from tests.e2e.shell import Going, Shell, all_gone, wait_for, words_of

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
SLOW_MACHINE_S = 60
"""Other tests share its cores, and an engine starts for each run."""


@dataclass
class Page:
    going: Going
    client: httpx.Client
    greeting: str

    def form(self, **fields: object) -> dict[str, Any]:
        """What the Start and Edit buttons send."""
        answer: dict[str, Any] = self.client.post("/swarm", data=fields).json()
        return answer

    def stop(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.post("/stop").json()
        return answer

    @property
    def statistics(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get("/stats/requests").json()
        return found

    def wait_for(self, look: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return wait_for(lambda: s if look(s := self.statistics) else None, SLOW_MACHINE_S)

    def results(self) -> list[dict[str, Any]]:
        """Of all runs that are judged, in order of time."""
        paths = sorted((self.going.folder / "runs").glob("*/result.json"))
        return [json.loads(path.read_text()) for path in paths]


Open = Callable[..., Page]


@pytest.fixture
def open_page(loadctl: Shell) -> Iterator[Open]:
    clients: list[httpx.Client] = []

    def start(*arguments: str) -> Page:
        going = loadctl.start("ui", *arguments, "--port", "0")
        assert going.popen.stderr is not None
        greeting = ""
        while (found := re.search(r"http://127\.0\.0\.1:\d+\n", greeting)) is None:
            line = going.popen.stderr.readline()
            assert line, greeting
            greeting += line
        clients.append(httpx.Client(base_url=found[0].strip(), timeout=SLOW_MACHINE_S, trust_env=False))
        return Page(going, clients[-1], greeting)

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def demo_host() -> Iterator[str]:
    with demo_system() as system:
        yield system.host


def aggregated(statistics: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = statistics["stats"][-1]
    assert found["name"] == "Aggregated"
    return found


def test_each_start_is_one_run_that_the_page_steers(open_page: Open) -> None:
    page = open_page("baseline", "--demo", "--fault", "errors=5%")
    assert '"num_users": 50' in page.client.get("/").text
    ready = page.statistics
    assert (ready["state"], ready["worker_count"], ready["workers"]) == ("ready", 1, [])
    assert page.form(user_count=6, spawn_rate=6)["success"]
    page.wait_for(
        lambda s: s["state"] == "running" and s["user_count"] == 6 and aggregated(s)["num_requests"] > 20
    )
    assert page.form(user_count=12, spawn_rate=6)["success"]
    then = aggregated(page.wait_for(lambda s: s["state"] == "running" and s["user_count"] == 12))
    page.wait_for(lambda s: aggregated(s)["num_requests"] > then["num_requests"] + 60)
    assert page.stop()["success"]
    shown = page.wait_for(lambda s: s["state"] == "stopped")
    (first,) = page.results()
    assert first["verdict"] in {
        "FAIL",
        "INCONCLUSIVE",
    }  # 5 % errors; INCONCLUSIVE where the machine was too busy
    assert first["counters"]["unfinished"] == 0
    total = aggregated(shown)
    assert (total["num_requests"], total["num_failures"]) == (
        first["counters"]["completed"],
        first["counters"]["failed"],
    )
    assert total["num_failures"] > 0
    counted: dict[str, int] = {}
    for stage in first["stages"]:
        for row in stage["summary"]["endpoints"]:
            counted[row["endpoint"]] = counted.get(row["endpoint"], 0) + row["completed"]
    assert {f"{row['method']} {row['name']}": row["num_requests"] for row in shown["stats"][:-1]} == counted
    assert {error["error"] for error in shown["errors"]} == {"status_500"}
    report = page.client.get("/stats/report", params={"download": "1"}).text
    assert read_report([Text("report.html", report)]).total.requests == total["num_requests"]
    changes = [event for event in first["events"] if event["kind"] == "users"]
    assert [event["detail"]["users"] for event in changes] == [6, 12]
    assert changes[0]["t_s"] == 0
    assert first["window"]["start_s"] >= changes[1]["t_s"] + 1
    assert first["window"]["start_s"].is_integer(), (
        "a stage that began in mid-second would be scored with too few requests"
    )
    assert [stage["warmup"] for stage in first["stages"]] == [True, True, True, False]
    assert first["summary"]["total"]["completed"] < first["counters"]["completed"]
    assert any(first["verdict"] in line for line in page.client.get("/logs").json()["master"])
    said = page.client.get("/verdict").json()
    assert said["line"].startswith(first["verdict"])
    report = page.going.folder / first["run_dir"] / "report.html"
    assert page.client.get(said["report"]).content == report.read_bytes()

    assert page.form(user_count=3, spawn_rate=3, host=first["host"])["success"]
    fresh = aggregated(page.wait_for(lambda s: s["state"] == "running" and aggregated(s)["num_requests"] > 5))
    assert fresh["num_requests"] < total["num_requests"], "a new run begins with no statistics"
    assert page.client.get("/verdict").json() == {"line": "", "report": None}
    assert page.client.get("/report").status_code == 404
    children = page.going.children()
    page.going.signal(signal.SIGINT)
    ended = page.going.wait(SLOW_MACHINE_S)
    assert ended.code == 130, ended.err
    assert [result["verdict"] for result in page.results()][1:] == ["INTERRUPTED"]
    assert page.results()[1]["peak"] == 3
    assert all_gone(children)


OWN = """
from locust import HttpUser, SequentialTaskSet, constant, events, task


class Buy(SequentialTaskSet):
    @task
    def choose(self):
        self.client.get("/models")

    @task
    def pay(self):
        self.interrupt()


class Shop(HttpUser):
    weight = 3
    wait_time = constant(0.1)
    tasks = {Buy: 1}

    @task(2)
    def look(self):
        self.client.get("/health", name="look")

    @task(1)
    def broken(self):
        raise ValueError("no stock")


class Lost(HttpUser):
    wait_time = constant(0.1)

    @task
    def astray(self):
        self.client.get("/nowhere")


@events.quitting.add_listener
def judge(environment, **_):
    print("counted", environment.stats.total.num_requests)
"""


def test_a_browser_shows_what_runs(open_page: Open, loadctl: Shell, demo_host: str, tmp_path: Path) -> None:
    loadctl.write("own.py", OWN)
    page = open_page("own.py", "-H", demo_host, "--workers", "2")
    with chromium(tmp_path / "profile") as browser:
        browser.driver.set_window_size(1300, 900)
        browser.driver.get(str(page.client.base_url))

        def see(words: str) -> None:
            wait_for(lambda: words in browser.run("return document.body.innerText") or None, SLOW_MACHINE_S)

        def press(selector: str, words: str) -> None:
            button = next(e for e in browser.all(selector) if e.text.upper() == words)
            browser.run("arguments[0].click()", button)

        for name, value in (("userCount", "8"), ("spawnRate", "8")):
            browser.find(f"[name={name}]").send_keys(Keys.CONTROL + "a" + Keys.NULL + value)
        press("button", "START")
        see("look")
        see("RUNNING")
        press("[role=tab]", "CURRENT RATIO")
        see("75.0% Shop\n25.0% Buy\n50.0% choose\n50.0% pay")
        see("25.0% Lost\n100.0% astray")
        press("[role=tab]", "EXCEPTIONS")
        see("no stock")
        press("[role=tab]", "FAILURES")
        see("/nowhere")
        press("[role=tab]", "WORKERS")
        wait_for(lambda: browser.run("return document.body.innerText").count("running") == 2 or None, 30)
        press("button", "STOP")
        see("FAIL")
        see("STOPPED")
        press("[role=tab]", "STATISTICS")
        (result,) = page.results()
        see(str(result["counters"]["completed"]))
        wait_for(
            lambda: browser.find("#verdict").get_attribute("href").endswith("/report") or None, SLOW_MACHINE_S
        )
        assert browser.find("#verdict").get_attribute("href") == f"{page.client.base_url}/report"
    shown = page.statistics
    assert (aggregated(shown)["num_requests"], aggregated(shown)["num_failures"]) == (
        result["counters"]["completed"],
        result["counters"]["failed"],
    )
    exceptions = page.client.get("/exceptions").json()["exceptions"]
    assert [row["msg"] for row in exceptions] == ["no stock"]
    said = "".join(path.read_text() for path in page.going.run_dir().glob("engine/*.stdout"))
    counted = sum(int(number) for number in re.findall(r"counted (\d+)", said))
    assert counted == result["counters"]["completed"], "a report takes nothing from a script's statistics"


def test_a_page_that_is_stopped_in_a_ramp_and_a_run_with_an_end(
    open_page: Open, loadctl: Shell, demo_host: str
) -> None:
    shutil.copytree(ROOT / "scenarios", loadctl.folder / "scenarios")
    page = open_page("scenarios/locustfile.py", "-H", demo_host)
    assert page.form(user_count=400, spawn_rate=4)["success"]
    page.wait_for(lambda s: s["state"] == "spawning" and aggregated(s)["num_requests"] > 5)
    page.stop()
    assert page.form(user_count=4, spawn_rate=4, run_time="6s")["success"]
    page.wait_for(lambda s: s["state"] == "stopped" and s["user_count"] == 0)
    first, second = page.results()
    assert 4 <= first["peak"] < 100
    assert second["peak"] == 4
    for result in (first, second):
        assert (result["counters"]["failed"], result["counters"]["unfinished"]) == (0, 0)
        assert {row["endpoint"] for row in result["summary"]["endpoints"]} <= {
            "POST /login", "POST /predict", "GET /models", "GET /models/{id}", "GET /health"
        }  # fmt: skip


def test_whoever_is_killed_nobody_is_left(open_page: Open, demo_host: str) -> None:
    page = open_page("baseline", "-H", demo_host, "--workers", "2")
    form = {"user_count": 4, "spawn_rate": 4}
    assert page.form(**form)["success"]
    page.wait_for(lambda s: s["state"] == "running" and aggregated(s)["num_requests"] > 5)
    shards = [child for child in page.going.shards() if words_of(child)[-1:] != ["page"]]
    assert len(shards) == 2
    shards[0].kill()
    page.wait_for(lambda s: sorted(w["state"] for w in s["workers"]) == ["missing", "running"])
    page.stop()
    assert [result["verdict"] for result in page.results()] == ["INCONCLUSIVE"]
    assert page.form(**form)["success"]
    page.wait_for(lambda s: s["state"] == "running" and aggregated(s)["num_requests"] > 5)
    children = page.going.children()
    (itself,) = [child for child in children if words_of(child)[-1:] == ["page"]]
    itself.kill()
    ended = page.going.wait(SLOW_MACHINE_S)
    assert (ended.code, "has ended" in ended.err) == (4, True)
    assert len(page.results()) == 2
    assert all_gone(children)


def test_an_end_without_loadctl(open_page: Open, demo_host: str) -> None:
    page = open_page("baseline", "-H", demo_host)
    assert page.form(user_count=4, spawn_rate=4)["success"]
    page.wait_for(lambda s: aggregated(s)["num_requests"] > 5)
    children = page.going.children()
    page.going.popen.send_signal(signal.SIGKILL)
    page.going.wait(10)
    assert all_gone([child for child in children if child.is_running()], 10)


def test_no_other_site_and_no_other_host(open_page: Open, demo_host: str) -> None:
    page = open_page("baseline", "-H", demo_host)
    form = {"user_count": "5", "spawn_rate": "5"}
    assert page.client.post("/swarm", data=form, headers={"Origin": "http://evil.example"}).status_code == 403
    assert page.client.post("/swarm", data=form, headers={"Host": "evil.example"}).status_code == 403
    refused = page.form(**form, host="http://10.1.2.3")
    assert (refused["success"], "this page loads" in refused["message"]) == (False, True)
    assert page.statistics["state"] == "ready"
    page.going.signal(signal.SIGINT)
    assert page.going.wait(20).code == 0
    assert not (page.going.folder / "runs").exists()


def test_a_run_that_cannot_begin_is_told_on_the_page(open_page: Open) -> None:
    page = open_page("baseline", "-H", f"http://127.0.0.1:{free_port()}", "--ready-timeout", "1s")
    assert page.form(user_count=2, spawn_rate=2)["success"]
    page.wait_for(lambda s: s["state"] == "stopped")
    (exception,) = page.client.get("/exceptions").json()["exceptions"]
    assert "nothing listens" in exception["msg"]
    assert [result["verdict"] for result in page.results()] == ["ERROR"]
    page.going.signal(signal.SIGTERM)
    ended = page.going.wait(20)
    assert (ended.code, "nothing listens" in ended.err) == (0, True)


def test_what_is_wrong_is_said(loadctl: Shell, demo_host: str) -> None:
    smallest = "tasks: [{get: /}]\n"
    loadctl.write("scenarios/arrivals.yaml", smallest + "load: [{rate: 5/s, for: 10s}]\n")
    said = loadctl("ui", "arrivals", "-H", demo_host)
    assert (said.code, "Locust's page counts users" in said.err) == (2, True)
    script = "config: {phases: [{duration: 5, arrivalRate: 1}]}\nscenarios: [{flow: [{get: {url: /}}]}]\n"
    loadctl.write("script.yml", script)
    said = loadctl("ui", "script.yml", "-H", demo_host)
    assert (said.code, "is not a locustfile, so Locust's page cannot run it" in said.err) == (2, True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = loadctl("ui", "baseline", "-H", demo_host, "--port", str(taken.getsockname()[1]))
    assert (said.code, "Address already in use" in said.err, "--port" in said.err) == (2, True, True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
