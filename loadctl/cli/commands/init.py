"""`loadctl init`: a first scenario, from a running service, an OpenAPI document, or nothing."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Annotated

import typer

from loadctl.cli.description import described
from loadctl.cli.output import write
from loadctl.cli.project import Project, address
from loadctl.errors import UsageError
from loadctl.scenario.openapi.scenario_text import scenario_text
from loadctl.scenario.reading.json_schema import SCHEMAS

_SCHEMA = ".scenario.schema.json"
"""Beside the scenario: what editors complete and check it by."""


def init(
    source: Annotated[
        str | None, typer.Argument(metavar="[URL|FILE]", help="A running service, or its OpenAPI document.")
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", "-H", metavar="URL", help="The system, when SOURCE is a file.")
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the scenario.")] = "api",
) -> None:
    """Write a first scenario, ready to `loadctl try`."""
    path = _new_file(name)
    if host is not None:
        address(host)
    found = described(source, host)
    draft = scenario_text(found.document, found.base, path=found.path, remarks=found.remarks)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(f"# yaml-language-server: $schema={_SCHEMA}\n{draft.text}")
        (path.parent / _SCHEMA).write_text(
            json.dumps(SCHEMAS["scenario"](), indent=1) + "\n", encoding="utf-8"
        )
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    what, _, load = draft.summary[0].replace("; ", ", ").rpartition(", ")
    lines = [f"Read {found.place}: {what}" if found.document else what[:1].upper() + what[1:]]
    lines += [f"Wrote {path}: {load}", *draft.summary[1:]]
    unset = [variable for variable in draft.variables if variable not in os.environ]
    lines += [f"First: export {' '.join(f'{variable}=…' for variable in unset)}"] if unset else []
    own = [entry for entry in Project().entries() if not entry.packaged]
    command = "loadctl try" if len(own) == 1 else f"loadctl try {name}"
    lines.append(f"Next: {command}        each request once, no load")
    write("\n".join(lines))


def _new_file(name: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) or name == "users":
        raise UsageError(f"'{name}' cannot be the name of a scenario", hint="write for example  --name api")
    path = Path("scenarios") / f"{name}.yaml"
    if path.exists():
        raise UsageError(f"{path} is already there", hint="--name NAME writes another one beside it")
    return path
