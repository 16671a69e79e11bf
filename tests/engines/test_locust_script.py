"""Bring your own: a locustfile, unmodified, under our load and recorder.

Traps of Locust that have no test here cannot happen: its histogram, percentiles, JSON and exit codes are never read;
there is no master, worker or --processes; locust.main, its shape worker, --reset-stats and -t are never called.
"""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from loadctl.engines.locust.engine import LocustEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engines.conftest import KnownServer, Said, Shards

pytestmark = pytest.mark.quiet  # a dozen shards at once

BOTH = """
class Fast(FastHttpUser):
    wait_time = constant(0.05)
    @task
    def one(self):
        self.client.get("/sleep/20?page=1")
class Plain(HttpUser):
    wait_time = constant(0.05)
    @task
    def one(self):
        self.client.post("/sleep/30", json={"a": 1}, name="/sleep/[ms]")
"""
OUTCOMES = """
class Fast(FastHttpUser):
    wait_time = constant(0.1)
    @task
    def all(self):
        self.client.get("/status/503")
        self.client.get("/reset")
        self.client.get("/sleep/900")
        with self.client.get("/status/500", name="saved", catch_response=True) as r:
            r.success()
        with self.client.get("/", name="judged", catch_response=True) as r:
            r.failure("the balance is wrong")
        with self.client.get("/", catch_response=True) as r:
            r.request_meta["name"] = "renamed"
        with self.client.rename_request("grouped"):
            self.client.get("/status/201")
class Plain(HttpUser, ):
    wait_time = constant(0.1)
    all = Fast.all
    tasks = [all]
class Own(User):
    wait_time = constant(0.1)
    @task
    def call(self):
        with self.environment.events.request.measure("grpc", "Say") as meta:
            meta["response_length"] = 7
    @task
    def refused(self):
        import requests
        with self.environment.events.request.measure("raw", "refused"):
            requests.get("http://127.0.0.1:PORT/")
"""
CURIOUS = """
import json, os, sys
from pathlib import Path
HERE = Path(__file__).parent
assert "loadctl" not in sys.modules and not any("inside" in p or "loadctl" in p for p in sys.path), sys.path
import neighbour
import recorder as mine
assert mine.THEIRS == HERE.name
import time
assert "gevent" in time.sleep.__module__, "Locust patches the interpreter"
seen = {"events": []}
@events.init_command_line_parser.add_listener
def options(parser):
    parser.add_argument("--my-option", default="lost", env_var="LOCUST_MY_OPTION")
    parser.add_argument("--my-other", default="lost", env_var="MY_OTHER")
@events.init.add_listener
def init(environment, **_):
    plain = (str, int, float, list)
    seen["options"] = {k: v for k, v in vars(environment.parsed_options).items() if isinstance(v, plain)}
    seen["host"] = environment.host
    seen["web_ui"] = environment.web_ui
    seen["events"].append("init")
for name in ("test_start", "test_stopping", "test_stop", "quitting"):
    getattr(events, name).add_listener(lambda name=name, **_: seen["events"].append(name))
@events.quit.add_listener
def quit(exit_code, **_):
    (HERE / "seen.json").write_text(json.dumps(seen))
@events.test_stop.add_listener
def count(environment, **_):
    seen["requests"] = environment.stats.total.num_requests
    seen["names"] = sorted(name for name, _ in environment.stats.entries)
class Shape(LoadTestShape):
    def tick(self):
        return None
class Curious(FastHttpUser):
    wait_time = constant_pacing(0.1)
    def on_start(self):
        seen["user_count"] = self.environment.runner.user_count
    @task
    @tag("wanted")
    def a(self):
        self.client.get("/sleep/1")
    def on_stop(self):
        self.client.get("/logout")
"""
ARRIVE = """
class Arrives(FastHttpUser):
    wait_time = constant(100)
    @task
    def a(self): self.client.get("/sleep/PAUSE")
"""
ONCE = """
class Once(FastHttpUser):
    wait_time = constant(0.2)
    @task
    def a(self):
        self.client.get("/reset")
        self.client.delete("/reset")
        self.client.get("/sleep/1")
"""
BROKEN = """
class Broken(FastHttpUser):
    wait_time = constant(0.02)
    @task
    def a(self):
        with self.client.get("/sleep/1", catch_response=True) as r:
            raise ValueError("my own mistake")
class Sound(FastHttpUser):
    wait_time = constant(0.02)
    @task
    def a(self):
        self.client.get("/sleep/2")
class NeverBorn(FastHttpUser):
    def on_start(self):
        raise RuntimeError("no account")
    @task
    def a(self): pass
"""
WEIGHTED = """
class A(FastHttpUser):
    wait_time = constant(0.05)
    @task
    def a(self): self.client.get("/a")
class B(A):
    @task
    def b(self): self.client.get("/b")
class C(A):
    weight = 50
    @task
    def c(self): self.client.get("/c")
"""
QUITS = """
class Quits(FastHttpUser):
    wait_time = constant(0.1)
    @task
    def a(self):
        self.client.get("/a")
        self.environment.runner.quit()
"""
EXITS = """
import sys
class Exits(FastHttpUser):
    wait_time = constant(0.1)
    @task
    def a(self):
        self.client.get("/a")
        sys.exit("enough")
"""
DRAINS = """
class Slow(FastHttpUser):
    @task
    def a(self):
        self.client.get("/sleep/1300")
        self.client.get("/never/after/the/end")
class Hung(HttpUser):
    @task
    def a(self): self.client.get("/hang")
"""
HELD_UP = """
import time
from gevent import monkey
class Arrives(FastHttpUser):
    @task
    def a(self):
        if not hasattr(Arrives, "held"):
            Arrives.held = True
            end = time.perf_counter() + 0.6
            while time.perf_counter() < end: pass
        self.client.get("/sleep/5")
"""
SECRET_PATH = """
class Path(FastHttpUser):
    wait_time = constant(0.2)
    @task
    def a(self): self.client.get("/status/500/s3cret-path")
"""
SLEEPS = """
import time
class Sleeps(FastHttpUser):
    @task
    def a(self):
        self.client.get("/a")
        time.sleep(30)
"""
FEW_FILES = """
import resource
class Starved(FastHttpUser):
    wait_time = constant(0.1)
    def on_start(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, 1))
    @task
    def a(self): self.client.get("/a")
"""


