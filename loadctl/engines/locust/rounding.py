"""What Locust's rounded latencies stand for. Source: bucket_response_time in locust/stats.py (2.47)."""

from __future__ import annotations

from loadctl.results.imported import Figure

_STEPS = ((100.0, 1.0), (1000.0, 10.0), (10000.0, 100.0))
_COARSEST = 1000.0


def meant_by(ms: float) -> Figure:
    """Below 100 ms whole milliseconds, then two digits: 147 becomes 150, and 150 stands for 145 to 155.

    A script may round in another way; one that is finer lies within the same bounds.
    """
    up = next((step for below, step in _STEPS if ms < below), _COARSEST)
    down = next((step for below, step in _STEPS if ms <= below), _COARSEST)
    return Figure(ms, max(0.0, ms - down / 2), ms + up / 2)
