"""`loadctl validate`: every mistake, before the first request."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from loadctl.cli.arguments import Host
from loadctl.results.verdict import ExitCode


def validate(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SCENARIO]…", help="Names or files; nothing: all of this folder."),
    ] = None,
    host: Host = None,
) -> int:
    """Check scenarios, users and targets; say what cannot be judged."""
    from loadctl.cli.app import explain
    from loadctl.cli.project import Overrides, Project
    from loadctl.errors import InvalidInput, UsageError
    from loadctl.reports.plan import unjudgeable_lines
    from loadctl.scenario.expectation import expect

    project = Project()
    own = [entry.name for entry in project.entries() if not entry.packaged]
    names = scenarios or own or [entry.name for entry in project.entries()]
    wrong = 0
    for name in names:
        try:
            found = project.read(name, Overrides(host=host))
        except InvalidInput as error:
            wrong += 1
            count = len(error.mistakes)
            sys.stdout.write(f"{name}: {count} mistake{'s' if count > 1 else ''}\n{explain(error)}\n")
        except UsageError as error:
            wrong += 1
            sys.stdout.write(f"{name}: {explain(error)}\n")
        else:
            sys.stdout.write(f"{name}: valid ({found.source})\n")
            for line in unjudgeable_lines(expect(found)):
                sys.stdout.write(f"  {line}\n")
    return ExitCode.USAGE if wrong else ExitCode.OK
