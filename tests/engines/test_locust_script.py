"""Bring your own: a locustfile, unmodified, under our load and recorder."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from loadctl.engines.locust.engine import LocustEngine

if TYPE_CHECKING:
    from tests.engines.conftest import KnownServer, Shards

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
BURNS = """
import sys, time
class Burner(User):
    @task
    def burn(self):
        print("burning", file=sys.stderr, flush=True)
        end = time.perf_counter() + 30
        while time.perf_counter() < end:
            sum(range(1000))
"""


def test_http_user_and_fast_http_user_are_counted_as_the_server_counts(
    shards: Shards, server: KnownServer
) -> None:
    said = shards.run(script=shards.locustfile(BOTH), load=shards.closed((4, 4, 2)))
    assert said.returncode == 0, said.stderr
    assert said.ok("GET /sleep/20") == server.count["GET /sleep/20"] > 20
    assert said.ok("POST /sleep/[ms]") == server.count["POST /sleep/30"] > 20
    assert said.totals["started"] == said.totals["completed"] == server.count.total()
    assert said.totals["turns"] == said.totals["completed"]
    assert said.totals["faults"] == 0
    for endpoint, floor in (("GET /sleep/20", 20_000), ("POST /sleep/[ms]", 30_000)):
        assert min(cell["ok"]["min_us"] for cell in said.cells(endpoint)) >= floor
        total = sum(cell["ok"]["sum_us"] for cell in said.cells(endpoint))
        assert total / said.ok(endpoint) < floor + 15_000


def test_a_frame_for_every_second_and_users_as_planned(shards: Shards) -> None:
    said = shards.run(script=shards.locustfile(BOTH), load=shards.closed((0, 20, 2), (20, 5, 1)))
    assert [line["t"] for line in said.frames][:3] == [0, 1, 2]
    planned = (10, 20, 5)
    assert all(abs(line["users"] - plan) <= 2 for line, plan in zip(said.frames, planned, strict=False))
    assert all(8 <= len(line["lag_ms"]) <= 12 for line in said.frames[:3])
    assert said.ended - said.t0 < 4.0


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


def test_outcomes_are_classified_alike_for_every_client(shards: Shards, server: KnownServer) -> None:
    with socket.socket() as closed_port:
        closed_port.bind(("127.0.0.1", 0))
        text = OUTCOMES.replace("PORT", str(closed_port.getsockname()[1]))
        said = shards.run(script=shards.locustfile(text), load=shards.closed((6, 6, 2.5)), timeout_s=0.3)
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
    assert (example["message"], example["status"], example["body"]) == (
        "the balance is wrong",
        200,
        '{"ok":true}',
    )
    by_kind = [(line["endpoint"], line["class"]) for line in said.of("example")]
    assert max(map(by_kind.count, by_kind)) == 3
    sent = said.totals["completed"] - said.ok("grpc Say") - said.errors("raw refused").total()
    assert sent == server.count.total(), "nothing is sent twice, nothing is lost"


def test_fast_http_user_never_sends_a_request_again(shards: Shards, server: KnownServer) -> None:
    text = """
class Once(FastHttpUser):
    wait_time = constant(0.2)
    @task
    def a(self):
        self.client.get("/reset")
        self.client.delete("/reset")
        self.client.get("/sleep/1")
"""
    said = shards.run(script=shards.locustfile(text), load=shards.closed((2, 2, 1.5)))
    for method in ("GET", "DELETE"):
        assert said.errors(f"{method} /reset").total() == server.count[f"{method} /reset"] > 0
    assert said.ok("GET /sleep/1") == server.count["GET /sleep/1"] > 0


def test_an_exception_in_a_task_is_the_generators_fault_not_the_systems(shards: Shards) -> None:
    text = """
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
    said = shards.run(script=shards.locustfile(text), load=shards.closed((3, 3, 1.5)))
    assert said.totals["faults"] == said.sum("faults") > 20
    assert said.totals["failed"] == 0
    assert said.totals["turns"] == said.totals["faults"] + said.ok("GET /sleep/2")
    messages = {line["message"] for line in said.of("example") if line["class"] == "generator"}
    assert "ValueError: my own mistake" in messages
    assert said.stderr.count("Traceback") <= 25, "a script that always raises does not fill the disk"
    assert said.frames[0]["users"] == 3


