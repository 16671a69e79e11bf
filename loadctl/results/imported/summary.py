"""The figures of an engine's own file in the form of a summary, so that every report can show them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from loadctl.results.histogram import STATISTICS
from loadctl.results.imported.report import Figure, Imported, ImportedEndpoint
from loadctl.results.summary import Counters, EndpointSummary, Latency, Summary
from loadctl.scenario.target import PERCENTILES, enough_samples


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
        latency=_latency(row.latency, row),
        ttfb=_latency(row.ttfb, row) if row.ttfb else None,
        errors=row.errors,
        bytes=row.bytes,
        absent=absent,
    )


def _latency(figures: Mapping[str, Figure], row: ImportedEndpoint) -> Latency:
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
