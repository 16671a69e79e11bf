"""Locust's runner under our plan: states, events and counts as scripts see them, and who is started when."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.engines.conftest import KnownServer, Said, Shards

NOTES = """
import json, time
from gevent.event import Event
began = time.monotonic()
def note(kind, **facts):
    print("NOTE " + json.dumps({"kind": kind, **facts}), flush=True)
def state(environment):
    runner = environment.runner
    return {"state": runner.state, "target": runner.target_user_count, "users": runner.user_count}
"""


def notes(said: Said, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line[5:]) for line in said.stdout.splitlines() if line.startswith("NOTE ")]
    return [line for line in lines if line["kind"] == kind]


LEVELS = (
    NOTES
    + """
@events.test_start.add_listener
def starts(environment, **_): note("start", **state(environment), whole=environment.parsed_options.num_users)
@events.spawning_complete.add_listener
def complete(user_count, **_): note("complete", users=user_count)
class Visitor(FastHttpUser):
    wait_time = constant(0.1)
    @task
    def visit(self):
        self.client.get("/sleep/1")
        note("task", **state(self.environment), counts=self.environment.runner.user_classes_count)
"""
)


def test_each_level_of_the_plan_is_told_once_its_users_are_there(shards: Shards) -> None:
    said = shards.run(
        script=shards.locustfile(LEVELS), load=shards.closed((0, 6, 1), (6, 6, 1), (3, 3, 1.2), (3, 5, 0.8))
    )
    assert notes(said, "start") == [{"kind": "start", "state": "ready", "target": 6, "users": 0, "whole": 6}]
    assert [note["users"] for note in notes(said, "complete")] == [6, 3]
    seen = notes(said, "task")
    assert {note["state"] for note in seen} == {"spawning", "running"}
    assert {note["target"] for note in seen} == {6, 3, 5}
    assert max(note["counts"]["Visitor"] for note in seen) == 6


def test_each_shard_has_its_share_and_its_number(shards: Shards, server: KnownServer) -> None:
    text = (
        LEVELS
        + """
@events.init.add_listener
def init(runner, **_): note("init", at=runner.worker_index, of=runner.worker_count)
"""
    )
    script, load = shards.locustfile(text), shards.closed((5, 5, 1.5))
    both = [shards.spawn(script=script, load=load, shard=k, shards=2) for k in range(2)]
    for shard in both:
        shard.wait_for_hello()
        shard.start()
    said = [shard.result() for shard in both]
    assert [note["at"] for one in said for note in notes(one, "init")] == [0, 1]
    assert [note["of"] for one in said for note in notes(one, "init")] == [2, 2]
    assert [notes(one, "start")[0]["target"] for one in said] == [3, 2]
    assert [notes(one, "start")[0]["whole"] for one in said] == [5, 5]
    assert sum(one.ok("GET /sleep/1") for one in said) == server.count["GET /sleep/1"]


ENDS = """
from locust.exception import StopUser
class Raises(FastHttpUser):
    wait_time = constant(0.05)
    @task
    def once(self):
        self.client.get("/sleep/1", name="raises")
        raise StopUser
class Forced(FastHttpUser):
    wait_time = constant(0.05)
    @task
    def once(self):
        self.client.get("/sleep/1", name="forced")
        self.stop(force=True)
class Stops(FastHttpUser):
    wait_time = constant(0.05)
    @task
    def once(self):
        self.client.get("/sleep/1", name="stops")
        self.stop()
"""


def test_users_that_end_by_themselves_come_back_with_the_next_level(shards: Shards) -> None:
    said = shards.run(script=shards.locustfile(ENDS), load=shards.closed((3, 3, 2), (6, 6, 2)))
    assert {name: said.ok(f"GET {name}") for name in ("raises", "forced", "stops")} == {
        "raises": 1 + 2,
        "forced": 1 + 2,
        "stops": 1 + 2,
    }
    assert [line.get("ended", 0) for line in said.frames[:4]] == [3, 3, 6, 6]
    assert [line["users"] for line in said.frames[:4]] == [0, 0, 0, 0]


ERRORS = (
    NOTES
    + """
@events.user_error.add_listener
def error(user_instance, exception, tb, **_): note("error", text=str(exception))
class Broken(User):
    wait_time = constant(1.4)
    def on_start(self): raise ValueError("in on_start")
    @task
    def never(self): pass
