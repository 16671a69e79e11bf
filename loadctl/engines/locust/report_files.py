"""The files that Locust writes about a run: HTML (`--html`), JSON (`--json-file`) and four of CSV (`--csv NAME`)."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from loadctl.errors import UsageError
from loadctl.results import imported
from loadctl.results.imported import Figure, ImportedEndpoint, Percentiles, Population

if TYPE_CHECKING:
    from loadctl.scenario.reading.document import Text

Kind = Literal["json", "html", "stats", "history", "failures", "exceptions"]
READS = (
    "Locust's HTML report (--html), JSON (--json-file) and CSV (--csv: _stats.csv, "
    "perhaps with _stats_history, _failures and _exceptions)"
)
_FIGURES = re.compile(r"window\.templateArgs\s*=\s*(?=\{)")
"""Where the figures of an HTML report begin."""
_JSON = re.compile(r'\s*\[\s*(?:\]|\{[^{}]{0,2000}"num_requests")')
_CSV: Mapping[str, Kind] = {
    "Type,Name,Request Count,": "stats",
    "Timestamp,User Count,Type,Name,": "history",
    "Method,Name,Error,Occurrences": "failures",
    "Count,Message,Traceback,Nodes": "exceptions",
}
_CLASSES: Sequence[tuple[str, str]] = (
    (r"Too many open files|Cannot assign requested address", imported.GENERATOR),
    (r"LocustBadStatusCode\(code=(\d{3})\)|HTTPError\(['\"](\d{3}) ", "status"),
    (r"CatchResponseError|ResponseError|AssertionError", "check_failed"),
    (r"gaierror|NameResolutionError|Name or service not known|nodename nor servname", "dns"),
    (r"Connection ?refused", "connect_refused"),
    (r"ConnectTimeout", "connect_timeout"),
    (r"SSLError|CertificateError|SSLCert", "tls"),
    (r"TooManyRedirects|RetriesExceeded", "redirect_limit"),
    (r"RemoteDisconnected|Connection ?(?:Reset|Aborted)|HTTPConnectionClosed|BrokenPipe|IncompleteRead", "reset"),
    (r"timed? ?out", "timeout"),
    (r"HTTPParseError|BadStatusLine|InvalidChunkLength|ProtocolError|DecodeError|DecodingError", "protocol"),
)  # fmt: skip
_TOTAL = "total"


def kind_of(text: str) -> Kind | None:
    if text.lstrip()[:1] == "<":
        return "html" if _FIGURES.search(text) else None
    if _JSON.match(text):
        return "json"
    return next((kind for head, kind in _CSV.items() if text.startswith(head)), None)


def read_file(kind: Kind, file: Text) -> ReportFile:
    """Raises: UsageError."""
    return {"json": read_json, "html": read_html}.get(kind, read_csv)(file)


@dataclass(frozen=True, slots=True)
class Failure:
    """`first_seen`: seconds since 1970; older versions of Locust do not write it."""

    endpoint: str
    error: str
    count: int
    first_seen: float | None = None

    @property
    def error_class(self) -> str:
        """From the text of an exception."""
        for pattern, found in _CLASSES:
            if match := re.search(pattern, self.error, re.IGNORECASE):
                code = next((group for group in match.groups() if group), "")
                return f"status_{code}" if code else found
        return "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """The content of one file."""

    name: str
    endpoints: Sequence[ImportedEndpoint] = ()
    """Without the classes of their errors."""
    total: ImportedEndpoint | None = None
    host: str = ""
    started: float | None = None
    """Seconds since 1970."""
    duration_s: float | None = None
    peak_users: int | None = None
    silent_s: float = 0.0
    """How long users were active at the end without any request ending."""
    failures: Sequence[Failure] | None = None
    exceptions: Mapping[str, int] = field(default_factory=dict)
    """Raised by the script: message → how often."""
    requests: int = 0
    """Of a file that has the total alone."""


def endpoint_of(method: str | None, name: str) -> str:
    """As the recorder names the requests of a script."""
    return name if not method or name.startswith(f"{method} ") else f"{method} {name}"


def _endpoint(name: str, requests: int, failed: int, population: Population, size: float) -> ImportedEndpoint:
    """`population`: of all requests, the failed ones among them. `size`: of all bodies, in bytes."""
    return ImportedEndpoint(
        endpoint=name,
        requests=requests,
        failed=Figure.exact(failed),
        successes=requests - failed,
        latency=replace(population, failed=failed).of_successes(),
        bytes=round(size),
    )


_STEPS = ((100.0, 1.0), (1000.0, 10.0), (10000.0, 100.0))
_COARSEST = 1000.0


def meant_by(ms: float) -> Figure:
    """Below 100 ms whole milliseconds, then two digits: 147 becomes 150, and 150 stands for 145 to 155.

    A script may round in another way; one that is finer lies within the same bounds.
    """
    up = next((step for below, step in _STEPS if ms < below), _COARSEST)
    down = next((step for below, step in _STEPS if ms <= below), _COARSEST)
    return Figure(ms, max(0.0, ms - down / 2), ms + up / 2)


def _table(percentiles: Mapping[float, float]) -> Sequence[tuple[float, Figure]]:
    return [(share, meant_by(ms)) for share, ms in sorted(percentiles.items())]


# -- HTML ------------------------------------------------------------------------------------------------------------

_SHARE = re.compile(r"[01](?:\.\d+)?")


class _Statistics(BaseModel):
    name: str
    method: str | None = None
    num_requests: imported.Count
    num_failures: imported.Count
    avg_response_time: imported.Number
    min_response_time: imported.Number
    max_response_time: imported.Number
    avg_content_length: imported.Number = 0.0
    total_rps: imported.Number = 0.0


class _Percentiles(BaseModel):
    """The percentiles are keys like "0.95"."""

    model_config = ConfigDict(extra="allow")
    name: str
    method: str | None = None


class _Failed(BaseModel):
    name: str
    method: str | None = None
    error: str
    occurrences: imported.Count
    first_seen: imported.Number | None = None


class _Exception(BaseModel):
    msg: str
    count: imported.Count


class _ChartPoint(BaseModel):
    time: str
    user_count: tuple[str, imported.Count] | imported.Count

    @property
    def users(self) -> int:
        return self.user_count if isinstance(self.user_count, int) else self.user_count[1]


class _Report(BaseModel):
    requests_statistics: Sequence[_Statistics]
    response_time_statistics: Sequence[_Percentiles]
    failures_statistics: Sequence[_Failed] = ()
    exceptions_statistics: Sequence[_Exception] = ()
    history: Sequence[_ChartPoint] = ()
    start_time: str = ""
    end_time: str = ""
    host: str = ""


def read_html(file: Text) -> ReportFile:
    """The figures that the charts are drawn from. Raises: UsageError."""

    def decode(text: str) -> object:
        place = _FIGURES.search(text)
        return json.JSONDecoder().raw_decode(text, place.end() if place else 0)[0]

    report = imported.validated(file, _Report, decode)
    if not report.requests_statistics:
        raise UsageError(f"{file.name} has no statistics")
    tables = {
        endpoint_of(one.method, one.name): _table(
            {
                float(key): value
                for key, value in (one.model_extra or {}).items()
                if _SHARE.fullmatch(key) and isinstance(value, int | float)
            }
        )
        for one in report.response_time_statistics
    }
    *rows, total = (_html_endpoint(one, tables) for one in report.requests_statistics)
    rate = report.requests_statistics[-1].total_rps
    raised: Counter[str] = Counter()
    for exception in report.exceptions_statistics:
        raised[exception.msg] += exception.count
    return ReportFile(
        name=file.name,
        endpoints=rows,
        total=replace(total, endpoint=_TOTAL),
        host=report.host if report.host != "None" else "",
        started=_zoned_epoch(report.start_time),
        duration_s=total.requests / rate if rate > 0 else None,
        peak_users=max((point.users for point in report.history), default=None),
        silent_s=_silent_s(report),
        failures=[
            Failure(endpoint_of(one.method, one.name), one.error, one.occurrences, one.first_seen)
            for one in report.failures_statistics
        ],
        exceptions=raised,
    )


def _html_endpoint(
    one: _Statistics, tables: Mapping[str, Sequence[tuple[float, Figure]]]
) -> ImportedEndpoint:
    name = endpoint_of(one.method, one.name)
    population = Population(
        percentiles=Percentiles(one.num_requests, tables.get(name, ())),
        mean=Figure.exact(one.avg_response_time) if one.num_requests else None,
        least=_whole(one.min_response_time),
        most=_whole(one.max_response_time),
    )
    size = one.avg_content_length * one.num_requests
    return _endpoint(name, one.num_requests, one.num_failures, population, size)


def _whole(ms: float) -> Figure:
    """The report rounds these to whole milliseconds."""
    return Figure(ms, max(0.0, ms - 0.5), ms + 0.5)


def _silent_s(report: _Report) -> float:
    """The report ends with the last request; its charts go on for as long as there are users."""
    ended = _zoned_epoch(report.end_time)
    active = [_zoned_epoch(point.time) for point in report.history if point.users > 0]
    last = max((t for t in active if t is not None), default=None)
    return 0.0 if ended is None or last is None else max(0.0, last - ended)


def _zoned_epoch(text: str) -> float | None:
    """Seconds since 1970; older versions wrote times without a zone, which could be anywhere."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.timestamp() if time.tzinfo is not None else None


