"""`--on-finish`: a command after a run, such as a notification. It learns the result and changes nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

import typer

from loadctl.cli.output import complain

if TYPE_CHECKING:
    from loadctl.results.recording import Event
    from loadctl.run.directory import RunDirectory
    from loadctl.scenario.commands import LocalCommand
    from loadctl.scenario.scenario import Scenario

_OPTION = "--on-finish"
_TIMEOUT_S = 60.0

OnFinish = Annotated[
    str | None,
    typer.Option(
        _OPTION,
        metavar="CMD",
        help="Run this when the result is written, its path as the last word. No shell; a minute at most.",
    ),
]


@dataclass(frozen=True, slots=True)
class Finish:
    """`command` None: nothing was asked for. `secrets`: values in it that are not to be shown."""

    command: LocalCommand | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)

    def carry_out(self, scenario: Scenario, run: RunDirectory | None) -> None:
        """Its output is kept in the run's directory. A failure is told, and changes nothing. None: nothing began."""
        if self.command is None or run is None:
            return
        if not run.result.is_file():
            complain(f"{_OPTION} was not run: there is no result\n")
            return
        from loadctl.run.interruption import Interruption
        from loadctl.run.local_commands import LocalCommands

        known = replace(scenario, secrets={**scenario.secrets, **self.secrets})
        with Interruption() as interruption:
            LocalCommands(known, run.engine, interruption, tell=_tell).finish(self.command, run.result)


def finish_of(text: str | None) -> Finish:
    """What the option says, found out before the load. Raises: UsageError."""
    if text is None:
        return Finish()
    from loadctl.run.local_commands import require_program
    from loadctl.scenario.commands import CommandReader
    from loadctl.scenario.environment import Environment
    from loadctl.scenario.mistakes import Mistakes

    mistakes = Mistakes()
    environment = Environment(os.environ, mistakes)
    command = CommandReader(mistakes, environment).option(_OPTION, text, timeout_s=_TIMEOUT_S)
    mistakes.raise_if_any(environment.secrets)
    if command is not None:
        require_program(command, _OPTION)
    return Finish(command, environment.secrets)


def _tell(event: Event) -> None:
    from loadctl.reports.printable import printable

    if "took_s" in event.detail and event.detail["exit_code"] != 0:
        complain(f"{printable(event.message, 1000)}\n")
