"""`loadctl runs`: the runs on disk, newest first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadctl.cli.options import JsonFlag, RunsFolder
from loadctl.cli.output import columns, write, write_json
from loadctl.errors import UsageError
from loadctl.reports.printable import printable, shortened
from loadctl.scenario.units import format_ms, format_percent, format_rate

if TYPE_CHECKING:
    from loadctl.run.directory import Outline

_HEADS = ("VERDICT", "BEGAN (UTC)", "SCENARIO", "P95", "OK/S", "ERRORS", "REVISION", "RUN")
_RIGHT = {"P95", "OK/S", "ERRORS"}
_REVISION = 8
_NAME = 12
"""The least room for a scenario's name."""


def runs(
    *,
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="NAME", help="Only runs of this scenario.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Only the N newest.")
    ] = None,
    out: RunsFolder = Path("runs"),
    as_json: JsonFlag = False,
) -> None:
    """List the runs, newest first, each with its verdict and main figures."""
    from loadctl.run.store import list_runs

    every = ((run, run.outline()) for run in list_runs(out))
    found = list(islice((row for row in every if scenario in {None, row[1].scenario}), limit))
    if as_json:
        write_json([{"id": run.id, **asdict(outline), "path": str(run.path)} for run, outline in found])
    elif found:
        write("\n".join(_table([_row(run.id, outline) for run, outline in found], columns())))
    elif scenario is None:
        write(f"no runs in {out.resolve()}")
    else:
        raise UsageError(
            f"no run in {out} is one of scenario '{scenario[:80]}'", hint="list them all:  loadctl runs"
        )


def _row(run_id: str, outline: Outline) -> Sequence[str]:
    p95, rate, errors = outline.p95_ms, outline.throughput_per_s, outline.error_rate
    commit, _, dirty = (outline.git_revision or "").partition("-")
    return (
        printable(outline.verdict or "no result", 13) + " (smoke)" * outline.smoke,
        (outline.began or "")[:16].replace("T", " "),
        printable(outline.scenario or "", 60),
        "" if p95 is None else format_ms(p95),
        "" if rate is None else format_rate(rate).removesuffix("/s"),
        "" if errors is None else format_percent(100 * errors),
        printable(commit, _REVISION) + "+" * bool(dirty),
        printable(run_id),
    )


def _tail(run_id: str) -> str:
    found = re.search("-([0-9a-f]{4})$", run_id)
    return found[1] if found else run_id


def _table(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Columns that nothing stands in are left out. Of an id its end is enough, where no other ends so."""
    tails = Counter(_tail(row[-1]) for row in rows)
    short = [(*row[:-1], _tail(row[-1])) if tails[_tail(row[-1])] == 1 else row for row in rows]
    kept = [k for k in range(len(_HEADS)) if any(row[k] for row in short)]
    table = [[row[k] for k in kept] for row in (_HEADS, *short)]
    rooms = [max(map(len, column)) for column in zip(*table, strict=True)]
    heads = [_HEADS[k] for k in kept]
    if "SCENARIO" in heads:
        place = heads.index("SCENARIO")
        rest = width - sum(rooms) - 2 * (len(rooms) - 1)
        rooms[place] = max(min(rooms[place], _NAME), rooms[place] + min(0, rest))
    for line in table:
        cells = [
            text.rjust(room) if head in _RIGHT else shortened(text, room).ljust(room)
            for text, room, head in zip(line, rooms, heads, strict=True)
        ]
        yield "  ".join(cells).rstrip()