# -- JSON ------------------------------------------------------------------------------------------------------------


class _Entry(BaseModel):
    name: str
    method: str | None = None
    start_time: imported.Number
    last_request_timestamp: imported.Number | None = None
    num_requests: imported.Count
    num_none_requests: imported.Count = 0
    num_failures: imported.Count
    total_response_time: imported.Number
    min_response_time: imported.Number | None = None
    max_response_time: imported.Number
    total_content_length: imported.Count = 0
    response_times: Mapping[imported.Number, imported.Count]


def read_json(file: Text) -> ReportFile:
    """A list of entries, each with a histogram and counts per second. Raises: UsageError."""
    entries = imported.validated(file, list[_Entry])
    began = min((entry.start_time for entry in entries), default=None)
    ended = max((entry.last_request_timestamp or entry.start_time for entry in entries), default=None)
    return ReportFile(
        name=file.name,
        endpoints=[_json_endpoint(endpoint_of(entry.method, entry.name), [entry]) for entry in entries],
        total=_json_endpoint(_TOTAL, entries),
        started=began,
        duration_s=ended - began if began is not None and ended is not None and ended > began else None,
    )


def _json_endpoint(name: str, entries: Sequence[_Entry]) -> ImportedEndpoint:
    counts: Counter[float] = Counter()
    for entry in entries:
        counts.update(entry.response_times)
    timed = sum(entry.num_requests - entry.num_none_requests for entry in entries)
    least = [entry.min_response_time for entry in entries if entry.min_response_time is not None]
    population = Population(
        percentiles=Percentiles.of_counts((meant_by(ms), counts[ms]) for ms in sorted(counts)),
        mean=Figure.exact(sum(entry.total_response_time for entry in entries) / timed) if timed else None,
        least=Figure.exact(min(least)) if least else None,
        most=Figure.exact(max(entry.max_response_time for entry in entries)) if entries else None,
    )
    requests, failed = (
        sum(entry.num_requests for entry in entries),
        sum(entry.num_failures for entry in entries),
    )
    return _endpoint(name, requests, failed, population, sum(entry.total_content_length for entry in entries))


