"""The system's own metrics page as a source: scraped every second, in a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from loadctl.errors import UsageError
from loadctl.monitors.background import LAST_S, Background, Lost, polling
from loadctl.monitors.prometheus.exposition import Exposition, ExpositionReader, NotAnExposition
from loadctl.monitors.prometheus.http import HttpPage, wants_credentials
from loadctl.monitors.prometheus.values import RUNTIMES, STANDARD, PageValues, Restart
from loadctl.monitors.source import Observation
from loadctl.results.recording import Event, Reading

if TYPE_CHECKING:
    import ssl

_SILENT_S = 10.0
_ACCEPT = {"Accept": "text/plain;version=0.0.4"}


class MetricsPageSource:
    """Values: see PageValues. Notes: memory_kind, and the name of a missing value with its reason.

    Events: service_restarted, and several_workers, once. Every scrape has its own connection: over a kept one a single
    worker of several would answer for all of them.
    """

    subject = "system"
    period_s = 1.0

    def __init__(
        self,
        page: str,
        series: Sequence[str],
        headers: Mapping[str, str],
        *,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        """`page` is a whole URL; `series` are names and patterns to record beside the standard ones."""
        self._page = HttpPage(page, {**_ACCEPT, **headers}, anew=True, verify=verify)
        self._reader = ExpositionReader([*STANDARD, *RUNTIMES, *series])
        self._series = series
        self._scrapes = PageValues(series, urlsplit(page).path or "/")
        self._background = Background(
            "metrics",
            polling(self.period_s, self._look, self._page.close),
            silent_s=_SILENT_S,
            wait_s=LAST_S,
        )

    @property
    def name(self) -> str:
        return f"metrics {self._page.shown}"

    def check(self) -> None:
        """Raises: UsageError where the page cannot be read, or has nothing that is wanted."""
        try:
            page = self._scrape()
        except Lost as lost:
            raise UsageError(
                f"watch: metrics: {lost} (nothing was sent)",
                hint="it must be a page in the Prometheus text format, as in  watch: {metrics: /metrics}",
            ) from None
        finally:
            self._page.close()
        if not page.samples and page.others:
            raise UsageError(
                f"watch: metrics: {self._page.shown} has none of the standard names (process_*, http_*)"
                f"{' nor any of the series' if self._series else ''}; it has {', '.join(page.others)}",
                hint="list the series you want:  watch: {metrics: {page: …, series: [NAME, db_pool_*]}}",
            )

    def sample(self, t: float) -> list[Observation]:
        return self._background.sample(t)

    def close(self, t: float) -> list[Observation]:
        seen = self._background.close(t)
        shift = t - time.monotonic()
        return [*seen, *(self._restarted(restart, shift) for restart in self._scrapes.finish())]

    def _look(self) -> list[Observation]:
        page = self._scrape()
        at, wall = time.monotonic(), time.time()
        scraped = self._scrapes.update(page, at, wall)
        events = [self._restarted(restart) for restart in scraped.restarts]
        if scraped.several:
            message = (
                f"several workers answer {self._page.shown} in turn, each with its own counters: "
                "counted values are left out"
            )
            events.append(Event(at, "several_workers", message))
        reading = Reading(at, self.subject, "metrics", self._page.shown, scraped.values, scraped.notes)
        return [*events, reading]

    def _scrape(self) -> Exposition:
        """Raises: Lost."""
        try:
            status, body = self._page.get()
            if status != 200:
                raise Lost(f"{self._page.shown} answered {status}{wants_credentials(status)}")
            return self._reader.read(body)
        except NotAnExposition as error:
            raise Lost(f"{self._page.shown} {error}") from None

    def _restarted(self, restart: Restart, shift: float = 0.0) -> Event:
        cause = "its start time on the metrics page changed"
        return Event(
            round(restart.at + shift, 3),
            "service_restarted",
            f"the process behind {self._page.shown} restarted: {cause}",
            {"cause": cause, "started_at_s": restart.started},
        )
