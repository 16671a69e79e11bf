"""Arguments and options that several commands share, so that each is spelled and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def complete_scenario(incomplete: str) -> list[str]:
    """Names of scenarios that begin so, for the shell."""
    from loadctl.cli.project import Project

    return [entry.name for entry in Project().entries() if entry.name.startswith(incomplete)]


def complete_run(incomplete: str) -> list[str]:
    """Ids of runs that contain this, newest first, for the shell."""
    from loadctl.run.store import list_runs

    return ["latest", *(run.id for run in list_runs(Path("runs")) if incomplete in run.id)]


ScenarioArg = Annotated[
    str | None,
    typer.Argument(
        metavar="SCENARIO",
        help="A scenario's name, a YAML file, a locustfile or a URL; nothing: the only scenario here.",
        autocompletion=complete_scenario,
    ),
]
RunArg = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Path, id, any unique part of it, latest or latest~1.",
        autocompletion=complete_run,
    ),
]
Host = Annotated[
    str | None,
    typer.Option("--host", "-H", envvar="LOADCTL_HOST", metavar="URL", help="The system under test."),
]
EngineName = Annotated[
    str | None, typer.Option("--engine", help="What makes the load: see `loadctl engines`.")
]
Users = Annotated[
    int | None, typer.Option("--users", "-u", min=1, help="Closed model: scale the peak to this.")
]
Rate = Annotated[
    str | None, typer.Option("--rate", metavar="N/s", help="Open model: scale the peak arrival rate to this.")
]
Duration = Annotated[
    str | None,
    typer.Option("--duration", "-t", metavar="TIME", help="Stretch or shrink the load to this long."),
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="METRIC=LIMIT", help="Add or replace a target, e.g. latency_p95=200ms."),
]
Demo = Annotated[bool, typer.Option("--demo", help="Start the embedded demo system and use that.")]
Fault = Annotated[
    list[str] | None, typer.Option("--fault", metavar="SPEC", help="A fault of the demo system.")
]
AllowHost = Annotated[
    list[str] | None, typer.Option("--allow-host", metavar="NAME", help="This public host may be loaded.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Fixes random values and choices.")]
RunsFolder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where run directories are.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="The first line and the exit code only.")]
FailOn = Annotated[
    str, typer.Option("--fail-on", metavar="fail|warn", help="What exits 1: FAIL alone, or WARN too.")
]
