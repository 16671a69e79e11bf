"""`loadctl baseline`: what runs were like, kept in a file to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from loadctl.cli.options import JsonFlag, RunsFolder, complete_side, one_of
from loadctl.cli.output import complain, write, write_json
from loadctl.errors import UsageError
from loadctl.reports.printable import printable
from loadctl.reports.scores import UNKNOWN
from loadctl.results.blocks import RunBlocks
from loadctl.run.baseline import (
    FOLDER,
    baseline_file,
    baseline_names,
    read_baseline,
    remove_baseline,
    save_baseline,
)
from loadctl.scenario.reading.words import unknown
from loadctl.scenario.units import format_ms, format_rate

_ACTIONS = ("save", "list", "show", "rm")
_ENOUGH_RUNS = 3
"""With so many a side, comparisons can prove that nothing changed by more than 15 %."""


def baseline(
    action: Annotated[
        str,
        typer.Argument(metavar="save|list|show|rm", help="What to do.", autocompletion=one_of(*_ACTIONS)),
    ] = "list",
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Which baseline.", autocompletion=complete_side)
    ] = None,
    runs: Annotated[
        Sequence[str],
        typer.Argument(
            metavar="RUN",
            help="save: the runs to keep; nothing: the latest.",
            autocompletion=complete_side,
        ),
    ] = (),
    *,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="save: also runs that should not be compared.")
    ] = False,
    out: RunsFolder = Path("runs"),
    as_json: JsonFlag = False,
) -> None:
    """Save runs as a baseline to compare with, or list, show and remove baselines."""
    if action not in _ACTIONS:
        raise UsageError(unknown("action", action, "baseline", _ACTIONS))
    if action == "list":
        _list(as_json=as_json)
        return
    if name is None:
        raise UsageError(
            f"baseline {action} needs the name of one", hint=f"for example  loadctl baseline {action} main"
        )
    if action == "save":
        _save(name, runs or ["latest"], out, anyway=anyway)
    elif action == "show":
        _show(name, as_json=as_json)
    else:
        write(f"{remove_baseline(name)} is removed")


def _save(name: str, references: Sequence[str], out: Path, *, anyway: bool) -> None:
    """Raises: UsageError for runs that do not belong together."""
    from loadctl.analysis.comparison import Side, doubts
    from loadctl.cli.comparing import blocks_of, runs_of

    path = baseline_file(name)
    found = {run.id: run for reference in references for run in runs_of(reference, out)}
    blocks = [blocks_of(run) for run in found.values()]
    side = Side(name, blocks)
    wrong = list(dict.fromkeys(doubts(side, side)))
    if wrong and not anyway:
        shown = "\n".join(f"  {one}" for one in wrong[:8])
        raise UsageError(
            f"these runs are no baseline:\n{shown}", hint="to keep them all the same, add  --anyway"
        )
    save_baseline(name, blocks)
    write(f"{path}: {_many(blocks)}, {path.stat().st_size / 1000:.0f} kB")
    if len(blocks) < _ENOUGH_RUNS:
        complain(
            f"{_many(blocks)} can show that something became slower, and not that it stayed the same: "
            f"save {_ENOUGH_RUNS} or more runs\n"
        )


def _list(*, as_json: bool) -> None:
    """One that cannot be read is listed with what is wrong with it."""
    rows = [(name, _read(name)) for name in baseline_names()]
    if as_json:
        write_json([_document(*row) for row in rows])
    elif rows:
        write("\n".join(_line(*row) for row in rows))
    else:
        write(f"no baselines in {FOLDER.resolve()}")


def _read(name: str) -> Sequence[RunBlocks] | str:
    try:
        return read_baseline(name).runs
    except UsageError as error:
        return error.message


def _line(name: str, found: Sequence[RunBlocks] | str) -> str:
    if isinstance(found, str):
        return f"{name:<20} {printable(found, 200)}"
    return f"{name:<20} {_many(found):<8} {_figures(found[-1])}"


def _document(name: str, found: Sequence[RunBlocks] | str) -> dict[str, object]:
    mistake, runs = (found, ()) if isinstance(found, str) else (None, found)
    return {"name": name, "mistake": mistake, "runs": [_facts(run) for run in runs]}


def _show(name: str, *, as_json: bool) -> None:
    runs = read_baseline(name).runs
    if as_json:
        write_json(_document(name, runs))
    else:
        write("\n".join(f"{printable(run.run, 60):<48} {_figures(run)}" for run in runs))


def _figures(run: RunBlocks) -> str:
    """Scenario, day, p95, successes a second, revision."""
    p95 = run.total.latency_ms.get("p95")
    figures = ["p95 " + (UNKNOWN if p95 is None else format_ms(p95)), format_rate(_per_s(run))]
    facts = [printable(run.scenario, 40), (run.started_at or UNKNOWN)[:10], *figures, run.git_revision or ""]
    return "  ".join(filter(None, facts))


def _facts(run: RunBlocks) -> dict[str, object]:
    return {
        "run": run.run,
        "scenario": run.scenario,
        "started_at": run.started_at,
        "git_revision": run.git_revision,
        "requests": run.total.requests,
        "failed": run.total.failed,
        "latency_ms": dict(run.total.latency_ms),
        "throughput_per_s": _per_s(run),
    }


def _per_s(run: RunBlocks) -> float:
    return sum(run.successes) / (sum(run.seconds) or 1.0)


def _many(runs: Sequence[RunBlocks]) -> str:
    return "1 run" if len(runs) == 1 else f"{len(runs)} runs"
