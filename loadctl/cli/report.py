"""`loadctl report`: a run told again, from its directory alone."""

from __future__ import annotations

from pathlib import Path

from loadctl.cli.arguments import JsonFlag, Quiet, RunArg, RunsFolder


def report(
    run: RunArg = "latest", *, out: RunsFolder = Path("runs"), quiet: Quiet = False, as_json: JsonFlag = False
) -> None:
    """Print the final screen of a run again."""
    from loadctl.cli.judging import judged
    from loadctl.cli.project import run_directory
    from loadctl.cli.telling import tell

    tell(judged(run_directory(run, out)), quiet=quiet, as_json=as_json)
