"""Which sources a scenario gets, and one sentence that says what is watched, or why nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

from loadctl.monitors.generator import GeneratorSource
from loadctl.monitors.host import HostSource
from loadctl.monitors.judged import Judged, judged
from loadctl.monitors.port import is_local
from loadctl.monitors.source import Source
from loadctl.scenario.scenario import Scenario


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """`watched` is "watching uvicorn (pid 4312)" or "nothing: REASON; HINT".

    `found`: something that tells of cpu and memory is among the sources. `generator`, one of them, needs the shards'
    pids. `pid`: of the system's process on this machine, where it is known.
    """

    sources: tuple[Source, ...]
    generator: GeneratorSource
    watched: str
    found: bool
    notes: tuple[str, ...] = ()
    pid: int | None = None


def sources_for(scenario: Scenario) -> WatchPlan:
    """Call it when the system is up. The generator is always watched, the machine if the system is on it.

    Raises: UsageError where what somebody named is not there: nobody shall find that out at the end.
    """
    system = judged(scenario)
    generator = GeneratorSource()
    host = [HostSource()] if is_local(scenario.host) or system.pid is not None else []
    sources = (*system.sources, *_pages(scenario), *_logs(scenario, system), *host, generator)
    return WatchPlan(
        sources, generator, system.watched, bool(system.sources), tuple(system.notes), system.pid
    )


def _pages(scenario: Scenario) -> Iterator[Source]:
    watch = scenario.watch
    if watch.metrics is not None:
        from loadctl.monitors.metrics_page import MetricsPageSource

        url = urljoin(f"{scenario.host}/", watch.metrics.page)
        page = MetricsPageSource(url, watch.metrics.series, watch.metrics.headers)
        page.check()
        yield page
    if watch.prometheus is not None:
        from loadctl.monitors.prometheus import PrometheusSource

        server = PrometheusSource(watch.prometheus)
        server.check()
        yield server


def _logs(scenario: Scenario, system: Judged) -> Iterator[Source]:
    logs = scenario.watch.logs
    if logs is not None:
        from loadctl.monitors.logs import LogsSource

        yield LogsSource(list(_feeds(scenario, logs, system)), logs)
