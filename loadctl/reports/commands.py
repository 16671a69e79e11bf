"""The commands that a scenario runs on this machine, so that nobody is surprised by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loadctl.reports.printable import printable
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.units import format_duration


def command_lines(scenario: Scenario) -> Sequence[str]:
    """One line a command, as one could type it: `before  docker compose up -d --wait api  (up to 5 min)`."""
    return [
        f"{phase:<8}{printable(command.shown(scenario.secrets))}  (up to {format_duration(command.timeout_s)})"
        for phase, commands in (("before", scenario.before), ("after", scenario.after))
        for command in commands
    ]


def commands_document(scenario: Scenario) -> Mapping[str, object]:
    """`before` and `after`, lists of {command, timeout_s}."""
    return {
        phase: [
            {"command": command.shown(scenario.secrets), "timeout_s": command.timeout_s}
            for command in commands
        ]
        for phase, commands in (("before", scenario.before), ("after", scenario.after))
    }
