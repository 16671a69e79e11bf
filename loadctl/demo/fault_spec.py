"""The form of a `--fault`: name=value@share%@start, cut into its parts, and what is said about wrong ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
