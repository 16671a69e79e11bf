"""`loadctl ui`: Locust's own web page on a scenario, with our recorder underneath."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadctl.cli.arguments import (
    AllowHost,
    Container,
    Demo,
    FailOn,
    Fault,
    Host,
    LogsOption,
    MetricsOption,
    Pid,
    PodsOption,
    Process,
    Quiet,
    ReadyTimeout,
    RunsFolder,
    ScenarioArg,
    Seed,
    TargetOption,
    UsersPython,
    WatchOptions,
    Workers,
)
from loadctl.cli.options import Output, Overrides, RunOptions


def ui(
    scenario: ScenarioArg = None,
    *,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Of the page; 0: any free one.")
    ] = 8089,
    bind: Annotated[
        str, typer.Option("--bind", metavar="ADDRESS", help="Where the page is served; loopback by default.")
    ] = "127.0.0.1",
    host: Host = None,
    target: TargetOption = None,
    workers: Workers = "1",
    seed: Seed = None,
    pid: Pid = None,
    process: Process = None,
    container: Container = None,
    pods: PodsOption = None,
    logs: LogsOption = None,
    metrics: MetricsOption = None,
    allow_host: AllowHost = None,
    demo: Demo = False,
    fault: Fault = None,
    ready_timeout: ReadyTimeout = "30s",
    python: UsersPython = None,
    out: RunsFolder = Path("runs"),
    fail_on: FailOn = "fail",
    quiet: Quiet = False,
) -> int:
    """Open Locust's own web page on a scenario; each Start there is one run."""
    from loadctl.cli.system import DemoOptions, host_of

    options = RunOptions(
        reference=scenario,
        overrides=Overrides(targets=tuple(target or ())),
        workers=workers,
        seed=seed,
        watch=WatchOptions(pid, process, tuple(container or ()), tuple(logs or ()), metrics, pods),
        allow_hosts=tuple(allow_host or ()),
        demo=demo,
        ready_timeout=ready_timeout,
        python=python,
        out=out,
        fail_on=fail_on,
    )
    with host_of(DemoOptions(use=demo, faults=fault or ()), host or None) as place:
        from loadctl.cli.steered import serve

        return serve(options, Output(quiet=quiet, as_json=False, plain=True), place(), bind, port)
