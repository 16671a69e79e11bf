"""`loadctl show`: what a scenario would do, without doing it."""

from __future__ import annotations

import typer

from loadctl.cli.options import JsonFlag, Overrides, ScenarioArg


def show(
    ctx: typer.Context, scenario: ScenarioArg = None, *, overrides: Overrides, as_json: JsonFlag = False
) -> None:
    """Draw the load; say what to expect and what can be judged."""
    from loadctl.cli.output import columns, write, write_json
    from loadctl.cli.planning import planned
    from loadctl.cli.script import chosen
    from loadctl.reports.terminal.plan import command_lines, commands_document, plan_document, show_plan
    from loadctl.scenario.expectation import expect

    found = planned(*chosen(ctx, scenario, overrides))
    expectation = expect(found)
    if as_json:
        write_json({**plan_document(found, expectation), **commands_document(found)})
    else:
        commands = "\n".join(["", *command_lines(found)]) if found.before or found.after else ""
        write(show_plan(found, expectation, width=columns()) + commands)
