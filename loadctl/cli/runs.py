"""`loadctl runs`: the runs on disk, newest first."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from loadctl.cli.arguments import JsonFlag, RunsFolder


def runs(out: RunsFolder = Path("runs"), as_json: JsonFlag = False) -> None:
    """List the runs, newest first, each with its verdict."""
    from loadctl.run.store import list_runs

    found = [(run.id, run.verdict() or "no result yet") for run in list_runs(out)]
    if as_json:
        sys.stdout.write(
            json.dumps([{"id": name, "verdict": verdict} for name, verdict in found], indent=2) + "\n"
        )
        return
    if not found:
        sys.stderr.write(f"no runs in {out.resolve()}\n")
    for name, verdict in found:
        sys.stdout.write(f"{verdict:<13} {name}\n")
