"""The job of GitHub Actions that loadctl runs in: its summary, the outputs of the step, annotations in its log.

Source: "Variables" and "Workflow commands for GitHub Actions" in GitHub's documentation.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from loadctl.cli.output import complain, in_actions, write_commands
from loadctl.errors import InvalidInput, LoadctlError, UsageError, Where

if TYPE_CHECKING:
    from loadctl.cli.options import Files
    from loadctl.results.result import Result

_SHOWN = 10
"""Annotations of a level that GitHub shows for a step."""


def tell_job(result: Result, files: Files) -> None:
    """Write a run's summary, outputs and annotations, in a job; do nothing elsewhere. A failure costs no verdict."""
    if not in_actions():
        return
    from loadctl.reports.ci.markdown import markdown
    from loadctl.reports.ci.workflow_commands import run_annotations

    summary = os.environ.get("GITHUB_STEP_SUMMARY", "")
    written = {path.absolute() for path in (files.html, files.markdown, files.junit) if path is not None}
    if Path(summary).absolute() not in written:
        _append(summary, markdown(result))
    _append(os.environ.get("GITHUB_OUTPUT", ""), _outputs(result))
    write_commands("".join(f"{line}\n" for line in run_annotations(result, _located)))


def tell_mistakes(error: LoadctlError) -> None:
    """Annotate the lines that are wrong, in a job; do nothing elsewhere. A run has annotations of its own."""
    if not in_actions() or not isinstance(error, UsageError):
        return
    from loadctl.reports.ci.workflow_commands import mistake_annotation, workflow_command
    from loadctl.reports.printable import printable

    if isinstance(error, InvalidInput):
        lines = [mistake_annotation(mistake, _located) for mistake in error.mistakes[:_SHOWN]]
    else:
        lines = [workflow_command("error", printable(error.message), title="loadctl")]
    write_commands("".join(f"{one}\n" for one in lines))


def _located(where: Where) -> Where | None:
    """The place below the root of the repository, which is the workspace; None: not a line of a file there."""
    path, root = Path(where.file), os.environ.get("GITHUB_WORKSPACE")
    if not root or not where.line or not path.is_file():
        return None
    try:
        inside = path.resolve().relative_to(Path(root).resolve())
    except ValueError:
        return None
    return Where(inside.as_posix(), where.line, where.column)


def _outputs(result: Result) -> str:
    """In the form for values of several lines, with a random end marker that no path can contain."""
    import secrets

    end = f"end-{secrets.token_hex(8)}"
    run = Path(result.run_dir).absolute()
    values = {
        "verdict": result.verdict.value,
        "exit-code": str(int(result.exit_code)),
        "smoke": str(result.smoke).lower(),
        "repeat-may-help": str(result.repeat_may_help).lower(),
        "run-dir": str(run),
        "result": str(run / "result.json"),
    }
    return "".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in values.items())


def _append(path: str, text: str) -> None:
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        complain(f"{path} cannot be written: {error.strerror}\n")
