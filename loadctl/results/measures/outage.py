"""Times in which the system answered nobody: it stalled, or nothing listened.

A stall: requests are under way and their answers stay away, until they all come at once (at least 1 s; the next answers
tell how long) or to the end of what was recorded. Fewer requests alone are no stall: users may pause. Seconds in which
the generator itself stood still do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from statistics import median

from loadctl.results.histogram import Pool
from loadctl.results.interval import SecondTotal
from loadctl.results.recording import Event, Shard

CONNECTION_ERRORS = frozenset({"connect_refused", "connect_timeout", "reset", "dns"})
STALL_S = 1.0
_SILENT_S = 2
_SILENT_SHARE = 0.05
_DIP = 0.25
_SHORT_DIP = 0.85
_BACK_SHARE = 0.4
_FEW = 3
_USUAL_OF = 10
_LATE = 0.25
_UNUSUAL = 1 / 3
_AT_ONCE = 0.5
_PERIODS = 3
_GONE = frozenset({"service_crashed", "service_restarted", "service_down"})


@dataclass(frozen=True, slots=True)
class Stall:
    """`end_s` None: it was not over when the recording ended. `waiting`: requests under way meanwhile, at most."""

    start_s: float
    end_s: float | None
    waiting: int


def stalls(seconds: Sequence[SecondTotal]) -> tuple[Stall, ...]:
    """In their order; those that overlap are one. Answers that came tell the length better than their absence."""
    thawed = list(_thawed(seconds))
    silent = [one for one in _silent(seconds) if not any(_overlap(one, other) for other in thawed)]
    whole: list[Stall] = []
    for stall in sorted([*thawed, *silent], key=lambda stall: stall.start_s):
        if not (whole and _overlap(whole[-1], stall)):
            whole.append(stall)
    return tuple(whole)


def _overlap(one: Stall, other: Stall) -> bool:
    first, second = sorted((one, other), key=lambda stall: stall.start_s)
    return first.end_s is None or second.start_s < first.end_s + 1


def period_s(found: Sequence[Stall]) -> float | None:
    """Of three or more that come at even times."""
    gaps = [later.start_s - earlier.start_s for earlier, later in pairwise(found)]
    if len(found) < _PERIODS:
        return None
    usual = median(gaps)
    return usual if all(abs(gap - usual) <= max(1.5, 0.2 * usual) for gap in gaps) else None


def is_unreachable(second: SecondTotal) -> bool:
    """Nothing succeeded, and at least half of what failed was the connection."""
    if second.ok.count or second.rate_limited:
        return False
    failed = sum(second.errors.values())
    cut = sum(second.errors.get(name, 0) for name in CONNECTION_ERRORS)
    return failed > 0 and 2 * cut >= failed


def disturbed(seconds: Sequence[SecondTotal], events: Sequence[Event]) -> dict[int, str]:
    """Seconds that tell nothing of the load, each with the reason: stalls, and those after a process ended."""
    found: dict[int, str] = {}
    for stall in stalls(seconds):
        end_s = seconds[-1].t if stall.end_s is None else stall.end_s
        found |= dict.fromkeys(range(int(stall.start_s), int(end_s) + 2), "the system stalled")
    gone = any(event.kind in _GONE for event in events)
    cut = [second.t for second in seconds if is_unreachable(second)]
    to_the_end = bool(cut) and bool(seconds) and is_unreachable(seconds[-1])
    if gone or to_the_end:
        why = "the system's process ended" if gone else "the system was unreachable to the end"
        found |= {t + near: why for t in cut for near in (-1, 0, 1)}
    return found


def _thawed(seconds: Sequence[SecondTotal]) -> Iterator[Stall]:
    """Seconds in which most of what was under way came back at once, after as good as nothing."""
    timed = any(second.lag_ms for second in seconds)
    for i, second in enumerate(seconds):
        took_s = (second.ok.max_us or 0) / 1e6
        if took_s < STALL_S or second.ok.untimed:
            continue
        before = _before(seconds, i - int(took_s))
        part = [one for one in seconds[max(0, i - int(took_s) - 1) : i] if one.t + 1 > second.t - took_s]
        lag_ms = max((_lag_ms(one) for one in [*part, second]), default=0.0) if timed else 0.0
        if not part or not before or lag_ms > 1000 * took_s * _LATE:
            continue
        if _usual_ms(before) > 1000 * took_s * _UNUSUAL:
            continue
        usual = _usual_count(before)
        waiting = max(one.in_flight for one in part)
        least = min(one.completed for one in part)
        dip = _DIP if took_s >= 2 * STALL_S else _SHORT_DIP
        back = Pool([one.ok for one in seconds[i : i + 2]]).beyond(500 * took_s)
        enough = max(_FEW, _BACK_SHARE * min(usual * took_s, max(second.users, waiting)))
        if waiting >= enough and back >= max(_FEW, _BACK_SHARE * waiting) and least <= dip * usual:
            end_s = second.t + 0.5  # when within the second they came is not recorded
            yield Stall(max(0.0, end_s - took_s), end_s, waiting)


def _silent(seconds: Sequence[SecondTotal]) -> Iterator[Stall]:
    """Seconds without answers, and requests under way all the while."""
    begun: int | None = None
    timed = any(second.lag_ms for second in seconds)
    for i, second in enumerate([*seconds, None]):
        ran = second is not None and not (timed and _lag_ms(second) > 1000 * _LATE)
        if ran and _is_silent(seconds, i, begun):
            begun = i if begun is None else begun
            continue
        if begun is not None and i - begun >= _SILENT_S:
            part = seconds[begun:i]
            if seconds[max(0, begun - 2)].in_flight > _AT_ONCE * max(one.in_flight for one in part):
                begun = None
                continue  # they were lost one by one
            end_s = None if second is None else float(second.t)
            yield Stall(float(part[0].t), end_s, max(one.in_flight for one in part))
        begun = None


def _is_silent(seconds: Sequence[SecondTotal], i: int, begun: int | None) -> bool:
    second, before = seconds[i], _before(seconds, i if begun is None else begun)
    usual = _usual_count(before)
    if not before or second.completed > _SILENT_SHARE * usual:
        return False
    return second.in_flight >= max(_FEW, _BACK_SHARE * min(usual, max(second.users, 1)))


def _lag_ms(second: SecondTotal) -> float:
    """How late the generator itself was; without a sample it did not run at all."""
    return max(second.lag_ms, default=inf)


def _before(seconds: Sequence[SecondTotal], i: int) -> Sequence[SecondTotal]:
    """The last seconds before `i` in which responses came back; empty where these are too few to say what is usual."""
    known = [second for second in seconds[max(0, i - _USUAL_OF) : max(0, i)] if second.completed]
    return known if len(known) >= _FEW else ()


def _usual_count(before: Sequence[SecondTotal]) -> float:
    """How many responses come back in a second."""
    return median(second.completed for second in before) if before else 0.0


def _usual_ms(before: Sequence[SecondTotal]) -> float:
    """How long a request takes (p50)."""
    took = [us / 1000 for second in before if (us := second.ok.nearest_rank_us(0.5)) is not None]
    return median(took) if took else 0.0


_SAMPLES = 10
_NOTICED = 0.5
"""Of a second of one engine process: the end of a short delay takes samples from one second to the next."""


def standstill(seconds: Sequence[SecondTotal], shards: Sequence[Shard]) -> dict[int, float]:
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
