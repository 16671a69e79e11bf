"""`loadctl show`: what a scenario would do, without doing it."""

from __future__ import annotations

import typer

from loadctl.cli.arguments import Duration, EngineName, Host, JsonFlag, Rate, ScenarioArg, TargetOption, Users
from loadctl.cli.script import Classes, Config, ExcludeTags, Files, SpawnRate, StopTimeout, Tags, chosen


def show(
    ctx: typer.Context,
    scenario: ScenarioArg = None,
    classes: Classes = None,
    *,
    locustfile: Files = None,
    host: Host = None,
    engine: EngineName = None,
    users: Users = None,
    rate: Rate = None,
    duration: Duration = None,
    spawn_rate: SpawnRate = None,
    tags: Tags = None,
    exclude_tags: ExcludeTags = None,
    stop_timeout: StopTimeout = None,
    config: Config = None,
    target: TargetOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw the load; say what to expect and what can be judged."""
    from loadctl.cli.options import ForScript, Overrides
    from loadctl.cli.output import columns, write, write_json
    from loadctl.cli.planning import planned
    from loadctl.reports.commands import command_lines, commands_document
    from loadctl.reports.plan import plan_document, show_plan
    from loadctl.scenario.expectation import expect

    said = ForScript(spawn_rate=spawn_rate, tags=tags, exclude_tags=exclude_tags, stop_timeout=stop_timeout)
    reference, said = chosen(ctx, scenario, classes, locustfile, config, said)
    overrides = Overrides(host or None, engine, tuple(target or ()), users, rate, duration, said)
    found = planned(reference, overrides)
    expectation = expect(found)
    if as_json:
        write_json({**plan_document(found, expectation), **commands_document(found)})
    else:
        commands = "\n".join(["", *command_lines(found)]) if found.before or found.after else ""
        write(show_plan(found, expectation, width=columns()) + commands)