@dataclass(frozen=True)
class Plan:
    """One script under one load; `surroundings` puts files beside it."""

    text: str
    load: tuple[str, *tuple[tuple[float, float, float], ...]]
    options: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, int] = field(default_factory=dict)
    surroundings: Callable[[Path], None] = lambda _: None


def _surround(folder: Path) -> None:
    (folder / "neighbour.py").write_text("")
    (folder / "recorder.py").write_text(f"THEIRS = {folder.name!r}")
    (folder / "locust.conf").write_text("host = http://127.0.0.1:1\nusers = 77\ntags = other\n")
    (folder / "pyproject.toml").write_text("[tool.locust]\nhost = 'http://127.0.0.1:1'\nstop_timeout = 55\n")


def _closed_port() -> int:
    with socket.socket() as closed_port:
        closed_port.bind(("127.0.0.1", 0))
        return int(closed_port.getsockname()[1])


LOCUST_VARIABLES = {
    "LOCUST_HOST": "http://127.0.0.1:1",
    "LOCUST_USERS": "88",
    "LOCUST_TAGS": "other",
    "LOCUST_MY_OPTION": "kept",
    "MY_OTHER": "found",
    "LOCUST_SKIP_MONKEY_PATCH": "1",
}
SECRET = "s3cret-path"
PLANS = {
    "both": Plan(BOTH, ("closed", (4, 4, 2))),
    "ramps": Plan(BOTH, ("closed", (0, 20, 2), (20, 5, 1))),
    "outcomes": Plan(
        OUTCOMES.replace("PORT", str(_closed_port())), ("closed", (6, 6, 2.5)), {"timeout_s": 0.3}
    ),
    "once": Plan(ONCE, ("closed", (2, 2, 1.5))),
    "broken": Plan(BROKEN, ("closed", (3, 3, 1.5))),
    "starved": Plan(FEW_FILES, ("closed", (2, 2, 1))),
    "curious": Plan(CURIOUS, ("closed", (2, 2, 1.2)), {"env": LOCUST_VARIABLES}, surroundings=_surround),
    "weighted": Plan(WEIGHTED, ("closed", (8, 8, 1.5)), weights={"A": 3, "B": 1}),
    "quits": Plan(QUITS, ("closed", (2, 2, 20))),
    "exits": Plan(EXITS, ("closed", (2, 2, 20))),
    "drains": Plan(DRAINS, ("closed", (4, 4, 1)), {"drain_s": 1.5, "timeout_s": 30.0}),
    "sleeps": Plan(SLEEPS, ("closed", (2, 2, 1)), {"drain_s": 9.0}),
    "dropped": Plan(ARRIVE.replace("PAUSE", "700"), ("open", (20, 20, 2)), {"max_in_flight": 4}),
    "held up": Plan(HELD_UP, ("open", (20, 20, 1.5))),
    "secret": Plan(SECRET_PATH, ("closed", (1, 1, 1)), {"secrets": {SECRET: "${TOKEN}"}}),
}
AT_ONCE = 7


