"""Pods of Kubernetes as a source: what each uses, what all use together, their incidents, and their logs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from msgspec.structs import replace

from loadctl.errors import UsageError
from loadctl.monitors.answer import AnswerStream, Malformed, nanoseconds
from loadctl.monitors.background import Background, Lost, Stopping
from loadctl.monitors.kubernetes.kubectl import Kubectl, RequestRefused
from loadctl.monitors.kubernetes.status import Allowance, Pod, PodTracker, PodUse, cause_of, pods_in, uses_in
from loadctl.monitors.logs.feed import StreamFeed
from loadctl.monitors.source import Observation, Sheet
from loadctl.results.recording import Reading
from loadctl.scenario.watch import Pods

_LOOK_S = 2.0
_SILENT_S = 30.0
_NO_SERVER = "the cluster has no metrics-server"
_HINT = "try:  kubectl get pods -n {0.namespace} -l '{0.selector}'"


@dataclass(frozen=True, slots=True)
class PodSample:
    """A pod with what it used."""

    pod: Pod
    use: PodUse


class PodsSource:
    """The pods that a selector picks, whichever they are at the time; their sum is the system.

    Values: pods, pods_ready, restarts; cpu_cores, memory_bytes (working set); where every container has a limit
    cores_available, cpu_pct, memory_limit_bytes, memory_pct; where every one has a request cpu_request_pct,
    memory_request_pct; of the sum also highest_cpu_pct and highest_memory_pct of one pod's limit. Notes: memory_kind,
    cpu_of, and what is missing with its reason.

    metrics-server hands out averages over windows of 10 to 60 s: every sample is reported once, at its own time.
    """

    subject = "system"
    period_s = 1.0

    def __init__(self, kubectl: Kubectl, pods: Pods) -> None:
        self.window_s: float | None = None
        self._kubectl = kubectl
        self._pods = pods
        self._tracker = PodTracker()
        self._reported: dict[str, int] = {}
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
        """One sentence when a pod keeps crashing or has ended for good, or none is left; else None."""
        try:
            pods = self._look()
        except Lost:
            return None
        for pod in pods.values():
            for one in pod.containers:
                if one.waiting == "CrashLoopBackOff" or (pod.ended and not one.running and one.ending):
                    how = "keeps crashing" if pod.ended is None else f"has ended ({pod.ended})"
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
            events = [replace(e, t=self._at(int(e.t * 1e9))) for e in self._tracker.see(pods, now_ns)]
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
        except (RequestRefused, Malformed) as error:
            absent = isinstance(error, RequestRefused) and error.status in {404, 503}
            return _NO_SERVER if absent else str(error)
        windows = [use.window_s for use in self._uses.values() if use.window_s]
        self.window_s = max(windows) if windows else None
        return None if self._uses else "metrics-server has no data on these pods yet"

    def _readings(self, pods: Mapping[str, Pod], missing: str | None) -> list[Observation]:
        live = [pod for pod in pods.values() if pod.live]
        if not live:
            now = time.monotonic()
            return [Reading(now, self.subject, "pods", str(self._pods), gap=f"no pod matches {self._pods}")]
        seen = [PodSample(pod, self._uses[pod.name]) for pod in live if pod.name in self._uses]
        fresh = [one for one in seen if self._reported.get(one.pod.uid) != one.use.at_ns]
        self._reported = {one.pod.uid: one.use.at_ns for one in seen}
        of_pods = [
            Reading(self._at(one.use.at_ns), "companion", "pods", one.pod.name, *measured([one]))
            for one in fresh
        ]
        sheet = measured(seen) if fresh else Sheet({}, {})
        if fresh and len(seen) < len(live):
            sheet.notes["cpu_of"] = f"{len(seen)} of {len(live)} pods"
        elif missing and not fresh:
            sheet.notes.update(dict.fromkeys(("cpu_cores", "cpu_pct", "memory_bytes"), missing))
        sheet.values.update(
            pods=len(live),
            pods_ready=sum(pod.ready for pod in live),
            restarts=sum(pod.restarts for pod in live),
        )
        at = max((self._at(one.use.at_ns) for one in fresh), default=time.monotonic())
        return [*of_pods, Reading(at, self.subject, "pods", str(self._pods), *sheet)]

    def _at(self, ns: int) -> float:
        """The cluster's clock on time.monotonic(), never later than now: what is reported has happened."""
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


def measured(seen: Sequence[PodSample]) -> Sheet:
    """The values of pods together."""
    cores, memory = (sum(one.use.cores for one in seen), sum(one.use.memory_bytes for one in seen))
    sheet = Sheet({"cpu_cores": cores, "memory_bytes": memory}, {"memory_kind": "working set"})
    windows = [one.use.window_s for one in seen if one.use.window_s]
    coarse = f", averages over {max(windows):.0f} s" if windows else ""
    pods = [one.pod for one in seen]
    limits, requests = _together([pod.limits for pod in pods]), _together([pod.requests for pod in pods])
    if limits.cores:
        sheet.values["cores_available"] = limits.cores
        sheet.notes["cpu_of"] = f"{limits.cores:g} cores of limits{coarse}"
    else:
        sheet.notes["cpu_pct"] = f"not every container has a cpu limit{coarse}"
    if limits.memory_bytes:
        sheet.values["memory_limit_bytes"] = limits.memory_bytes
    else:
        sheet.notes["memory_pct"] = "not every container has a memory limit"
    several = seen if len(seen) > 1 else ()  # the sum may look well while one pod is at its limit
    for name, shares in {
        "cpu_pct": [(cores, limits.cores)],
        "memory_pct": [(memory, limits.memory_bytes)],
        "cpu_request_pct": [(cores, requests.cores)],
        "memory_request_pct": [(memory, requests.memory_bytes)],
        "highest_cpu_pct": [(one.use.cores, one.pod.limits.cores) for one in several],
        "highest_memory_pct": [(one.use.memory_bytes, one.pod.limits.memory_bytes) for one in several],
    }.items():
        percentages = [100 * used / limit for used, limit in shares if limit]
        if percentages:
            sheet.values[name] = max(percentages)
    return sheet


