"""`loadctl runs`: the runs on disk, newest first."""

from __future__ import annotations

from pathlib import Path

from loadctl.cli.options import JsonFlag, RunsFolder
from loadctl.cli.output import write, write_json
from loadctl.reports.printable import printable


def runs(out: RunsFolder = Path("runs"), *, as_json: JsonFlag = False) -> None:
    """List the runs, newest first, each with its verdict."""
    from loadctl.run.store import list_runs

    found = [(run, *run.verdict()) for run in list_runs(out)]
    if as_json:
        write_json(
            [
                {"id": run.id, "verdict": verdict, "smoke": smoke, "path": str(run.path)}
                for run, verdict, smoke in found
            ]
        )
    elif found:
        words = [
            (printable(verdict or "no result", 13) + " (smoke)" * smoke, run.id)
            for run, verdict, smoke in found
        ]
        room = max(13, *(len(word) for word, _ in words))
        write("\n".join(f"{word:<{room}} {printable(name)}" for word, name in words))
    else:
        write(f"no runs in {out.resolve()}")