class Nested(User):
    wait_time = constant(1.4)
    @task
    class Inner(TaskSet):
        @task
        def one(self): raise ValueError("in a task")
"""
)


def test_user_error_is_fired_once_for_each_exception(shards: Shards) -> None:
    said = shards.run(script=shards.locustfile(ERRORS), load=shards.closed((2, 2, 1.5)))
    assert sorted(note["text"] for note in notes(said, "error")) == ["in a task", "in on_start"]
    assert said.totals["faults"] == said.totals["turns"] == 2


CHAIN = """
class Buyer(FastHttpUser):
    wait_time = constant(30)
    def on_start(self): self.client.get("/sleep/1", name="user starts")
    @task
    class Chain(SequentialTaskSet):
        wait_time = constant(30)
        def on_start(self): self.client.get("/sleep/1", name="set starts")
        @task
        def first(self): self.client.get("/sleep/1", name="first")
        @task
        def second(self): self.client.get("/sleep/1", name="second")
        @task
        class Inner(TaskSet):
            @task
            def third(self):
                self.client.get("/sleep/1", name="third")
                self.interrupt()
    def on_stop(self): self.client.get("/sleep/1", name="user stops")
"""


def test_one_arrival_is_the_next_task_of_the_innermost_set(shards: Shards) -> None:
    said = shards.run(script=shards.locustfile(CHAIN), load=shards.opened((30, 30, 2)))
    assert said.totals["planned"] == said.totals["begun"] == said.totals["turns"] == 60
    chain = [said.ok(f"GET {name}") for name in ("first", "second", "third")]
    assert sum(chain) == 60
    assert max(chain) - min(chain) <= said.ok("GET user starts")
    assert said.ok("GET set starts") == said.ok("GET user starts") == said.ok("GET user stops")


@pytest.mark.parametrize("model", ["closed", "open"])
def test_users_that_wait_for_all_are_told_and_go_on(shards: Shards, model: str) -> None:
    text = """
from gevent.event import Event
everyone = Event()
@events.spawning_complete.add_listener
def complete(**_): everyone.set()
class Visitor(FastHttpUser):
    wait_time = constant(0.1)
    def on_start(self): everyone.wait()
    @task
    def visit(self): self.client.get("/sleep/1")
"""
    load = shards.closed((0, 4, 1), (4, 4, 1)) if model == "closed" else shards.opened((10, 10, 2))
    said = shards.run(script=shards.locustfile(text), load=load)
    assert said.ok("GET /sleep/1") >= 12
    assert ("4 users were still in on_start when all had started" in said.notes) == (model == "closed")


SLOW_TO_MAKE = (
    NOTES
    + """
import gevent
class Slow(User):
    wait_time = constant(1)
    made = 0
    def __init__(self, environment):
        super().__init__(environment)
        note("made")
        Slow.made += 1
        if Slow.made == 3:
            gevent.spawn(environment.runner.quit)
        time.sleep(0.1)
    @task
    def work(self): pass
"""
)


def test_no_user_is_made_after_the_end_where_making_one_takes_a_while(shards: Shards) -> None:
    said = shards.run(script=shards.locustfile(SLOW_TO_MAKE), load=shards.closed((10, 10, 2)))
    assert len(notes(said, "made")) == 3
    last = said.frames[-1]
    assert (last["users"], last["leaving"], last.get("ended", 0)) == (0, 0, 0)


STOPS_SLOWLY = (
    NOTES
    + """
@events.test_start.add_listener
def starts(environment, **_):
    environment.runner.spawn_users({"Own": 1})
@events.test_stopping.add_listener
def stopping(environment, **_):
    note("order", at="stopping")
    time.sleep(0.8)
    note("order", at="told")
@events.test_stop.add_listener
def stop(environment, **_): note("order", at="stop", **state(environment))
class Quits(User):
    wait_time = constant(0.1)
    fixed_count = 1
    @task
    def work(self): self.environment.runner.quit()
class Own(User):
    weight = 1
    wait_time = constant(0.1)
    def on_start(self): self.stop()
    @task
    def work(self): pass
    def on_stop(self): time.sleep(1.0)
