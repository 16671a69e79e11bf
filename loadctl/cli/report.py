"""`loadctl report`: a run told again, from its directory alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadctl.cli.arguments import JsonFlag, Quiet, RunArg, RunsFolder


def report(
    run: RunArg = "latest",
    *,
    form: Annotated[
        str,
        typer.Option("--format", metavar="FORM", help="text, json, markdown, junit, csv or csv-readings."),
    ] = "text",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it here instead of to stdout."),
    ] = None,
    out: RunsFolder = Path("runs"),
    quiet: Quiet = False,
    as_json: JsonFlag = False,
) -> None:
    """Print the final screen of a run again, or write it in another form."""
    from loadctl.cli.formats import formatted, write_file
    from loadctl.cli.judging import judged
    from loadctl.cli.output import write
    from loadctl.cli.project import run_directory
    from loadctl.cli.telling import tell

    judgement = judged(run_directory(run, out))
    if output is not None:
        write_file(output, formatted(judgement, form))
    elif form != "text":
        write(formatted(judgement, form))
    else:
        tell(judgement.result, quiet=quiet, as_json=as_json)
