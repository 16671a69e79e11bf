"""The command line as entries of the reference. `python -m loadctl.cli.reference DIR` writes all its pages."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

from typer.main import get_command

from loadctl.cli.app import app
from loadctl.cli.command_table import COMMANDS, Commands
from loadctl.reference import entries as others
from loadctl.reference.entry import Entry
from loadctl.reference.pages import pages

_FACTS = re.compile(r"(.*?)(?: \[(.*)\])?")
"""A help text, and what Typer adds to it: [default: 30s; 0<=x<=65535]."""


def entries() -> Iterator[Entry]:
    """All of them."""
    yield from others.entries()
    yield from _command_line()


def _command_line() -> Iterator[Entry]:
    """Each command, and each option with the commands that take it."""
    options: dict[tuple[str, str, str], list[str]] = {}
    group: Any = get_command(app)
    built: dict[str, Any] = {name: Commands().get_command(None, name) for name in COMMANDS}
    for name, command in {"": group, **built}.items():
        context = command.make_context(f"loadctl {name}".rstrip(), [], resilient_parsing=True)
        if name:
            usage = " ".join(command.get_usage(context).split()).removeprefix("Usage: ")
            text = " ".join(cleandoc(command.help).split())
            yield Entry(kind="command", word=name, place="command", text=text, type=usage)
        for one in command.params:
            shown = one.get_help_record(context)  # None: a hidden one
            if one.param_type_name == "option" and shown is not None:
                spelled, meaning = shown
                word = next((each for each in one.opts if each.startswith("--")), one.opts[0])
                options.setdefault((word, spelled, meaning), []).append(name or "loadctl itself")
    for (word, spelled, meaning), commands in options.items():
        text, facts = _FACTS.fullmatch(" ".join(meaning.split())).groups("")  # type: ignore[union-attr]
        known = dict(fact.split(": ", 1) for fact in facts.split("; ") if ": " in fact)
        variable = f" Or set {known['env var']}." if "env var" in known else ""
        yield Entry(
            kind="option",
            word=word,
            place=f"option of {', '.join(commands)}",
            text=f"{text}{variable}",
            type=spelled,
            default=known.get("default"),
        )


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for file, page in pages(entries()).items():
        (folder / file).write_text(page, encoding="utf-8")
