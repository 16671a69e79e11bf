"""The commands by name. Only the one that was typed is imported and built: all together take 70 ms more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class Entry:
    """`module`: in loadctl.cli, with a function of the same name; `help`: what that one begins with."""

    module: str
    help: str


COMMANDS: Mapping[str, Entry] = {
    "init": Entry("init", "Write a first scenario, ready to `loadctl try`."),
    "try": Entry("try_", "Send every request once and show what comes back."),
    "run": Entry("run", "Run a scenario."),
    "capacity": Entry("capacity", "Find the highest load that still meets the targets."),
    "list": Entry("list_", "List the scenarios and scripts of this folder, and the packaged scenarios."),
    "show": Entry("show", "Draw the load; say what to expect and what can be judged."),
    "validate": Entry("validate", "Check scenarios, users and targets, and list every mistake."),
    "report": Entry("report", "Print the final screen of a run again."),
    "score": Entry("score", "Judge a run again, or an engine's own report."),
    "runs": Entry("runs", "List the runs, newest first, each with its verdict."),
    "demo": Entry("demo", "Serve an ML-platform API to try loadctl on."),
    "wait": Entry("wait", "Wait until a system is ready."),
    "watch": Entry("watch", "Watch a system live."),
    "ui": Entry("ui", "Open Locust's own web page on a scenario."),
    "export": Entry("export", "Write plain engine files that run without loadctl."),
    "engines": Entry("engines", "List the engines, or install one."),
    "doctor": Entry("doctor", "Check Python, engines, open-file limit, ports and cores."),
    "schema": Entry("schema", "Print the JSON Schema of result.json."),
}
"""In the order of the help text."""
_FOR_SCRIPTS = {"run", "show"}


def takes_arguments(argv: Sequence[str]) -> bool:
    """What follows `--` is for a script."""
    command = next((word for word in argv if word in COMMANDS or word == "--"), None)
    return command in _FOR_SCRIPTS


class Commands(TyperGroup):
    """Typer's group of commands, looked up here instead of in what was registered."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast("Any", dict.fromkeys(COMMANDS))
        """Its names alone: for the list, and for the nearest word."""

    def get_command(self, ctx: object, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = COMMANDS[cmd_name].module
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(cmd_name)(getattr(import_module(f"loadctl.cli.commands.{module}"), module))
        return get_command(single)

    def format_commands(self, ctx: object, formatter: Any) -> None:  # noqa: ARG002
        """The list of them, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])