def _together(allowances: Sequence[Allowance]) -> Allowance:
    """None as soon as one says nothing."""
    cores = [one.cores for one in allowances]
    memory = [one.memory_bytes for one in allowances]
    return Allowance(
        None if None in cores else sum(filter(None, cores)),
        None if None in memory else sum(filter(None, memory)),
    )


_PODS_MAX = 100
_CLOSE_S = 1.0


class PodsFeed:
    """Lines of all containers of all pods that match; of those that come later, from their beginning."""

    rotations = 0

    def __init__(self, kubectl: Kubectl, pods: Pods) -> None:
        self.name = f"pods {pods}"
        self.trouble: str | None = None
        self._kubectl = kubectl
        self._pods = pods
        self._feeds: dict[tuple[str, str], StreamFeed] = {}
        self._ended: list[StreamFeed] = []
        self._lock = threading.Lock()
        self._since_ns: int = kubectl.now_ns()
        self._background = Background("pod-logs", self._follow, retry_s=_LOOK_S)
        self._background.start()

    def lines(self) -> Iterator[str]:
        with self._lock:
            feeds, ended, self._ended = list(self._feeds.values()), self._ended, []
        troubles = []
        for feed in (*feeds, *ended):
            try:
                yield from feed.lines()
            except Lost as lost:
                troubles.append(str(lost))
            if feed.trouble:
                troubles.append(feed.trouble)
        self.trouble = troubles[0] if troubles else None
        self._background.take(0)  # nothing but the reason for which the pods cannot be listed

    @property
    def behind(self) -> bool:
        with self._lock:
            return any(feed.behind for feed in (*self._feeds.values(), *self._ended))

    def rest(self) -> Iterator[str]:
        return iter(())

    def close(self) -> None:
        self._background.stopping.set()
        with self._lock:
            feeds = list(self._feeds.values())
        for feed in feeds:
            feed.stop()
        deadline = time.monotonic() + _CLOSE_S
        for feed in feeds:
            feed.close(max(0.0, deadline - time.monotonic()))

    def _follow(self, background: Background) -> None:
        while not background.stopping.is_set():
            self._look()
            background.put()
            background.stopping.wait(_LOOK_S)

    def _look(self) -> None:
        pods = pods_in(self._kubectl.pods(self._pods.selector))
        here = {(pod.uid, one.name): pod for pod in pods.values() for one in pod.containers}
        here = dict(islice(here.items(), _PODS_MAX))
        with self._lock:
            for key in [key for key in self._feeds if key not in here]:
                feed = self._feeds.pop(key)
                feed.close()
                self._ended.append(feed)
            for key, pod in here.items():
                if key not in self._feeds and not self._background.stopping.is_set():
                    follow = PodContainerLog(self._kubectl, pod.name, key[1], self._since_ns)
                    self._feeds[key] = StreamFeed(f"{pod.name}/{key[1]}", follow)
        self._since_ns = 0  # pods that come later are read from their beginning


class PodContainerLog:
    """Lines after `since_ns` of the cluster's clock. After a restart, first what the ended one still had to say."""

    def __init__(self, kubectl: Kubectl, pod: str, container: str, since_ns: int) -> None:
        self._kubectl = kubectl
        self._pod = pod
        self._container = container
        self._last_ns = since_ns
        self._again = False

    def __call__(self, stopping: Stopping) -> Iterator[str]:
        try:
            if self._again:
                yield from self._before()
            self._again = True
            with self._open(previous=False) as stream, stopping.ends(stream):
                yield from self._new(stream)
        except RequestRefused as refused:
            if refused.status != 400:  # it is waiting to start
                raise

    def _before(self) -> Iterator[str]:
        try:
            with self._open(previous=True) as stream:
                yield from self._new(stream)
        except RequestRefused:
            return  # it was no restart: the connection broke off

    def _open(self, *, previous: bool) -> AnswerStream[str]:
        since = None
        if self._last_ns:  # the API takes whole seconds
            since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._last_ns // 10**9))
        return self._kubectl.log(
            self._pod, self._container, since=since, previous=previous, follow=not previous
        )

    def _new(self, stream: AnswerStream[str]) -> Iterator[str]:
        for line in stream:
            stamp, _, text = line.partition(" ")
            at_ns = nanoseconds(stamp)
            if at_ns > self._last_ns:
                self._last_ns = at_ns
                yield text
            elif not at_ns:
                yield line
