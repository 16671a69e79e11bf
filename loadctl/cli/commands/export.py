"""`loadctl export`: a scenario as files of an engine, which run without loadctl; or a run's dashboard for Grafana."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from loadctl.cli.options import Duration, EngineName, Host, Overrides, Rate, ScenarioArg, Users
from loadctl.cli.output import complain, write
from loadctl.cli.planning import planned
from loadctl.engines import export as exported_files
from loadctl.errors import UsageError


def export(
    scenario: ScenarioArg = None,
    *,
    engine: EngineName = None,
    host: Host = None,
    users: Users = None,
    rate: Rate = None,
    duration: Duration = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")] = Path("exported"),
    grafana: Annotated[
        bool, typer.Option("--grafana", help="Instead: the dashboard of what --metrics-port serves.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write plain engine files that run without loadctl."""
    if grafana:
        if scenario is not None:
            raise UsageError("--grafana is the same dashboard for every scenario", hint="leave out its name")
        dashboard = (files("loadctl") / "reports" / "dashboard.json").read_text(encoding="utf-8")
        _write({"loadctl-dashboard.json": dashboard}, out, force=force)
        return
    found = planned(scenario, Overrides(host=host, engine=engine, users=users, rate=rate, duration=duration))
    _write(exported_files(found), out, force=force)
    complain("what loadctl does and these files do not stands at their head\n")


def _write(texts: Mapping[str, str], out: Path, *, force: bool) -> None:
    """By name. Raises: UsageError."""
    there = [name for name in texts if (out / name).exists()]
    if there and not force:
        raise UsageError(
            f"{out / there[0]} is there already", hint="--force replaces it, --out DIR writes elsewhere"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (out / name).write_text(text, encoding="utf-8")
            write(str(out / name))
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error
