"""What the faults do to each request: pure arithmetic on the seconds since the demo system first listened."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, NoReturn, Protocol

from loadctl.demo.fault import (
    Capacity,
    Cpu,
    Errors,
    Fault,
    Hang,
    Latency,
    Leak,
    Linear,
    OtherLimit,
    Reset,
    Sawtooth,
    SlowBody,
    Stall,
    WarmUp,
    duration_s,
    share_of,
)
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
_Chance = Errors | Reset | Hang | Latency | SlowBody | Cpu


class Treatments:
    """Decides, request by request; remembers the queues of `capacity` and the random sequence, no more."""

    def __init__(self, faults: Sequence[Fault], service: ServiceTime | None, seed: int) -> None:
        self._latencies = [fault for fault in faults if isinstance(fault, Latency)]
        self._stalls = [fault for fault in faults if isinstance(fault, Stall)]
        self._errors = [fault for fault in faults if isinstance(fault, Errors)]
        self._queues = [(fault, _Queue()) for fault in faults if isinstance(fault, Capacity)]
        self._slow_bodies = [fault for fault in faults if isinstance(fault, SlowBody)]
        self._burns = [fault for fault in faults if isinstance(fault, Cpu)]
        self._resets = [fault for fault in faults if isinstance(fault, Reset)]
        self._hangs = [fault for fault in faults if isinstance(fault, Hang)]
        self._linears = [fault for fault in faults if isinstance(fault, Linear)]
        self._warmups = [fault for fault in faults if isinstance(fault, WarmUp)]
        self._other_limits = [fault for fault in faults if isinstance(fault, OtherLimit)]
        self._service = service
        self._random = Random(seed)
        self._idle = not faults and service is None

    def hangs_everything(self, now_s: float) -> bool:
        """Whether even probes and scrapes get no answer."""
        return any(fault.share == 1 and fault.holds_at(now_s) for fault in self._hangs)

    def other_limit(self, now_s: float) -> float | None:
        """What is kept instead of each key's rate limit, per second; None: that limit."""
        return next((fault.rate_per_s for fault in self._other_limits if fault.holds_at(now_s)), None)

    def of_request(self, now_s: float, under_way: int = 1) -> Treatment:
        """The treatment of a request read `now_s` after the start. Call once for each, in their order.

        `under_way`: requests that have no answer yet, this one included.
        """
        if self._idle:
            return UNTOUCHED
        if any(self._hits(fault, now_s) for fault in self._resets):
            return Treatment("reset")
        if any(self._hits(fault, now_s) for fault in self._hangs):
            return Treatment("hang")
        answer_s = self._answer_s(now_s, under_way)
        body_delay_s = sum(fault.delay_s for fault in self._slow_bodies if self._hits(fault, now_s))
        return Treatment(
            "error" if any(self._hits(fault, now_s) for fault in self._errors) else "answer",
            wait_s=answer_s - now_s,
            burn_s=sum(fault.burn_s for fault in self._burns if self._hits(fault, now_s)),
            body_delay_s=self._thawed_s(answer_s + body_delay_s) - answer_s if body_delay_s else 0.0,
        )

    def _answer_s(self, now_s: float, under_way: int) -> float:
        """When the answer is ready: frozen, queued, worked on, and frozen again."""
        at_s = self._thawed_s(now_s)
        for fault, queue in self._queues:
            if fault.holds_at(now_s):
                at_s = queue.leaves_s(at_s, 1 / fault.rate_per_s)
        if self._service is not None:
            at_s += self._service.draw_s(self._random)
        at_s += sum(fault.extra_s for fault in self._latencies if self._hits(fault, now_s))
        at_s += sum(fault.extra_s * under_way for fault in self._linears if fault.holds_at(now_s))
        at_s += sum(COLD_S for fault in self._warmups if now_s < fault.for_s)
        return self._thawed_s(at_s)

    def _hits(self, fault: _Chance, now_s: float) -> bool:
        return fault.holds_at(now_s) and (fault.share == 1 or self._random.random() < fault.share)

    def _thawed_s(self, at_s: float) -> float:
        """The first moment from `at_s` on that no stall freezes (combined stalls: one after the other)."""
        for stall in self._stalls:
            into_s = (at_s - stall.start_s) % stall.every_s
            if stall.holds_at(at_s) and into_s < stall.freeze_s:
                at_s += stall.freeze_s - into_s
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
        if isinstance(fault, Leak):
            held += fault.bytes_per_s * max(0.0, min(now_s, fault.end_s) - fault.start_s)
        elif isinstance(fault, Sawtooth) and fault.holds_at(now_s):
            held += fault.peak_bytes * (((now_s - fault.start_s) % fault.every_s) / fault.every_s)
    return int(held)


def hold_memory(faults: Sequence[Fault], age_s: Callable[[], float]) -> None:
    """In a thread of its own until the process ends; nothing is started where no fault needs it."""
    if any(isinstance(fault, Leak | Sawtooth) for fault in faults):
        threading.Thread(target=_hold, args=(faults, age_s), daemon=True).start()


def _hold(faults: Sequence[Fault], age_s: Callable[[], float]) -> None:
    blocks: list[bytes] = []
    while True:
        wanted = held_bytes(faults, age_s()) // _BLOCK
        del blocks[wanted:]
        while len(blocks) < wanted:
            blocks.append(b"\1" * _BLOCK)  # written to: untouched zeroes would take no memory
        time.sleep(_EVERY_S)
