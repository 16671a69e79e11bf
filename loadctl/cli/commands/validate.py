"""`loadctl validate`: every mistake, before the first request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from loadctl.cli.actions import tell_mistakes
from loadctl.cli.app import explain
from loadctl.cli.options import Host, JsonFlag, Overrides, Quiet, complete_scenario
from loadctl.cli.output import write, write_json
from loadctl.cli.planning import read
from loadctl.cli.project import Project
from loadctl.errors import ExitCode, InvalidInput, UsageError
from loadctl.reports.printable import printable
from loadctl.reports.terminal.plan import command_lines, commands_document, unjudgeable_lines, users_lines
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
    found = {name: _read(name, host) for name in scenarios or _all(Project())}
    errors = [one for one in found.values() if isinstance(one, UsageError)]
    if as_json:
        write_json([_document(*one) for one in found.items()])
    elif quiet:
        write(f"{len(found) - len(errors)} of {len(found)} valid")
    else:
        write("\n".join(line for one in found.items() for line in _lines(*one)))
    for error in errors:
        tell_mistakes(error)
    return ExitCode.USAGE if errors else ExitCode.OK


def _lines(name: str, found: Scenario | UsageError) -> Sequence[str]:
    if isinstance(found, UsageError):
        count = len(found.mistakes) if isinstance(found, InvalidInput) else 1
        return [f"{printable(name)}: {count} mistake{'s' if count > 1 else ''}", explain(found)]
    doubts = [*users_lines(found), *command_lines(found), *unjudgeable_lines(expect(found))]
    return [f"{printable(name)}: valid ({printable(found.source, 4096)})", *(f"  {line}" for line in doubts)]


def _document(name: str, found: Scenario | UsageError) -> dict[str, object]:
    if isinstance(found, UsageError):
        mistakes = [{"message": found.message, "hint": found.hint}]
        if isinstance(found, InvalidInput):
            mistakes = [
                {**asdict(mistake.where), "message": mistake.message, "hint": mistake.hint}
                for mistake in found.mistakes
            ]
        return {"name": name, "valid": False, "source": None, "mistakes": mistakes, "cannot_judge": []}
    return {
        "name": name,
        "valid": True,
        "source": found.source,
        "mistakes": [],
        "cannot_judge": unjudgeable_lines(expect(found)),
        **commands_document(found),
    }


def _all(project: Project) -> Sequence[str]:
    """The folder's own scenarios; where it has none, the packaged ones."""
    entries = project.entries()
    own = [entry.name for entry in entries if not entry.packaged]
    return own or [entry.name for entry in entries]


def _read(name: str, host: str | None) -> Scenario | UsageError:
    """The scenario, or what is wrong with it."""
    try:
        return read(name, Overrides(host=host))
    except UsageError as error:
        return error
