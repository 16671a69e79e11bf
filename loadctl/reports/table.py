"""The seconds of a run as CSV (RFC 4180), for a spreadsheet or a notebook. Record → str.

Columns: t_s (second of the run), planned (users, or arrivals a second), users (active at its end), completed and failed
(requests that ended in it), p50_ms and p95_ms (of its successes; empty where there are too few for an honest figure).
"""

from __future__ import annotations

import csv
import io

from loadctl.results.result import Result

COLUMNS = ("t_s", "planned", "users", "completed", "failed", "p50_ms", "p95_ms")


def table(result: Result) -> str:
    """A line for each second, after one with the names."""
    sink = io.StringIO()
    lines = csv.writer(sink, lineterminator="\n")
    lines.writerow(COLUMNS)
    for point in result.timeline:
        figures = ["" if ms is None else f"{ms:.3f}" for ms in (point.p50_ms, point.p95_ms)]
        lines.writerow([point.t, f"{point.planned:g}", point.users, point.completed, point.failed, *figures])
    return sink.getvalue()
