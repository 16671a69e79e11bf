"""Pods as the API server reports them: identity, state, limits and use; and what happened between two looks. Pure.

Source: Kubernetes API reference, PodList (v1) and PodMetricsList (metrics.k8s.io/v1beta1).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadctl.monitors.answer import Malformed, integer, nanoseconds, part, parts
from loadctl.monitors.source import Detail
from loadctl.results.recording import Event

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,2})|(n|u|m|[kMGTPE]|[KMGTPE]i)?)")
_SUFFIXES = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    **{letter: 1000.0 ** (power + 1) for power, letter in enumerate("kMGTPE")},
    **{f"{letter}i": 1024.0 ** (power + 1) for power, letter in enumerate("KMGTPE")},
}
_LONGEST = 40


def quantity(text: object) -> float:
    """In the unit without a prefix: cores, bytes. Raises ValueError if it is not a quantity."""
    found = _QUANTITY.fullmatch(text) if isinstance(text, str) and len(text) <= _LONGEST else None
    if found is None:
        raise ValueError(f"{str(text)[:_LONGEST]!r} is not a quantity")
    number, exponent, suffix = found.groups()
    if exponent is not None:
        return float(f"{number}e{exponent}")
    return float(number) * _SUFFIXES.get(suffix or "", 1.0)


_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a container of a pod ended, the last time that it did; `at_ns` is the cluster's clock, 0: unknown."""

    exit_code: int
    reason: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class PodContainer:
    """`waiting`: why it does not run (CrashLoopBackOff, ImagePullBackOff …); None: it runs, or has ended."""

    name: str
    restarts: int
    waiting: str | None = None
    ending: Ending | None = None
    running: bool = True


@dataclass(frozen=True, slots=True)
class Allowance:
    """What all containers of a pod ask for, or may use, together; None: at least one of them has no value."""

    cores: float | None = None
    memory_bytes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    uid: str
    name: str
    created_ns: int = 0
    ready: bool = True
    leaving: bool = False
    """It is being deleted."""
    ended: str | None = None
    """Why it will not run again: Succeeded, Failed, Evicted."""
    containers: tuple[PodContainer, ...] = ()
    limits: Allowance = Allowance()
    requests: Allowance = Allowance()

    @property
    def live(self) -> bool:
        return not self.leaving and self.ended is None

    @property
    def restarts(self) -> int:
        return sum(one.restarts for one in self.containers)


@dataclass(frozen=True, slots=True)
class PodUse:
    """What a pod used: cores on average over `window_s` before `at_ns`, and its working set then."""

    name: str
    at_ns: int
    window_s: float | None
    cores: float
    memory_bytes: float


def pods_in(answer: Any) -> dict[str, Pod]:
    """PodList → pods by uid. Raises: Malformed."""
    return {pod.uid: pod for pod in map(_pod, _items(answer))}


def uses_in(answer: Any) -> dict[str, PodUse]:
    """PodMetricsList → use by name of the pod; one that cannot be read is left out. Raises: Malformed."""
    found = {}
    for item in _items(answer):
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            use = _use(item)
            found[use.name] = use
    return found


def seconds(text: object) -> float | None:
    """A duration as Go writes it: `34.475s`, `1m0s`; None if it is not one."""
    if not isinstance(text, str) or not text.endswith("s"):
        return None
    minutes, _, rest = text[:-1].rpartition("m")
    try:
        return float(minutes or 0) * 60 + float(rest)
    except ValueError:
        return None


def _items(answer: Any) -> Iterator[Mapping[str, Any]]:
    items = answer.get("items") if isinstance(answer, Mapping) else None
    if items is None and isinstance(answer, Mapping) and "items" in answer:
        return iter(())  # Go writes an empty list as null
    if not isinstance(items, list):
        raise Malformed("the API server's answer is not a list of pods")
    return (item for item in items if isinstance(item, Mapping))


def _pod(item: Mapping[str, Any]) -> Pod:
    meta, spec, status = (part(item, key) for key in ("metadata", "spec", "status"))
    containers = parts(spec, "containers")
    statuses = [*parts(status, "initContainerStatuses"), *parts(status, "containerStatuses")]
    phase = str(status.get("phase", ""))
    conditions = {str(one.get("type")): one.get("status") for one in parts(status, "conditions")}
    ready = conditions.get("Ready", "True" if all(one.get("ready", True) for one in statuses) else "False")
    return Pod(
        uid=str(meta.get("uid") or meta.get("name", "")),
        name=str(meta.get("name", "")),
        created_ns=nanoseconds(str(meta.get("creationTimestamp", ""))),
        ready=ready == "True",
        leaving=meta.get("deletionTimestamp") is not None,
        ended=str(status.get("reason") or phase) if phase in _ENDED else None,
        containers=tuple(map(_container, statuses)),
        limits=_allowance(containers, "limits"),
        requests=_allowance(containers, "requests"),
    )


def _container(status: Mapping[str, Any]) -> PodContainer:
    state, last = part(status, "state"), part(status, "lastState")
    waiting = state.get("waiting")
    ended = state.get("terminated") or last.get("terminated")
    return PodContainer(
        name=str(status.get("name", "")),
        restarts=integer(status, "restartCount"),
        waiting=str(waiting.get("reason") or "waiting") if isinstance(waiting, Mapping) else None,
        ending=_ending(ended) if isinstance(ended, Mapping) else None,
        running="running" in state,
    )


def _ending(terminated: Mapping[str, Any]) -> Ending:
    at_ns = nanoseconds(str(terminated.get("finishedAt", "")))
    return Ending(integer(terminated, "exitCode"), str(terminated.get("reason") or ""), at_ns)


def _allowance(containers: list[Mapping[str, Any]], kind: str) -> Allowance:
    """Of init containers nothing is counted: they have ended when the pod serves."""

    def total(resource: str) -> float | None:
        try:
            return sum(quantity(part(part(one, "resources"), kind)[resource]) for one in containers)
        except (KeyError, TypeError, ValueError):
            return None

    return Allowance(total("cpu"), total("memory")) if containers else Allowance()


def _use(item: Mapping[str, Any]) -> PodUse:
    usages = [one["usage"] for one in item["containers"]]
    return PodUse(
        name=str(item["metadata"]["name"]),
        at_ns=nanoseconds(str(item["timestamp"])),
        window_s=seconds(item.get("window")),
        cores=sum(quantity(usage["cpu"]) for usage in usages),
        memory_bytes=sum(quantity(usage["memory"]) for usage in usages),
    )


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