# -- CSV -------------------------------------------------------------------------------------------------------------

_AGGREGATED = "Aggregated"
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)%")
_Rows = Sequence[Mapping[str, str]]
_number: Callable[[str], float] = TypeAdapter(imported.Number).validate_strings
_count: Callable[[str], int] = TypeAdapter(imported.Count).validate_strings


def read_csv(file: Text) -> ReportFile:
    """Raises: UsageError."""
    csv.field_size_limit(len(file.text) + 1)  # a message of the system may be longer than the usual limit
    try:
        lines = csv.DictReader(StringIO(file.text, newline=""))  # not splitlines(): a name may hold U+2028
        rows = [row for row in lines if any(row.values())]
        return _READERS[kind_of(file.text) or "stats"](file.name, rows)
    except (csv.Error, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{file.name} is cut off or damaged: {error}") from error


def _stats(name: str, rows: _Rows) -> ReportFile:
    if not rows or rows[-1]["Name"] != _AGGREGATED or None in rows[-1].values():
        raise UsageError(
            f"{name} does not end with a line {_AGGREGATED}: Locust was stopped while writing it",
            hint="it does not cover the whole run",
        )
    *endpoints, total = rows
    rate, requests = _number(total["Requests/s"]), _count(total["Request Count"])
    return ReportFile(
        name=name,
        endpoints=[_csv_endpoint(row, endpoint_of(row["Type"], row["Name"])) for row in endpoints],
        total=_csv_endpoint(total, _TOTAL),
        duration_s=requests / rate if rate > 0 else None,
    )


def _csv_endpoint(row: Mapping[str, str], name: str) -> ImportedEndpoint:
    requests = _count(row["Request Count"])
    percents = [(match[1], row[key]) for key in row if (match := _PERCENT.fullmatch(key or ""))]
    table = {_number(percent) / 100: _number(ms) for percent, ms in percents if ms != "N/A"}
    mean, least, most = (
        Figure.exact(_number(row[f"{statistic} Response Time"])) if requests else None
        for statistic in ("Average", "Min", "Max")
    )
    population = Population(
        percentiles=Percentiles(requests, _table(table)), mean=mean, least=least, most=most
    )
    size = _number(row["Average Content Size"]) * requests
    return _endpoint(name, requests, _count(row["Failure Count"]), population, size)


def _history(name: str, rows: _Rows) -> ReportFile:
    """A line a second, each with the total so far."""
    lines = [
        (_number(row["Timestamp"]), _count(row["User Count"]), _count(row["Total Request Count"]))
        for row in rows
        if row["Name"] == _AGGREGATED
    ]
    active = [t for t, users, _ in lines if users > 0]
    last = next((t for t, _, requests in lines if requests == lines[-1][2]), 0.0)
    return ReportFile(
        name=name,
        started=lines[0][0] if lines else None,
        peak_users=max((users for _, users, _ in lines), default=None),
        silent_s=max(0.0, active[-1] - last) if active else 0.0,
        requests=lines[-1][2] if lines else 0,
    )


def _failures(name: str, rows: _Rows) -> ReportFile:
    failures = [
        Failure(
            endpoint_of(row["Method"], row["Name"]),
            row["Error"],
            _count(row["Occurrences"]),
            _epoch(row.get("First Seen")),
        )
        for row in rows
    ]
    return ReportFile(name=name, failures=failures)


def _exceptions(name: str, rows: _Rows) -> ReportFile:
    raised: Counter[str] = Counter()
    for row in rows:
        raised[row["Message"]] += _count(row["Count"])
    return ReportFile(name=name, exceptions=raised)


def _epoch(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except ValueError:
        return None


_READERS: Mapping[str, Callable[[str, _Rows], ReportFile]] = {
    "stats": _stats,
    "history": _history,
    "failures": _failures,
    "exceptions": _exceptions,
}
