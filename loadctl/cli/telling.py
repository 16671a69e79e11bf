"""Printing a result: the whole screen, its first line, or the document."""

from __future__ import annotations

from loadctl.cli.output import columns, write
from loadctl.cli.terminal import wants_colour
from loadctl.reports.text import headline, render
from loadctl.results.document import dumps
from loadctl.results.result import Result


def tell(result: Result, *, quiet: bool = False, as_json: bool = False) -> None:
    """On stdout, in the form asked for."""
    if as_json:
        write(dumps(result), as_json=True)
    elif quiet:
        write(headline(result, colour=wants_colour()))
    else:
        write(render(result, width=columns(), colour=wants_colour()))