"""
)


def test_a_listener_of_test_stopping_may_take_its_time(shards: Shards) -> None:
    """Here it runs in the greenlet of a user, and a user that the script has started and stopped is still leaving."""
    said = shards.run(script=shards.locustfile(STOPS_SLOWLY), load=shards.closed((1, 1, 5)), drain_s=5.0)
    assert said.returncode == 10, said.stderr
    assert [note["at"] for note in notes(said, "order")] == ["stopping", "told", "stop"]
    assert notes(said, "order")[-1]["state"] == "stopped"


WEIGHTS = """
class Usual(FastHttpUser):
    fixed_count = 3
    @task
    def visit(self): self.client.get("/sleep/1", name="usual"); raise StopUser
class Rare(FastHttpUser):
    weight = 0
    @task
    def visit(self): self.client.get("/sleep/1", name="rare"); raise StopUser
"""


def test_the_weights_of_a_scenario_take_the_place_of_the_files(shards: Shards) -> None:
    text = "from locust.exception import StopUser\n" + WEIGHTS
    script = replace(shards.locustfile(text), weights={"Usual": 1, "Rare": 2})
    said = shards.run(script=script, load=shards.closed((6, 6, 1.5)))
    assert (said.ok("GET usual"), said.ok("GET rare")) == (2, 4)


def test_a_task_that_swallows_every_exception_ends_with_the_load(shards: Shards, server: KnownServer) -> None:
    text = """
class Stubborn(FastHttpUser):
    @task
    def visit(self):
        while True:
            try:
                self.client.get("/sleep/20")
            except Exception:
                pass
"""
    said = shards.run(script=shards.locustfile(text), load=shards.closed((2, 2, 1)), drain_s=3.0)
    assert said.returncode == 0
    assert said.ok("GET /sleep/20") == server.count["GET /sleep/20"] > 20
    assert not said.bye["unfinished"]


def test_of_tracebacks_the_first_are_logged_and_all_errors_of_the_script(shards: Shards) -> None:
    text = """
import logging
@events.request.add_listener
def raises(**_): raise ValueError("at every request")
class Visitor(FastHttpUser):
    @task
    def visit(self):
        self.client.get("/sleep/20")
        logging.error("the script's own")
"""
    said = shards.run(script=shards.locustfile(text), load=shards.closed((2, 2, 1)))
    requests = said.ok("GET /sleep/20")
    assert requests > 30
    assert said.stderr.count("ValueError: at every request") == 20
    assert said.stderr.count("the script's own") == requests


def test_test_functions_know_no_arrivals(shards: Shards, server: KnownServer) -> None:
    """They never wait for one: each arrival would add a user that sends as fast as it can."""
    text = "def test_items(fastsession): fastsession.get('/sleep/1')\n"
    shard = shards.spawn(script=shards.locustfile(text), load=shards.opened((5, 5, 1)))
    said = shard.result()
    assert said.returncode == 21
    assert "test functions, which cannot serve arrivals" in said.stderr
    assert not server.count


def test_a_quit_after_the_end_of_the_plan_stops_nothing(shards: Shards) -> None:
    text = """
@events.test_stopping.add_listener
@events.test_stop.add_listener
@events.quitting.add_listener
def ends(environment, **_): environment.runner.quit()
class Visitor(FastHttpUser):
    wait_time = constant(0.1)
    @task
    def visit(self): self.client.get("/sleep/1")
"""
    said = shards.run(script=shards.locustfile(text), load=shards.closed((1, 1, 1)))
    assert said.returncode == 0
    assert not said.notes


@pytest.mark.parametrize("event", ["test_stopping", "test_stop", "quitting"])
def test_a_stop_test_at_the_end_is_a_fault_and_loses_no_result(shards: Shards, event: str) -> None:
    text = f"""
from locust.exception import StopTest
@events.{event}.add_listener
def ends(**_): raise StopTest("too late")
class Visitor(FastHttpUser):
    wait_time = constant(0.1)
    @task
    def visit(self): self.client.get("/sleep/1")
"""
    said = shards.run(script=shards.locustfile(text), load=shards.closed((1, 1, 1)))
    assert said.returncode == 0
    assert said.ok("GET /sleep/1") == said.bye["totals"]["completed"] > 0
    assert [line["message"] for line in said.of("script")] == ["StopTest: too late"]
