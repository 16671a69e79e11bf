"""`loadctl engines`: what can make load here; `loadctl engines install NAME`: get one that is missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from loadctl.cli.options import JsonFlag, complete_engine, one_of
from loadctl.cli.output import complain, write, write_json
from loadctl.engines import ENGINES
from loadctl.engines.base import State
from loadctl.errors import UsageError
from loadctl.scenario.reading.words import nearest


def engines(
    action: Annotated[
        str | None,
        typer.Argument(
            metavar="[install]",
            help="Get an engine.",
            autocompletion=one_of("install"),
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Which one.", autocompletion=complete_engine)
    ] = None,
    *,
    prefix: Annotated[
        Path | None,
        typer.Option("--prefix", metavar="DIR", help="Install below this folder (LOADCTL_ENGINES)."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the engines, or install one."""
    if action is None and prefix is None:
        _list({known: engine.state(os.environ) for known, engine in ENGINES.items()}, as_json=as_json)
        return
    if action != "install" or name is None:
        asked = " ".join(filter(None, ("engines", action, name, "--prefix" if prefix else None)))
        raise UsageError(
            f"{asked}: not a command", hint="loadctl engines   or   loadctl engines install NAME"
        )

    def say(line: str) -> None:
        complain(f"{line}\n")

    if name not in ENGINES:
        near = f"; did you mean '{meant}'?" if (meant := nearest(name, ENGINES)) else ""
        raise UsageError(f"there is no engine '{name}'{near}", hint=f"there are {', '.join(ENGINES)}")
    folder = ENGINES[name].install(os.environ, prefix, say)
    if as_json:
        write_json({"name": name, "folder": str(folder)})
    else:
        write(str(folder))
    if prefix is not None:
        say(f"loadctl finds it with  LOADCTL_ENGINES={prefix.absolute()}")


def _list(states: dict[str, State], *, as_json: bool) -> None:
    if as_json:
        write_json(
            [
                {
                    "name": name,
                    "version": state.version,
                    "usable": state.version is not None,
                    "where": state.where,
                    "reason": state.reason,
                    "install": state.hint,
                }
                for name, state in states.items()
            ]
        )
        return
    for name, state in states.items():
        if state.version is not None:
            write(f"{name:<12}{state.version:<9}usable   {state.where}")
        else:
            write(f"{name:<12}{'–':<9}{state.reason}\n{'':<21}{state.hint}")
