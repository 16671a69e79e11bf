"""Requests and durations as the server itself counted them: standard `http_*` names → server_* values. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from loadctl.monitors.labelled import Labels

REQUESTS = "http_requests_total"
DURATIONS = "http_request_duration_seconds_bucket"
_STATUS = ("status", "code", "status_code")
_PLACES = {"handler", "path", "route", "endpoint", "uri", "url"}
_FIRST = "first reading: it is of the time between two scrapes"


class ServerSide:
    """One scrape, `elapsed_s` after the one before (0: it is the first). `path`: requests for it are our scrapes."""

    def __init__(self, path: str, elapsed_s: float) -> None:
        self._path = path
        self._elapsed_s = elapsed_s

    def requests(
        self,
        totals: Mapping[Labels, float],
        increases: Mapping[Labels, float],
        values: dict[str, float],
        notes: dict[str, str],
    ) -> None:
        """server_requests (since the first scrape), server_requests_per_s, server_errors_per_s (status 5xx)."""
        values["server_requests"] = sum(n for labels, n in totals.items() if self._counts(labels))
        if not self._elapsed_s:
            notes["server_requests_per_s"] = notes["server_errors_per_s"] = _FIRST
            return
        counted = {labels: n for labels, n in increases.items() if self._counts(labels)}
        values["server_requests_per_s"] = sum(counted.values()) / self._elapsed_s
        statuses = {labels: status for labels in counted if (status := _status(labels)) is not None}
        if statuses or not counted:
            errors = sum(counted[labels] for labels, status in statuses.items() if status[:1] == "5")
            values["server_errors_per_s"] = errors / self._elapsed_s
        else:
            notes["server_errors_per_s"] = f"{REQUESTS} has no label {', '.join(_STATUS)}"

    def durations(
        self, increases: Mapping[Labels, float], values: dict[str, float], notes: dict[str, str]
    ) -> None:
        """server_p50_ms, server_p95_ms, server_p99_ms of the requests that ended since the scrape before."""
        counted: defaultdict[float, float] = defaultdict(float)
        for labels, n in increases.items():
            edge = _edge(labels)
            if edge is not None and self._counts(labels):
                counted[edge] += n
        buckets = sorted(counted.items())
        for name, q in (("server_p50_ms", 0.5), ("server_p95_ms", 0.95), ("server_p99_ms", 0.99)):
            if not self._elapsed_s:
                notes[name] = _FIRST
                continue
            seconds, note = quantile(buckets, q)
            if seconds is not None:
                values[name] = round(seconds * 1000, 4)
            if note:
                notes[name] = note

    def _counts(self, labels: Labels) -> bool:
        return not any(key in _PLACES and value == self._path for key, value in labels)


def quantile(buckets: Sequence[tuple[float, float]], q: float) -> tuple[float | None, str | None]:
    """Seconds, and a note: `buckets` are (upper edge, how many were at most that), by edge, the last one infinite.

    Interpolated within the bucket as Prometheus' histogram_quantile() does, the lowest bucket from 0. In the last
    bucket only its lower edge is known. At least one request must lie beyond the quantile.
    """
    if not buckets or not math.isinf(buckets[-1][0]):
        return None, "its buckets do not end with +Inf"
    n = buckets[-1][1]
    if n < 1 / (1 - q) - 1e-9:
        return None, f"only {n:.0f} requests between two scrapes"
    below_edge = below = 0.0
    for edge, count in buckets:
        reached = max(below, count)  # what a scrape in mid-count shows may not be in order
        if reached >= q * n:
            if math.isinf(edge):
                return below_edge, f"at least: it lies beyond the last bucket, {below_edge:g} s"
            share = (q * n - below) / (reached - below) if reached > below else 1.0
            return below_edge + (edge - below_edge) * share, None
        below_edge, below = max(edge, 0.0), reached
    return None, "its buckets cannot be read"


def _edge(labels: Labels) -> float | None:
    try:
        edge = float(dict(labels)["le"])
    except (KeyError, ValueError):
        return None
    return None if math.isnan(edge) else edge


def _status(labels: Labels) -> str | None:
    return next((value for key, value in labels if key in _STATUS), None)
