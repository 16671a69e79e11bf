"""`loadctl validate`: every mistake, before the first request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from loadctl.cli.actions import tell_mistakes
from loadctl.cli.app import explain
from loadctl.cli.options import Host, JsonFlag, Overrides, Quiet, complete_scenario
from loadctl.cli.output import write, write_json
from loadctl.cli.planning import read
from loadctl.cli.project import Project
from loadctl.errors import InvalidInput, UsageError
from loadctl.reports.printable import printable
from loadctl.reports.terminal.plan import command_lines, commands_document, unjudgeable_lines, users_lines
from loadctl.results.verdict import ExitCode
from loadctl.scenario.expectation import expect
from loadctl.scenario.scenario import Scenario


def validate(
    scenarios: Annotated[
        Sequence[str],
        typer.Argument(
            metavar="[SCENARIO]…",
            help="Names or files; nothing: all of this folder.",
            autocompletion=complete_scenario,
        ),
    ] = (),
    *,
    host: Host = None,
    quiet: Quiet = False,
    as_json: JsonFlag = False,
) -> ExitCode:
    """Check scenarios, users and targets, and list every mistake."""
    found = [_checked(name, host) for name in scenarios or _all(Project())]
    wrong = sum(checked.error is not None for checked in found)
    if as_json:
        write_json([checked.document() for checked in found])
    elif quiet:
        write(f"{len(found) - wrong} of {len(found)} valid")
    else:
        write("\n".join(line for checked in found for line in checked.lines()))
    for checked in found:
        if checked.error is not None:
            tell_mistakes(checked.error)
    return ExitCode.USAGE if wrong else ExitCode.OK


@dataclass(frozen=True, slots=True)
class _Checked:
    """One scenario, or what is wrong with it."""

    name: str
    scenario: Scenario | None
    error: UsageError | None

    def lines(self) -> Sequence[str]:
        if self.scenario is not None:
            doubts = [
                *users_lines(self.scenario),
                *command_lines(self.scenario),
                *unjudgeable_lines(expect(self.scenario)),
            ]
            source = printable(self.scenario.source, 4096)
            return [f"{printable(self.name)}: valid ({source})", *(f"  {line}" for line in doubts)]
        assert self.error is not None  # noqa: S101
        count = len(self.error.mistakes) if isinstance(self.error, InvalidInput) else 1
        return [f"{printable(self.name)}: {count} mistake{'s' if count > 1 else ''}", explain(self.error)]

    def document(self) -> dict[str, object]:
        mistakes: list[dict[str, object]] = []
        if isinstance(self.error, InvalidInput):
            mistakes = [
                {
                    "file": mistake.where.file,
                    "line": mistake.where.line,
                    "column": mistake.where.column,
                    "message": mistake.message,
                    "hint": mistake.hint,
                }
                for mistake in self.error.mistakes
            ]
        elif self.error is not None:
            mistakes = [{"message": self.error.message, "hint": self.error.hint}]
        return {
            "name": self.name,
            "valid": self.error is None,
            "source": self.scenario and self.scenario.source,
            "mistakes": mistakes,
            "cannot_judge": unjudgeable_lines(expect(self.scenario)) if self.scenario else [],
            **(commands_document(self.scenario) if self.scenario else {}),
        }


def _all(project: Project) -> Sequence[str]:
    """The folder's own scenarios; where it has none, the packaged ones."""
    entries = project.entries()
    own = [entry.name for entry in entries if not entry.packaged]
    return own or [entry.name for entry in entries]


def _checked(name: str, host: str | None) -> _Checked:
    try:
        return _Checked(name, read(name, Overrides(host=host)), None)
    except UsageError as error:
        return _Checked(name, None, error)
