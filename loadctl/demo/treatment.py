"""What happens to each request: its service time, and what the faults do to it.

Pure arithmetic on the seconds since the demo system first listened; randomness is passed in.
"""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, NoReturn, Protocol

from loadctl.demo.fault import Fault, duration_s, share_of
from loadctl.errors import UsageError

KNOWN = "write constant:20ms, lognormal:20ms,0.5 (median, sigma) or bimodal:20ms,200ms@10%"


class ServiceTime(Protocol):
    def draw_s(self, random: Random) -> float:
        """The service time of the next request, in seconds."""


@dataclass(frozen=True, slots=True)
class Constant:
    seconds: float

    def draw_s(self, random: Random) -> float:  # noqa: ARG002 - nothing to choose
        return self.seconds


@dataclass(frozen=True, slots=True)
class LogNormal:
    median_s: float
    sigma: float

    def draw_s(self, random: Random) -> float:
        return random.lognormvariate(math.log(self.median_s), self.sigma)


@dataclass(frozen=True, slots=True)
class Bimodal:
    usual_s: float
    rare_s: float
    rare_share: float

    def draw_s(self, random: Random) -> float:
        return self.rare_s if random.random() < self.rare_share else self.usual_s


def parse_service(text: str) -> ServiceTime:
    """The service time that `--service` names. UsageError if it cannot be read."""
    kind, _, rest = text.partition(":")
    values = rest.split(",")
    match kind, len(values):
        case "constant", 1:
            return Constant(_duration(text, values[0]))
        case "lognormal", 2:
            return LogNormal(_duration(text, values[0]), _sigma(text, values[1]))
        case "bimodal", 2:
            rare, _, share = values[1].partition("@")
            return Bimodal(_duration(text, values[0]), _duration(text, rare), _share(text, share))
        case _:
            return _refuse(text, f"there is no service time {kind!r} with {len(values)} value(s)")


def _refuse(text: str, why: str) -> NoReturn:
    raise UsageError(f"--service {text}: {why}", hint=KNOWN)


def _duration(text: str, value: str) -> float:
    seconds = duration_s(value)
    return _refuse(text, f"{value!r} is not a duration such as 20ms") if seconds is None else seconds


def _share(text: str, value: str) -> float:
    share = share_of(value)
    return _refuse(text, f"{value!r} is not a share such as 10%") if share is None else share


def _sigma(text: str, value: str) -> float:
    try:
        sigma = float(value)
    except ValueError:
        _refuse(text, f"{value!r} is not a number such as 0.5")
    if not 0 <= sigma <= 5:
        _refuse(text, f"a sigma of {value} is not between 0 and 5")
    return sigma


Fate = Literal["answer", "error", "reset", "hang"]


@dataclass(frozen=True, slots=True)
class Treatment:
    """`wait_s` before the answer, then `burn_s` of CPU, then `body_delay_s` between headers and body."""

    fate: Fate = "answer"
    wait_s: float = 0.0
    burn_s: float = 0.0
    body_delay_s: float = 0.0


UNTOUCHED = Treatment()
COLD_S = 0.05
"""What a cold system adds to every request."""


