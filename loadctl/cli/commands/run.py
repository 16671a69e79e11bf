"""`loadctl run`: carry a scenario out and end with one verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadctl.cli.arguments import (
    AllowHost,
    Container,
    Demo,
    Duration,
    EngineName,
    FailOn,
    Fault,
    Host,
    Insecure,
    JsonFlag,
    LogsOption,
    MetricsOption,
    Pid,
    PodsOption,
    Process,
    Profile,
    Quiet,
    Rate,
    ReadyTimeout,
    RunsFolder,
    ScenarioArg,
    Seed,
    TargetOption,
    Users,
    UsersPython,
    WatchOptions,
    Workers,
)
from loadctl.cli.execution import OnFinish
from loadctl.cli.formats import Files as Written
from loadctl.cli.formats import HtmlFile, JunitFile, MarkdownFile
from loadctl.cli.metrics_port import MetricsLinger, MetricsOptions, MetricsPort
from loadctl.cli.options import ForScript, Output, Overrides, RunOptions
from loadctl.cli.script import (
    Classes,
    Config,
    Dotenv,
    Environment,
    ExcludeTags,
    Files,
    Headless,
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
from loadctl.cli.system import DemoOptions, host_of


def run(
    ctx: typer.Context,
    scenario: ScenarioArg = None,
    classes: Classes = None,
    *,
    locustfile: Files = None,
    engine: EngineName = None,
    host: Host = None,
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
    insecure: Insecure = False,
    headless: Headless = False,  # noqa: ARG001  every run is
    target: TargetOption = None,
    workers: Workers = "1",
    seed: Seed = None,
    pid: Pid = None,
    process: Process = None,
    container: Container = None,
    pods: PodsOption = None,
    logs: LogsOption = None,
    metrics: MetricsOption = None,
    profile: Profile = None,
    allow_host: AllowHost = None,
    demo: Demo = False,
    fault: Fault = None,
    service: Annotated[
        str | None, typer.Option("--service", metavar="SPEC", help="The demo system's service time.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="FILE", help="What the demo system really did.")
    ] = None,
    ready_timeout: ReadyTimeout = "30s",
    python: UsersPython = None,
    html: HtmlFile = None,
    markdown: MarkdownFile = None,
    junit: JunitFile = None,
    metrics_port: MetricsPort = None,
    metrics_linger: MetricsLinger = None,
    on_finish: OnFinish = None,
    out: RunsFolder = Path("runs"),
    fail_on: FailOn = "fail",
    smoke: Annotated[
        bool,
        typer.Option("--smoke", help="A quick look: leave out the targets that this load is too small for."),
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="No redrawn lines, even in a terminal.")] = False,
    quiet: Quiet = False,
    as_json: JsonFlag = False,
) -> int:
    """Run a scenario: make the load, watch the system, judge the targets."""
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
    _, early = ctx.obj
    reference, said = chosen(ctx, scenario, classes, locustfile, config, said)
    options = RunOptions(
        reference=reference,
        overrides=Overrides(None, engine, tuple(target or ()), users, rate, duration, said, insecure),
        workers=workers,
        seed=seed,
        watch=WatchOptions(pid, process, tuple(container or ()), tuple(logs or ()), metrics, pods),
        profile=profile,
        files=Written(html, markdown, junit),
        metrics=MetricsOptions(metrics_port, metrics_linger),
        on_finish=on_finish,
        allow_hosts=tuple(allow_host or ()),
        demo=demo,
        ready_timeout=ready_timeout,
        python=python,
        out=out,
        fail_on=fail_on,
        smoke=smoke,
        early=early,
    )
    demo_options = DemoOptions(use=demo, faults=fault or (), service=service, truth=truth)
    with host_of(demo_options, host or None) as place:
        from loadctl.cli.execution import execute  # heavy; imported while the others start

        return execute(options, Output(quiet=quiet, as_json=as_json, plain=plain), place())
