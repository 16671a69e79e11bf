"""How long the demo system works on a request, for tests that must know it. Pure: randomness is passed in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import NoReturn, Protocol

from loadctl.demo.fault import duration_s, share_of
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
