"""From a reference and the options of a command line to the scenario that would run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from loadctl.cli.options import Overrides
from loadctl.cli.project import Project, is_quick
from loadctl.cli.script import settled
from loadctl.errors import UsageError
from loadctl.scenario.rescale import rescaled
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.units import UnitError, parse_duration, parse_rate


def planned(reference: str | None, overrides: Overrides) -> Scenario:
    """The scenario as it would run: read, validated, rescaled.

    Raises: UsageError, InvalidInput.
    """
    if reference is not None and reference.endswith(".py"):
        overrides = settled(overrides, os.environ)
    rate = None if overrides.rate is None else in_units("--rate", overrides.rate, parse_rate)
    duration_s = None
    if overrides.duration is not None:
        duration_s = in_units("--duration", overrides.duration, parse_duration)
    scenario = Project().read(reference, overrides)
    if overrides.insecure:
        scenario = replace(scenario, tls=replace(scenario.tls, verify=False))
    if is_quick(reference):
        return scenario  # its load was made from the options: nothing is left to rescale
    return rescaled(scenario, users=overrides.users, rate=rate, duration_s=duration_s)


def in_units(option: str, text: str, parse: Callable[[str], float]) -> float:
    """The number that an option's text means. Raises: UsageError."""
    try:
        return parse(text)
    except UnitError as error:
        raise UsageError(f"{option}: {error}") from error
