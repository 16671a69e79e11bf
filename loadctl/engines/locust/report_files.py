"""One line of Locust's statistics, and one of its failures, whichever of its files they came from."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter

from loadctl.errors import UsageError
from loadctl.results.imported.report import Count, Figure, ImportedEndpoint, Number, Percentiles, Population

if TYPE_CHECKING:
    from loadctl.scenario.reading.document import Text
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from loadctl.scenario.reading.document import Text
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadctl.scenario.reading.document import Text


GENERATOR = "generator"
TOTAL = "total"
_CLASSES: Sequence[tuple[str, str]] = (
    (r"Too many open files|Cannot assign requested address", GENERATOR),
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


@dataclass(frozen=True, slots=True)
class Failure:
    """`first_seen`: seconds since 1970; older versions of Locust do not write it."""

    method: str
    name: str
    error: str
    count: int
    first_seen: float | None = None

    @property
    def error_class(self) -> str:
        return class_of(self.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Times in ms, failed requests among them."""

    endpoint: str
    requests: int
    failed: int
    population: Population
    bytes: int = 0

    def told(self, failures: Iterable[Failure]) -> ImportedEndpoint:
        """`failures`: those of this row."""
        errors: dict[str, int] = {}
        for failure in failures:
            errors[failure.error_class] = errors.get(failure.error_class, 0) + failure.count
        ours = min(errors.get(GENERATOR, 0), self.failed)
        return ImportedEndpoint(
            endpoint=self.endpoint,
            requests=self.requests,
            failed=Figure(self.failed, self.failed - ours, self.failed),
            successes=self.requests - self.failed,
            latency=self.population.of_successes(),
            errors=errors,
            bytes=self.bytes,
        )


