"""`loadctl runs`: the runs on disk, newest first."""

from __future__ import annotations

from pathlib import Path

from loadctl.cli.arguments import JsonFlag, RunsFolder
from loadctl.cli.output import write, write_json
from loadctl.reports.printable import printable


def runs(out: RunsFolder = Path("runs"), *, as_json: JsonFlag = False) -> None:
    """List the runs, newest first, each with its verdict."""
    from loadctl.run.store import list_runs

    found = list_runs(out)
    if as_json:
        write_json([{"id": run.id, "verdict": run.verdict(), "path": str(run.path)} for run in found])
    elif found:
        write(
            "\n".join(
                f"{printable(run.verdict() or 'no result', 13):<13} {printable(run.id)}" for run in found
            )
        )
    else:
        write(f"no runs in {out.resolve()}")
