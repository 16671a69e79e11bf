"""The command line: what all commands share, and the one place that turns errors into exit codes."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from signal import SIGINT
from typing import Annotated, Any

import typer

from loadctl.cli.actions import tell_mistakes
from loadctl.cli.command_table import Commands, in_our_words, profile_alone, tags_apart, takes_arguments
from loadctl.cli.output import complain, hush, open_standard_streams, without_secrets
from loadctl.errors import ExitCode, Interrupted, InvalidInput, LoadctlError, Mistake, RunError, UsageError
from loadctl.temporary import remove_abandoned


def code_of(error: LoadctlError) -> ExitCode:
    if isinstance(error, Interrupted):
        return ExitCode.SIGINT if error.signal_number == SIGINT else ExitCode.SIGTERM
    return ExitCode.ERROR if isinstance(error, RunError) else ExitCode.USAGE


_WIDEST = 200
_BEFORE = 100
"""Of a longer line, only the part around the mistake is shown."""


def explain(error: LoadctlError) -> str:
    """The error as lines of text, without control characters from a file or a URL."""
    if isinstance(error, InvalidInput):
        text = "\n".join(line for mistake in error.mistakes for line in _mistake(mistake))
    else:
        word = "ERROR  " if isinstance(error, RunError) else ""
        indent = "\n" + " " * len(word)
        place = f"{error.where}  " if error.where else ""
        hint = f"\n{error.hint}" if error.hint else ""
        text = f"{word}{place}" + f"{error.message}{hint}".replace("\n", indent)
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def _mistake(mistake: Mistake) -> Iterator[str]:
    yield f"{mistake.where}  {mistake.message}"
    if mistake.excerpt is not None:
        left = max(0, mistake.where.column - _BEFORE) if len(mistake.excerpt) > _WIDEST else 0
        yield f"{mistake.where.line:>5} | {mistake.excerpt[left : left + _WIDEST]}"
        if mistake.where.column:
            yield f"      | {' ' * (mistake.where.column - 1 - left)}^"
    if mistake.hint:
        yield f"      {mistake.hint}"


_OFTEN_ENOUGH = 200_000
"""New objects before garbage is collected. With Python's 700, a tenth of a start goes into scanning what it imports."""

app = typer.Typer(
    name="loadctl",
    cls=Commands,
    help="Load tests with one verdict that can be trusted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError(
            "the working directory is gone", hint="change to another folder, or use  -C DIR"
        ) from error


def main() -> None:
    """Entry point of the console script."""
    gc.set_threshold(_OFTEN_ENOUGH)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as __main__.py left it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ▁ and → is no reason to fail
    remove_abandoned()
    code = funnel(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        hush(sys.stdout)
    for number in (signal.SIGINT, signal.SIGTERM):  # Python itself puts handlers back before it has ended
        signal.signal(number, signal.SIG_IGN)
    sys.exit(code)


def funnel(argv: list[str]) -> int:
    """Run one command line and return its exit code; the only place where an exception becomes one."""
    try:
        code = int(_carry_out(argv) or ExitCode.OK)
        sys.stdout.flush()
    except typer.Exit as end:
        code = end.exit_code
    except (
        SystemExit
    ):  # Typer's own: completion was shown, or the reader of a help text has left (there it says 1)
        code = ExitCode.OK
    except typer.Abort:
        code = ExitCode.SIGINT
    except typer.TyperException as error:
        complain(in_our_words(getattr(error, "option_name", "")) or _as_typer_writes_it(error))
        code = ExitCode.USAGE
    except LoadctlError as error:
        complain(explain(error) + "\n")
        tell_mistakes(error)
        code = code_of(error)
    except KeyboardInterrupt:
        code = ExitCode.SIGINT
    except Exception as error:  # noqa: BLE001  (the funnel: a bug is reported as a bug, with its own exit code)
        complain(_explain_bug(error) + "\n")
        code = ExitCode.INTERNAL
    return int(code)


def _carry_out(argv: list[str]) -> Any:
    """The command finds two things in ctx.obj: what follows the first `--`, which is for a script and no option of
    ours, and an engine process that has been coming up since before the command line was read.
    """
    _require_text(argv)
    ours, arguments = argv, []
    if "--" in argv and takes_arguments(argv):
        at = argv.index("--")
        ours, arguments = argv[:at], argv[at + 1 :]
    words = tags_apart(profile_alone(ours))
    with _early(words) as early:
        return app(words, prog_name="loadctl", standalone_mode=False, obj=(arguments, early))


def _require_text(argv: Sequence[str]) -> None:
    """Arguments are stored and read by other programs. Raises: UsageError for bytes that are not UTF-8."""
    for number, word in enumerate(argv, 1):
        try:
            word.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(word).decode("utf-8", "backslashreplace")
            raise UsageError(f"argument {number} is not UTF-8 text: {shown[:80]}") from None


def _early(words: Sequence[str]) -> AbstractContextManager[Any]:
    """What the first shard of a run starts as: a guess, since the scenario may name another engine.

    It starts before Typer reads the command line, which takes a fifth of a start.
    """
    folder = os.environ.get("LOADCTL_DIR") or None
    if words[:1] == ["-C"] and len(words) > 1:
        folder, words = words[1], words[2:]
    if words[:1] != ["run"] or {"--python", "-h", "--help"}.intersection(words):
        return nullcontext()
    from loadctl.engines import ENGINES
    from loadctl.run.process import Early

    name = words[words.index("--engine") + 1] if "--engine" in words[:-1] else next(iter(ENGINES))
    script_of_another = any(word.endswith((".ts", ".js", ".yml")) for word in words)
    command = None if name not in ENGINES or script_of_another else ENGINES[name].early()
    return nullcontext() if command is None else Early(command, Path(folder or ""))


def _as_typer_writes_it(error: typer.TyperException) -> str:
    """Usage and the nearest word."""
    show = getattr(error, "show", None)
    if show is None:
        return f"{error}\n"
    text = io.StringIO()
    show(file=text)
    return text.getvalue()


def _explain_bug(error: Exception) -> str:
    import tempfile
    import traceback

    trace = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="loadctl-bug-", suffix=".txt", delete=False, encoding="utf-8", errors="replace"
        ) as file:
            file.write(without_secrets(trace))
    except OSError:  # no folder for it, or no room in it
        where = f"this:\n{trace}"
    else:
        where = file.name
    return (
        f"internal error: {type(error).__name__}: {error}\n"
        f"This is a bug in loadctl, not in your system. Please report it with {where}"
    )
