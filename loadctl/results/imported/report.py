"""What an engine wrote about a run of its own: figures, and between which values lies what really happened.

Nothing here was measured by loadctl. A figure of such a file is rounded, holds failures too, or leaves a part out;
it is therefore kept as an interval, and judged at both of its ends (imported_score.py).
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
from loadctl.results.recording import Example
from loadctl.results.verdict import Finding
from loadctl.scenario.load import Model
from loadctl.scenario.target import PERCENTILES
from loadctl.scenario.units import format_count

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
    """`said`: as it stands in the file. What is meant lies within `low` to `high`; infinite: nothing bounds it."""

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
        said = next((line for line in self.table if line[0] >= q - _ALIKE), None)
        if said is None or not (self.complete or math.isclose(said[0], q, abs_tol=_ALIKE)):
            return None
        if failed <= math.sqrt(self.n * q * (1 - q)):
            return said[1]
        rank = math.ceil(q * (self.n - failed) - _ALIKE)
        below = [figure.low for share, figure in self.table if share * self.n <= rank + _ALIKE]
        above = [figure.high for share, figure in self.table if share * self.n >= rank + failed - _ALIKE]
        return Figure(said[1].value, below[-1] if below else 0.0, above[0] if above else math.inf)


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
