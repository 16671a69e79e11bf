"""A scenario at another height or over another length: `--users`, `--rate`, `--duration`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from loadctl.errors import UsageError
from loadctl.scenario.stretch import stretched
from loadctl.scenario.units import format_duration, format_rate, write_rate

if TYPE_CHECKING:
    from loadctl.scenario.load import Load
    from loadctl.scenario.scenario import Scenario


def rescaled(
    scenario: Scenario, users: int | None = None, rate: float | None = None, duration_s: float | None = None
) -> Scenario:
    """`scenario` with its peak at `users` (closed model) or `rate` arrivals/s (open), over `duration_s`.

    Its targets stay judged: a PASS must not be had by shortening. With nothing to change the scenario stays as it is.
    Raises UsageError, for `users` under an open load, `rate` under a closed one, and nonsense.
    """
    if users is None and rate is None and duration_s is None:
        return scenario
    load = scenario.load
    if not load.stages:
        raise UsageError(
            f"{scenario.name} leaves the load to its script, so there is nothing to rescale",
            hint="give the scenario a load: of its own",
        )
    _check_model(load, users, rate)
    _check_values(users, rate, duration_s)
    peak = users if users is not None else rate
    if peak is not None and load.peak <= 0:
        raise UsageError(f"the load of {scenario.name} is 0 throughout, it cannot be rescaled")
    new = stretched(load, peak=peak, duration_s=duration_s)
    if new.excess:
        raise UsageError(new.excess)
    return replace(scenario, load=new, rescaled=_in_words(load, new, duration_s))


def _in_words(old: Load, new: Load, asked_s: float | None) -> str | None:
    """What has changed, and why the length is not the one asked for where stages cannot be shorter than a second."""
    parts = []
    if new.peak != old.peak:
        level = format_rate if new.model == "open" else "{:g} users".format
        parts.append(f"{level(new.peak)} instead of {level(old.peak)}")
    if new.duration_s != old.duration_s:
        parts.append(f"{format_duration(new.duration_s)} instead of {format_duration(old.duration_s)}")
    if asked_s is not None and new.duration_s > asked_s + 0.5:
        parts.append(f"not {format_duration(asked_s)}: each of its {len(new.stages)} stages needs a second")
    return ", ".join(parts) or None


def _check_model(load: Load, users: int | None, rate: float | None) -> None:
    if load.model == "open" and users is not None:
        raise UsageError(
            "this scenario's load is a rate of arrivals, not a number of users",
            hint=f"use --rate instead of --users, for example --rate {write_rate(load.peak)}",
        )
    if load.model == "closed" and rate is not None:
        raise UsageError(
            "this scenario's load is a number of users, not a rate of arrivals",
            hint=f"use --users instead of --rate, for example --users {load.peak:.0f}",
        )


def _check_values(users: int | None, rate: float | None, duration_s: float | None) -> None:
    if users is not None and users < 1:
        raise UsageError(f"--users {users}: at least 1 user is needed")
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise UsageError("--rate must be more than 0/s")
    if duration_s is not None and not (math.isfinite(duration_s) and duration_s >= 1):
        raise UsageError("--duration must be at least 1s")
