"""Pods of Kubernetes as a source: what each uses, and all together, and what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from loadctl.errors import UsageError
from loadctl.monitors.answer import Malformed
from loadctl.monitors.background import Background, Lost
from loadctl.monitors.kubernetes.incidents import PodLife, cause_of
from loadctl.monitors.kubernetes.kubectl import Kubectl, Refused
from loadctl.monitors.kubernetes.status import Allowance, Pod, PodUse, pods_in, uses_in
from loadctl.monitors.source import Observation
from loadctl.results.recording import Event, Reading
from loadctl.scenario.watch import Pods

_LOOK_S = 2.0
_SILENT_S = 30.0
_NO_SERVER = "the cluster has no metrics-server"
_HINT = "try:  kubectl get pods -n {0.namespace} -l '{0.selector}'"
_COARSE = "averages over {:.0f} s"


@dataclass(frozen=True, slots=True)
class Seen:
    """A pod with what it used; None: not told yet."""

    pod: Pod
    use: PodUse | None


class PodsSource:
    """The pods that a selector picks, whichever they are at the time; their sum is the system.

    Values: pods, pods_ready, restarts; cpu_cores, memory_bytes (working set); where every container has a limit
    cores_available, cpu_pct, memory_limit_bytes, memory_pct; where every one has a request cpu_request_pct,
    memory_request_pct; of the sum also highest_cpu_pct and highest_memory_pct of one pod's limit. Notes: memory_kind,
    cpu_of, and what is missing with its reason.

    metrics-server hands out averages over windows of 10 to 60 s: every sample is told once, at its own time.
    """

    period_s = 1.0

    def __init__(self, kubectl: Kubectl, pods: Pods, subject: str = "system") -> None:
        self.subject = subject
        self.window_s: float | None = None
        self._kubectl = kubectl
        self._pods = pods
        self._life = PodLife()
        self._told: dict[str, int] = {}
        self._uses: dict[str, PodUse] = {}
        self._background = Background("pods", self._follow, silent_s=_SILENT_S)

    @property
    def name(self) -> str:
        return f"pods {self._pods}"

    def check(self) -> int:
        """How many there are. Raises: UsageError where none is, or the API server does not tell."""
        hint = _HINT.format(self._pods)
        try:
            pods = self._look()
            self._read_uses()
        except Lost as lost:
            raise UsageError(f"pods {self._pods}: {lost} (nothing was sent)", hint=hint) from None
        live = [pod for pod in pods.values() if pod.live]
        if not live:
            raise UsageError(f"no pod matches {self._pods} (nothing was sent)", hint=hint)
        return len(live)

    def why_dead(self) -> str | None:
        """One sentence when a pod crashes again and again or has ended for good, or none is left; else None."""
        try:
            pods = self._look()
        except Lost:
            return None
        for pod in pods.values():
            for one in pod.containers:
                if one.waiting == "CrashLoopBackOff" or (pod.ended and not one.running and one.ending):
                    how = "crashes again and again" if pod.ended is None else f"has ended ({pod.ended})"
                    last = self._last_lines(pod.name, one.name)
                    return f"container {one.name} of pod {pod.name} {how}, {cause_of(one)}: {last}"
        return None

    def sample(self, t: float) -> list[Observation]:
        return [one for one in self._background.sample(t) if not isinstance(one, Reading) or one.t >= 0]

    def close(self, t: float) -> list[Observation]:
        return self._background.close(t)

    def _follow(self, background: Background) -> None:
        while not background.stopping.is_set():
            pods = self._look()
            missing = self._read_uses()
            now_ns = self._kubectl.now_ns()
            happened = self._life.see(pods, now_ns)
            events = [Event(self._at(e.at_ns), e.kind, e.message, dict(e.detail)) for e in happened]
            background.put(*events, *self._readings(pods, missing))
            background.stopping.wait(_LOOK_S)

    def _look(self) -> Mapping[str, Pod]:
        """Raises: Lost."""
        return pods_in(self._kubectl.pods(self._pods.selector))

    def _read_uses(self) -> str | None:
        """Why there is no use of any pod, None where there is. Raises: Lost."""
        self._uses = {}
        try:
            self._uses = uses_in(self._kubectl.metrics(self._pods.selector))
        except (Refused, Malformed) as error:
            absent = isinstance(error, Refused) and error.status in {404, 503}
            return _NO_SERVER if absent else str(error)
        windows = [use.window_s for use in self._uses.values() if use.window_s]
        self.window_s = max(windows) if windows else None
        return None if self._uses else "metrics-server knows nothing of these pods yet"

    def _readings(self, pods: Mapping[str, Pod], missing: str | None) -> list[Observation]:
        live = [Seen(pod, self._uses.get(pod.name)) for pod in pods.values() if pod.live]
        if not live:
            now = time.monotonic()
            return [Reading(now, self.subject, "pods", str(self._pods), gap=f"no pod matches {self._pods}")]
        fresh = [seen for seen in live if seen.use and self._told.get(seen.pod.uid) != seen.use.at_ns]
        self._told = {seen.pod.uid: seen.use.at_ns for seen in live if seen.use}
        told: list[Observation] = [
            Reading(self._at(seen.use.at_ns), "companion", "pods", seen.pod.name, *measured([seen]))
            for seen in fresh
            if seen.use
        ]
        values: dict[str, float] = {}
        notes: dict[str, str] = {}
        at = time.monotonic()
        if fresh:
            values, notes = measured([seen for seen in live if seen.use])
            at = max(self._at(seen.use.at_ns) for seen in fresh if seen.use)
            without = sum(seen.use is None for seen in live)
            if without:
                notes["cpu_of"] = f"{len(live) - without} of {len(live)} pods"
        elif missing:
            notes = {"cpu_cores": missing, "cpu_pct": missing, "memory_bytes": missing}
        values |= {
            "pods": len(live),
            "pods_ready": sum(seen.pod.ready for seen in live),
            "restarts": sum(seen.pod.restarts for seen in live),
        }
        return [*told, Reading(at, self.subject, "pods", str(self._pods), values, notes)]

    def _at(self, ns: int) -> float:
        """The cluster's clock on time.monotonic(), never later than now: what is told has happened."""
        now = time.monotonic()
        return now - max(0.0, (self._kubectl.now_ns() - ns) / 1e9) if ns else now

    def _last_lines(self, pod: str, container: str) -> str:
        for previous in (False, True):
            try:
                with self._kubectl.log(pod, container, since=None, previous=previous, follow=False) as log:
                    lines = [line.partition(" ")[2].strip()[:200] for line in log]
            except Lost:
                continue
            if lines := [line for line in lines if line][-3:]:
                return " | ".join(lines)
        return "its log is empty"


