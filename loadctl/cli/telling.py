"""Printing a result: the whole screen, its first line, or the document."""

from __future__ import annotations

import shutil
import sys

from loadctl.cli.conversation import wants_colour
from loadctl.reports.text import headline, render
from loadctl.results.document import dumps
from loadctl.results.result import Result


def columns() -> int:
    """How wide stdout is; 80 where it is no terminal, so that files look alike."""
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80


def tell(result: Result, *, quiet: bool = False, as_json: bool = False) -> None:
    """On stdout, in the form asked for; 80 columns where nobody says how wide."""
    if as_json:
        text = dumps(result)
    elif quiet:
        text = headline(result, colour=wants_colour()) + "\n"
    else:
        text = render(result, width=columns(), colour=wants_colour())
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
