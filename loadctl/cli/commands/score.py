"""`loadctl score`: a run judged again, perhaps by other targets, or what an engine wrote without us; exits with the
verdict's code."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from loadctl.analysis.imported import judge_imported
from loadctl.cli.formats import write_summaries
from loadctl.cli.judging import judged
from loadctl.cli.options import FailOnWarn, JsonFlag, Quiet, RunsFolder, SummaryFiles, Targets, complete_run
from loadctl.cli.output import tell
from loadctl.cli.project import Project, is_file, read_text, run_directory
from loadctl.engines import is_report, read_report
from loadctl.errors import ExitCode, UsageError
from loadctl.results.imported import impossible
from loadctl.results.result import Result
from loadctl.scenario.reading.document import Text
from loadctl.scenario.reading.scenario_file import applicable_to, read_targets
from loadctl.scenario.reading.targets import Applicable

_REPORT_SUFFIXES = {".html", ".htm", ".json", ".csv"}


def score(
    what: Annotated[
        Sequence[str],
        typer.Argument(
            metavar="[RUN | FILE...]",
            help="A run (path, id, any part of it, latest); or reports that Locust or Artillery wrote.",
            autocompletion=complete_run,
        ),
    ] = ("latest",),
    *,
    table: Annotated[
        Path | None,
        typer.Option("--targets", metavar="FILE", help="Judge by this table instead of the run's own."),
    ] = None,
    targets: Targets = (),
    out: RunsFolder = Path("runs"),
    fail_on_warn: FailOnWarn,
    written: SummaryFiles,
    quiet: Quiet = False,
    as_json: JsonFlag = False,
) -> ExitCode:
    """Judge a run again, or an engine's own report, and exit with the verdict's code."""
    files = [name for name in what if _is_report(name)]
    if files and len(files) < len(what):
        run = next(name for name in what if name not in files)
        raise UsageError(f"{files[0]} is a file and {run} is not", hint="score one run at a time")
    if len(what) > 1 and not files:
        raise UsageError(f"score takes one run, not {len(what)}", hint="several FILEs of one run go together")
    if files:
        result = _of_files(files, table, targets, fail_on_warn=fail_on_warn)
    else:
        result = _of_run(what[0], out, table, targets, fail_on_warn=fail_on_warn)
    tell(result, quiet=quiet, as_json=as_json)
    write_summaries(written, result)
    return result.exit_code


def _is_report(name: str) -> bool:
    """By what is in it: Locust may call its JSON run.json, as we call a manifest. Any other file of a run is the run.

    Raises: UsageError for a file that is not there.
    """
    path = Path(name)
    if is_file(path):
        return not (path.parent / "run.json").is_file() or is_report(_text(path, damaged="replace").text)
    if path.suffix.lower() in _REPORT_SUFFIXES and not os.path.lexists(name):
        raise UsageError(f"no such file: {name}")
    return False


def _of_run(
    reference: str, out: Path, table: Path | None, targets: Sequence[str], *, fail_on_warn: bool
) -> Result:
    directory = run_directory(reference, out)
    scenario = directory.manifest().scenario
    chosen = None
    if table is not None:
        chosen = read_targets(_text(table), applicable_to(scenario), env=os.environ, targets=targets)
    elif targets:
        replaced = read_targets(None, applicable_to(scenario), targets=targets)
        keys = {own.key for own in replaced}
        chosen = (*(own for own in scenario.targets if own.key not in keys), *replaced)
    return judged(directory, targets=chosen, fail_on_warn=fail_on_warn).result


def _of_files(
    names: Sequence[str], table: Path | None, targets: Sequence[str], *, fail_on_warn: bool
) -> Result:
    """By `--targets`, else by this folder's targets.yaml."""
    report = read_report([_text(Path(name), damaged="replace") for name in names])
    if wrong := impossible(report):
        raise UsageError(
            f"{', '.join(names)}: {wrong}, which no run can have", hint="let the engine write the file again"
        )
    known = Applicable([row.endpoint for row in report.endpoints], stages=(), model=report.model)
    text = _text(table) if table is not None else Project().targets(packaged=False)
    chosen = read_targets(text, known, env=os.environ, targets=targets)
    return judge_imported(report, chosen, fail_on_warn=fail_on_warn)


def _text(path: Path, *, damaged: str = "strict") -> Text:
    """Raises: UsageError."""
    return Text(str(path), read_text(path, streams=True, damaged=damaged))
