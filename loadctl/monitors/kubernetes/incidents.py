"""Incidents of pods between two looks: restarts, crash loops, replacements, changed replica counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadctl.monitors.kubernetes.status import Pod, PodContainer
from loadctl.monitors.source import Detail
from loadctl.results.recording import Event

_SUCCESSOR_NS = 10_000_000_000
"""How long the successor of a pod that has gone may take before the replica count has changed."""
_LOOPING = "CrashLoopBackOff"
_OOM = "OOMKilled"
_KILLED = 128 + 9


@dataclass(frozen=True, slots=True)
class _Gone:
    pod: Pod
    at_ns: int


class PodTracker:
    """Pods are distinguished by their uid: one of a StatefulSet comes back under its old name, with no restarts."""

    def __init__(self) -> None:
        self._before: Mapping[str, Pod] | None = None
        self._gone: list[_Gone] = []
        self._count = 0

    def see(self, pods: Mapping[str, Pod], now_ns: int) -> list[Event]:
        """What happened since the last look, in seconds since 1970 by the cluster's clock; each thing once.

        The first look only remembers.
        """
        before, self._before = self._before, pods
        live = {uid: pod for uid, pod in pods.items() if pod.live}
        if before is None:
            self._count = len(live)
            return []
        changes = [
            change
            for uid, pod in pods.items()
            if uid in before
            for change in self._of_pod(before[uid], pod, now_ns)
        ]
        lost = [pod for uid, pod in before.items() if pod.live and uid not in live]
        new = [pod for uid, pod in live.items() if uid not in before or not before[uid].live]
        self._gone += [_Gone(pods.get(pod.uid, pod), now_ns) for pod in lost]
        return changes + self._replicas(new, len(live), now_ns)

    def _of_pod(self, was: Pod, now: Pod, now_ns: int) -> list[Event]:
        known = {one.name: one for one in was.containers}
        changes = [
            change
            for one in now.containers
            if one.name in known and (change := _ended(now, known[one.name], one, now_ns))
        ]
        if now.live and was.ready != now.ready and not changes:
            state = "ready again" if now.ready else "not ready"
            changes.append(
                Event(now_ns / 1e9, "health_changed", f"pod {now.name} is {state}", {"pod": now.name})
            )
        return changes

    def _replicas(self, new: Sequence[Pod], count: int, now_ns: int) -> list[Event]:
        changes = []
        extra = []
        for pod in new:
            if self._gone:
                changes.append(_replaced(self._gone.pop(0), pod))
            else:
                extra.append(pod)
        late = [one for one in self._gone if now_ns - one.at_ns >= _SUCCESSOR_NS]
        self._gone = [one for one in self._gone if one not in late]
        if extra or late:
            at_ns = max([pod.created_ns for pod in extra] or [0]) or min(
                [one.at_ns for one in late] or [now_ns]
            )
            detail = {"before": self._count, "now": count}
            if count:
                message = f"{counted(self._count)} became {count}"
                changes.append(Event(at_ns / 1e9, "replicas_changed", message, detail))
            else:
                changes.append(
                    Event(at_ns / 1e9, "service_down", f"none of {counted(self._count)} is left", detail)
                )
        if not self._gone:
            self._count = count
        return changes


def _ended(pod: Pod, was: PodContainer, now: PodContainer, now_ns: int) -> Event | None:
    """One for each ending: it is reported when it is seen, and the restart that follows belongs to it."""
    ending = now.ending
    ended = ending is not None and ending != was.ending
    whose = f"container {now.name} of pod {pod.name}"
    if not ended and now.waiting == _LOOPING != was.waiting:
        message = f"{whose} is waiting to be restarted ({_LOOPING}: {cause_of(now)})"
        return Event(now_ns / 1e9, "service_down", message, {"pod": pod.name, "container": now.name})
    if not ended and (now.restarts <= was.restarts or (was.ending is not None and not was.running)):
        return None
    at_ns = ending.at_ns if ending is not None and ended and ending.at_ns else now_ns
    cause = cause_of(now)
    detail: Detail = {
        "pod": pod.name,
        "container": now.name,
        "cause": cause,
        "exit_code": ending.exit_code if ending is not None else None,
        "restarts": now.restarts,
    }
    times = now.restarts - was.restarts
    if now.waiting == _LOOPING:
        return Event(at_ns / 1e9, "service_crashed", f"{whose} keeps crashing: {cause}", detail)
    if pod.ended is not None:
        return Event(at_ns / 1e9, "service_crashed", f"{whose} ended for good: {cause}", detail)
    often = f" {times} times" if times > 1 else ""
    return Event(at_ns / 1e9, "service_restarted", f"{whose} restarted{often}: {cause}", detail)


def cause_of(container: PodContainer) -> str:
    """In words: "killed by the kernel: out of memory", "exit code 1"."""
    ending = container.ending
    if ending is None:
        return "reason unknown"
    if ending.reason == _OOM:
        return "killed by the kernel: out of memory"
    if ending.exit_code == _KILLED:
        return "killed (SIGKILL)"
    return f"exit code {ending.exit_code}"


def _replaced(gone: _Gone, by: Pod) -> Event:
    why = gone.pod.ended or "deleted"
    detail = {"pod": gone.pod.name, "by": by.name, "cause": why}
    message = f"pod {gone.pod.name} was replaced by {by.name} ({why})"
    return Event((by.created_ns or gone.at_ns) / 1e9, "service_restarted", message, detail)


def counted(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"
