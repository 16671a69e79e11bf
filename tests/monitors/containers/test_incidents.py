"""Every incident of a container is one event, whatever order its news come in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.monitors.containers.incidents import ContainerTracker
from loadctl.monitors.containers.record import EngineEvent, State
from loadctl.results.recording import Event

S = 10**9
INCIDENTS = {"service_restarted", "service_crashed", "service_down"}


def state(started: float = 100, **more: Any) -> State:
    base: dict[str, Any] = {"id": "old", "name": "api", "status": "running", "running": True}
    return State(**{**base, "started_ns": int(started * S), **more})


def ended(at: float, code: int = 0, **more: Any) -> State:
    return state(running=False, status="exited", finished_ns=int(at * S), exit_code=code, **more)


def life(first: State | None = None) -> ContainerTracker:
    return ContainerTracker(first or state(), lambda ns: ns / S)


def news(action: str, at: float, identity: str = "old", **more: Any) -> EngineEvent:
    return EngineEvent(**{"action": action, "id": identity, "ns": int(at * S), "name": "api", **more})


def kill(at: float, number: str = "15") -> EngineEvent:
    return news("kill", at, labels={"signal": number})


def down(watched: ContainerTracker) -> str | None:
    return watched.down


def told(watched: ContainerTracker, *events: EngineEvent) -> list[Event]:
    return [one for event in events for one in watched.see(event)]


@pytest.mark.parametrize(
    ("events", "cause", "t"),
    [
        ([news("die", 110, exit_code=137)], "killed by SIGKILL (exit code 137)", 110),
        ([news("die", 110, exit_code=139)], "killed by SIGSEGV (exit code 139)", 110),
        ([news("die", 110, exit_code=3)], "it exited with 3", 110),
        ([news("die", 110, exit_code=0)], "it exited with 0", 110),
        ([kill(109), news("die", 110, exit_code=137)], "stopped on request", 110),
        ([kill(109, "SIGHUP"), news("die", 110, exit_code=1)], "it exited with 1", 110),
        ([news("oom", 109.9), news("die", 110, exit_code=137)], "killed by the kernel: out of memory", 110),
        ([news("die", 110, exit_code=137), news("oom", 110.1)], "killed by the kernel: out of memory", 110),
        ([news("oom", 109.8), kill(109.9), news("die", 110, exit_code=137)], "stopped on request", 110),
        ([news("oom", 105), news("die", 110, exit_code=3)], "it exited with 3", 110),
    ],
)
def test_an_end_that_is_undone_is_one_restart_with_its_cause(
    events: list[EngineEvent], cause: str, t: float
) -> None:
    watched = life()
    told(watched, *events[:-1])
    watched.tick(108)
    told(watched, events[-1])
    assert down(watched)
    (restart,) = told(watched, news("start", 111))
    assert (restart.kind, restart.t, restart.detail["cause"]) == ("service_restarted", t, cause)
    assert restart.detail["down_s"] == 1
    assert not down(watched)
    assert [*watched.tick(200), *watched.end()] == []


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ([kill(109), news("die", 110, exit_code=143)], "service_down"),
        ([news("die", 110, exit_code=0)], "service_down"),
        ([news("die", 110, exit_code=1)], "service_crashed"),
        ([news("oom", 110), news("die", 110.1, exit_code=137)], "service_crashed"),
    ],
)
def test_an_end_that_nobody_undoes_is_told_once_after_the_grace_time(
    events: list[EngineEvent], kind: str
) -> None:
    watched = life()
    told(watched, *events)
    assert watched.tick(115) == []
    (gone,) = watched.tick(120.5)
    assert (gone.kind, round(gone.t)) == (kind, 110)
    assert [*watched.tick(130), *watched.end()] == []
    (up,) = told(watched, news("start", 140))
    assert (up.kind, up.t) == ("service_up", 140)


def test_what_is_gone_at_the_end_is_told_at_the_end() -> None:
    watched = life()
    told(watched, news("die", 110, exit_code=1))
    (gone,) = watched.end()
    assert (gone.kind, gone.t) == ("service_crashed", 110)
    assert watched.end() == []


def test_an_out_of_memory_kill_that_the_container_survives() -> None:
    watched = life()
    told(watched, news("oom", 110), news("oom", 110.5))
    assert watched.tick(111) == []
    (killed,) = watched.tick(112.5)
    assert (killed.kind, killed.t) == ("oom_kill", 110)
    assert watched.tick(120) == []
    # Docker's flag stays up from then on; it says nothing of a later end.
    told(watched, news("die", 130, exit_code=137))
    watched.check(ended(130, 137, oom_killed=True))
    (restart,) = told(watched, news("start", 131))
    assert restart.detail["cause"] == "killed by SIGKILL (exit code 137)"


def test_an_engine_without_events_of_the_kernel_says_it_when_asked() -> None:
    """podman: no oom event, but the inspection after the end knows."""
    watched = life()
    told(watched, news("die", 110, exit_code=137))
    watched.check(ended(110, 137, oom_killed=True))
    (restart,) = told(watched, news("start", 111))
    assert restart.detail["cause"] == "killed by the kernel: out of memory"


def test_another_of_the_same_name_takes_its_place() -> None:
    watched = life()
    (restart,) = told(
        watched, kill(110), news("die", 110, exit_code=137), news("destroy", 110.2), news("start", 112, "new")
    )
    assert restart.detail["cause"] == "replaced by another container"
    assert watched.id == "new"
    assert told(watched, news("die", 113, "old")) == []
    assert not down(watched)


def test_of_a_compose_service_the_same_replica_takes_its_place() -> None:
    labels = {
        f"com.docker.compose.{k}": v
        for k, v in {"project": "p", "service": "s", "container-number": "1"}.items()
    }
    watched = life(state(labels=labels))
    told(watched, news("die", 110, exit_code=0))
    second = {**labels, "com.docker.compose.container-number": "2"}
    assert told(watched, news("start", 111, "other", name="x", labels=second)) == []
    (restart,) = told(watched, news("start", 112, "new", name="x", labels=labels))
    assert restart.kind == "service_restarted"


def test_others_of_its_service_change_nothing_while_it_runs() -> None:
    watched = life()
    assert (
        told(watched, news("start", 110, "new"), news("die", 111, "new"), news("oom", 112, "x", name="y"))
        == []
    )
    assert (watched.id, down(watched)) == ("old", None)


def test_events_that_come_twice_are_told_once() -> None:
    watched = life()
    events = [news("die", 110, exit_code=1), news("start", 111)]
    assert len(told(watched, *events, *events)) == 1


def test_a_restart_that_no_event_told_is_believed_when_it_is_seen_twice() -> None:
    watched = life()
    after = state(started=120, finished_ns=int(119.5 * S), restarts=1)
    assert watched.check(after) == []
    assert watched.uncertain
    (restart,) = watched.check(after)
    assert (restart.kind, restart.t, restart.detail["down_s"]) == ("service_restarted", 119.5, 0.5)
    assert watched.check(after) == watched.check(after) == []


def test_an_end_that_no_event_told_is_believed_when_it_is_seen_twice() -> None:
    watched = life()
    watched.check(ended(110, 3))
    assert not down(watched)
    watched.check(ended(110, 3))
    assert down(watched) == "api is not running: it exited with 3"
    (gone,) = watched.end()
    assert (gone.kind, gone.t) == ("service_crashed", 110)


def test_news_that_overtake_each_other_are_one_incident() -> None:
    """The inspection sees the new start before the events of it come."""
    watched = life()
    assert watched.check(state(started=111)) == []
    assert len(told(watched, news("die", 110, exit_code=1), news("start", 111.005))) == 1
    assert watched.check(state(started=111)) == watched.check(state(started=111)) == []


def test_one_that_does_not_run_at_first_is_not_lost() -> None:
    watched = life(ended(50, 1))
    assert down(watched)
    assert [*watched.tick(500), *watched.end()] == []
    assert [event.kind for event in told(watched, news("start", 510))] == ["service_up"]


def test_health_is_told_when_it_changes() -> None:
    watched = life(state(health="starting"))
    events = told(
        watched,
        news("health_status", 110, health="healthy"),
        news("health_status", 111, health="healthy"),
        news("health_status", 112, health="unhealthy"),
    )
    assert [event.message for event in events] == [
        "api is healthy (was starting)",
        "api is unhealthy (was healthy)",
    ]


NEWS = st.lists(
    st.tuples(
        st.sampled_from(["start", "die", "oom", "kill", "destroy", "health_status", "check", "gone", "tick"]),
        st.sampled_from(["old", "new"]),
        st.integers(0, 15),
    ),
    max_size=25,
)


@given(NEWS)
def test_whatever_happens_incidents_and_returns_alternate(items: list[tuple[str, str, int]]) -> None:
    watched, at, seen = life(), 100.0, []
    for action, identity, wait in items:
        at += 1 + wait
        match action:
            case "check":
                seen += watched.check(state(started=at - wait, id=identity))
            case "gone":
                watched.missing(at)
            case "tick":
                seen += watched.tick(at)
            case _:
                seen += watched.see(news(action, at, identity, exit_code=wait, health=str(wait)))
    seen += watched.end()
    lasting = [e.kind for e in seen if e.kind in {"service_crashed", "service_down", "service_up"}]
    assert all((kind == "service_up") == bool(i % 2) for i, kind in enumerate(lasting))
    incidents = [e.t for e in seen if e.kind in INCIDENTS]
    assert len(incidents) == len(set(incidents))
