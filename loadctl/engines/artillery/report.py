"""Reads Artillery's own JSON report (`artillery run --output`).

Its `response_time` is the time from the end of the request to the first byte of the response, in whole milliseconds: a
part of our latency. With `extendedMetrics` it also has `http.total`, to the last byte. Its percentiles come from a
DDSketch within 1 % (relativeAccuracy 0.01 in Artillery 2.0's ssms.js).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from pydantic import BaseModel

from loadctl.errors import UsageError
from loadctl.results import imported
from loadctl.results.imported import Figure, Imported, ImportedEndpoint, Percentiles, Population
from loadctl.results.verdict import Finding
from loadctl.scenario.units import format_count

if TYPE_CHECKING:
    from loadctl.scenario.reading.document import Text

_SHARES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999, "max": 1.0}
_ACCURACY = 0.01
_PRINTED_MS = 0.05
_CLOCK_MS = 1.0
"""Times are differences of a clock in whole milliseconds."""
_BY_ENDPOINT = "plugins.metrics-by-endpoint."
_NAMED = re.compile(r"(/\S*|/.*?) \((.+)\)")
_CODE = re.compile(r"(.+)\.codes\.(\d{3})")
READS = "Artillery's JSON (--output)"
_REPORT = re.compile(r'\s*\{\s*"aggregate"\s*:')
_CLASSES: Sequence[tuple[str, str]] = (
    ("EMFILE|ENFILE|EADDRNOTAVAIL|ENOBUFS|ENOMEM", imported.GENERATOR),
    ("ECONNREFUSED", "connect_refused"),
    ("ECONNRESET|ECONNABORTED|EPIPE|PREMATURE_CLOSE|socket hang up", "reset"),
    ("ENOTFOUND|EAI_AGAIN", "dns"),
    ("ETIMEDOUT|ESOCKETTIMEDOUT|ERR_SOCKET_TIMEOUT|[Tt]imeout", "timeout"),
    ("ERR_SSL|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_", "tls"),
    ("TOO_MANY_REDIRECTS|[Rr]edirected", "redirect_limit"),
    ("capture or match|[Ff]ailed match|[Ee]xpectation", "check_failed"),
    ("HPE_|Parse Error", "protocol"),
)
_ADVICE = (
    "loadctl run test.yml   measures every request of the script to its last byte",
    "--target ttfb_p95=200ms --target latency_p95=null   judges this file by its time to first byte",
)


_Summary: TypeAlias = Mapping[str, imported.Number | None]
"""count, min, max, mean and percentiles; null where nothing was measured."""


class _Aggregate(BaseModel):
    counters: Mapping[str, imported.Count]
    summaries: Mapping[str, _Summary] = {}
    firstMetricAt: imported.Number | None = None  # noqa: N815 - Artillery's own name
    lastMetricAt: imported.Number | None = None  # noqa: N815


class _Report(BaseModel):
    aggregate: _Aggregate


def recognises(text: str) -> bool:
    return _REPORT.match(text) is not None


def read_report(files: Sequence[Text]) -> Imported:
    """Raises: UsageError."""
    file, *others = files
    if others:
        raise UsageError("Artillery writes one file a run", hint="score one run at a time")

    def decode(text: str) -> object:
        found = json.loads(text)
        aggregate = found.get("aggregate") if isinstance(found, dict) else None
        if isinstance(aggregate, dict) and "scenariosCreated" in aggregate:
            raise UsageError(
                f"{file.name} is in the form of Artillery 1, which does not count requests by their outcome",
                hint="run it without ARTILLERY_USE_LEGACY_REPORT_FORMAT",
            )
        return found

    return _Reading(file.name, imported.validated(file, _Report, decode).aggregate).imported()


class _Reading:
    """The figures of one file."""

    def __init__(self, file: str, aggregate: _Aggregate) -> None:
        self._file = file
        self._aggregate = aggregate
        counters = aggregate.counters
        self._codes = self._counters("http.codes.")
        self._errors = self._counters("errors.")
        self._requests = counters.get("http.requests", 0)
        self._lost = max(0, self._requests - counters.get("http.responses", 0))
        self._redirects = sum(n for code, n in self._codes.items() if code.startswith("3"))
        failed_expectations = counters.get("plugins.expect.failed", 0)
        self._complaints = max(0, self._errors.total() - self._lost) + failed_expectations
        """Captures and checks that failed; some of these responses may already count as failed by their status."""

    def _counters(self, prefix: str) -> Counter[str]:
        counters = self._aggregate.counters
        return Counter({key.removeprefix(prefix): n for key, n in counters.items() if key.startswith(prefix)})

    def imported(self) -> Imported:
        aggregate, counters = self._aggregate, self._aggregate.counters
        began, ended = aggregate.firstMetricAt, aggregate.lastMetricAt
        took = ended - began if began is not None and ended is not None else 0.0
        return Imported(
            engine="artillery",
            files=[self._file],
            kind="Artillery's JSON",
            total=self._total(),
            endpoints=list(self._endpoints()),
            model="open",
            started_at=imported.utc(None if began is None else began / 1000),
            duration_s=took / 1000 if took > 0 else None,
            arrivals=counters.get("vusers.created", 0),
            dropped=counters.get("vusers.skipped", 0),
            findings=list(self._findings()),
            advice=_ADVICE,
        )

    def _total(self) -> ImportedEndpoint:
        refused = sum(n for code, n in self._codes.items() if code >= "400")
        summaries = self._aggregate.summaries
        good = summaries.get("http.response_time.2xx")
        first_byte = (
            self._statistics(good, self._complaints)
            if good is not None
            else self._statistics(summaries.get("http.response_time"), refused + self._complaints)
        )
        whole = self._statistics(summaries.get("http.total"), refused + self._complaints)
        errors = Counter({f"status_{code}": n for code, n in self._codes.items() if code >= "400"})
        for words, n in self._errors.items():
            errors[class_of(words)] += n
        return self._row("total", self._requests, self._lost + refused, first_byte, whole or None, errors)

    def _endpoints(self) -> Iterator[ImportedEndpoint]:
        """From the plugin metrics-by-endpoint, which is on unless a script turns it off."""
        codes: dict[str, Counter[str]] = {}
        errors: dict[str, Counter[str]] = {}
        for key, n in self._aggregate.counters.items():
            name = key.removeprefix(_BY_ENDPOINT)
            if name == key:
                continue
            if match := _CODE.fullmatch(name):
                codes.setdefault(match[1], Counter())[match[2]] += n
            elif ".errors." in name:
                of, _, words = name.partition(".errors.")
                errors.setdefault(of, Counter())[words] += n
        for name in dict.fromkeys([*codes, *errors]):
            answers, lost = codes.get(name, Counter()), errors.get(name, Counter())
            refused = Counter({f"status_{code}": n for code, n in answers.items() if code >= "400"})
            summary = self._aggregate.summaries.get(f"{_BY_ENDPOINT}response_time.{name}")
            first_byte = self._statistics(summary, refused.total() + self._complaints)
            failed = refused.total() + lost.total()
            for words, n in lost.items():
                refused[class_of(words)] += n
            requests = answers.total() + lost.total()
            yield self._row(_endpoint(name), requests, failed, first_byte, None, refused)

    def _row(
        self,
        endpoint: str,
        requests: int,
        failed: int,
        first_byte: Mapping[str, Figure],
        whole: Mapping[str, Figure] | None,
        errors: Counter[str],
    ) -> ImportedEndpoint:
        """`failed`: requests that certainly failed. `requests` may be too high: Artillery counts each hop of a
        redirect.
        """
        ours = min(errors[imported.GENERATOR], failed)
        hops = min(self._redirects, requests - failed)
        most = min(requests, failed + self._complaints)
        highest = most * requests / (requests - hops) if requests > hops else most
        latency = whole if whole is not None else {k: figure.unbounded for k, figure in first_byte.items()}
        return ImportedEndpoint(
            endpoint=endpoint,
            requests=requests,
            failed=Figure(failed, failed - ours, max(failed, min(float(requests), highest))),
            successes=max(0, requests - most),
            latency=latency,
            ttfb=first_byte,
            errors=dict(errors),
            part="time to first byte",
        )

    def _statistics(self, summary: _Summary | None, failed: float) -> Mapping[str, Figure]:
        """Statistics of successes. Each hop of a redirect is timed by itself, so the whole request takes longer."""
        count = int((summary or {}).get("count") or 0)
        if summary is None or not count:
            return {}
        table = [
            (share, _within(value, 0.0 if name == "max" else _ACCURACY))
            for name, share in _SHARES.items()
            if (value := summary.get(name)) is not None
        ]
        mean, least, most = (
            None if (value := summary.get(name)) is None else _within(value, 0.0)
            for name in ("mean", "min", "max")
        )
        failed = min(failed, count)
        population = Population(
            percentiles=Percentiles(count, table), failed=failed, mean=mean, least=least, most=most
        )
        found = population.of_successes()
        return {name: figure.unbounded for name, figure in found.items()} if self._redirects else found

    def _findings(self) -> Iterator[Finding]:
        if "http.total" in self._aggregate.summaries:
            message = "Artillery measures in whole milliseconds, and its percentiles are within 1 %"
            yield Finding("file-rounded", "info", f"{message}: a limit within that margin cannot be judged")
        else:
            message = (
                "Artillery's response time ends with the first byte of the response, in whole milliseconds: it can "
                "show that a latency limit is exceeded, never that it is met"
            )
            advice = (
                "http: {extendedMetrics: true} in the script's config writes the time to the last byte too",
            )
            yield Finding("file-first-byte", "warning", message, {}, advice)
        yield Finding("file-whole-run", "info", "its figures cover all phases, including any warm-up")
        if self._complaints:
            message = (
                f"{format_count(self._complaints)} captures, checks or hooks failed, and Artillery does not say for "
                "which requests: the number of failed requests is only known within bounds"
            )
            yield Finding("file-complaints", "info", message, {"complaints": self._complaints})
        faults = sum(n for words, n in self._errors.items() if class_of(words) == imported.GENERATOR)
        yield from imported.generator_faults(faults, self._requests, "no sockets left")


def class_of(words: str) -> str:
    """The error class, from the code or the words of an error."""
    return next((found for pattern, found in _CLASSES if re.search(pattern, words)), "other")


def _endpoint(name: str) -> str:
    """`/models/{{ id }} (GET /models/{id})`: the step's own name, as our recorder takes it; without one the path."""
    match = _NAMED.fullmatch(name)
    return match[2] if match else name


def _within(ms: float, share: float) -> Figure:
    slack = _CLOCK_MS + _PRINTED_MS
    return Figure(ms, max(0.0, ms / (1 + share) - slack), ms / (1 - share) + slack)
