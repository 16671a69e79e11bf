"""The source that speaks for the system: the process behind the host's port, or what the scenario names instead."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from loadctl.errors import UsageError
from loadctl.monitors.process.port import Forwarder, Found, NotFound, Resolved, host_and_port, resolve
from loadctl.monitors.process.process import ProcessSource
from loadctl.monitors.process.selector import by_name, by_pid
from loadctl.monitors.source import Source
from loadctl.scenario.scenario import Scenario

if TYPE_CHECKING:
    from loadctl.monitors.containers.engine import DockerEngine
    from loadctl.monitors.logs.feed import Feed
    from loadctl.scenario.watch import Pods

Feeds: TypeAlias = "Callable[[], Sequence[Feed]]"
_CONTAINER_PROXIES = ("docker-proxy", "rootlessport", "com.docker.", "gvproxy", "vpnkit")


@dataclass(frozen=True, slots=True)
class Judged:
    """`watched` is "watching uvicorn (pid 4312)" or "nothing: REASON; HINT".

    `sources`: the one that speaks, and companions beside it. `pid`: of the system on this machine, where known.
    """

    watched: str
    sources: Sequence[Source] = ()
    notes: Sequence[str] = ()
    pid: int | None = None
    container_pid: int | None = None
    """Of its first process, seen from this machine."""
    feeds: Feeds = tuple
    """A way to follow the logs of its containers or pods; nothing is opened before it is asked for."""
    close: Callable[[], None] = lambda: None
    """For what all sources share; when they are closed."""

    @property
    def local_pid(self) -> int | None:
        return self.pid if self.pid is not None else self.container_pid


def judged(scenario: Scenario) -> Judged:
    """Call it when the system is up.

    Raises: UsageError where what somebody named is not there: nobody shall find that out at the end.
    """
    if scenario.watch.containers:
        return _containers(_engine(), scenario.watch.containers)
    if scenario.watch.pods is not None:
        return _pods(scenario.watch.pods, scenario.load.duration_s)
    find, find_again = _selectors(scenario)
    meant = find()
    if scenario.watch.asked and not isinstance(meant, Found):
        raise UsageError(f"{meant.reason} (nothing was sent)", hint=meant.hint)
    port = host_and_port(scenario.host)[1]
    match meant:
        case Found():
            notes = (meant.note,) if meant.note else ()
            return Judged(f"watching {meant}", (ProcessSource(meant, find_again),), notes, meant.pid)
        case Forwarder():
            hands_on = meant.name.startswith(_CONTAINER_PROXIES)
            found = _of_port(port, f"{meant.name} forwards port {port} into") if hands_on else None
            return found or _nothing(meant)
        case NotFound():
            # Without a proxy (Docker's userland-proxy: false), or the right to see it, it may still be a container's.
            return (None if meant.remote else _of_port(port, f"port {port} is published by")) or _nothing(
                meant
            )


def _selectors(scenario: Scenario) -> tuple[Callable[[], Resolved], Callable[[], Resolved]]:
    """How the process is found at first, and after it has gone: a pid does not come back, its port may."""
    behind_port = partial(resolve, scenario.host)
    if scenario.watch.pid is not None:
        return partial(by_pid, scenario.watch.pid), behind_port
    if scenario.watch.process is not None:
        named = partial(by_name, scenario.watch.process, scenario.host)
        return named, named
    return behind_port, behind_port


def _nothing(meant: NotFound | Forwarder) -> Judged:
    return Judged(f"nothing: {meant.reason}; {meant.hint}")


def _engine() -> DockerEngine:
    from loadctl.monitors.containers.engine import DockerEngine

    return DockerEngine.find(os.environ)


def _containers(engine: DockerEngine, names: Sequence[str], note: str | None = None) -> Judged:
    """The first is judged, the others are recorded beside it."""
    from loadctl.monitors.containers.container import ContainerSource

    sources = [ContainerSource(engine, name, "companion" if i else "system") for i, name in enumerate(names)]
    beside = ", ".join(names[1:])
    watched = f"watching {sources[0].name}" + (f", and beside it {beside}" if beside else "")
    notes = (note,) if note else ()
    feeds = partial(_container_feeds, engine, names)
    return Judged(
        watched,
        tuple(sources),
        notes,
        container_pid=sources[0].local_pid(),
        feeds=feeds,
        close=engine.close,
    )


def _container_feeds(engine: DockerEngine, names: Sequence[str]) -> Sequence[Feed]:
    from loadctl.monitors.containers.container import ContainerLog
    from loadctl.monitors.logs.feed import StreamFeed

    return [StreamFeed(name, ContainerLog(engine, name)) for name in names]


def _pods(pods: Pods, duration_s: float) -> Judged:
    from loadctl.monitors.kubernetes.kubectl import Kubectl
    from loadctl.monitors.kubernetes.log import PodsFeed
    from loadctl.monitors.kubernetes.pods import PodsSource

    kubectl = Kubectl(pods.namespace, os.environ)
    source = PodsSource(kubectl, pods)
    count = source.check()
    window_s = source.window_s
    notes = []
    if window_s and 0 < duration_s < 3 * window_s:
        notes.append(
            f"cpu and memory of pods are averages over {window_s:.0f} s: judged from three on, so in a run of "
            f"{3 * window_s:.0f} s and more"
        )
    watched = f"watching {source.name} ({'1 pod' if count == 1 else f'{count} pods'})"
    return Judged(watched, (source,), notes, feeds=lambda: [PodsFeed(kubectl, pods)])


def _of_port(port: int, how: str) -> Judged | None:
    """The container that publishes this port of the host; None: there is none, or no engine to ask."""
    try:
        engine = _engine()
        name = engine.behind_port(port)
    except UsageError:
        return None
    if name is None:
        engine.close()
        return None
    return _containers(engine, [name], f"{how} the container {name}, which is watched")
