"""`loadctl run`: carry a scenario out and end with one verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from loadctl.cli.options import Overrides, RunOptions, ScenarioArg


def run(
    ctx: typer.Context,
    scenario: ScenarioArg = None,
    *,
    overrides: Overrides,
    options: RunOptions,
    headless: Annotated[bool, typer.Option("--headless", hidden=True)] = False,  # noqa: ARG001  every run is
) -> int:
    """Run a scenario: make the load, watch the system, judge the targets."""
    from loadctl.cli.system import host_of

    _, early = ctx.obj
    with host_of(options.demo, overrides.host) as host:
        from loadctl.cli.execution import execute  # heavy: imported while the demo and the engine start
        from loadctl.cli.script import chosen

        reference, overrides = chosen(ctx, scenario, overrides)
        return execute(reference, replace(overrides, host=host()), options, early)