def measured(seen: list[Seen]) -> tuple[dict[str, float], dict[str, str]]:
    """Values and notes of pods together."""
    uses = [one.use for one in seen if one.use]
    cores, memory = sum(use.cores for use in uses), sum(use.memory_bytes for use in uses)
    values = {"cpu_cores": cores, "memory_bytes": memory}
    notes = {"memory_kind": "working set"}
    limits = _together([one.pod.limits for one in seen])
    asked = _together([one.pod.requests for one in seen])
    windows = [use.window_s for use in uses if use.window_s]
    coarse = ", " + _COARSE.format(max(windows)) if windows else ""
    if limits.cores:
        values |= {"cores_available": limits.cores, "cpu_pct": 100 * cores / limits.cores}
        notes["cpu_of"] = f"{limits.cores:g} cores of limits{coarse}"
    else:
        notes["cpu_pct"] = f"not every container has a cpu limit{coarse}"
    if limits.memory_bytes:
        values["memory_limit_bytes"] = limits.memory_bytes
        values["memory_pct"] = 100 * memory / limits.memory_bytes
    else:
        notes["memory_pct"] = "not every container has a memory limit"
    if asked.cores:
        values["cpu_request_pct"] = 100 * cores / asked.cores
    if asked.memory_bytes:
        values["memory_request_pct"] = 100 * memory / asked.memory_bytes
    if len(seen) > 1:
        values |= _highest(seen)
    return values, notes


def _highest(seen: list[Seen]) -> dict[str, float]:
    """The sum may look well while one pod stands at its limit."""
    cpu = [100 * one.use.cores / one.pod.limits.cores for one in seen if one.use and one.pod.limits.cores]
    memory = [
        100 * one.use.memory_bytes / one.pod.limits.memory_bytes
        for one in seen
        if one.use and one.pod.limits.memory_bytes
    ]
    return {
        **({"highest_cpu_pct": max(cpu)} if cpu else {}),
        **({"highest_memory_pct": max(memory)} if memory else {}),
    }


def _together(allowances: list[Allowance]) -> Allowance:
    """None as soon as one says nothing."""
    cores = [one.cores for one in allowances]
    memory = [one.memory_bytes for one in allowances]
    return Allowance(
        None if None in cores else sum(filter(None, cores)),
        None if None in memory else sum(filter(None, memory)),
    )
