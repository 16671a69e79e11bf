"""What an engine wrote about a run of its own: figures, and between which values lies what really happened.

Nothing here was measured by loadctl. A figure of such a file is rounded, holds failures too, or leaves a part out;
it is therefore kept as an interval, and a target has one status only where both of its ends have the same. Otherwise
the file cannot tell, and the score is NO_DATA: neither the better end nor the worse one is a guess that a verdict may
rest on. A lower bound (time to first byte for a latency) can therefore fail a limit, never meet one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from loadctl.errors import UsageError
from loadctl.results.histogram import STATISTICS
from loadctl.results.recording import Example
from loadctl.results.scoring import RESOURCES
from loadctl.results.summary import Counters, EndpointSummary, Latency, Summary
from loadctl.results.verdict import Finding, Score, Status, status_of
from loadctl.scenario.load import Model
from loadctl.scenario.target import PERCENTILES, Target, enough_requests, enough_samples, parts_of_versus
from loadctl.scenario.units import format_count, format_limit, format_value

if TYPE_CHECKING:
    from loadctl.scenario.reading.document import Text


_LARGEST = 10**15
Count = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
"""As it stands in a file; what is below 0 is refused with its name (`impossible`)."""
Number = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST)]
_ALIKE = 1e-6
"""Shares and ranks that differ by less are the same number."""


@dataclass(frozen=True, slots=True)
class Figure:
    """`value`: as it stands in the file. What is meant lies within `low` to `high`; infinite: nothing bounds it."""

    value: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> Figure:
        return cls(value, value, value)

    @property
    def unbounded(self) -> Figure:
        """The same, if it is only a part of what is meant."""
        return Figure(self.value, self.low, math.inf)

    def over(self, divisor: float) -> Figure:
        return Figure(self.value / divisor, self.low / divisor, self.high / divisor)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of `n` requests, as a table: share of them → the figure that stands there. The last share is 1, the maximum."""

    n: int
    table: Sequence[tuple[float, Figure]]
    """In ascending order."""
    complete: bool = False
    """Every rank is between two lines of the table that say the same."""

    @classmethod
    def of_counts(cls, counts: Iterable[tuple[Figure, int]]) -> Percentiles:
        """From a histogram, in ascending order: each value stands at the first and at the last of its ranks."""
        held = [(figure, count) for figure, count in counts if count > 0]
        n = sum(count for _, count in held)
        table, before = [], 0
        for figure, count in held:
            table += [((before + 1) / n, figure), ((before + count) / n, figure)]
            before += count
        return cls(n, table, complete=True)

    def of_successes(self, q: float, failed: float) -> Figure | None:
        """Percentile `q` of those that succeeded, where the table holds `failed` others too; None: it is not there.

        Nobody knows where those stand: the figure lies between the one with all of them above, and the one with all of
        them below. So few that they move the rank by less than its own standard error, sqrt(n q (1 - q)), are left
        out of account, as chance is everywhere else.
        """
        line = next((line for line in self.table if line[0] >= q - _ALIKE), None)
        if line is None or not (self.complete or math.isclose(line[0], q, abs_tol=_ALIKE)):
            return None
        if failed <= math.sqrt(self.n * q * (1 - q)):
            return line[1]
        rank = math.ceil(q * (self.n - failed) - _ALIKE)
        below = [figure.low for share, figure in self.table if share * self.n <= rank + _ALIKE]
        above = [figure.high for share, figure in self.table if share * self.n >= rank + failed - _ALIKE]
        return Figure(line[1].value, below[-1] if below else 0.0, above[0] if above else math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Times in ms of requests of which some, `failed`, are not meant."""

    percentiles: Percentiles
    failed: float = 0
    mean: Figure | None = None
    least: Figure | None = None
    most: Figure | None = None

    def of_successes(self) -> Mapping[str, Figure]:
        """By statistic: p50, p95, p99, p999, mean, min, max, as far as they can be told."""
        found = {
            name: self._not_below_the_least(self.percentiles.of_successes(q, self.failed))
            for name, q in PERCENTILES.items()
        }
        if self.percentiles.n > self.failed:
            found |= {"mean": self._mean(), "min": self.least, "max": self.most}
        if self.failed:
            most, least = self.most, self.least
            found["max"] = None if most is None else Figure(most.value, 0.0, most.high)
            found["min"] = None if least is None else least.unbounded
        return {name: figure for name, figure in found.items() if figure is not None}

    def _not_below_the_least(self, figure: Figure | None) -> Figure | None:
        if figure is None or self.least is None or figure.low >= self.least.low:
            return figure
        return Figure(figure.value, min(self.least.low, figure.value), figure.high)

    def _mean(self) -> Figure | None:
        """Each of those that are not meant took something between the least and the most of all."""
        if self.mean is None or self.least is None or self.most is None or not self.failed:
            return self.mean
        n = self.percentiles.n
        low = (self.mean.low * n - self.most.high * self.failed) / (n - self.failed)
        high = (self.mean.high * n - self.least.low * self.failed) / (n - self.failed)
        return Figure(self.mean.value, max(0.0, low), max(0.0, high))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedEndpoint:
    """One endpoint, or "total". Latencies in ms, by statistic (p50, p95, p99, p999, mean, min, max)."""

    endpoint: str
    requests: int
    failed: Figure
    successes: int
    """How many latencies the percentiles rest on."""
    latency: Mapping[str, Figure] = field(default_factory=dict)
    """Of successes, from the start of a request to its last byte."""
    ttfb: Mapping[str, Figure] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    """By class, as far as the file tells."""
    bytes: int = 0
    absent: str = "not in this file"
    """Why a statistic is missing."""
    part: str = ""
    """Of what a latency without an upper bound is only a part: "time to first byte"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One run of an engine as its own files tell it. None: they do not say."""

    engine: str
    files: Sequence[str]
    kind: str
    """What they are, for people: "Locust's HTML report"."""
    total: ImportedEndpoint
    endpoints: Sequence[ImportedEndpoint]
    model: Model
    host: str = ""
    started_at: str | None = None
    """UTC, ISO 8601."""
    duration_s: float | None = None
    peak_users: int | None = None
    arrivals: int | None = None
    """Open model: virtual users that came."""
    dropped: int | None = None
    """Open model: those that should have come too."""
    examples: Sequence[Example] = ()
    findings: Sequence[Finding] = ()
    """What this file cannot tell, in the words of the engine that wrote it."""
    advice: Sequence[str] = ()
    """What to do where a target cannot be judged."""


def impossible(report: Imported) -> str | None:
    """The first figure that no run can have, with its place; None: there is none."""
    for row in (report.total, *report.endpoints):
        figures = {
            "requests": float(row.requests),
            "failures": row.failed.value,
            **{f"latency {name}": figure.value for name, figure in row.latency.items()},
            **{f"time to first byte {name}": figure.value for name, figure in row.ttfb.items()},
            **{f"errors {name}": float(count) for name, count in row.errors.items()},
        }
        for name, value in figures.items():
            if not 0 <= value < math.inf:
                return f"{row.endpoint}: {name} is {value:g}"
        if row.failed.low > row.requests:
            return f"{row.endpoint}: {row.failed.value:g} failures of {row.requests} requests"
    if report.duration_s is not None and report.duration_s < 0:
        return f"its duration is {report.duration_s:g} s"
    return None


UNDETERMINED = "cannot be determined from this file"
_NOT_IN_FILES = {
    "max_throughput": "it needs stages, which a file does not have",
    "breaking_point": "it needs stages, which a file does not have",
    "recovery_time": "it needs stages, which a file does not have",
    "cpu": "nobody watched the system",
    "memory": "nobody watched the system",
    "log_errors": "no log was followed",
}


@dataclass(frozen=True, slots=True)
class _Found:
    figure: Figure | None
    n: int = 0
    detail: str | None = None
    reason: str | None = None
    part: str = ""


def score_imported(target: Target, imported: Imported) -> Score:
    """Never PASS where another reading of the file would not pass too."""
    found = _find(target, imported)
    judged = target.judged and (target.metric not in RESOURCES or target.own)
    why = None if target.judged else target.why_not_judged or "not judged here"
    if found.figure is None:
        return _no_data(target, found.n, why or found.reason, judged=judged)
    status, reason = _status(target, found.figure), None
    if target.metric == "throughput" and status is not Status.PASS:
        status, reason = Status.NOT_EXERCISED, "a file does not say how much was asked for"
    elif status is None:
        return _no_data(target, found.n, why or _between(target, found), judged=judged)
    elif target.metric == "error_rate" and status is not Status.FAIL and found.n < _needed(target):
        limit = format_limit(target.critical, target.unit)
        too_few = f"a limit of {limit} needs {_needed(target):,} requests, there were {found.n:,}"
        return _no_data(target, found.n, why or too_few, judged=judged)
    return Score.of(
        target,
        status,
        found.figure.value,
        n=found.n,
        judged=judged,
        reason=why or reason,
        detail=found.detail or (f"at least: {found.part} alone" if found.part else None),
    )


def _no_data(target: Target, n: int, reason: str | None, *, judged: bool) -> Score:
    return Score.of(target, Status.NO_DATA, None, n=n, judged=judged, reason=reason)


def _needed(target: Target) -> int:
    return enough_requests(target.critical)


def _status(target: Target, figure: Figure) -> Status | None:
    """None: it depends on where within its interval the figure is."""
    ends = {status_of(target, figure.low), status_of(target, figure.high)}
    return ends.pop() if len(ends) == 1 else None


def _between(target: Target, found: _Found) -> str:
    figure = found.figure or Figure.exact(0.0)
    value = (format_limit if target.unit == "ms" else format_value)(figure.value, target.unit)
    if math.isinf(figure.high):
        return f"{UNDETERMINED}: its {value} is {found.part} alone, and the whole takes longer"
    low, high = (format_value(end, target.unit) for end in (figure.low, figure.high))
    return f"{UNDETERMINED}: its {value} may be anything from {low} to {high}"


def _find(target: Target, imported: Imported) -> _Found:
    metric, scope = target.metric, target.scope
    if scope.kind == "series":
        return _Found(None, reason="no monitor was there")
    if scope.kind == "stage":
        return _Found(None, reason="a file has no stages")
    if parts_of_versus(metric) is not None:
        return _Found(
            None, reason="a file is not compared with a baseline: that needs the blocks of a recorded run"
        )
    if metric in _NOT_IN_FILES:
        return _Found(None, reason=_NOT_IN_FILES[metric])
    row = imported.total
    if scope.kind == "endpoint":
        named = next((one for one in imported.endpoints if one.endpoint == scope.name), None)
        if named is None:
            return _Found(None, reason=f"no request of the file is named '{scope.name}'")
        row = named
    if metric == "error_rate":
        return _error_rate(row)
    return _throughput(row, imported.duration_s) if metric == "throughput" else _latency(metric, row)


def _error_rate(row: ImportedEndpoint) -> _Found:
    if not row.requests:
        return _Found(None, reason="no requests")
    low, high = format_count(row.failed.low), format_count(row.failed.high)
    many = low if low == high else f"{low} to {high}"
    share = row.failed.over(row.requests / 100)
    return _Found(share, row.requests, f"{many} of {row.requests:,}")


def _throughput(row: ImportedEndpoint, duration_s: float | None) -> _Found:
    if not duration_s:
        return _Found(None, reason="the file does not say how long it took")
    succeeded = Figure(
        *(row.requests - failed for failed in (row.failed.value, row.failed.high, row.failed.low))
    )
    return _Found(succeeded.over(duration_s), row.requests, "mean of the whole run")


def _latency(metric: str, row: ImportedEndpoint) -> _Found:
    family, _, statistic = metric.rpartition("_")
    table = {"latency": row.latency, "ttfb": row.ttfb}.get(family, {})
    figure = table.get(statistic)
    if figure is None:
        return _Found(None, row.successes, reason=row.absent)
    if statistic in PERCENTILES and row.successes < (needed := enough_samples(PERCENTILES[statistic])):
        return _Found(None, row.successes, reason=f"needs {needed:,} successes, has {row.successes:,}")
    return _Found(figure, row.successes, part=row.part if math.isinf(figure.high) else "")


def summary_of(imported: Imported) -> Summary:
    """Of the whole file. What has no upper bound is a part of a latency, and not shown as one."""
    rows = sorted(imported.endpoints, key=lambda row: (-row.requests, row.endpoint))
    duration_s = imported.duration_s
    return Summary(
        0.0,
        duration_s or 0.0,
        _endpoint(imported.total, duration_s),
        tuple(_endpoint(row, duration_s) for row in rows),
    )


def counters_of(imported: Imported) -> Counters:
    requests, failed = imported.total.requests, round(imported.total.failed.value)
    arrivals, dropped = imported.arrivals, imported.dropped
    return Counters(
        started=requests,
        completed=requests,
        failed=failed,
        unfinished=0,
        rate_limited=0,
        planned_arrivals=None if arrivals is None else arrivals + (dropped or 0),
        begun=arrivals,
        dropped=dropped,
    )


def _endpoint(row: ImportedEndpoint, duration_s: float | None) -> EndpointSummary:
    failed = round(row.failed.value)
    absent = {}
    if not duration_s:
        absent["throughput_per_s"] = "the file does not say how long it took"
    if not row.requests:
        absent["error_rate"] = "no requests"
    return EndpointSummary(
        endpoint=row.endpoint,
        completed=row.requests,
        failed=failed,
        unfinished=0,
        rate_limited=0,
        throughput_per_s=(row.requests - failed) / duration_s if duration_s else None,
        error_rate=row.failed.value / row.requests if row.requests else None,
        latency=_latency_summary(row.latency, row),
        ttfb=_latency_summary(row.ttfb, row) if row.ttfb else None,
        errors=row.errors,
        bytes=row.bytes,
        absent=absent,
    )


def _latency_summary(figures: Mapping[str, Figure], row: ImportedEndpoint) -> Latency:
    values: dict[str, float | None] = {}
    absent = {}
    for name in STATISTICS:
        figure = figures.get(name)
        why = _why_absent(name, figure, row)
        values[name] = None if figure is None or why else figure.value
        if why:
            absent[name] = why
    return Latency(n=row.successes, absent=absent, **values)


def _why_absent(name: str, figure: Figure | None, row: ImportedEndpoint) -> str | None:
    if figure is None:
        return row.absent
    if name in PERCENTILES and row.successes < (needed := enough_samples(PERCENTILES[name])):
        return f"needs {needed:,} successes, has {row.successes:,}"
    if math.isinf(figure.high) and row.part:
        return f"the file has the {row.part} alone"
    return None


GENERATOR = "generator"
"""The class of failures that are the load generator's own."""
_FAULTS_SHARE = 0.01
_T = TypeVar("_T")


def validated(file: Text, kind: type[_T], decode: Callable[[str], object] = json.loads) -> _T:
    """The JSON in `file`. Raises: UsageError, with the place of the first fault."""
    try:
        return TypeAdapter(kind).validate_python(decode(file.text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{file.name} is damaged at {place}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file.name} is cut off or damaged: {error}") from error


def utc(seconds: float | None) -> str | None:
    """ISO 8601, from seconds since 1970."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def generator_faults(count: int, requests: int, first: str) -> Iterator[Finding]:
    """More than 1 % of the requests make the figures invalid."""
    if count:
        message = f"{format_count(count)} faults of the load generator itself, first: {first}"
        evidence = {"faults": count, "requests": requests}
        if count > _FAULTS_SHARE * requests:
            yield Finding("generator-faults", "invalid", message, evidence, (), "all")
        else:
            yield Finding("generator-faults", "warning", message, evidence)
