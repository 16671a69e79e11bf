"""Faults of the demo system, read from `--fault name=value@share%@start`. Pure.

    latency=200ms@5%    5 % of the requests take 200 ms longer
    stall=2s/10s        everything freezes for 2 s, every 10 s (first after 10 s, or at its start time)
    errors=5%           5 % are answered with status 500
    capacity=300/s      one server, first come first served: beyond 300/s a queue grows
    slow-body=500ms     headers at once, the body 500 ms later
    cpu=5ms             5 ms of CPU burnt for every request
    reset=2%            2 % of the connections are reset instead of an answer
    hang=1%             1 % are never answered; hang=100% hangs readiness probes too
    crash@20s           the process is gone after 20 s, exit code 1
    restart@20s+3s      the process is gone after 20 s, and a new one listens 3 s later

Every one may end in a start time: `errors=5%@30s` begins 30 s after the demo system began to listen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from loadctl.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    extra_s: float
    share: float
    start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Frozen in [start + k × every, start + k × every + freeze) for k = 0, 1, …"""

    freeze_s: float
    every_s: float
    start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    share: float
    start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    rate_per_s: float
    start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowBody:
    delay_s: float
    share: float
    start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    burn_s: float
    share: float
    start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    share: float
    start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    share: float
    start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    start_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    start_s: float
    down_s: float


Fault = Latency | Stall | Errors | Capacity | SlowBody | Cpu | Reset | Hang | Crash | Restart

EXAMPLES: Mapping[str, str] = {
    "latency": "latency=200ms@5%",
    "stall": "stall=2s/10s",
    "errors": "errors=5%",
    "capacity": "capacity=300/s",
    "slow-body": "slow-body=500ms",
    "cpu": "cpu=5ms",
    "reset": "reset=2%",
    "hang": "hang=1%",
    "crash": "crash@20s",
    "restart": "restart@20s+3s",
}
KNOWN = "known faults: " + ", ".join(EXAMPLES.values()) + "; each may end in a start time such as @20s"

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
_RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|m|h)")


@dataclass(frozen=True, slots=True)
class _Spec:
    """One `--fault`, cut at its `=` and `@`, not yet understood."""

    text: str
    name: str
    value: str | None
    share: str | None
    start: str | None

    def refuse(self, why: str) -> NoReturn:
        raise UsageError(f"--fault {self.text}: {why}", hint=f"write it like {EXAMPLES[self.name]}; {KNOWN}")

    def start_s(self, default: float = 0.0) -> float:
        return default if self.start is None else self.duration(self.start, "the start time")

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

    def only(self, *parts: str) -> None:
        """Refuse whichever of value, share and start this kind of fault has no use for."""
        for part in ("value", "share"):
            if part not in parts and (given := getattr(self, part)) is not None:
                self.refuse(f"it takes no {part} ({given})")


def duration_s(text: str) -> float | None:
    """Seconds in a duration with its unit (`20ms`, `1.5s`); None if it is not one, or is zero."""
    match = _DURATION.fullmatch(text)
    return (float(match[1]) * _SECONDS[match[2]] or None) if match else None


def share_of(text: str) -> float | None:
    """`5%` → 0.05; None if it is not a percentage above 0 and up to 100."""
    match = _SHARE.fullmatch(text)
    return float(match[1]) / 100 if match and 0 < float(match[1]) <= 100 else None


def parse_fault(text: str) -> Fault:
    """The fault that one `--fault` names. UsageError, naming the known ones, if it cannot be read."""
    return _KINDS[(spec := _cut(text)).name](spec)


def _cut(text: str) -> _Spec:
    head, *suffixes = text.strip().split("@")
    name, equals, value = head.partition("=")
    if name not in EXAMPLES:
        raise UsageError(f"--fault {text}: there is no fault named {name!r}", hint=KNOWN)
    share = suffixes.pop(0) if suffixes and suffixes[0].endswith("%") else None
    start = suffixes.pop(0) if suffixes else None
    spec = _Spec(text, name, value if equals else None, share, start)
    if suffixes:
        spec.refuse(f"too many @ parts ({', '.join(suffixes)}): first the share in %, then the start time")
    return spec


def _latency(spec: _Spec) -> Latency:
    extra_s = spec.duration(spec.value, "the extra latency")
    return Latency(extra_s=extra_s, share=spec.share_of_all(), start_s=spec.start_s())


def _stall(spec: _Spec) -> Stall:
    spec.only("value")
    freeze, _, every = (spec.value or "").partition("/")
    freeze_s, every_s = spec.duration(freeze, "the freeze"), spec.duration(every, "the period")
    if freeze_s >= every_s:
        spec.refuse(f"a freeze of {freeze} every {every} would never thaw")
    return Stall(freeze_s=freeze_s, every_s=every_s, start_s=spec.start_s(default=every_s))


def _errors(spec: _Spec) -> Errors:
    spec.only("value")
    return Errors(share=spec.fraction(spec.value), start_s=spec.start_s())


def _capacity(spec: _Spec) -> Capacity:
    spec.only("value")
    match = _RATE.fullmatch(spec.value or "")
    if match is None or not float(match[1]):
        spec.refuse(f"{spec.value!r} is not a rate such as 300/s" if spec.value else "its rate is missing")
    return Capacity(rate_per_s=float(match[1]) / _SECONDS[match[2]], start_s=spec.start_s())


def _slow_body(spec: _Spec) -> SlowBody:
    delay_s = spec.duration(spec.value, "the delay of the body")
    return SlowBody(delay_s=delay_s, share=spec.share_of_all(), start_s=spec.start_s())


def _cpu(spec: _Spec) -> Cpu:
    burn_s = spec.duration(spec.value, "the CPU time")
    return Cpu(burn_s=burn_s, share=spec.share_of_all(), start_s=spec.start_s())


def _reset(spec: _Spec) -> Reset:
    spec.only("value")
    return Reset(share=spec.fraction(spec.value), start_s=spec.start_s())


def _hang(spec: _Spec) -> Hang:
    spec.only("value")
    return Hang(share=spec.fraction(spec.value), start_s=spec.start_s())


def _crash(spec: _Spec) -> Crash:
    spec.only()
    return Crash(start_s=spec.duration(spec.start, "the time of the crash"))


def _restart(spec: _Spec) -> Restart:
    spec.only()
    start, _, down = (spec.start or "").partition("+")
    start_s, down_s = spec.duration(start, "the time of the restart"), spec.duration(down, "the time down")
    return Restart(start_s=start_s, down_s=down_s)


_KINDS: Mapping[str, Callable[[_Spec], Fault]] = {
    "latency": _latency,
    "stall": _stall,
    "errors": _errors,
    "capacity": _capacity,
    "slow-body": _slow_body,
    "cpu": _cpu,
    "reset": _reset,
    "hang": _hang,
    "crash": _crash,
    "restart": _restart,
}
