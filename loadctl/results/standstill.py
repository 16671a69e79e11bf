"""Seconds in which the load generator itself did not run: stopped, starved, or blocked by a script.

An engine process wakes once in each tenth of a second and writes down how late it was. A second with few of these
samples is one in which it hardly ran, whatever the samples after it say.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadctl.results.moment import Moment
from loadctl.results.recording import Shard

_SAMPLES = 10
_NOTICED = 0.5
"""Of a second of one engine process: the end of a short delay takes samples from one second to the next."""


def standstill(seconds: Sequence[Moment], shards: Sequence[Shard]) -> dict[int, float]:
    """The lost part of each second that lost much, 0 to 1, of all engine processes together.

    Those that died are told elsewhere. Empty where nothing is known: no second has a sample.
    """
    if not any(second.lag_ms for second in seconds):
        return {}
    found = {}
    for second in seconds:
        alive = sum(shard.complete or (shard.last_t or 0) >= second.t for shard in shards)
        lost = alive - len(second.lag_ms) / _SAMPLES
        if lost >= _NOTICED:
            found[second.t] = lost / alive
    return found
