"""Locust's CSV files (`--csv NAME`): NAME_stats, and beside it NAME_stats_history, NAME_failures, NAME_exceptions."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from loadctl.engines.locust.report_row import TOTAL, Failure, Row, Told, endpoint_of, kind_of, meant_by
from loadctl.errors import UsageError
from loadctl.results.imported.report import Count, Figure, Number, Percentiles, Population

if TYPE_CHECKING:
    from loadctl.scenario.reading.document import Text

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
