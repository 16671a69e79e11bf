"""Locust's `--json-file` (and `--json`): a list of entries, each with a histogram and counts per second."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, TypeAdapter, ValidationError

from loadctl.engines.locust.report_row import TOTAL, Row, Told, endpoint_of, meant_by
from loadctl.errors import UsageError
from loadctl.results.imported.report import Count, Figure, Number, Percentiles, Population

if TYPE_CHECKING:
    from loadctl.scenario.reading.document import Text


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
        rows=[_row(endpoint_of(entry.method, entry.name), [entry]) for entry in entries],
        total=_row(TOTAL, entries),
        started=began,
        duration_s=ended - began if began is not None and ended is not None and ended > began else None,
    )


def _row(endpoint: str, entries: Sequence[_Entry]) -> Row:
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
