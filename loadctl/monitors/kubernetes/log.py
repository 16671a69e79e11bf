"""The logs of pods, through restarts and replacements: every line of every container once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice

from loadctl.monitors.answer import AnswerStream, nanoseconds
from loadctl.monitors.background import Background, Lost, Stopping
from loadctl.monitors.kubernetes.kubectl import Kubectl, RequestRefused
from loadctl.monitors.kubernetes.status import pods_in
from loadctl.monitors.logs.feed import StreamFeed
from loadctl.scenario.watch import Pods

_LOOK_S = 2.0
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
