"""Locust's HTML report (`--html`, or "Download report" of its page): the figures that its charts are drawn from."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from loadctl.engines.locust.report_row import FIGURES, TOTAL, Failure, Row, Told, endpoint_of, meant_by
from loadctl.errors import UsageError
from loadctl.results.imported.report import Count, Figure, Number, Percentiles, Population

if TYPE_CHECKING:
    from loadctl.scenario.reading.document import Text

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
        _row(one, times.get((one.method or "", one.name), [])) for one in report.requests_statistics
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
        started=_epoch(report.start_time),
        duration_s=total.requests / rate if rate > 0 else None,
        peak_users=max((moment.users for moment in report.history), default=None),
        silent_s=_silent_s(report),
        failures=[
            Failure(one.method or "", one.name, one.error, one.occurrences, one.first_seen)
            for one in report.failures_statistics
        ],
        exceptions=raised,
    )


def _row(one: _Statistics, table: Sequence[tuple[float, Figure]]) -> Row:
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
    ended = _epoch(report.end_time)
    there = [_epoch(moment.time) for moment in report.history if moment.users > 0]
    last = max((t for t in there if t is not None), default=None)
    return 0.0 if ended is None or last is None else max(0.0, last - ended)


def _epoch(text: str) -> float | None:
    """Seconds since 1970; older versions wrote times without a zone, which could be anywhere."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None