CURIOUS = """
import json, os, sys
from pathlib import Path
HERE = Path(__file__).parent
assert "loadctl" not in sys.modules and not any("inside" in p or "loadctl" in p for p in sys.path), sys.path
import neighbour
import recorder as mine
assert mine.THEIRS == Path.cwd().name
import time
assert "gevent" in time.sleep.__module__, "Locust patches the interpreter"
seen = {"events": []}
@events.init_command_line_parser.add_listener
def options(parser):
    parser.add_argument("--my-option", default="kept", env_var="LOCUST_MY_OPTION")
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


def test_only_the_script_itself_is_asked_not_its_surroundings(shards: Shards, server: KnownServer) -> None:
    """LOCUST_* variables, locust.conf, pyproject.toml and load shapes stay out; events, options and statistics work."""
    script = shards.locustfile(CURIOUS)
    folder = Path(script.path).parent
    (folder / "neighbour.py").write_text("")
    (folder / "recorder.py").write_text(f"THEIRS = {folder.name!r}")
    (folder / "locust.conf").write_text("host = http://127.0.0.1:1\nusers = 77\ntags = other\n")
    (folder / "pyproject.toml").write_text("[tool.locust]\nhost = 'http://127.0.0.1:1'\nstop_timeout = 55\n")
    env = {
        "LOCUST_HOST": "http://127.0.0.1:1",
        "LOCUST_USERS": "88",
        "LOCUST_TAGS": "other",
        "LOCUST_MY_OPTION": "lost",
        "LOCUST_SKIP_MONKEY_PATCH": "1",
    }
    said = shards.run(script=script, load=shards.closed((2, 2, 1.2)), env=env)
    assert said.returncode == 0, said.stderr
    seen = json.loads((folder / "seen.json").read_text())
    assert seen["host"] == seen["options"]["host"] == server.url
    assert seen["options"]["my_option"] == "kept"
    assert 77 not in seen["options"].values()
    assert 88 not in seen["options"].values()
    assert seen["web_ui"] is None
    assert seen["events"] == ["init", "test_start", "test_stopping", "test_stop", "quitting"]
    assert seen["user_count"] in {1, 2}
    assert seen["requests"] == said.totals["completed"] == server.count.total()
    assert seen["names"] == ["/logout", "/sleep/1"]
    assert "load shape Shape of locustfile.py is not used" in said.notes
    assert said.ok("GET /logout") == 2, "on_stop may clean up"


def test_classes_are_chosen_and_weighted_by_the_scenario(shards: Shards) -> None:
    text = """
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
    from dataclasses import replace

    script = replace(shards.locustfile(text), weights={"A": 3, "B": 1})
    said = shards.run(script=script, load=shards.closed((8, 8, 1.5)))
    assert not said.ok("GET /c")
    assert 3 < said.ok("GET /a") / said.ok("GET /b") < 15


def test_a_script_that_stops_the_test_stops_it(shards: Shards) -> None:
    text = """
class Quits(FastHttpUser):
    wait_time = constant(0.1)
    @task
    def a(self):
        self.client.get("/a")
        self.environment.runner.quit()
"""
    said = shards.run(script=shards.locustfile(text), load=shards.closed((2, 2, 20)))
    assert said.ended - said.t0 < 3
    assert said.returncode == 10
    assert "the script stopped the test" in said.notes


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_like_this\n", "ModuleNotFoundError: No module named 'nothing_like_this' (line 2)"),
        ("class A(:\n", "SyntaxError"),
        ("x = 1\n", "locustfile.py has no user class"),
        ("raise SystemExit(0)\n", "locustfile.py ended the process while it was loaded"),
    ],
    ids=["an import that fails", "a syntax error", "no users", "an exit"],
)
def test_a_script_that_cannot_run_says_why_in_one_sentence(shards: Shards, text: str, reason: str) -> None:
    shard = shards.spawn(script=shards.locustfile(text), load=shards.closed((1, 1, 1)))
    shard.wait_for_hello()
    said = shard.result()
    assert not said.of("hello")
    outcome = LocustEngine().outcome(said.returncode or 0, said.stderr)
    assert outcome.kind == "failed"
    assert reason in (outcome.reason or "")


# -- ends ----------------------------------------------------------------------------------------------------


def test_requests_in_flight_drain_and_what_is_left_is_unfinished_with_its_age(
    shards: Shards, server: KnownServer
) -> None:
    text = """
class Slow(FastHttpUser):
    @task
    def a(self):
        self.client.get("/sleep/1300")
        self.client.get("/never/after/the/end")
class Hung(HttpUser):
    @task
    def a(self): self.client.get("/hang")
"""
    said = shards.run(
        script=shards.locustfile(text), load=shards.closed((4, 4, 1)), drain_s=1.5, timeout_s=30.0
    )
    assert said.ok("GET /sleep/1300") == 2
    assert list(said.bye["unfinished"]) == ["GET /hang"]
    ages = said.bye["unfinished"]["GET /hang"]
    assert len(ages) == 2
    assert all(1400 < age < 3200 for age in ages)
    assert said.totals["started"] == 4 == said.totals["completed"] + 2
    assert server.count["GET /never/after/the/end"] == 0, "no request begins after the last stage"
    in_flight = [cell["in_flight"] for cell in said.cells("GET /hang")]
    assert in_flight[:2] == [2, 2]
    assert 1.4 < said.ended - said.t0 - 1 < 2.6
    assert said.frames[1]["leaving"] >= 2