@dataclass(frozen=True)
class Done:
    said: Said
    server: KnownServer
    folder: Path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, start_server: Any, start_shards: Any) -> dict[str, Done]:
    """All plans, several at a time, each against a server of its own: they mostly wait."""
    found: dict[str, Done] = {}
    names = list(PLANS)
    for wave in (names[at : at + AT_ONCE] for at in range(0, len(names), AT_ONCE)):
        started = []
        for name in wave:
            plan, server = PLANS[name], start_server()
            shards = start_shards(tmp_path_factory.mktemp("run"), server)
            script = replace(shards.locustfile(plan.text), weights=plan.weights)
            plan.surroundings(Path(script.path).parent)
            model, *stages = plan.load
            load = shards.closed(*stages) if model == "closed" else shards.opened(*stages)
            started.append((name, server, shards.spawn(script=script, load=load, **plan.options), script))
        for _, _, shard, _ in started:
            shard.wait_for_hello()
        for _, _, shard, _ in started:
            shard.start(0.2)
        for name, server, shard, script in started:
            found[name] = Done(shard.result(), server, Path(script.path).parent)
    return found


def test_http_user_and_fast_http_user_are_counted_as_the_server_counts(done: dict[str, Done]) -> None:
    said, server = done["both"].said, done["both"].server
    assert said.returncode == 0, said.stderr
    assert said.ok("GET /sleep/20") == server.count["GET /sleep/20"] > 20
    assert said.ok("POST /sleep/[ms]") == server.count["POST /sleep/30"] > 20
    assert said.totals["started"] == said.totals["completed"] == server.count.total()
    assert said.totals["turns"] == said.totals["completed"]
    assert said.totals["faults"] == 0
    for endpoint, floor in (("GET /sleep/20", 20_000), ("POST /sleep/[ms]", 30_000)):
        assert min(cell["ok"]["min_us"] for cell in said.cells(endpoint)) >= floor
        total = sum(cell["ok"]["sum_us"] for cell in said.cells(endpoint))
        assert total / said.ok(endpoint) < floor + 25_000


def test_a_frame_for_every_second_and_users_as_planned(done: dict[str, Done]) -> None:
    said = done["ramps"].said
    assert [line["t"] for line in said.frames][:3] == [0, 1, 2]
    planned = (10, 20, 5)
    assert all(abs(line["users"] - plan) <= 2 for line, plan in zip(said.frames, planned, strict=False))
    assert all(8 <= len(line["lag_ms"]) <= 12 for line in said.frames[:3])
    assert said.ended - said.t0 < 8.0


def test_outcomes_are_classified_alike_for_every_client(done: dict[str, Done]) -> None:
    said = done["outcomes"].said
    assert said.totals["faults"] == 0, said.stderr
    assert said.errors("GET /status/503").keys() == {"status_503"}
    assert said.errors("GET /reset").keys() == {"reset"}
    assert said.errors("GET /sleep/900").keys() == {"timeout"}
    assert said.errors("GET judged").keys() == {"check_failed"}
    assert said.errors("raw refused").keys() == {"connect_refused"}
    for endpoint in ("GET saved", "GET renamed", "GET grouped", "grpc Say"):
        assert said.ok(endpoint) > 0
        assert not said.errors(endpoint)
    assert sum(cell["bytes"] for cell in said.cells("grpc Say")) == 7 * said.ok("grpc Say")
    example = next(line for line in said.of("example") if line["endpoint"] == "GET judged")
    assert (example["message"], example["status"]) == ("the balance is wrong", 200)
    assert example["body"] == '{"ok":true}'
    by_kind = [(line["endpoint"], line["class"]) for line in said.of("example")]
    assert max(map(by_kind.count, by_kind)) == 3
    sent = said.totals["completed"] - said.ok("grpc Say") - said.errors("raw refused").total()
    assert sent == done["outcomes"].server.count.total(), "nothing is sent twice, nothing is lost"


def test_fast_http_user_never_sends_a_request_again(done: dict[str, Done]) -> None:
    said, server = done["once"].said, done["once"].server
    for method in ("GET", "DELETE"):
        assert said.errors(f"{method} /reset").total() == server.count[f"{method} /reset"] > 0
    assert said.ok("GET /sleep/1") == server.count["GET /sleep/1"] > 0


