"""`loadctl run`: carry a scenario out and end with one verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadctl.cli.arguments import (
    Duration,
    EngineName,
    FailOn,
    Host,
    JsonFlag,
    Quiet,
    Rate,
    RunsFolder,
    ScenarioArg,
    TargetOption,
    Users,
)


def run(
    scenario: ScenarioArg = None,
    *,
    engine: EngineName = None,
    host: Host = None,
    users: Users = None,
    rate: Rate = None,
    duration: Duration = None,
    target: TargetOption = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Engine processes that share the load.")
    ] = 1,
    seed: Annotated[int | None, typer.Option("--seed", help="Fixes random values and choices.")] = None,
    pid: Annotated[int | None, typer.Option("--pid", help="Watch this process as the system.")] = None,
    process: Annotated[
        str | None, typer.Option("--process", metavar="NAME", help="Watch the process of this name.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", metavar="NAME", help="This public host may be loaded.")
    ] = None,
    use_demo: Annotated[
        bool, typer.Option("--demo", help="Start the embedded demo system and load that.")
    ] = False,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="SPEC", help="A fault of the demo system.")
    ] = None,
    service: Annotated[
        str | None, typer.Option("--service", metavar="SPEC", help="The demo system's service time.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="FILE", help="What the demo system really did.")
    ] = None,
    ready_timeout: Annotated[
        str, typer.Option("--ready-timeout", metavar="TIME", help="How long to wait for the system.")
    ] = "30s",
    python: Annotated[
        str | None, typer.Option("--python", metavar="PATH", help="Python that runs your locustfile.")
    ] = None,
    out: RunsFolder = Path("runs"),
    fail_on: FailOn = "fail",
    plain: Annotated[bool, typer.Option("--plain", help="No redrawn lines, even in a terminal.")] = False,
    quiet: Quiet = False,
    as_json: JsonFlag = False,
) -> int:
    """Run a scenario: make the load, watch the system, judge the targets."""
    from loadctl.cli.execution import Output, RunOptions, execute
    from loadctl.cli.project import Overrides

    options = RunOptions(
        reference=scenario,
        overrides=Overrides(host, engine, tuple(target or ()), users, rate, duration),
        workers=workers,
        seed=seed,
        pid=pid,
        process=process,
        allow_hosts=tuple(allow_host or ()),
        demo=use_demo,
        faults=tuple(fault or ()),
        service=service,
        truth=truth,
        ready_timeout=ready_timeout,
        python=python,
        out=out,
        fail_on=fail_on,
    )
    return execute(options, Output(quiet=quiet, as_json=as_json, plain=plain))
