"""`loadctl report`: the report of a stored run, from its directory alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadctl.cli.formats import formatted, write_file
from loadctl.cli.judging import judged
from loadctl.cli.options import FORMATS, JsonFlag, Quiet, RunArg, RunsFolder, one_of
from loadctl.cli.output import complain, tell, write
from loadctl.cli.project import run_directory
from loadctl.errors import UsageError


def report(
    run: RunArg = "latest",
    *,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORM",
            help=f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}.",
            autocompletion=one_of(*FORMATS),
        ),
    ] = "text",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it here instead of to stdout."),
    ] = None,
    opened: Annotated[bool, typer.Option("--open", help="Show the HTML report in the browser.")] = False,
    out: RunsFolder = Path("runs"),
    quiet: Quiet = False,
    as_json: JsonFlag = False,
) -> None:
    """Print the final screen of a run again, or write it in another form."""
    directory = run_directory(run, out)
    if opened:
        form = _openable(form)
        output = directory.path / "report.html" if output is None else output
    judgement = judged(directory)
    if output is not None:
        write_file(output, formatted(judgement, form))
    elif form != "text":
        write(formatted(judgement, form))
    else:
        tell(judgement.result, quiet=quiet, as_json=as_json)
    if opened and output is not None:
        _open(output)


def _openable(form: str) -> str:
    """Raises: UsageError."""
    if form not in {"text", "html"}:
        raise UsageError(f"--open shows the HTML report, not {form[:40]}", hint="leave --format out")
    return "html"


def _open(path: Path) -> None:
    """The path is printed in any case: without a browser here, it can be opened elsewhere."""
    import webbrowser

    write(str(path))
    if not webbrowser.open(path.absolute().as_uri()):
        complain("no browser could be started here\n")
