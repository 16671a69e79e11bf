"""The commands by name. Only the one that was typed is imported and built: all together take 70 ms more."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command

MODULES: Mapping[str, str] = {
    "init": "init",
    "try": "try_",
    "run": "run",
    "capacity": "capacity",
    "list": "list_",
    "show": "show",
    "validate": "validate",
    "report": "report",
    "score": "score",
    "runs": "runs",
    "demo": "demo",
    "wait": "wait",
    "watch": "watch",
    "ui": "ui",
    "export": "export",
    "engines": "engines",
    "doctor": "doctor",
    "schema": "schema",
}
"""The module in loadctl.cli, and in it the function of the same name; in the order of the help text."""


class Commands(TyperGroup):
    """Typer's group of commands, looked up here instead of in what was registered."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast("Any", dict.fromkeys(MODULES))
        """Its names alone: for the list, and for the nearest word."""

    def get_command(self, ctx: object, cmd_name: str) -> Any:  # noqa: ARG002
        module = MODULES.get(cmd_name)
        if module is None:
            return None
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(cmd_name)(getattr(import_module(f"loadctl.cli.{module}"), module))
        return get_command(single)