def test_an_exception_in_a_task_is_the_generators_fault_not_the_systems(done: dict[str, Done]) -> None:
    said = done["broken"].said
    assert said.totals["faults"] == said.sum("faults") > 20
    assert said.totals["failed"] == 0
    assert said.totals["turns"] == said.totals["faults"] + said.ok("GET /sleep/2")
    messages = {line["message"] for line in said.of("example") if line["class"] == "generator"}
    assert "ValueError: my own mistake" in messages
    assert said.stderr.count("Traceback") <= 25, "a script that always raises does not fill the disk"
    assert said.frames[0]["users"] == 2, "Locust does not bring back a user whose on_start raised"


def test_no_descriptors_left_is_the_generators_fault(done: dict[str, Done]) -> None:
    said = done["starved"].said
    assert said.totals["faults"] > 0
    assert said.totals["failed"] == said.totals["completed"] == 0
    assert "Too many open files" in said.of("example")[0]["message"]


def test_only_the_script_itself_is_asked_not_its_surroundings(done: dict[str, Done]) -> None:
    """LOCUST_* variables, locust.conf, pyproject.toml and shapes stay out; events, options, statistics work."""
    said, server = done["curious"].said, done["curious"].server
    assert said.returncode == 0, said.stderr
    seen = json.loads((done["curious"].folder / "seen.json").read_text())
    assert seen["host"] == seen["options"]["host"] == server.url
    assert seen["options"]["my_option"] == "kept"
    assert seen["options"]["my_other"] == "found"
    assert 77 not in seen["options"].values()
    assert 88 not in seen["options"].values()
    assert seen["web_ui"] is None
    assert seen["events"] == ["init", "test_start", "test_stopping", "test_stop", "quitting"]
    assert seen["user_count"] in {1, 2}
    assert seen["requests"] == said.totals["completed"] == server.count.total()
    assert seen["names"] == ["/logout", "/sleep/1"]
    assert "load shape Shape of locustfile.py is not used" in said.notes
    assert said.ok("GET /logout") == 2, "on_stop may clean up"


def test_classes_are_chosen_and_weighted_by_the_scenario(done: dict[str, Done]) -> None:
    said = done["weighted"].said
    assert not said.ok("GET /c")
    assert 3 < said.ok("GET /a") / said.ok("GET /b") < 15


@pytest.mark.parametrize("how", ["quits", "exits"])
def test_a_script_that_stops_the_test_stops_it(done: dict[str, Done], how: str) -> None:
    said = done[how].said
    assert said.bye["t"] < 3
    assert said.returncode == 10
    assert "the script stopped the test" in said.notes


def test_secrets_in_paths_of_a_script_are_redacted(done: dict[str, Done]) -> None:
    said = done["secret"].said
    assert said.errors("GET /status/500/***").keys() == {"status_500"}
    assert SECRET not in json.dumps(said.lines)


def test_requests_in_flight_drain_and_what_is_left_is_unfinished_with_its_age(done: dict[str, Done]) -> None:
    said, server = done["drains"].said, done["drains"].server
    assert said.ok("GET /sleep/1300") == 2
    assert list(said.bye["unfinished"]) == ["GET /hang"]
    ages = said.bye["unfinished"]["GET /hang"]
    assert len(ages) == 2
    assert all(1400 < age < 3200 for age in ages)
    assert said.totals["started"] == 4 == said.totals["completed"] + 2
    assert server.count["GET /never/after/the/end"] == 0, "no request begins after the last stage"
    assert [cell["in_flight"] for cell in said.cells("GET /hang")][:2] == [2, 2]
    assert 2.4 < said.bye["t"] < 3.6
    assert said.frames[1]["leaving"] >= 2


def test_tasks_that_only_sleep_are_not_waited_for(done: dict[str, Done]) -> None:
    assert done["sleeps"].said.bye["t"] < 3
    assert done["sleeps"].said.totals["completed"] == 2


def test_open_model_drops_what_max_in_flight_does_not_hold(done: dict[str, Done]) -> None:
    said, server = done["dropped"].said, done["dropped"].server
    assert said.totals["planned"] == 40 == said.totals["begun"] + said.totals["dropped"]
    assert said.totals["begun"] == server.count["GET /sleep/700"]
    assert 8 <= said.totals["begun"] <= 12
    assert said.frames[0]["users"] == 4


def test_open_model_latency_counts_from_when_the_arrival_was_due(done: dict[str, Done]) -> None:
    said = done["held up"].said
    assert said.ok("GET /sleep/5") == 30
    assert max(cell["ok"]["max_us"] for cell in said.cells("GET /sleep/5")) > 500_000
    late = [line["late"] for line in said.frames if line["late"]]
    assert max(cell["max_us"] for cell in late) > 400_000
    assert max(max(line["lag_ms"], default=0) for line in said.frames) > 400


