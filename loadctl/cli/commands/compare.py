"""`loadctl compare`: is it slower than before?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from loadctl.cli.options import Files, JsonFlag, Quiet, RunsFolder, complete_side, in_units
from loadctl.errors import ExitCode
from loadctl.scenario.units import parse_percent

_SIDE = "A run (path, id, any part of it, latest), several ('*-main-*'), or a baseline"


def compare(
    before: Annotated[
        str | None,
        typer.Argument(
            metavar="BEFORE",
            help=f"{_SIDE}; nothing: the run of its scenario before the latest.",
            autocompletion=complete_side,
        ),
    ] = None,
    after: Annotated[
        str,
        typer.Argument(
            metavar="AFTER", help="The same; nothing: the latest run.", autocompletion=complete_side
        ),
    ] = "latest",
    *,
    gates: Annotated[
        Sequence[str],
        typer.Option(
            "--gate",
            metavar="METRIC",
            help="Decides the exit code: latency_p99, 'POST /predict latency_p95'. Default: latency_p95, error_rate.",
        ),
    ] = (),
    tolerance_pct: Annotated[
        float,
        typer.Option("--tolerance", metavar="N%", help='Within which figures are called "same".'),
        in_units("--tolerance", parse_percent, "15%"),
    ],
    require_proof: Annotated[
        bool, typer.Option("--require-proof", help="Exit 3 if a gated metric cannot be decided.")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Compare runs that are not comparable, and say so.")
    ] = False,
    files: Files,
    out: RunsFolder = Path("runs"),
    quiet: Quiet = False,
    as_json: JsonFlag = False,
) -> ExitCode:
    """Compare runs with each other or with a baseline: exit code 1 if a gated metric became worse."""
    from loadctl.analysis.comparison import compare as compared
    from loadctl.cli.comparing import (
        gates_of,
        last_two,
        refuse_doubts,
        side,
        tell_comparison,
        write_comparison,
    )

    first, second = last_two(out) if before is None else (side(before, out), side(after, out))
    keys = gates_of(gates, first, second)
    if not anyway:
        refuse_doubts(first, second)
    found = compared(first, second, gates=keys, tolerance_pct=tolerance_pct, require_proof=require_proof)
    tell_comparison(found, quiet=quiet, as_json=as_json)
    write_comparison(files, found, first, second)
    return found.exit_code
