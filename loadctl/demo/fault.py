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
    ratelimit=off       the rate limit of API keys is in the headers, but not enforced; ratelimit=shut refuses every
                        request of a key with a limit, ratelimit=2/s accepts 2/s of each
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from loadctl.errors import UsageError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
_MEGABYTES = re.compile(r"(\d+(?:\.\d+)?)MB")
_RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|m|h)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Only the fields that its kind uses are set. Times are seconds since the demo system began to listen."""

    kind: str
    start_s: float = 0.0
    end_s: float = math.inf
    share: float = 1.0
    """Of the requests."""
    seconds: float = 0.0
    """Extra latency, freeze, delay of the body, or CPU time."""
    every_s: float = 0.0
    per_s: float = 0.0
    """Requests of `capacity` and `ratelimit` (0: none is accepted, infinite: no limit), bytes of `leak`."""
    peak_bytes: float = 0.0
    back_s: float | None = None
    """How long after its end the next process listens; None: none does."""

    def holds_at(self, now_s: float) -> bool:
        return self.start_s <= now_s < self.end_s


def parse_fault(text: str) -> Fault:
    """The fault that one `--fault` names. UsageError, naming the known ones, if it cannot be read."""
    spec = _cut(text)
    kind = _KINDS[spec.kind]
    spec.refuse_unless(kind.takes)
    return Fault(kind=spec.kind, **kind.fields(spec))


@dataclass(frozen=True, slots=True)
class _Spec:
    """One `--fault`, cut at its `=` and `@`, not yet understood."""

    text: str
    kind: str
    value: str | None
    share: str | None
    start: str | None

    def refuse(self, why: str) -> NoReturn:
        raise UsageError(f"--fault {self.text}: {why}", hint=f"write it like {EXAMPLES[self.kind]}; {KNOWN}")

    def refuse_unless(self, takes: Sequence[str]) -> None:
        for part in ("value", "share"):
            if part not in takes and (given := getattr(self, part)) is not None:
                self.refuse(f"it takes no {part} ({given})")

    def span(self, start_s: float = 0.0) -> dict[str, float]:
        """`start_s`, and `end_s` where a length follows it, as in `@30s+20s`. `start_s`: without a start time."""
        if self.start is None:
            return {"start_s": start_s}
        start, plus, length = self.start.partition("+")
        start_s = self.duration(start, "the start time")
        return {
            "start_s": start_s,
            "end_s": start_s + self.duration(length, "the length") if plus else math.inf,
        }

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

    def rate(self, expected: str) -> float:
        """Per second. `expected`: what the message asks for."""
        match = _RATE.fullmatch(self.value or "")
        if match is None or not float(match[1]):
            self.refuse(f"{self.value!r} is not {expected}" if self.value else "its rate is missing")
        return float(match[1]) / SECONDS[match[2]]


def _cut(text: str) -> _Spec:
    head, *suffixes = text.strip().split("@")
    kind, equals, value = head.partition("=")
    if kind not in _KINDS:
        raise UsageError(f"--fault {text}: there is no fault named {kind!r}", hint=KNOWN)
    share = suffixes.pop(0) if suffixes and suffixes[0].endswith("%") else None
    start = suffixes.pop(0) if suffixes else None
    spec = _Spec(text, kind, value if equals else None, share, start)
    if suffixes:
        spec.refuse(f"too many @ parts ({', '.join(suffixes)}): first the share in %, then the start time")
    return spec


def duration_s(text: str) -> float | None:
    """Seconds in a duration with its unit (`20ms`, `1.5s`); None if it is not one, or is zero."""
    match = _DURATION.fullmatch(text)
    return (float(match[1]) * SECONDS[match[2]] or None) if match else None


def share_of(text: str) -> float | None:
    """`5%` → 0.05; None if it is not a percentage above 0 and up to 100."""
    match = _SHARE.fullmatch(text)
    return float(match[1]) / 100 if match and 0 < float(match[1]) <= 100 else None


_Fields: TypeAlias = dict[str, float]


def _delay(what: str) -> Callable[[_Spec], _Fields]:
    def fields(spec: _Spec) -> _Fields:
        seconds = spec.duration(spec.value, what)
        share = 1.0 if spec.share is None else spec.fraction(spec.share)
        return {"seconds": seconds, "share": share, **spec.span()}

    return fields


def _share(spec: _Spec) -> _Fields:
    return {"share": spec.fraction(spec.value), **spec.span()}


def _capacity(spec: _Spec) -> _Fields:
    return {"per_s": spec.rate("a rate such as 300/s"), **spec.span()}


def _stall(spec: _Spec) -> _Fields:
    freeze, _, every = (spec.value or "").partition("/")
    freeze_s, every_s = spec.duration(freeze, "the freeze"), spec.duration(every, "the period")
    if freeze_s >= every_s:
        spec.refuse(f"a freeze of {freeze} every {every} would never thaw")
    return {"seconds": freeze_s, "every_s": every_s, **spec.span(every_s)}


def _leak(spec: _Spec) -> _Fields:
    size, _, per = (spec.value or "").partition("/")
    per = {"min": "m"}.get(per, per)
    if per not in {"s", "m", "h"}:
        spec.refuse(
            f"{spec.value!r} is not a growth such as 20MB/m" if spec.value else "its growth is missing"
        )
    return {"per_s": spec.megabytes(size, "the growth") / SECONDS[per], **spec.span()}


def _sawtooth(spec: _Spec) -> _Fields:
    size, _, every = (spec.value or "").partition("/")
    peak_bytes = spec.megabytes(size, "the peak")
    return {"peak_bytes": peak_bytes, "every_s": spec.duration(every, "the period"), **spec.span()}


def _warmup(spec: _Spec) -> _Fields:
    if spec.start is not None:
        spec.refuse(f"it begins at once, so it takes no start time ({spec.start})")
    return {"end_s": spec.duration(spec.value, "the length of the warm-up")}


def _ratelimit(spec: _Spec) -> _Fields:
    per_s = {"off": math.inf, "shut": 0.0}.get(spec.value or "")
    if per_s is None:
        per_s = spec.rate("off, shut or a rate such as 2/s")
    return {"per_s": per_s, **spec.span()}


def _crash(spec: _Spec) -> _Fields:
    return {"start_s": spec.duration(spec.start, "the time of the crash")}


def _restart(spec: _Spec) -> _Fields:
    start, _, down = (spec.start or "").partition("+")
    start_s = spec.duration(start, "the time of the restart")
    return {"start_s": start_s, "back_s": spec.duration(down, "the time down")}


def _worker_crash(spec: _Spec) -> _Fields:
    start, plus, back = (spec.start or "").partition("+")
    fields = {"start_s": spec.duration(start, "the time of the crash")}
    return fields | (
        {"back_s": spec.duration(back, "the time until another takes its place")} if plus else {}
    )


@dataclass(frozen=True, slots=True)
class _Kind:
    """`takes`: which of value and share it has a use for."""

    example: str
    fields: Callable[[_Spec], _Fields]
    takes: Sequence[str] = ("value",)


_BOTH = ("value", "share")
_KINDS: Mapping[str, _Kind] = {
    "latency": _Kind("latency=200ms@5%", _delay("the extra latency"), _BOTH),
    "stall": _Kind("stall=2s/10s", _stall),
    "errors": _Kind("errors=5%", _share),
    "capacity": _Kind("capacity=300/s", _capacity),
    "slow-body": _Kind("slow-body=500ms", _delay("the delay of the body"), _BOTH),
    "cpu": _Kind("cpu=5ms", _delay("the CPU time"), _BOTH),
    "reset": _Kind("reset=2%", _share),
    "hang": _Kind("hang=1%", _share),
    "leak": _Kind("leak=20MB/m", _leak),
    "sawtooth": _Kind("sawtooth=50MB/20s", _sawtooth),
    "linear": _Kind("linear=1ms", _delay("the latency a request")),
    "warmup": _Kind("warmup=10s", _warmup),
    "ratelimit": _Kind("ratelimit=off", _ratelimit),
    "crash": _Kind("crash@20s", _crash, ()),
    "restart": _Kind("restart@20s+3s", _restart, ()),
    "worker-crash": _Kind("worker-crash@20s", _worker_crash, ()),
}
EXAMPLES: Mapping[str, str] = {name: kind.example for name, kind in _KINDS.items()}
KNOWN = (
    "known faults: "
    + ", ".join(EXAMPLES.values())
    + "; each may end in a start time such as @20s, most in a length too: @20s+10s"
)