NOTHING = Row(endpoint=TOTAL, requests=0, failed=0, population=Population(percentiles=Percentiles(0, ())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one file says."""

    file: str
    rows: Sequence[Row] = ()
    total: Row = NOTHING
    host: str = ""
    started: float | None = None
    """Seconds since 1970."""
    duration_s: float | None = None
    peak_users: int | None = None
    silent_s: float = 0.0
    """How long users were there at the end without any request coming to its end."""
    failures: Sequence[Failure] | None = None
    exceptions: Mapping[str, int] = field(default_factory=dict)
    """Raised by the script: message → how often."""
    requests: int = 0
    """Of a file that has the total alone."""


def endpoint_of(method: str | None, name: str) -> str:
    """As the recorder names the requests of a script."""
    return name if not method or name.startswith(f"{method} ") else f"{method} {name}"


def class_of(error: str) -> str:
    """A class of DESIGN §5, from the text of an exception."""
    for pattern, found in _CLASSES:
        match = re.search(pattern, error, re.IGNORECASE)
        if match:
            code = next((group for group in match.groups() if group), "")
            return f"status_{code}" if code else found
    return "other"


Kind = Literal["json", "html", "stats", "history", "failures", "exceptions"]
READS = (
    "Locust's HTML report (--html), JSON (--json-file) and CSV (--csv: _stats.csv, "
    "perhaps with _stats_history, _failures and _exceptions)"
)
FIGURES = re.compile(r"window\.templateArgs\s*=\s*(?=\{)")
"""Where the figures of an HTML report begin."""
_JSON = re.compile(r'\s*\[\s*(?:\]|\{[^{}]{0,2000}"num_requests")')
_CSV: Mapping[str, Kind] = {
    "Type,Name,Request Count,": "stats",
    "Timestamp,User Count,Type,Name,": "history",
    "Method,Name,Error,Occurrences": "failures",
    "Count,Message,Traceback,Nodes": "exceptions",
}


def kind_of(text: str) -> Kind | None:
    if text.lstrip()[:1] == "<":
        return "html" if FIGURES.search(text) else None
    if _JSON.match(text):
        return "json"
    return next((kind for head, kind in _CSV.items() if text.startswith(head)), None)


_STEPS = ((100.0, 1.0), (1000.0, 10.0), (10000.0, 100.0))
_COARSEST = 1000.0


def meant_by(ms: float) -> Figure:
    """Below 100 ms whole milliseconds, then two digits: 147 becomes 150, and 150 stands for 145 to 155.

    A script may round in another way; one that is finer lies within the same bounds.
    """
    up = next((step for below, step in _STEPS if ms < below), _COARSEST)
    down = next((step for below, step in _STEPS if ms <= below), _COARSEST)
    return Figure(ms, max(0.0, ms - down / 2), ms + up / 2)


_AGGREGATED = "Aggregated"
_NUMBER: TypeAdapter[float] = TypeAdapter(Number)
_COUNT: TypeAdapter[int] = TypeAdapter(Count)
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)%")


def read_csv(file: Text) -> Told:
    """Raises: UsageError."""
    readers: Mapping[str, Callable[[str, _Table], Told]] = {
        "stats": _stats,
        "history": _history,
        "failures": _failures,
        "exceptions": _exceptions,
    }
    csv.field_size_limit(len(file.text) + 1)  # a message of the system may be longer than the usual limit
    try:
        lines = csv.DictReader(StringIO(file.text, newline=""))  # not splitlines(): a name may hold U+2028
        table = [row for row in lines if any(row.values())]
        return readers[kind_of(file.text) or "stats"](file.name, table)
    except (csv.Error, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{file.name} is cut off or damaged: {error}") from error


_Table = Sequence[Mapping[str, str]]


def _stats(name: str, table: _Table) -> Told:
    if not table or table[-1]["Name"] != _AGGREGATED or None in table[-1].values():
        raise UsageError(
            f"{name} has no line {_AGGREGATED} at its end: Locust was ended while it wrote the file",
            hint="what it holds is not the whole run",
        )
    *rows, total = table
    rate, requests = _number(total["Requests/s"]), _count(total["Request Count"])
    return Told(
        file=name,
        rows=[_row(row, endpoint_of(row["Type"], row["Name"])) for row in rows],
        total=_row(total, TOTAL),
        duration_s=requests / rate if rate > 0 else None,
    )


def _row(row: Mapping[str, str], endpoint: str) -> Row:
    requests = _count(row["Request Count"])
    percents = [(match[1], row[key]) for key in row if (match := _PERCENT.fullmatch(key or ""))]
    table = [(_number(percent) / 100, meant_by(_number(ms))) for percent, ms in percents if ms != "N/A"]
    failed = _count(row["Failure Count"])
    mean, least, most = (
        Figure.exact(_number(row[f"{name} Response Time"])) if requests else None
        for name in ("Average", "Min", "Max")
    )
    return Row(
        endpoint=endpoint,
        requests=requests,
        failed=failed,
        population=Population(
            percentiles=Percentiles(requests, sorted(table, key=lambda line: line[0])),
            failed=failed,
            mean=mean,
            least=least,
            most=most,
        ),
        bytes=round(_number(row["Average Content Size"]) * requests),
    )


def _history(name: str, table: _Table) -> Told:
    """A line a second, each with the total so far."""
    lines = [
        (_number(row["Timestamp"]), _count(row["User Count"]), _count(row["Total Request Count"]))
        for row in table
        if row["Name"] == _AGGREGATED
    ]
    there = [(t, requests) for t, users, requests in lines if users > 0]
    last = next((t for t, _, requests in lines if requests == lines[-1][2]), 0.0)
    return Told(
        file=name,
        started=lines[0][0] if lines else None,
        peak_users=max((users for _, users, _ in lines), default=None),
        silent_s=max(0.0, there[-1][0] - last) if there else 0.0,
        requests=lines[-1][2] if lines else 0,
    )


def _failures(name: str, table: _Table) -> Told:
    found = [
        Failure(
            row["Method"],
            row["Name"],
            row["Error"],
            _count(row["Occurrences"]),
            _epoch(row.get("First Seen")),
        )
        for row in table
    ]
    return Told(file=name, failures=found)


def _exceptions(name: str, table: _Table) -> Told:
    raised: Counter[str] = Counter()
    for row in table:
        raised[row["Message"]] += _count(row["Count"])
    return Told(file=name, exceptions=raised)


def _number(text: str) -> float:
    """Raises: ValueError."""
    return _NUMBER.validate_strings(text)


def _count(text: str) -> int:
    """Raises: ValueError."""
    return _COUNT.validate_strings(text)


def _epoch(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except ValueError:
        return None


_SHARE = re.compile(r"[01](?:\.\d+)?")


class _Statistics(BaseModel):
    name: str
    method: str | None = None
    num_requests: Count
    num_failures: Count
    avg_response_time: Number
    min_response_time: Number
    max_response_time: Number
    avg_content_length: Number = 0.0
    total_rps: Number = 0.0


class _Times(BaseModel):
    """The percentiles stand in keys like "0.95"."""

    model_config = ConfigDict(extra="allow")
    name: str
    method: str | None = None

    @property
    def table(self) -> list[tuple[float, Figure]]:
        found = [
            (float(key), meant_by(value))
            for key, value in (self.model_extra or {}).items()
            if _SHARE.fullmatch(key) and isinstance(value, int | float)
        ]
        return sorted(found, key=lambda line: line[0])


class _Failed(BaseModel):
    name: str
    method: str | None = None
    error: str
    occurrences: Count
    first_seen: Number | None = None


class _Raised(BaseModel):
    msg: str
    count: Count


class _Moment(BaseModel):
    time: str
    user_count: tuple[str, Count] | Count

    @property
    def users(self) -> int:
        return self.user_count if isinstance(self.user_count, int) else self.user_count[1]


class _Report(BaseModel):
    requests_statistics: Sequence[_Statistics]
    response_time_statistics: Sequence[_Times]
    failures_statistics: Sequence[_Failed] = ()
    exceptions_statistics: Sequence[_Raised] = ()
    history: Sequence[_Moment] = ()
    start_time: str = ""
    end_time: str = ""
    host: str = ""


def read_html(file: Text) -> Told:
    """Raises: UsageError."""
    place = FIGURES.search(file.text)
    try:
        found, _ = json.JSONDecoder().raw_decode(file.text, place.end() if place else 0)
        report = _Report.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"{file.name} is not as this version knows it, at {where}: {first['msg']}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file.name} is cut off or damaged: {error}") from error
    if not report.requests_statistics:
        raise UsageError(f"{file.name} has no statistics")
    times = {(one.method or "", one.name): one.table for one in report.response_time_statistics}
    *rows, total = (
        _row_report_html(one, times.get((one.method or "", one.name), []))
        for one in report.requests_statistics
    )
    rate = report.requests_statistics[-1].total_rps
    raised: Counter[str] = Counter()
    for exception in report.exceptions_statistics:
        raised[exception.msg] += exception.count
    return Told(
        file=file.name,
        rows=rows,
        total=replace(total, endpoint=TOTAL),
        host=report.host if report.host != "None" else "",
        started=_epoch_report_html(report.start_time),
        duration_s=total.requests / rate if rate > 0 else None,
        peak_users=max((moment.users for moment in report.history), default=None),
        silent_s=_silent_s(report),
        failures=[
            Failure(one.method or "", one.name, one.error, one.occurrences, one.first_seen)
            for one in report.failures_statistics
        ],
        exceptions=raised,
    )


def _row_report_html(one: _Statistics, table: Sequence[tuple[float, Figure]]) -> Row:
    return Row(
        endpoint=endpoint_of(one.method, one.name),
        requests=one.num_requests,
        failed=one.num_failures,
        population=Population(
            percentiles=Percentiles(one.num_requests, table),
            failed=one.num_failures,
            mean=Figure.exact(one.avg_response_time) if one.num_requests else None,
            least=_whole(one.min_response_time),
            most=_whole(one.max_response_time),
        ),
        bytes=round(one.avg_content_length * one.num_requests),
    )


def _whole(ms: float) -> Figure:
    """The report rounds these to whole milliseconds."""
    return Figure(ms, max(0.0, ms - 0.5), ms + 0.5)


def _silent_s(report: _Report) -> float:
    """Its end is the end of the last request; the charts go on for as long as there are users."""
    ended = _epoch_report_html(report.end_time)
    there = [_epoch_report_html(moment.time) for moment in report.history if moment.users > 0]
    last = max((t for t in there if t is not None), default=None)
    return 0.0 if ended is None or last is None else max(0.0, last - ended)


def _epoch_report_html(text: str) -> float | None:
    """Seconds since 1970; older versions wrote times without a zone, which could be anywhere."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None


class _Entry(BaseModel):
    name: str
    method: str | None = None
    start_time: Number
    last_request_timestamp: Number | None = None
    num_requests: Count
    num_none_requests: Count = 0
    num_failures: Count
    total_response_time: Number
    min_response_time: Number | None = None
    max_response_time: Number
    total_content_length: Count = 0
    response_times: Mapping[Number, Count]


def read_json(file: Text) -> Told:
    """Raises: UsageError."""
    try:
        entries = TypeAdapter(list[_Entry]).validate_python(json.loads(file.text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{file.name} is damaged at {place}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file.name} is cut off or damaged: {error}") from error
    began = min((entry.start_time for entry in entries), default=None)
    ended = max((entry.last_request_timestamp or entry.start_time for entry in entries), default=None)
    return Told(
        file=file.name,
        rows=[_row_report_json(endpoint_of(entry.method, entry.name), [entry]) for entry in entries],
        total=_row_report_json(TOTAL, entries),
        started=began,
        duration_s=ended - began if began is not None and ended is not None and ended > began else None,
    )


def _row_report_json(endpoint: str, entries: Sequence[_Entry]) -> Row:
    counts: Counter[float] = Counter()
    for entry in entries:
        counts.update(entry.response_times)
    timed = sum(entry.num_requests - entry.num_none_requests for entry in entries)
    least = [entry.min_response_time for entry in entries if entry.min_response_time is not None]
    failed = sum(entry.num_failures for entry in entries)
    mean = sum(entry.total_response_time for entry in entries) / timed if timed else None
    return Row(
        endpoint=endpoint,
        requests=sum(entry.num_requests for entry in entries),
        failed=failed,
        population=Population(
            percentiles=Percentiles.of_counts((meant_by(ms), counts[ms]) for ms in sorted(counts)),
            failed=failed,
            mean=None if mean is None else Figure.exact(mean),
            least=Figure.exact(min(least)) if least else None,
            most=Figure.exact(max(entry.max_response_time for entry in entries)) if entries else None,
        ),
        bytes=sum(entry.total_content_length for entry in entries),
    )
