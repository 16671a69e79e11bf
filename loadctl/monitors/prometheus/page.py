"""The system's own metrics page as a source: scraped every second, in a thread of its own.

`process_*` and `http_*` bear the names that official client libraries give them; other series are as they are called.

Several workers behind one port that share no counters each serve their own page, so that a scrape meets one at random:
start times flip, counters jump up and down. A restart looks the same at first. So a change is held until the next
scrapes show what it was; the event of a restart still has its true time.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import urlsplit

from loadctl.errors import UsageError
from loadctl.monitors.background import LAST_S, Background, Lost, polling
from loadctl.monitors.prometheus.exposition import (
    Exposition,
    ExpositionReader,
    Labels,
    NotAnExposition,
    Sample,
    SeriesKey,
    each,
)
from loadctl.monitors.prometheus.http import HttpPage, wants_credentials
from loadctl.monitors.source import Observation, Sheet
from loadctl.results.recording import Event, Reading

if TYPE_CHECKING:
    import ssl


REQUESTS = "http_requests_total"
DURATIONS = "http_request_duration_seconds_bucket"
CPU = "process_cpu_seconds_total"
STARTED = "process_start_time_seconds"
_GAUGES = {
    "process_resident_memory_bytes": "memory_bytes",
    "process_open_fds": "open_fds",
    "process_max_fds": "open_fds_limit",
}
RUNTIMES = ("nodejs_eventloop_lag_seconds", "go_goroutines", "python_gc_collections_total")
STANDARD = (CPU, STARTED, *_GAUGES, REQUESTS, DURATIONS)
_STATUS = ("status", "code", "status_code")
_PATHS = {"handler", "path", "route", "endpoint", "uri", "url"}
_FIRST = "first reading: it is a rate between two scrapes"
_SEVERAL = (
    "several workers answer this page in turn, each for itself (the client library's multiprocess mode helps)"
)
_HELD = "the process behind the page changed; the next scrapes show how"
_QUANTILES = {"server_p50_ms": 0.5, "server_p95_ms": 0.95, "server_p99_ms": 0.99}
_DERIVED = {
    CPU: ("cpu_cores", "cpu_pct"),
    REQUESTS: ("server_requests", "server_requests_per_s", "server_errors_per_s"),
    DURATIONS: tuple(_QUANTILES),
}


@dataclass(frozen=True, slots=True)
class Scraped:
    """What one scrape showed. `several`: it is the first to show several workers."""

    values: Mapping[str, float]
    notes: Mapping[str, str]
    restarts: Sequence[Restart] = ()
    several: bool = False


class PageValues:
    """`path` of the page: requests for it are ours, and are left out of the system's where a label shows them.

    cpu_cores, memory_bytes, open_fds, open_fds_limit, server_*; a gauge is its NAME; a counter is
    NAME, its increase since the first scrape, and NAME_per_s. With labels: each, and the largest gauge or the sum of
    the counters as NAME.
    """

    def __init__(self, series: Sequence[str], path: str) -> None:
        self._series = series
        self._path = path
        self._counters: CounterIncreases[SeriesKey] = CounterIncreases()
        self._responder = ResponderTracker()
        self._reported_several = False

    def update(self, page: Exposition, at: float, wall: float) -> Scraped:
        """`at` is monotonic, `wall` seconds since the epoch, both of the time of the scrape."""
        sheet = Sheet({}, dict(page.notes))
        counters = {
            (one.name, one.labels): one.value for one in page.samples if one.counter and one.value >= 0
        }
        responder = self._responder.update(Scrape(_started(page.samples), _telling(counters), wall, at))
        restarts = self._responder.take_restarts()
        if restarts:
            self._counters.restart()
        self._of_gauges([one for one in page.samples if not one.counter], responder, sheet)
        if responder in {Responder.SAME, Responder.NEW}:
            self._counters.update(counters, at)
            self._of_counters(sheet)
        else:
            self._unknown(counters, _SEVERAL if responder is Responder.SEVERAL else _HELD, sheet)
        self._note_absent(page, sheet)
        several = responder is Responder.SEVERAL and not self._reported_several
        self._reported_several |= several
        finite = {name: value for name, value in sheet.values.items() if math.isfinite(value)}
        return Scraped(finite, sheet.notes, restarts, several)

    def finish(self) -> list[Restart]:
        return self._responder.finish()

    def _of_gauges(self, samples: Iterable[Sample], responder: Responder, sheet: Sheet) -> None:
        by_name: dict[str, dict[Labels, float]] = defaultdict(dict)
        for one in samples:
            by_name[one.name][one.labels] = one.value
        by_name.pop(STARTED, None)
        for name, value_name in _GAUGES.items():
            series = by_name.pop(name, None)
            if series and responder is Responder.SEVERAL:
                sheet.notes[value_name] = _SEVERAL
            elif series:
                sheet.values[value_name] = max(series.values())
        if "memory_bytes" in sheet.values:
            sheet.notes["memory_kind"] = "RSS as reported by the page"
        for name, series in by_name.items():
            several, note = each(name, series)
            sheet.values.update(several)
            sheet.values[name] = max(series.values())
            if responder is Responder.SEVERAL:
                note = f"of one of several workers; {note}" if note else "of one of several workers"
            if note:
                sheet.notes[name] = note

    def _of_counters(self, sheet: Sheet) -> None:
        totals: dict[str, dict[Labels, float]] = defaultdict(dict)
        increases: dict[str, dict[Labels, float]] = defaultdict(dict)
        for key, total in self._counters.total.items():
            name, labels = key
            totals[name][labels] = total
            increases[name][labels] = self._counters.increase.get(key, 0.0)
        elapsed_s = self._counters.elapsed_s
        cpu = increases.pop(CPU, None)
        if cpu and elapsed_s > 0:
            sheet.values["cpu_cores"] = round(sum(cpu.values()) / elapsed_s, 4)
            sheet.notes["cpu_pct"] = "the page does not say how many cores the system may use"
        elif cpu:
            sheet.notes["cpu_cores"] = sheet.notes["cpu_pct"] = _FIRST
        if REQUESTS in totals:
            self._requests(totals.pop(REQUESTS), increases.pop(REQUESTS), sheet)
        if DURATIONS in totals:
            self._durations(increases.pop(DURATIONS), sheet)
        for name, increase in increases.items():
            values, note = each(name, totals[name])
            sheet.values.update(values)
            sheet.values[name] = sum(totals[name].values())
            if elapsed_s > 0:
                sheet.values[f"{name}_per_s"] = sum(increase.values()) / elapsed_s
            if note:
                sheet.notes[name] = note

    def _requests(
        self, totals: Mapping[Labels, float], increases: Mapping[Labels, float], sheet: Sheet
    ) -> None:
        """server_requests (since the first scrape), server_requests_per_s, server_errors_per_s (status 5xx)."""
        elapsed_s = self._counters.elapsed_s
        sheet.values["server_requests"] = sum(n for labels, n in totals.items() if self._counts(labels))
        if not elapsed_s:
            sheet.notes["server_requests_per_s"] = sheet.notes["server_errors_per_s"] = _FIRST
            return
        counted = {labels: n for labels, n in increases.items() if self._counts(labels)}
        sheet.values["server_requests_per_s"] = sum(counted.values()) / elapsed_s
        statuses = {labels: value for labels in counted for key, value in reversed(labels) if key in _STATUS}
        if statuses or not counted:
            errors = sum(counted[labels] for labels, status in statuses.items() if status[:1] == "5")
            sheet.values["server_errors_per_s"] = errors / elapsed_s
        else:
            sheet.notes["server_errors_per_s"] = f"{REQUESTS} has no label {', '.join(_STATUS)}"

    def _durations(self, increases: Mapping[Labels, float], sheet: Sheet) -> None:
        """server_p50_ms, server_p95_ms, server_p99_ms of the requests that ended since the scrape before."""
        if not self._counters.elapsed_s:
            sheet.notes.update(dict.fromkeys(_QUANTILES, _FIRST))
            return
        counted: defaultdict[float, float] = defaultdict(float)
        for labels, n in increases.items():
            edge = _edge(labels)
            if edge is not None and self._counts(labels):
                counted[edge] += n
        buckets = sorted(counted.items())
        for name, q in _QUANTILES.items():
            seconds, note = quantile(buckets, q)
            if seconds is not None:
                sheet.values[name] = round(seconds * 1000, 4)
            if note:
                sheet.notes[name] = note

    def _counts(self, labels: Labels) -> bool:
        return not any(key in _PATHS and value == self._path for key, value in labels)

    def _unknown(self, counters: Iterable[SeriesKey], reason: str, sheet: Sheet) -> None:
        for name in {name for name, _ in counters}:
            sheet.notes.update(dict.fromkeys(_DERIVED.get(name, (name, f"{name}_per_s")), reason))

    def _note_absent(self, page: Exposition, sheet: Sheet) -> None:
        """A plain name that was asked for is reported missing; a pattern may match nothing yet."""
        there = {one.name for one in page.samples}
        for name in self._series:
            if name not in there and not {"*", "?"} & set(name):
                sheet.notes.setdefault(name, "it is not on the page")


def _started(samples: Iterable[Sample]) -> float | None:
    return next((one.value for one in samples if one.name == STARTED and not one.labels), None)


def _telling(counters: Mapping[SeriesKey, float]) -> Mapping[SeriesKey, float]:
    """Counters that surely only grow: those of client libraries, where there are any; others are often misnamed."""
    standard = {key: value for key, value in counters.items() if key[0] in {CPU, REQUESTS, DURATIONS}}
    return standard or counters


def quantile(buckets: Sequence[tuple[float, float]], q: float) -> tuple[float | None, str | None]:
    """Seconds, and a note: `buckets` are (upper edge, how many were at most that), by edge, the last one infinite.

    Interpolated within the bucket as Prometheus' histogram_quantile() does, the lowest bucket from 0. In the last
    bucket only its lower edge is known. At least one request must lie beyond the quantile.
    """
    if not buckets or not math.isinf(buckets[-1][0]):
        return None, "its buckets do not end with +Inf"
    n = buckets[-1][1]
    if n < 1 / (1 - q) - 1e-9:
        return None, f"only {n:.0f} requests between two scrapes"
    below_edge = below = 0.0
    for edge, count in buckets:
        reached = max(below, count)  # what a scrape in mid-count shows may not be in order
        if reached >= q * n:
            if math.isinf(edge):
                return below_edge, f"at least: it lies beyond the last bucket, {below_edge:g} s"
            share = (q * n - below) / (reached - below) if reached > below else 1.0
            return below_edge + (edge - below_edge) * share, None
        below_edge, below = max(edge, 0.0), reached
    return None, "its buckets cannot be read"


def _edge(labels: Labels) -> float | None:
    try:
        edge = float(dict(labels)["le"])
    except (KeyError, ValueError):
        return None
    return None if math.isnan(edge) else edge


Key = TypeVar("Key", bound=Hashable)

_TRACKED_MAX = 20_000


class CounterIncreases(Generic[Key]):
    """`total[key]` since the first look; `increase[key]` since the look before, over `elapsed_s` seconds.

    A value that drops was reset, and its new value is the increase (as Prometheus' increase() has it). A counter
    that appears later began at 0. Beyond 20,000 of them new ones are not followed: a hostile page names ever more.
    """

    def __init__(self) -> None:
        self.total: dict[Key, float] = {}
        self.increase: dict[Key, float] = {}
        self.elapsed_s = 0.0
        self._last: dict[Key, float] = {}
        self._at: float | None = None

    def update(self, values: Mapping[Key, float], at: float) -> None:
        """`at`: seconds on any clock that does not jump. Values are finite and not negative."""
        first = self._at is None
        self.elapsed_s = 0.0 if self._at is None else max(0.0, at - self._at)
        self._at = at
        self.increase = dict.fromkeys(self.total, 0.0)
        for key, value in values.items():
            if key not in self._last and len(self._last) >= _TRACKED_MAX:
                continue
            before = self._last.get(key, value if first else 0.0)
            grown = value if value < before else value - before
            self._last[key] = value
            self.increase[key] = grown
            self.total[key] = self.total.get(key, 0.0) + grown

    def restart(self) -> None:
        """The process restarted: the next values count from 0, even if they have overtaken the old ones."""
        self._last = dict.fromkeys(self._last, 0.0)


_CONFIRMED_BY = 3
_DOUBTED_BY = 10
_CLOCKS_DIFFER_S = 2.0


class Responder(Enum):
    SAME = "the same process as before"
    HELD = "a change, not yet understood"
    NEW = "it restarted, or its counters were reset"
    SEVERAL = "several workers"


@dataclass(frozen=True, slots=True)
class Scrape:
    """`started`, `wall`: seconds since the epoch, by the system's clock and by ours; `at`: on the monotonic clock."""

    started: float | None
    counters: Mapping[SeriesKey, float]
    wall: float
    at: float


@dataclass(frozen=True, slots=True)
class Restart:
    """`at`: on the monotonic clock, between the two scrapes that saw the old process and the new one."""

    at: float
    started: float


class ResponderTracker:
    def __init__(self) -> None:
        self._accepted: Scrape | None = None
        self._held: list[Scrape] = []
        self._several = False
        self._restarts: list[Restart] = []

    def update(self, scrape: Scrape) -> Responder:
        """What this scrape means; where it is NEW, `take_restarts` has the restarts, if it was one."""
        if self._several:
            return Responder.SEVERAL
        if self._accepted is None or (not self._held and _same(self._accepted, scrape)):
            self._accepted = scrape
            return Responder.SAME
        if not self._held:
            self._held = [scrape]
            return Responder.HELD
        return self._understand(self._accepted, scrape)

    def take_restarts(self) -> list[Restart]:
        taken, self._restarts = self._restarts, []
        return taken

    def finish(self) -> list[Restart]:
        """At the end of the watch: a change that nothing contradicted was a restart."""
        if self._accepted and self._held and _began_after(self._held[0], self._accepted):
            self._accept(self._accepted)
        return self.take_restarts()

    def _understand(self, accepted: Scrape, scrape: Scrape) -> Responder:
        first, last = self._held[0], self._held[-1]
        if _same(accepted, scrape):
            return self._give_up()
        if _same(last, scrape):
            self._held.append(scrape)
            certain = first.started is None or _equal_start(first, accepted) or _began_after(first, accepted)
            if len(self._held) <= (_CONFIRMED_BY if certain else _DOUBTED_BY):
                return Responder.HELD
            self._accept(accepted)
            return Responder.NEW
        if _began_after(scrape, last):  # restarted once more before the first restart was understood
            self._accept(accepted)
            self._held = [scrape]
            return Responder.HELD
        return self._give_up()

    def _give_up(self) -> Responder:
        self._several = True
        self._held = []
        return Responder.SEVERAL

    def _accept(self, accepted: Scrape) -> None:
        """The held process is the one that answers now."""
        first = self._held[0]
        if first.started is not None and not _equal_start(first, accepted):
            at = first.at - (first.wall - first.started)
            self._restarts.append(Restart(min(max(at, accepted.at), first.at), first.started))
        self._accepted = self._held[-1]
        self._held = []


def _same(before: Scrape, after: Scrape) -> bool:
    """One process: the same start, and no counter went back."""
    if any(after.counters.get(key, value) < value for key, value in before.counters.items()):
        return False
    if before.started is None or after.started is None:
        return before.started is after.started
    apart = abs(after.started - before.started)
    # Clients that add the boot time anew at each scrape jitter by exactly 1 s when the clock is slewed.
    return apart < 0.005 or abs(apart - 1) < 0.02


def _equal_start(one: Scrape, other: Scrape) -> bool:
    return one.started is not None and other.started is not None and abs(one.started - other.started) < 0.005


def _began_after(scrape: Scrape, before: Scrape) -> bool:
    return (
        scrape.started is not None
        and before.started is not None
        and scrape.started > before.started
        and scrape.started >= before.wall - _CLOCKS_DIFFER_S
    )


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
