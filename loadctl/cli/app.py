"""The command line: registers the commands and holds the one funnel through which every error leaves."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from loadctl.cli import (
    demo,
    doctor,
    engines,
    init,
    list_,
    report,
    run,
    runs,
    schema,
    score,
    show,
    try_,
    validate,
    wait,
)
from loadctl.errors import Interrupted, InvalidInput, LoadctlError, RunError
from loadctl.results.verdict import ExitCode

app = typer.Typer(
    name="loadctl",
    help="Load tests with one verdict that can be trusted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS: Mapping[str, Callable[..., object]] = {
    "init": init.init,
    "try": try_.try_,
    "run": run.run,
    "list": list_.list_,
    "show": show.show,
    "validate": validate.validate,
    "report": report.report,
    "score": score.score,
    "runs": runs.runs,
    "demo": demo.demo,
    "wait": wait.wait,
    "engines": engines.engines,
    "doctor": doctor.doctor,
    "schema": schema.schema,
}
for name, command in COMMANDS.items():
    app.command(name)(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"loadctl {version('loadctl')}\n")
        raise typer.Exit


@app.callback()
def _common(
    directory: Annotated[
        Path | None, typer.Option("-C", envvar="LOADCTL_DIR", help="Run as if started in this folder.")
    ] = None,
    version: Annotated[  # noqa: ARG001  (eager: its callback ends the program)
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if directory is not None:
        try:
            os.chdir(directory)
        except OSError as error:
            raise typer.BadParameter(f"cannot enter {directory}: {error.strerror}") from error


def main() -> None:
    """Entry point of the console script."""
    sys.exit(funnel(sys.argv[1:]))


def funnel(argv: list[str]) -> int:
    """Run one command line and return its exit code; the only place where an exception becomes one."""
    try:
        result = app(argv, prog_name="loadctl", standalone_mode=False)
        sys.stdout.flush()
        return int(result or ExitCode.OK)
    except typer.Exit as end:
        return end.exit_code
    except typer.Abort:
        return ExitCode.SIGINT
    except typer.TyperException as error:
        show = getattr(error, "show", None)  # usage and the nearest word, as Typer writes them
        if show is None:
            sys.stderr.write(f"{error}\n")
        else:
            show()
        return ExitCode.USAGE
    except LoadctlError as error:
        sys.stderr.write(explain(error) + "\n")
        return _code_of(error)
    except KeyboardInterrupt:
        return ExitCode.SIGINT
    except BrokenPipeError:  # the reader of our output left (`| head`): not our failure, and not worth a word
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  (or the interpreter complains at exit)
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001  (the funnel: a bug is reported as a bug, with its own exit code)
        sys.stderr.write(_explain_bug(error) + "\n")
        return ExitCode.INTERNAL


def _code_of(error: LoadctlError) -> ExitCode:
    if isinstance(error, Interrupted):
        return ExitCode(128 + error.signal_number)
    return ExitCode.ERROR if isinstance(error, RunError) else ExitCode.USAGE


def explain(error: LoadctlError) -> str:
    """What failed, where, and what to do, as lines for stderr."""
    if isinstance(error, InvalidInput):
        lines = []
        for mistake in error.mistakes:
            lines.append(f"{mistake.where}  {mistake.message}")
            if mistake.excerpt is not None:
                margin = f"{mistake.where.line:>5} | "
                lines.append(f"{margin}{mistake.excerpt}")
                if mistake.where.column:
                    lines.append(" " * 6 + "| " + " " * (mistake.where.column - 1) + "^")
            if mistake.hint:
                lines.append(f"      {mistake.hint}")
        return "\n".join(lines)
    word = "ERROR  " if isinstance(error, RunError) else ""
    place = f"{error.where}  " if error.where else ""
    hint = f"\n{' ' * len(word)}{error.hint}" if error.hint else ""
    return f"{word}{place}{error.message}{hint}"


def _explain_bug(error: Exception) -> str:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="loadctl-bug-", suffix=".txt", delete=False) as file:
        file.writelines(traceback.format_exception(error))
    return (
        f"internal error: {type(error).__name__}: {error}\n"
        f"This is a bug in loadctl, not in your system. Please report it with {file.name}"
    )