def test_open_model_arrivals_are_on_time_whatever_the_wait_time_says(
    shards: Shards, server: KnownServer
) -> None:
    load = shards.opened((40, 40, 1), (40, 120, 1))
    started = [
        shards.spawn(script=shards.locustfile(ARRIVE.replace("PAUSE", "20")), load=load, shard=k, shards=2)
        for k in range(2)
    ]
    for shard in started:
        shard.wait_for_hello()
    t0 = started[0].start(0.2)
    started[1].start_at(t0)
    both = [shard.result() for shard in started]
    assert [said.totals["planned"] for said in both] == [60, 60]
    assert sum(said.ok("GET /sleep/20") for said in both) == server.count["GET /sleep/20"] == 120
    assert sum(said.totals["begun"] for said in both) == 120
    in_first = sum(at < t0 + 1 for at in server.at["/sleep/20"])
    assert 36 <= in_first <= 41
    for said in both:
        late = [line["late"] for line in said.frames if line["late"]]
        assert sum(cell["n"] for cell in late) == 60
        assert sum(cell["sum_us"] for cell in late) / 60 < 20_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_like_this\n", "ModuleNotFoundError: No module named 'nothing_like_this' (line 2)"),
        ("class A(:\n", "SyntaxError"),
        ("x = 1\n", "locustfile.py has no user class"),
    ],
    ids=["an import that fails", "a syntax error", "no users"],
)
def test_a_script_that_cannot_run_says_why_in_one_sentence(shards: Shards, text: str, reason: str) -> None:
    shard = shards.spawn(script=shards.locustfile(text), load=shards.closed((1, 1, 1)))
    shard.wait_for_hello()
    said = shard.result()
    assert not said.of("hello")
    outcome = LocustEngine().outcome(said.returncode or 0, said.stderr)
    assert outcome.kind == "failed"
    assert reason in (outcome.reason or "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import sys; sys.exit(0)\n", "locustfile.py ended the process before the load (exit 0)"),
        (
            "import sys; sys.exit('set LICENSE')\n",
            "locustfile.py ended the process before the load: set LICENSE",
        ),
        (
            "import sys\nprint('no LICENSE', file=sys.stderr)\nsys.exit(7)\n",
            "no LICENSE\nlocustfile.py ended the process before the load (exit 7)",
        ),
        (
            "import argparse\nargparse.ArgumentParser().parse_args(['--tenant'])\n",
            "locust: error: unrecognized arguments: --tenant\nlocustfile.py ended the process before the load (exit 2)",
        ),
        (
            BOTH + "@events.init.add_listener\ndef _(**_): raise SystemExit('set LICENSE')\n",
            "the script ended the process before the load: set LICENSE",
        ),
        (
            BOTH + "@events.test_start.add_listener\ndef _(**_): raise KeyError('id')\n",
            "your script raised in a listener of init or test_start: KeyError: 'id' (locustfile.py:",
        ),
    ],
    ids=[
        "an exit",
        "an exit with words",
        "words and an exit",
        "argparse",
        "an exit in init",
        "a fault in test_start",
    ],
)
def test_a_script_that_refuses_sends_nothing_and_says_why(shards: Shards, text: str, reason: str) -> None:
    shard = shards.spawn(script=shards.locustfile(text), load=shards.closed((1, 1, 1)))
    shard.wait_for_hello()
    said = shard.result()
    assert not said.of("hello")
    outcome = LocustEngine().outcome(said.returncode or 0, said.stderr)
    assert (outcome.kind, (outcome.reason or "")[: len(reason)]) == ("refused", reason)


def test_the_users_own_python_needs_locust_and_nothing_of_loadctl(
    shards: Shards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--python: here an interpreter that does not see loadctl, whose packages come from a folder of its own."""
    monkeypatch.chdir(tmp_path)  # Locust finds modules there, and loadctl lies where the tests run
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    packages = tmp_path / "packages"
    packages.mkdir()
    for package in Path(locust_folder()).iterdir():
        if "loadctl" not in package.name and package.name not in {"httptools", "pydantic", "typer"}:
            (packages / package.name).symlink_to(package)
    text = (
        """
try:
    import loadctl
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("loadctl is importable here")
"""
        + BOTH
    )
    script = shards.locustfile(text)
    said = shards.run(
        script=script, load=shards.closed((2, 2, 1)), python=str(python), env={"PYTHONPATH": str(packages)}
    )
    assert said.returncode == 0, said.stderr
    assert said.ok("GET /sleep/20") > 3


def locust_folder() -> str:
    found = find_spec("locust")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent.parent)
