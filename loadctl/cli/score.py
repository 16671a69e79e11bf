"""`loadctl score`: a run judged again, perhaps by other targets; exits with the verdict's code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from loadctl.cli.arguments import FailOn, JsonFlag, Quiet, RunArg, RunsFolder, TargetOption, fails_on_warn
from loadctl.errors import UsageError
from loadctl.results.verdict import ExitCode


def score(
    run: RunArg = "latest",
    *,
    targets: Annotated[
        Path | None,
        typer.Option("--targets", metavar="FILE", help="Judge by this table instead of the run's own."),
    ] = None,
    target: TargetOption = None,
    out: RunsFolder = Path("runs"),
    fail_on: FailOn = "fail",
    quiet: Quiet = False,
    as_json: JsonFlag = False,
) -> ExitCode:
    """Judge a run again and exit with its verdict's code."""
    from loadctl.cli.judging import judged
    from loadctl.cli.project import run_directory
    from loadctl.cli.telling import tell
    from loadctl.scenario.document import Text
    from loadctl.scenario.parse import read_targets

    directory = run_directory(run, out)
    scenario = directory.manifest().scenario
    chosen = None
    if targets is not None:
        try:
            table = Text(str(targets), targets.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise UsageError(f"cannot read {targets}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{targets} is not UTF-8 text (byte {error.start})") from error
        chosen = read_targets(table, scenario, env=os.environ, targets=tuple(target or ()))
    elif target:
        replaced = read_targets(None, scenario, targets=tuple(target))
        keys = {own.key for own in replaced}
        chosen = (*(own for own in scenario.targets if own.key not in keys), *replaced)
    result = judged(directory, targets=chosen, fail_on_warn=fails_on_warn(fail_on)).result
    tell(result, quiet=quiet, as_json=as_json)
    return result.exit_code
