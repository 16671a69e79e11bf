"""`loadctl show`: what a scenario would do, without doing it."""

from __future__ import annotations

import typer

from loadctl.cli.arguments import Duration, EngineName, Host, JsonFlag, Rate, ScenarioArg, TargetOption, Users
from loadctl.cli.script import (
    Classes,
    Config,
    Dotenv,
    Environment,
    ExcludeTags,
    Files,
    Payload,
    ScenarioName,
    ScriptOverrides,
    SpawnRate,
    StopTimeout,
    Tags,
    Variables,
    chosen,
    refuse_addresses,
)


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
    environment: Environment = None,
    variables: Variables = None,
    overrides: ScriptOverrides = None,
    payload: Payload = None,
    scenario_name: ScenarioName = None,
    dotenv: Dotenv = None,
    target: TargetOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw the load; say what to expect and what can be judged."""
    from loadctl.cli.options import ForScript, Overrides
    from loadctl.cli.output import columns, write, write_json
    from loadctl.cli.planning import planned
    from loadctl.reports.terminal.plan import command_lines, commands_document, plan_document, show_plan
    from loadctl.scenario.expectation import expect

    refuse_addresses(duration, target)
    said = ForScript(
        spawn_rate=spawn_rate,
        tags=tags,
        exclude_tags=exclude_tags,
        stop_timeout=stop_timeout,
        environment=environment,
        variables=variables,
        overrides=overrides,
        payload=payload,
        scenario_name=scenario_name,
        dotenv=dotenv,
    )
    reference, said = chosen(ctx, scenario, classes, locustfile, config, said)
    asked = Overrides(host or None, engine, tuple(target or ()), users, rate, duration, said)
    found = planned(reference, asked)
    expectation = expect(found)
    if as_json:
        write_json({**plan_document(found, expectation), **commands_document(found)})
    else:
        commands = "\n".join(["", *command_lines(found)]) if found.before or found.after else ""
        write(show_plan(found, expectation, width=columns()) + commands)
