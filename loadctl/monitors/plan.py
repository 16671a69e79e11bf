"""Which sources a scenario gets, and one sentence that says what is watched, or why nothing is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from loadctl.errors import UsageError
from loadctl.monitors.generator import GeneratorSource, HostSource
from loadctl.monitors.process.port import (
    FoundProcess,
    Resolved,
    by_name,
    by_pid,
    host_and_port,
    is_local,
    resolve,
)
from loadctl.monitors.process.process import ProcessSource
from loadctl.monitors.source import Source
from loadctl.scenario.scenario import Scenario, Tls

if TYPE_CHECKING:
    from loadctl.monitors.containers.engine import DockerEngine
    from loadctl.monitors.logs.feed import Feed
    from loadctl.scenario.watch import Pods

_CONTAINER_PROXIES = ("docker-proxy", "rootlessport", "com.docker.", "gvproxy", "vpnkit")


@dataclass(frozen=True, slots=True)
class SystemSource:
    """`watched` is "watching uvicorn (pid 4312)" or "nothing: REASON; HINT".

    `sources`: the system's own first, then its companions; empty if nothing reports its CPU and memory.
    """

    watched: str
    sources: Sequence[Source] = ()
    notes: Sequence[str] = ()
    pid: int | None = None
    """Of the system, or of its container's first process, on this machine; None if unknown."""
    feeds: Callable[[], Sequence[Feed]] = tuple
    """Follows the logs of its containers or pods; nothing is opened before the call."""
    close: Callable[[], None] = lambda: None
    """Releases what the sources share. Call it after they are closed."""


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """`sources` includes the system's sources and `generator`, which still needs the pids of the shards."""

    system: SystemSource
    generator: GeneratorSource
    sources: Sequence[Source]


def sources_for(scenario: Scenario) -> WatchPlan:
    """Call it when the system is up. The generator is always watched, the machine if the system runs on it.

    Raises: UsageError if something the scenario names does not exist, so that it shows before the load starts.
    """
    system = _system(scenario)
    generator = GeneratorSource()
    host = [HostSource()] if is_local(scenario.host) or system.pid is not None else []
    sources = (*system.sources, *_pages(scenario), *_logs(scenario, system), *host, generator)
    return WatchPlan(system, generator, sources)


def _system(scenario: Scenario) -> SystemSource:
    if scenario.watch.containers:
        return _containers(_engine(), scenario.watch.containers)
    if scenario.watch.pods is not None:
        return _pods(scenario.watch.pods, scenario.load.duration_s)
    find, find_again = _selectors(scenario)
    found = find()
    if scenario.watch.asked and not isinstance(found, FoundProcess):
        raise UsageError(f"{found.reason} (nothing was sent)", hint=found.hint)
    port = host_and_port(scenario.host)[1]
    if isinstance(found, FoundProcess):
        notes = (found.note,) if found.note else ()
        return SystemSource(f"watching {found}", (ProcessSource(found, find_again),), notes, found.pid)
    container = None
    if found.forwarder.startswith(_CONTAINER_PROXIES):
        container = _of_port(port, f"{found.forwarder} forwards port {port} into")
    elif not found.forwarder and not found.remote:
        # Without a proxy (Docker's userland-proxy: false), or the right to see it, it may still be a container's.
        container = _of_port(port, f"port {port} is published by")
    return container or SystemSource(f"nothing: {found.reason}; {found.hint}")


def _selectors(scenario: Scenario) -> tuple[Callable[[], Resolved], Callable[[], Resolved]]:
    """How to find the process at first, and after it has gone: a pid does not come back, its port may."""
    behind_port = partial(resolve, scenario.host)
    if scenario.watch.pid is not None:
        return partial(by_pid, scenario.watch.pid), behind_port
    if scenario.watch.process is not None:
        named = partial(by_name, scenario.watch.process, scenario.host)
        return named, named
    return behind_port, behind_port


def _engine() -> DockerEngine:
    from loadctl.monitors.containers.engine import DockerEngine

    return DockerEngine.find(os.environ)


def _containers(engine: DockerEngine, names: Sequence[str], notes: Sequence[str] = ()) -> SystemSource:
    """The first container is the system, the others are companions."""
    from loadctl.monitors.containers.container import ContainerLog, ContainerSource
    from loadctl.monitors.logs.feed import StreamFeed

    sources = [ContainerSource(engine, name, "companion" if i else "system") for i, name in enumerate(names)]
    companions = ", ".join(names[1:])
    return SystemSource(
        f"watching {sources[0].name}" + (f", and beside it {companions}" if companions else ""),
        sources,
        notes,
        sources[0].local_pid(),
        lambda: [StreamFeed(name, ContainerLog(engine, name)) for name in names],
        engine.close,
    )


def _pods(pods: Pods, duration_s: float) -> SystemSource:
    from loadctl.monitors.kubernetes.kubectl import Kubectl
    from loadctl.monitors.kubernetes.pods import PodsFeed, PodsSource
    from loadctl.monitors.kubernetes.status import counted

    kubectl = Kubectl(pods.namespace, os.environ)
    source = PodsSource(kubectl, pods)
    count = source.check()
    window_s = source.window_s
    notes = []
    if window_s and 0 < duration_s < 3 * window_s:
        notes.append(
            f"cpu and memory of pods are averages over {window_s:.0f} s: judged from three values on, so in runs "
            f"of {3 * window_s:.0f} s or more"
        )
    watched = f"watching {source.name} ({counted(count)})"
    return SystemSource(watched, (source,), notes, feeds=lambda: [PodsFeed(kubectl, pods)])


def _of_port(port: int, how: str) -> SystemSource | None:
    """The container that publishes this port of the host; None if there is none, or no engine to ask."""
    try:
        engine = _engine()
        name = engine.behind_port(port)
    except UsageError:
        return None
    if name is None:
        engine.close()
        return None
    return _containers(engine, [name], [f"{how} the container {name}, which is watched"])


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


def _logs(scenario: Scenario, system: SystemSource) -> Iterator[Source]:
    """A source for each log, so that one that is lost is a gap of its own."""
    logs = scenario.watch.logs
    if logs is None:
        return
    from loadctl.monitors.logs.line import LogReader
    from loadctl.monitors.logs.source import LogSource
    from loadctl.scenario.redaction import Redaction

    reader = LogReader(logs.level, logs.errors, Redaction(scenario.secrets).hidden)
    for feed in (*_files(scenario, logs.files), *(system.feeds() if logs.container or logs.pods else ())):
        yield LogSource(feed, reader)


def _files(scenario: Scenario, files: Sequence[str]) -> Iterator[Feed]:
    """Paths in a scenario's file are relative to it. Raises: UsageError."""
    from loadctl.monitors.background import Lost
    from loadctl.monitors.logs.feed import PatternFeed
    from loadctl.monitors.logs.file import FileFeed

    source = Path(scenario.source)
    folder = source.parent if source.is_file() else Path()
    for text in files:
        path, here = folder / text, Path.cwd()
        shown = str(Path(text).relative_to(here)) if Path(text).is_relative_to(here) else text
        try:
            yield PatternFeed(str(path), shown) if any(c in text for c in "*?[") else FileFeed(path, shown)
        except Lost as error:
            raise UsageError(f"the log cannot be followed: {error} (nothing was sent)") from error
