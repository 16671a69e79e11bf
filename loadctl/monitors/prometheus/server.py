"""A Prometheus server (or what speaks its API) as a source: the scenario's queries, asked every five seconds."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadctl.errors import UsageError
from loadctl.monitors.background import LAST_S, Background, Lost, polling
from loadctl.monitors.prometheus.exposition import Labels, each
from loadctl.monitors.prometheus.http import HttpPage, wants_credentials
from loadctl.monitors.source import Observation
from loadctl.results.recording import Event, Reading
from loadctl.scenario.watch import PrometheusServer

_SILENT_S = 30.0
_OWN_WORDS_MAX = 300


class QueryRefused(Lost):
    """The server rejects the query; the message is its own."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The values of a query under its name, and a note if there is something to say about them."""

    values: Mapping[str, float]
    note: str | None = None


class PrometheusSource:
    """A value for each query under its name, all as of one time, which is the time of the reading.

    Of several series: each as NAME{labels}, and the largest as NAME. Notes: why a name has no value.
    Events: query_failed, once for each query that the server refuses; the others go on.
    """

    subject = "system"
    period_s = 5.0

    def __init__(self, server: PrometheusServer) -> None:
        self._queries = server.queries
        self._page = HttpPage(f"{server.url.rstrip('/')}/api/v1/query", server.headers)
        self._entity = self._page.shown.removesuffix("/api/v1/query")
        self._background = Background(
            "prometheus",
            polling(self.period_s, self._round, self._page.close),
            retry_s=self.period_s,
            silent_s=_SILENT_S,
            wait_s=LAST_S,
        )
        self._refused: set[str] = set()

    @property
    def name(self) -> str:
        return f"prometheus {self._entity}"

    def check(self) -> None:
        """Raises: UsageError if the server cannot be read or refuses a query. A query without data is not an error."""
        try:
            for name, query in self._queries.items():
                self._ask(name, query, time.time())
        except QueryRefused as refused:
            raise UsageError(
                f"watch: prometheus: queries: {name}: {refused} (nothing was sent)",
                hint=f"try it at {self._entity}/graph",
            ) from None
        except Lost as lost:
            raise UsageError(
                f"watch: prometheus: {lost} (nothing was sent)",
                hint="url: must be the address of the Prometheus server, such as  http://prometheus:9090",
            ) from None
        finally:
            self._page.close()

    def sample(self, t: float) -> list[Observation]:
        return self._background.sample(t)

    def close(self, t: float) -> list[Observation]:
        return self._background.close(t)

    def _round(self) -> list[Observation]:
        """All queries at one time. Raises: Lost."""
        at, wall = time.monotonic(), time.time()
        values: dict[str, float] = {}
        notes: dict[str, str] = {}
        events: list[Observation] = []
        for name, query in self._queries.items():
            try:
                found = self._ask(name, query, wall)
            except QueryRefused as refused:
                notes[name] = str(refused)
                if name not in self._refused:
                    self._refused.add(name)
                    message = f"{self._entity} refuses the query {name}: {refused}"
                    events.append(Event(at, "query_failed", message, {"query": name}))
                continue
            values.update(found.values)
            if found.note:
                notes[name] = found.note
        return [*events, Reading(at, self.subject, "prometheus", self._entity, values, notes)]

    def _ask(self, name: str, query: str, wall: float) -> QueryResult:
        """Raises: QueryRefused, Lost."""
        status, body = self._page.get({"query": query, "time": f"{wall:.3f}"})
        return found_in(name, answer(status, body, self._entity))


def answer(status: int, body: bytes, entity: str) -> object:
    """The `data` of an answer. Raises: QueryRefused, Lost."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict):
        if status == 200 and content.get("status") == "success":
            return content.get("data")
        # 400: the query is wrong; 422: it cannot be carried out on this data
        if status in {400, 422} and content.get("status") == "error":
            message = f"{content.get('errorType')}: {content.get('error')}"
            raise QueryRefused(" ".join(message.split())[:_OWN_WORDS_MAX])
    if status in {200, 404}:
        raise Lost(
            f"{entity} is not a Prometheus server: its /api/v1/query answered {status} without a result"
        )
    raise Lost(f"{entity} answered {status}{wants_credentials(status)}")


def found_in(name: str, data: Any) -> QueryResult:
    """`data` of /api/v1/query, any JSON → values; what cannot be read has none, with a note. Raises nothing."""
    try:
        kind, result = data["resultType"], data["result"]
        if kind == "scalar":
            return _of_series(name, {(): float(result[1])})
        if kind != "vector":
            return QueryResult({}, f"its result is a {str(kind)[:20]}; a value at one time is needed")
        if not result:
            return QueryResult({}, "no data")
        series: dict[Labels, float] = {}
        for one in result:
            labels = {str(key): str(value) for key, value in one["metric"].items() if key != "__name__"}
            if "value" not in one:
                return QueryResult(
                    {}, "native histograms have no single value: ask for histogram_quantile(…)"
                )
            series[tuple(sorted(labels.items()))] = float(one["value"][1])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError):
        return QueryResult({}, "the answer cannot be read")
    return _of_series(name, series)


def _of_series(name: str, series: Mapping[Labels, float]) -> QueryResult:
    """Numbers only: NaN and infinities are left out with a note."""
    numbers = {labels: value for labels, value in series.items() if math.isfinite(value)}
    if not numbers:
        return QueryResult({}, f"its value is {next(iter(series.values()))}, which is not a number")
    largest = max(numbers.values())
    if len(series) == 1:
        return QueryResult({name: largest})
    values, note = each(name, numbers)
    notes = [f"the largest of {len(numbers)} series"]
    if note:
        notes.append(note)
    if len(numbers) < len(series):
        notes.append(f"{len(series) - len(numbers)} more are not numbers")
    return QueryResult({**values, name: largest}, "; ".join(notes))
