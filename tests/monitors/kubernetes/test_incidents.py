"""What becomes of pods: each incident once, at its own time, in one word."""

from __future__ import annotations

from typing import Any

from loadctl.monitors.kubernetes.status import PodTracker, pods_in
from tests.monitors.cluster import ended, pod

S = 10**9
T = 1_700_000_000


def told(*looks: list[dict[str, Any]], step_s: int = 2) -> list[tuple[float, str, str]]:
    """(seconds after T, kind, message) of successive looks."""
    life = PodTracker()
    found = []
    for index, items in enumerate(looks):
        found += life.see(pods_in({"items": items}), (T + index * step_s) * S)
    return [(round(c.t - T, 3), c.kind, c.message) for c in found]


def meta(at: float, **more: Any) -> dict[str, Any]:
    return {"meta": {"creationTimestamp": _stamp(at), **more}}


def _stamp(at: float) -> str:
    from tests.monitors.cluster import stamp

    return stamp(T + at)


def test_calm_pods_tell_nothing() -> None:
    assert told([pod("a", restarts=7)], [pod("a", restarts=7)]) == []


def test_a_restart_has_its_cause_and_its_true_time() -> None:
    after = pod("a", restarts=1, status={"lastState": ended(137, "OOMKilled", T + 1.25)})
    assert told([pod("a")], [after], [after]) == [
        (1.25, "service_restarted", "container api of pod a restarted: killed by the kernel: out of memory")
    ]


def test_an_ending_and_the_restart_that_follows_are_one() -> None:
    down = pod("a", status={"state": ended(1, at=T + 1)})
    up = pod("a", restarts=1, status={"lastState": ended(1, at=T + 1)})
    assert told([pod("a")], [down], [up], [up]) == [
        (1.0, "service_restarted", "container api of pod a restarted: exit code 1")
    ]


def test_restarts_between_two_looks_are_counted() -> None:
    after = pod("a", restarts=3, status={"lastState": ended(1, at=T + 1)})
    assert [event[2] for event in told([pod("a")], [after])] == [
        "container api of pod a restarted 3 times: exit code 1"
    ]


def test_a_crash_loop_that_began_unseen_is_a_crash() -> None:
    loop = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended(2, at=T + 1)}
    assert told([pod("a")], [pod("a", restarts=1, status=loop)]) == [
        (1.0, "service_crashed", "container api of pod a keeps crashing: exit code 2")
    ]


def test_a_crash_loop_after_a_restart_is_told_beside_it() -> None:
    down = pod("a", status={"state": ended(2, at=T + 1)})
    loop = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended(2, at=T + 1)}
    waits = pod("a", restarts=0, status=loop)
    assert [event[1] for event in told([pod("a")], [down], [waits], [waits])] == [
        "service_restarted",
        "service_down",
    ]


def test_a_replaced_pod_has_no_restarts_and_is_told() -> None:
    leaving = pod("a", meta={"deletionTimestamp": _stamp(1)})
    new = pod("b", **meta(1.5))
    assert told([pod("a")], [leaving, new], [new]) == [
        (1.5, "service_restarted", "pod a was replaced by b (deleted)")
    ]


def test_one_of_a_stateful_set_comes_back_under_its_name() -> None:
    new = pod("a-0", "other", **meta(3))
    assert told([pod("a-0")], [], [new]) == [
        (3.0, "service_restarted", "pod a-0 was replaced by a-0 (deleted)")
    ]


def test_an_evicted_pod_and_its_successor() -> None:
    evicted = pod("a", pod_status={"phase": "Failed", "reason": "Evicted"})
    assert [event[2] for event in told([pod("a")], [evicted], [evicted, pod("b", **meta(4))])] == [
        "pod a was replaced by b (Evicted)"
    ]


def test_more_pods_are_no_restart() -> None:
    assert told([pod("a")], [pod("a"), pod("b", **meta(1))]) == [(1.0, "replicas_changed", "1 pod became 2")]


def test_fewer_pods_are_told_when_no_successor_came() -> None:
    both = [pod("a"), pod("b")]
    assert told(both, [pod("a")], [pod("a")], step_s=6) == []
    assert told(both, [pod("a")], [pod("a")], [pod("a")], step_s=6) == [
        (6.0, "replicas_changed", "2 pods became 1")
    ]


def test_none_left_is_down() -> None:
    assert told([pod("a")], [], [], [], step_s=6) == [(6.0, "service_down", "none of 1 pod is left")]


def test_readiness() -> None:
    not_ready = pod("a", pod_status={"conditions": [{"type": "Ready", "status": "False"}]})
    assert [event[1:] for event in told([pod("a")], [not_ready], [pod("a")])] == [
        ("health_changed", "pod a is not ready"),
        ("health_changed", "pod a is ready again"),
    ]
