"""From a reference and the options of a command line to the scenario that would run."""

from __future__ import annotations

from loadctl.cli.project import Overrides, Project
from loadctl.scenario.rescale import rescaled
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.units import parse_duration, parse_rate


def planned(reference: str | None, overrides: Overrides) -> Scenario:
    """The scenario as it would run: read, validated, rescaled.

    Raises: UsageError, InvalidInput.
    """
    scenario = Project().read(reference, overrides)
    if _is_quick(reference):
        return scenario  # its load was made from the options: nothing is left to rescale
    return rescaled(
        scenario,
        users=overrides.users,
        rate=None if overrides.rate is None else parse_rate(overrides.rate),
        duration_s=None if overrides.duration is None else parse_duration(overrides.duration),
    )


def _is_quick(reference: str | None) -> bool:
    return (reference is not None and reference.startswith(("http://", "https://"))) or (
        reference or ""
    ).endswith(".py")