def test_stop_on_standard_input_and_the_first_signal_drain_and_the_second_signal_leaves_at_once(
    shards: Shards,
) -> None:
    text = """
class Slow(FastHttpUser):
    @task
    def a(self): self.client.get("/sleep/800")
"""
    load = shards.closed((2, 2, 30))
    started = [shards.spawn(script=shards.locustfile(text), load=load, drain_s=3.0) for _ in range(3)]
    for shard in started:
        shard.wait_for_hello()
        shard.start()
    told, interrupted, impatient = started
    impatient.sleep_until(1.2)
    told.say("stop")
    interrupted.process.send_signal(signal.SIGINT)
    impatient.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    impatient.process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    said = impatient.result()
    assert said.ended - asked < 0.5
    assert sum(map(len, said.bye["unfinished"].values())) == 2
    for shard in (told, interrupted):
        said = shard.result()
        assert said.ended - asked < 2
        assert said.returncode == 10
        assert not said.bye["unfinished"]
        assert said.totals["completed"] == said.ok("GET /sleep/800") >= 2
    assert LocustEngine().outcome(10, "").kind == "stopped"


def test_a_shard_leaves_when_loadctl_is_killed_even_while_a_user_burns_cpu(
    shards: Shards, tmp_path: Path
) -> None:
    """A kill -9 of the parent closes the pipe; a native thread sees it though the hub is blocked."""
    busy = shards.begin(script=shards.locustfile(BURNS), load=shards.closed((1, 1, 30)))
    idle = shards.begin(script=shards.locustfile(BOTH), load=shards.closed((2, 2, 30)))
    while "burning" not in busy.stderr.read_text():
        time.sleep(0.02)
    # The shards' pipes go to a parent of their own, which is then killed.
    script = "import sys, time; time.sleep(60)"
    pipes = [shard.process.stdin.fileno() for shard in (busy, idle) if shard.process.stdin]
    parent = subprocess.Popen([sys.executable, "-c", script], pass_fds=pipes)
    for shard in (busy, idle):
        assert shard.process.stdin is not None
        shard.process.stdin.close()
        shard.process.stdin = None
    time.sleep(0.3)
    assert busy.process.poll() is None
    parent.kill()
    killed = time.monotonic()
    parent.wait()
    for shard in (busy, idle):
        shard.process.wait(3)
    assert time.monotonic() - killed < 2.2
    said = idle.result()
    assert said.of("bye"), "the one that could says goodbye"


def test_what_the_script_started_ends_with_it_when_loadctl_is_gone(shards: Shards, tmp_path: Path) -> None:
    text = """
import subprocess, sys, os
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
(Path(__file__).parent / "child").write_text(str(child.pid))
class Idle(User):
    wait_time = constant(1)
    @task
    def a(self): pass
"""
    script = shards.locustfile(text)
    shard = shards.begin(script=script, load=shards.closed((1, 1, 30)))
    child = psutil.Process(int((Path(script.path).parent / "child").read_text()))
    assert shard.process.stdin is not None
    shard.process.stdin.close()
    shard.process.wait(3)
    _, alive = psutil.wait_procs([child], timeout=1)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


# -- open model ----------------------------------------------------------------------------------------------

ARRIVE = """
class Arrives(FastHttpUser):
    wait_time = constant(100)
    @task
    def a(self): self.client.get("/sleep/PAUSE")
"""


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


def test_open_model_drops_what_max_in_flight_does_not_hold(shards: Shards, server: KnownServer) -> None:
    script = shards.locustfile(ARRIVE.replace("PAUSE", "700"))
    said = shards.run(script=script, load=shards.opened((20, 20, 2)), max_in_flight=4)
    assert said.totals["planned"] == 40 == said.totals["begun"] + said.totals["dropped"]
    assert said.totals["begun"] == server.count["GET /sleep/700"] == 12
    assert said.frames[0]["users"] == 4


def test_open_model_latency_counts_from_when_the_arrival_was_due(shards: Shards) -> None:
    text = """
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
    said = shards.run(script=shards.locustfile(text), load=shards.opened((20, 20, 1.5)))
    assert said.ok("GET /sleep/5") == 30
    assert max(cell["ok"]["max_us"] for cell in said.cells("GET /sleep/5")) > 500_000
    late = [line["late"] for line in said.frames if line["late"]]
    assert max(cell["max_us"] for cell in late) > 400_000
    assert max(max(line["lag_ms"], default=0) for line in said.frames) > 400
