"""Which sources a scenario gets, and one sentence that says what is watched, or why nothing is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from loadctl.errors import UsageError
from loadctl.monitors.generator.generator import GeneratorSource
from loadctl.monitors.generator.host import HostSource
from loadctl.monitors.process.port import is_local
from loadctl.monitors.source import Source
from loadctl.monitors.system import Judged, judged
from loadctl.scenario.scenario import Scenario, Tls

if TYPE_CHECKING:
    from loadctl.monitors.logs.feed import Feed


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
        from loadctl.monitors.prometheus.page import MetricsPageSource
        from loadctl.monitors.prometheus.tls import verification

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