class Treatments:
    """Decides, request by request; remembers the queues of `capacity` and the random sequence, no more."""

    def __init__(self, faults: Sequence[Fault], service: ServiceTime | None, seed: int) -> None:
        self._faults: defaultdict[str, list[Fault]] = defaultdict(list)
        for fault in faults:
            self._faults[fault.kind].append(fault)
        self._queues = [(fault, _Queue()) for fault in self._faults["capacity"]]
        self._service = service
        self._random = Random(seed)
        self._idle = not faults and service is None

    def hangs_everything(self, now_s: float) -> bool:
        """Whether even probes and scrapes get no answer."""
        return any(fault.share == 1 and fault.holds_at(now_s) for fault in self._faults["hang"])

    def other_limit(self, now_s: float) -> float | None:
        """The limit that replaces each key's rate limit, per second; None: that limit."""
        return next((fault.per_s for fault in self._faults["ratelimit"] if fault.holds_at(now_s)), None)

    def of_request(self, now_s: float, under_way: int = 1) -> Treatment:
        """The treatment of a request read `now_s` after the start. Call once for each, in their order.

        `under_way`: requests that have no answer yet, this one included.
        """
        if self._idle:
            return UNTOUCHED
        if self._hits("reset", now_s):
            return Treatment("reset")
        if self._hits("hang", now_s):
            return Treatment("hang")
        answer_s = self._answer_s(now_s, under_way)
        body_delay_s = self._seconds("slow-body", now_s)
        return Treatment(
            "error" if self._hits("errors", now_s) else "answer",
            wait_s=answer_s - now_s,
            burn_s=self._seconds("cpu", now_s),
            body_delay_s=self._thawed_s(answer_s + body_delay_s) - answer_s if body_delay_s else 0.0,
        )

    def _answer_s(self, now_s: float, under_way: int) -> float:
        """When the answer is ready: frozen, queued, worked on, and frozen again."""
        at_s = self._thawed_s(now_s)
        for fault, queue in self._queues:
            if fault.holds_at(now_s):
                at_s = queue.leaves_s(at_s, 1 / fault.per_s)
        if self._service is not None:
            at_s += self._service.draw_s(self._random)
        at_s += self._seconds("latency", now_s) + self._seconds("linear", now_s) * under_way
        at_s += sum(COLD_S for fault in self._faults["warmup"] if fault.holds_at(now_s))
        return self._thawed_s(at_s)

    def _seconds(self, kind: str, now_s: float) -> float:
        """Of all faults of this kind that hit the request, together."""
        return sum(fault.seconds for fault in self._faults[kind] if self._is_hit(fault, now_s))

    def _hits(self, kind: str, now_s: float) -> bool:
        return any(self._is_hit(fault, now_s) for fault in self._faults[kind])

    def _is_hit(self, fault: Fault, now_s: float) -> bool:
        return fault.holds_at(now_s) and (fault.share == 1 or self._random.random() < fault.share)

    def _thawed_s(self, at_s: float) -> float:
        """The first time from `at_s` on that no stall freezes (combined stalls: one after the other)."""
        for stall in self._faults["stall"]:
            into_s = (at_s - stall.start_s) % stall.every_s
            if stall.holds_at(at_s) and into_s < stall.seconds:
                at_s += stall.seconds - into_s
        return at_s


class _Queue:
    """One server, first come first served. A client that gave up keeps its place, as in a real backlog."""

    def __init__(self) -> None:
        self._free_at_s = 0.0

    def leaves_s(self, at_s: float, service_s: float) -> float:
        self._free_at_s = max(at_s, self._free_at_s) + service_s
        return self._free_at_s


_EVERY_S = 0.25
_BLOCK = 1 << 20


def held_bytes(faults: Sequence[Fault], now_s: float) -> int:
    """How much is held `now_s` seconds after the start."""
    held = 0.0
    for fault in faults:
        if fault.kind == "leak":
            held += fault.per_s * max(0.0, min(now_s, fault.end_s) - fault.start_s)
        elif fault.kind == "sawtooth" and fault.holds_at(now_s):
            held += fault.peak_bytes * (((now_s - fault.start_s) % fault.every_s) / fault.every_s)
    return int(held)


def hold_memory(faults: Sequence[Fault], age_s: Callable[[], float]) -> None:
    """In a thread of its own until the process ends; nothing is started where no fault needs it."""
    if any(fault.kind in {"leak", "sawtooth"} for fault in faults):
        threading.Thread(target=_hold, args=(faults, age_s), daemon=True).start()


def _hold(faults: Sequence[Fault], age_s: Callable[[], float]) -> None:
    blocks: list[bytes] = []
    while True:
        wanted = held_bytes(faults, age_s()) // _BLOCK
        del blocks[wanted:]
        while len(blocks) < wanted:
            blocks.append(b"\1" * _BLOCK)  # written to: untouched zeroes would take no memory
        time.sleep(_EVERY_S)
