"""The load of user types, in real shards against a server that knows what it got."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from loadctl.scenario.user_type import Repeat, Request, Task, Think, UserType

if TYPE_CHECKING:
    from tests.engines.conftest import KnownServer, Said, Shards
    from tests.engines.scripted import Runtime


@pytest.fixture
def shards(both: Shards) -> Shards:
    """All of this holds on both engines."""
    return both


def get(path: str, timeout_s: float = 5.0) -> Request:
    return Request(method="GET", url=path, endpoint=f"GET {path}", timeout_s=timeout_s)


def user(
    *paths: str, name: str = "A", weight: int = 1, think: Think | None = None, pace_s: float | None = None
) -> UserType:
    flow = [get(path) for path in paths]
    return UserType(name=name, weight=weight, tasks=[Task("t", 1, flow)], think=think, pace_s=pace_s)


def ended(said: Said) -> int:
    return said.totals["completed"]


@pytest.mark.quiet
def test_closed_load_over_two_shards_is_what_the_server_saw(shards: Shards, server: KnownServer) -> None:
    """Ramp up, hold, ramp down: counts, latencies, a frame a second, users by plan, the types in their proportion."""
    types = [
        user("/sleep/20", weight=3, think=Think(0.05, 0.1)),
        user("/sleep/40", name="B", think=Think(0.05, 0.1)),
    ]
    load = shards.closed((0, 16, 1), (16, 16, 1), (16, 4, 1))
    both = [shards.spawn(user_types=types, load=load, shard=k, shards=2) for k in range(2)]
    for shard in both:
        shard.wait_for_hello()
    t0 = both[0].start(0.2)
    both[1].start_at(t0)
    said = [shard.result() for shard in both]
    assert [one.returncode for one in said] == [0, 0]
    for path, floor_us in (("/sleep/20", 20_000), ("/sleep/40", 40_000)):
        counted = sum(one.ok(f"GET {path}") for one in said)
        assert counted == server.count[f"GET {path}"] > 20
        cells = [cell for one in said for cell in one.cells(f"GET {path}") if "ok" in cell]
        assert min(cell["ok"]["min_us"] for cell in cells) >= floor_us
        assert sum(cell["ok"]["sum_us"] for cell in cells) / counted < floor_us + 10_000
        assert sum(cell["ttfb"]["n"] for cell in cells) == counted
    users = [sum(one.frames[t]["users"] for one in said) for t in range(3)]
    assert all(abs(have - plan) <= 2 for have, plan in zip(users, (16, 16, 4), strict=True)), users
    for one in said:
        assert [line["t"] for line in one.frames[:3]] == [0, 1, 2]
        assert one.totals["turns"] == ended(one) == one.totals["started"]
        assert one.ended - t0 < 4.5
    assert 1.6 < server.count["GET /sleep/20"] / server.count["GET /sleep/40"] < 6


@pytest.mark.quiet
def test_paced_users_keep_their_own_grid_also_after_a_stall(shards: Shards, server: KnownServer) -> None:
    """Without it, users that waited together for a stalled system keep step for ever, and load themselves."""
    shard = shards.begin(user_types=[user("/sleep/1", pace_s=0.2)], load=shards.closed((40, 40, 4)))
    shard.sleep_until(1.6)
    server.stall(0.7)
    said = shard.result()
    calm = [at for at in server.at["/sleep/1"] if 3.0 < at - shard.t0 < 4.0]
    assert 180 <= len(calm) <= 215, "40 users, five turns a second"
    slots = Counter(int((at - shard.t0) % 0.2 / 0.02) for at in calm)
    assert max(slots.values()) < 2.2 * len(calm) / 10, slots
    assert max(cell["ok"]["max_us"] for cell in said.cells("GET /sleep/1")) > 600_000
    assert said.ok("GET /sleep/1") == server.count["GET /sleep/1"]


@pytest.mark.quiet
def test_users_begin_spread_over_their_think_time(shards: Shards, server: KnownServer) -> None:
    shard = shards.begin(
        user_types=[user("/sleep/1", think=Think(4.0, 4.0))], load=shards.closed((60, 60, 2))
    )
    said = shard.result()
    assert said.frames[1]["users"] == 60
    first, second = (sum(t <= at - shard.t0 < t + 1 for at in server.at["/sleep/1"]) for t in (0, 1))
    assert first <= 20
    assert 8 <= second <= 24


def test_start_steps_are_taken_at_once_and_only_the_tasks_are_spread(
    shards: Shards, server: KnownServer
) -> None:
    login = Request(method="POST", url="/login", endpoint="POST /login", timeout_s=5.0)
    patient = UserType(
        name="A",
        weight=1,
        start=[login],
        tasks=[Task("t", 1, [get("/sleep/1")])],
        think=Think(20.0, 60.0),
    )
    said = shards.run(user_types=[patient], load=shards.closed((10, 10, 2)))
    assert server.count["POST /login"] == said.ok("POST /login") == 10
    assert server.count["GET /sleep/1"] <= 2
    assert said.frames[1]["users"] == 10


def test_users_that_the_plan_takes_away_finish_their_request_and_begin_no_other(
    shards: Shards, server: KnownServer
) -> None:
    said = shards.run(
        user_types=[user("/sleep/1500", "/sleep/1")], load=shards.closed((6, 6, 1), (2, 2, 1.2)), drain_s=2.0
    )
    assert said.ok("GET /sleep/1500") == server.count["GET /sleep/1500"] == 6 + 2
    assert server.count["GET /sleep/1"] == 2, "only those that stayed went on with their flow"
    assert said.frames[0]["leaving"] == 0
    assert said.totals["failed"] == 0
    assert not said.bye["unfinished"]


def test_the_drain_ends_with_the_last_request_or_at_its_limit_with_ages(shards: Shards) -> None:
    quick = shards.spawn(
        user_types=[user("/sleep/700", think=Think(30, 30))], load=shards.closed((2, 2, 1)), drain_s=9.0
    )
    stuck = shards.spawn(user_types=[user("/hang")], load=shards.closed((3, 3, 1)), drain_s=1.0)
    for shard in (quick, stuck):
        shard.wait_for_hello()
        shard.start()
    said = stuck.result()
    assert len(said.bye["unfinished"]["GET /hang"]) == 3
    assert all(900 < age < 2600 for age in said.bye["unfinished"]["GET /hang"])
    assert said.totals["started"] == 3
    assert said.totals["completed"] == 0
    assert [cell["in_flight"] for cell in said.cells("GET /hang")][:2] == [3, 3]
    said = quick.result()
    assert said.ended - quick.t0 < 6, "users in a long pause are not waited for: the drain would last 9 s"


@pytest.mark.quiet
def test_open_load_shows_a_stall_and_counts_from_the_due_time(shards: Shards, server: KnownServer) -> None:
    shard = shards.begin(user_types=[user("/sleep/2")], load=shards.opened((100, 100, 2.5)))
    shard.sleep_until(1.0)
    server.stall(0.8)
    said = shard.result()
    assert said.totals["planned"] == said.totals["begun"] == 250 == said.ok("GET /sleep/2")
    slow = sum(
        count
        for cell in said.cells("GET /sleep/2")
        for bucket, count in cell["ok"]["h"].items()
        if int(bucket) > 2800
    )
    assert 45 < slow < 90, "the arrivals of the stall waited for it: about 60 of 80 took over 200 ms"
    late = [line["late"] for line in said.frames if line["late"]]
    assert sum(cell["sum_us"] for cell in late) / 250 < 5_000


def test_the_first_request_of_an_arrival_counts_from_when_it_was_due_the_others_do_not(
    shards: Shards,
) -> None:
    shard = shards.spawn(user_types=[user("/sleep/3", "/sleep/4")], load=shards.opened((50, 50, 1)))
    shard.wait_for_hello()
    shard.start_at(time.monotonic() - 0.5)  # told late: arrivals of the first half second are begun late
    said = shard.result()
    assert said.totals["begun"] == 50
    assert max(cell["ok"]["max_us"] for cell in said.cells("GET /sleep/3")) > 400_000
    assert max(cell["ok"]["max_us"] for cell in said.cells("GET /sleep/4")) < 300_000
    assert max(line["late"]["max_us"] for line in said.frames if line["late"]) > 400_000


def test_arrivals_beyond_max_in_flight_are_dropped_and_counted(shards: Shards, server: KnownServer) -> None:
    both = [
        shards.spawn(
            user_types=[user("/sleep/800")],
            load=shards.opened((20, 20, 1)),
            max_in_flight=5,
            shard=k,
            shards=2,
        )
        for k in range(2)
    ]
    for shard in both:
        shard.wait_for_hello()
    t0 = both[0].start()
    both[1].start_at(t0)
    said = [shard.result() for shard in both]
    assert [one.totals["planned"] for one in said] == [10, 10]
    begun = sum(one.totals["begun"] for one in said)
    assert begun == server.count["GET /sleep/800"]
    assert begun + sum(one.totals["dropped"] for one in said) == 20
    assert 5 <= begun <= 10


def logged_in(name: str, path: str, weight: int = 1) -> UserType:
    url, endpoint = f"/login/{name}/{{{{ user }}}}", f"login {name}"
    login = Request(method="POST", url=url, endpoint=endpoint, timeout_s=5.0, once=True)
    return UserType(name=name, weight=weight, start=[login], tasks=[Task("t", 1, [get(path)])])


def test_what_is_taken_once_is_taken_once_in_each_place(shards: Shards, server: KnownServer) -> None:
    """One place a shard: each user type has one place there, however many arrivals take turns in it."""
    both = [
        shards.spawn(
            user_types=[logged_in("A", "/sleep/1", weight=2), logged_in("B", "/sleep/2")],
            load=shards.opened((0, 40, 1), (40, 40, 0.5), (5, 5, 0.5)),
            max_in_flight=2,
            shard=k,
            shards=2,
        )
        for k in range(2)
    ]
    for shard in both:
        shard.wait_for_hello()
    t0 = both[0].start()
    both[1].start_at(t0)
    said = [shard.result() for shard in both]
    logins = [path.split("/")[2:] for path in server.at if path.startswith("/login/")]
    assert Counter(name for name, _ in logins) == {"A": 2, "B": 2}
    assert {int(place) for _, place in logins} == {0, 1, 2, 3}, "numbered over both shards"
    assert all(one.ok("login A") == one.ok("login B") == 1 for one in said)
    assert server.count["GET /sleep/1"] + server.count["GET /sleep/2"] == sum(
        one.totals["begun"] for one in said
    )
    assert min(server.count["GET /sleep/1"], server.count["GET /sleep/2"]) > 5


def test_places_are_as_many_as_arrivals_in_flight(shards: Shards, server: KnownServer) -> None:
    said = shards.run(
        user_types=[logged_in("A", "/sleep/600")], load=shards.opened((20, 20, 1), (0, 0, 0.5), (20, 20, 1))
    )
    assert said.totals["begun"] == said.ok("GET /sleep/600") == 40
    logins = {path for path in server.at if path.startswith("/login/A/")}
    assert 10 <= len(logins) == said.ok("login A") <= 20, "12 are in flight at once"


@pytest.mark.parametrize("url", ["/status/500", "/reset"])
def test_failing_at_once_neither_stops_the_load_nor_the_clock(
    shards: Shards, server: KnownServer, url: str
) -> None:
    said = shards.run(user_types=[user(url)], load=shards.closed((2, 2, 1)))
    assert said.totals["failed"] == said.totals["completed"] == server.count[f"GET {url}"] > 20
    assert len(said.frames[0]["lag_ms"]) >= 8
    assert len(said.of("example")) == 3


def test_users_that_never_wait_leave_others_their_turn(shards: Shards, server: KnownServer) -> None:
    """A turn whose only loop ends before its first request: nothing in it lets anybody else run."""
    endless = UserType(name="Idle", weight=1, tasks=[Task("t", 1, [Repeat(3, [get("/never")], "nothing")])])
    said = shards.run(user_types=[endless, user("/sleep/1")], load=shards.closed((2, 2, 1)))
    assert said.ok("GET /sleep/1") == server.count["GET /sleep/1"] > 20
    assert "GET /never" not in server.count
    assert said.totals["turns"] > 100
    assert len(said.frames[0]["lag_ms"]) >= 8


def test_lag_is_measured_once_in_each_tenth_of_a_second_out_of_step_with_paced_users(
    runtime: Runtime,
) -> None:
    due = runtime.run("run_tick", 2.0)
    assert 19 <= len(due) <= 21
    in_its_tenth_ms = [1000 * moment - 100 * tenth for tenth, moment in enumerate(due)]
    assert min(in_its_tenth_ms) >= -0.1
    assert max(in_its_tenth_ms) <= 110
    assert max(in_its_tenth_ms) - min(in_its_tenth_ms) > 30, "a timer in step would show 0"
