"""Faults of the demo system, read from `--fault name=value@share%@start`. Pure.

    latency=200ms@5%    5 % of the requests take 200 ms longer
    stall=2s/10s        everything freezes for 2 s, every 10 s (first after 10 s, or at its start time)
    errors=5%           5 % are answered with status 500
    capacity=300/s      one server, first come first served: beyond 300/s a queue grows
    slow-body=500ms     headers at once, the body 500 ms later
    cpu=5ms             5 ms of CPU burnt for every request
    reset=2%            2 % of the connections are reset instead of an answer
    hang=1%             1 % are never answered; hang=100% hangs readiness probes too
    leak=20MB/m         memory that is never given back, growing evenly
    sawtooth=50MB/20s   memory that grows to 50 MB and falls back to nothing, every 20 s: no leak
    linear=1ms          every request takes 1 ms longer for each that is under way: latency in proportion to users
    warmup=10s          for the first 10 s every request takes 50 ms longer
    ratelimit=off       the rate limit of API keys is told in headers, and not kept; ratelimit=shut refuses every
                        request of a key with a limit, ratelimit=2/s accepts so many of each
    crash@20s           the process is gone after 20 s, exit code 1
    restart@20s+3s      the process is gone after 20 s, and a new one listens 3 s later
    worker-crash@20s    three worker processes share the port, and one of them is gone after 20 s; @20s+3s: another
                        takes its place 3 s later. Every other fault is then each worker's own

Every one may end in a start time: `errors=5%@30s` begins 30 s after the demo system began to listen. Those without a
crash may end too: `latency=200ms@30s+20s` is over 20 s later, and a leak then stays as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from loadctl.errors import UsageError

EXAMPLES: Mapping[str, str] = {
    "latency": "latency=200ms@5%",
    "stall": "stall=2s/10s",
    "errors": "errors=5%",
    "capacity": "capacity=300/s",
    "slow-body": "slow-body=500ms",
    "cpu": "cpu=5ms",
    "reset": "reset=2%",
    "hang": "hang=1%",
    "leak": "leak=20MB/m",
    "sawtooth": "sawtooth=50MB/20s",
    "linear": "linear=1ms",
    "warmup": "warmup=10s",
    "ratelimit": "ratelimit=off",
    "crash": "crash@20s",
    "restart": "restart@20s+3s",
    "worker-crash": "worker-crash@20s",
}
KNOWN = (
    "known faults: "
    + ", ".join(EXAMPLES.values())
    + "; each may end in a start time such as @20s, most in a length too: @20s+10s"
)

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
_MEGABYTES = re.compile(r"(\d+(?:\.\d+)?)MB")
_RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|m|h)")


@dataclass(frozen=True, slots=True)
class Spec:
    """One `--fault`, cut at its `=` and `@`, not yet understood."""

    text: str
    name: str
    value: str | None
    share: str | None
    start: str | None

    def refuse(self, why: str) -> NoReturn:
        raise UsageError(f"--fault {self.text}: {why}", hint=f"write it like {EXAMPLES[self.name]}; {KNOWN}")

    def span(self, begins: float = 0.0) -> dict[str, float]:
        """`start_s`, and `end_s` where a length follows it: `@30s+20s`. `begins`: without a start time."""
        if self.start is None:
            return {"start_s": begins}
        start, plus, length = self.start.partition("+")
        start_s = self.duration(start, "the start time")
        return {"start_s": start_s} | (
            {"end_s": start_s + self.duration(length, "the length")} if plus else {}
        )

    def share_of_all(self) -> float:
        return 1.0 if self.share is None else self.fraction(self.share)

    def duration(self, text: str | None, what: str) -> float:
        seconds = duration_s(text or "")
        if seconds is None:
            self.refuse(f"{what} {text!r} is not a duration such as 200ms" if text else f"{what} is missing")
        return seconds

    def fraction(self, text: str | None) -> float:
        share = share_of(text or "")
        if share is None:
            self.refuse(
                f"{text!r} is not a share from above 0% to 100%" if text else "its share in % is missing"
            )
        return share

    def megabytes(self, text: str, what: str) -> float:
        """In bytes."""
        match = _MEGABYTES.fullmatch(text)
        if match is None or not float(match[1]):
            self.refuse(f"{what} {text!r} is not a size such as 20MB" if text else f"{what} is missing")
        return float(match[1]) * 1e6

    def rate(self, wrong: str) -> float:
        """Per second. `wrong`: what is said of a value that is none."""
        match = _RATE.fullmatch(self.value or "")
        if match is None or not float(match[1]):
            self.refuse(wrong)
        return float(match[1]) / SECONDS[match[2]]

    def only(self, *parts: str) -> None:
        """Refuse whichever of value, share and start this kind of fault has no use for."""
        for part in ("value", "share"):
            if part not in parts and (given := getattr(self, part)) is not None:
                self.refuse(f"it takes no {part} ({given})")


def duration_s(text: str) -> float | None:
    """Seconds in a duration with its unit (`20ms`, `1.5s`); None if it is not one, or is zero."""
    match = _DURATION.fullmatch(text)
    return (float(match[1]) * SECONDS[match[2]] or None) if match else None


def share_of(text: str) -> float | None:
    """`5%` → 0.05; None if it is not a percentage above 0 and up to 100."""
    match = _SHARE.fullmatch(text)
    return float(match[1]) / 100 if match and 0 < float(match[1]) <= 100 else None


def cut(text: str) -> Spec:
    head, *suffixes = text.strip().split("@")
    name, equals, value = head.partition("=")
    if name not in EXAMPLES:
        raise UsageError(f"--fault {text}: there is no fault named {name!r}", hint=KNOWN)
    share = suffixes.pop(0) if suffixes and suffixes[0].endswith("%") else None
    start = suffixes.pop(0) if suffixes else None
    spec = Spec(text, name, value if equals else None, share, start)
    if suffixes:
        spec.refuse(f"too many @ parts ({', '.join(suffixes)}): first the share in %, then the start time")
    return spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Seconds since the demo system began to listen."""

    start_s: float
    end_s: float = math.inf

    def holds_at(self, now_s: float) -> bool:
        return self.start_s <= now_s < self.end_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency(Timed):
    extra_s: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall(Timed):
    """Frozen in [start + k × every, start + k × every + freeze) for k = 0, 1, …"""

    freeze_s: float
    every_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors(Timed):
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity(Timed):
    rate_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowBody(Timed):
    delay_s: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu(Timed):
    burn_s: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset(Timed):
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang(Timed):
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak(Timed):
    bytes_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sawtooth(Timed):
    peak_bytes: float
    every_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear(Timed):
    extra_s: float
    """For every request under way, itself included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherLimit(Timed):
    """What is kept instead of the rate limit of API keys; 0: nothing is accepted, infinite: no limit."""

    rate_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    start_s: float
    down_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerCrash:
    start_s: float
    back_s: float | None
    """How long after it another worker takes its place; None: none does."""


Fault = (
    Latency
    | Stall
    | Errors
    | Capacity
    | SlowBody
    | Cpu
    | Reset
    | Hang
    | Leak
    | Sawtooth
    | Linear
    | WarmUp
    | OtherLimit
    | Crash
    | Restart
    | WorkerCrash
)


def parse_fault(text: str) -> Fault:
    """The fault that one `--fault` names. UsageError, naming the known ones, if it cannot be read."""
    return _KINDS[(spec := cut(text)).name](spec)


def _latency(spec: Spec) -> Latency:
    extra_s = spec.duration(spec.value, "the extra latency")
    return Latency(extra_s=extra_s, share=spec.share_of_all(), **spec.span())


def _stall(spec: Spec) -> Stall:
    spec.only("value")
    freeze, _, every = (spec.value or "").partition("/")
    freeze_s, every_s = spec.duration(freeze, "the freeze"), spec.duration(every, "the period")
    if freeze_s >= every_s:
        spec.refuse(f"a freeze of {freeze} every {every} would never thaw")
    return Stall(freeze_s=freeze_s, every_s=every_s, **spec.span(begins=every_s))


def _errors(spec: Spec) -> Errors:
    spec.only("value")
    return Errors(share=spec.fraction(spec.value), **spec.span())


def _capacity(spec: Spec) -> Capacity:
    spec.only("value")
    wrong = f"{spec.value!r} is not a rate such as 300/s" if spec.value else "its rate is missing"
    return Capacity(rate_per_s=spec.rate(wrong), **spec.span())


def _slow_body(spec: Spec) -> SlowBody:
    delay_s = spec.duration(spec.value, "the delay of the body")
    return SlowBody(delay_s=delay_s, share=spec.share_of_all(), **spec.span())


def _cpu(spec: Spec) -> Cpu:
    burn_s = spec.duration(spec.value, "the CPU time")
    return Cpu(burn_s=burn_s, share=spec.share_of_all(), **spec.span())


def _reset(spec: Spec) -> Reset:
    spec.only("value")
    return Reset(share=spec.fraction(spec.value), **spec.span())


def _hang(spec: Spec) -> Hang:
    spec.only("value")
    return Hang(share=spec.fraction(spec.value), **spec.span())


def _leak(spec: Spec) -> Leak:
    spec.only("value")
    size, _, per = (spec.value or "").partition("/")
    per = {"min": "m"}.get(per, per)
    if per not in {"s", "m", "h"}:
        spec.refuse(
            f"{spec.value!r} is not a growth such as 20MB/m" if spec.value else "its growth is missing"
        )
    return Leak(bytes_per_s=spec.megabytes(size, "the growth") / SECONDS[per], **spec.span())


def _sawtooth(spec: Spec) -> Sawtooth:
    spec.only("value")
    size, _, every = (spec.value or "").partition("/")
    peak, every_s = spec.megabytes(size, "the peak"), spec.duration(every, "the period")
    return Sawtooth(peak_bytes=peak, every_s=every_s, **spec.span())


def _linear(spec: Spec) -> Linear:
    spec.only("value")
    return Linear(extra_s=spec.duration(spec.value, "the latency a request"), **spec.span())


def _warmup(spec: Spec) -> WarmUp:
    spec.only("value")
    if spec.start is not None:
        spec.refuse(f"it begins at once, so it takes no start time ({spec.start})")
    return WarmUp(for_s=spec.duration(spec.value, "the length of the warm-up"))


def _ratelimit(spec: Spec) -> OtherLimit:
    spec.only("value")
    words = {"off": math.inf, "shut": 0.0}
    rate_per_s = words.get(spec.value or "")
    if rate_per_s is None:
        rate_per_s = spec.rate(f"{spec.value!r} is not off, shut or a rate such as 2/s")
    return OtherLimit(rate_per_s=rate_per_s, **spec.span())


def _crash(spec: Spec) -> Crash:
    spec.only()
    return Crash(start_s=spec.duration(spec.start, "the time of the crash"))


def _restart(spec: Spec) -> Restart:
    spec.only()
    start, _, down = (spec.start or "").partition("+")
    start_s, down_s = spec.duration(start, "the time of the restart"), spec.duration(down, "the time down")
    return Restart(start_s=start_s, down_s=down_s)


def _worker_crash(spec: Spec) -> WorkerCrash:
    spec.only()
    start, plus, back = (spec.start or "").partition("+")
    start_s = spec.duration(start, "the time of the crash")
    return WorkerCrash(
        start_s=start_s,
        back_s=spec.duration(back, "the time until another takes its place") if plus else None,
    )


_KINDS: Mapping[str, Callable[[Spec], Fault]] = {
    "latency": _latency,
    "stall": _stall,
    "errors": _errors,
    "capacity": _capacity,
    "slow-body": _slow_body,
    "cpu": _cpu,
    "reset": _reset,
    "hang": _hang,
    "leak": _leak,
    "sawtooth": _sawtooth,
    "linear": _linear,
    "warmup": _warmup,
    "ratelimit": _ratelimit,
    "crash": _crash,
    "restart": _restart,
    "worker-crash": _worker_crash,
}
