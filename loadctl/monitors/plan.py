"""Which sources a scenario gets, and one sentence that says what is watched, or why nothing is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from loadctl.errors import UsageError
from loadctl.monitors.process.port import (
    Forwarder,
    Found,
    NotFound,
    Resolved,
    by_name,
    by_pid,
    host_and_port,
    resolve,
)
from loadctl.monitors.process.process import ProcessSource
from loadctl.monitors.source import Source
from loadctl.scenario.scenario import Scenario

if TYPE_CHECKING:
    from loadctl.monitors.containers.engine import DockerEngine
    from loadctl.monitors.logs.feed import Feed
    from loadctl.scenario.watch import Pods
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from loadctl.monitors.generator.generator import GeneratorSource
from loadctl.monitors.generator.host import HostSource
from loadctl.monitors.process.port import is_local
from loadctl.scenario.scenario import Tls

if TYPE_CHECKING:
    from loadctl.monitors.logs.feed import Feed
from contextlib import closing, contextmanager

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


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """`watched` is "watching uvicorn (pid 4312)" or "nothing: REASON; HINT".

    `found`: something that tells of cpu and memory is among the sources. `generator`, one of them, needs the shards'
    pids.
    """

    sources: tuple[Source, ...]
    generator: GeneratorSource
    watched: str
    found: bool
    pid: int | None = None
    """Of the system, or the first process of its container, on this machine; None: not known."""
    notes: tuple[str, ...] = ()
    close: Callable[[], None] = lambda: None
    """For what all sources share; when they are closed."""


def sources_for(scenario: Scenario) -> WatchPlan:
    """Call it when the system is up. The generator is always watched, the machine if the system is on it.

    Raises: UsageError where what somebody named is not there: nobody shall find that out at the end.
    """
    system = judged(scenario)
    generator = GeneratorSource()
    host = [HostSource()] if is_local(scenario.host) or system.pid is not None else []
    sources = (*system.sources, *_pages(scenario), *_logs(scenario, system), *host, generator)
    return WatchPlan(
        sources,
        generator,
        system.watched,
        bool(system.sources),
        system.local_pid,
        tuple(system.notes),
        system.close,
    )


def _pages(scenario: Scenario) -> Iterator[Source]:
    watch = scenario.watch
    if watch.metrics is not None:
        from loadctl.monitors.prometheus.http import verification
        from loadctl.monitors.prometheus.page import MetricsPageSource

        url = urljoin(f"{scenario.host}/", watch.metrics.page)
        ours = url.startswith(urljoin(f"{scenario.host}/", "/"))  # its certificate is the host's
        verify = verification(scenario.host, scenario.tls if ours else Tls())
        page = MetricsPageSource(url, watch.metrics.series, watch.metrics.headers, verify=verify)
        page.check()
        yield page
    if watch.prometheus is not None:
        from loadctl.monitors.prometheus.server import PrometheusSource

        server = PrometheusSource(watch.prometheus)
        server.check()
        yield server


def _logs(scenario: Scenario, system: Judged) -> Iterator[Source]:
    """A source for each log: one that is lost is then a gap of its own."""
    logs = scenario.watch.logs
    if logs is None:
        return
    from loadctl.monitors.logs.line import LogReader
    from loadctl.monitors.logs.source import LogSource
    from loadctl.scenario.redaction import Redaction

    reader = LogReader(logs.level, logs.errors, Redaction(scenario.secrets).hidden)
    for feed in _feeds(scenario, logs.files):
        yield LogSource(feed, reader)
    for feed in system.feeds() if logs.container or logs.pods else ():
        yield LogSource(feed, reader)


def _feeds(scenario: Scenario, files: Sequence[str]) -> Iterator[Feed]:
    """Paths in a scenario's file are relative to it. Raises: UsageError."""
    from loadctl.monitors.background import Lost
    from loadctl.monitors.logs.feed import FileFeed, PatternFeed

    source = Path(scenario.source)
    folder = source.parent if source.is_file() else Path()
    for text in files:
        place, here = folder / text, Path.cwd()
        shown = str(Path(text).relative_to(here)) if Path(text).is_relative_to(here) else text
        try:
            yield PatternFeed(str(place), shown) if any(c in text for c in "*?[") else FileFeed(place, shown)
        except Lost as error:
            raise UsageError(f"the log cannot be followed: {error} (nothing was sent)") from error


Sign = Callable[[], str | None]


@contextmanager
def life_signs(scenario: Scenario) -> Iterator[Sign]:
    """A way to ask why the system will never be ready, None while it may be; asking raises nothing.

    It knows what the scenario names: a process, a container, pods. Raises: UsageError where that is not there.
    """
    watch = scenario.watch
    if watch.containers:
        from loadctl.monitors.containers.container import ContainerSource
        from loadctl.monitors.containers.engine import DockerEngine

        with closing(DockerEngine.find(os.environ)) as engine:
            yield ContainerSource(engine, watch.containers[0]).why_dead
    elif watch.pods is not None:
        from loadctl.monitors.kubernetes.kubectl import Kubectl
        from loadctl.monitors.kubernetes.pods import PodsSource

        with closing(Kubectl(watch.pods.namespace, os.environ)) as kubectl:
            source = PodsSource(kubectl, watch.pods)
            source.check()
            yield source.why_dead
    elif watch.pid is not None:
        yield _process(watch.pid)
    else:
        yield lambda: None


def _process(pid: int) -> Sign:
    from loadctl.monitors.process.stat import read_stat

    first = read_stat(pid)

    def ask() -> str | None:
        now = read_stat(pid)
        alive = now is not None and not now.zombie and (first is None or now.started == first.started)
        return None if alive else f"process {pid} has ended"

    return ask
