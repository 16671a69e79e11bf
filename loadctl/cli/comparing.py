"""Comparing: from what was typed to two sides (runs, or a baseline), and from a comparison to its reports."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from loadctl.analysis.comparison import METRICS, OF_ENDPOINTS, Comparison, Key, Side, differences, doubts
from loadctl.analysis.comparison import compare as compared
from loadctl.cli.formats import write_file
from loadctl.cli.judging import Judgement, judged
from loadctl.cli.options import Files
from loadctl.cli.output import columns, complain, wants_colour, write, write_json
from loadctl.cli.project import run_directory
from loadctl.errors import ExitCode, UsageError
from loadctl.reports.terminal.comparison import comparison_text, headline
from loadctl.results.blocks import Identity, RunBlocks
from loadctl.run.baseline import is_baseline, read_baseline
from loadctl.run.directory import RunDirectory
from loadctl.run.machine import this_machine
from loadctl.run.manifest import traffic_hash
from loadctl.run.store import list_runs
from loadctl.scenario.reading.words import no_such, unknown
from loadctl.scenario.target import Scope

if TYPE_CHECKING:
    from loadctl.run.runner import RunRequest

_PATTERN = frozenset("*?[")
_DOUBTS_MAX = 8


def side(reference: str, out: Path) -> Side:
    """A baseline of this name, else all runs that a pattern fits, else one run. Raises: UsageError."""
    if is_baseline(reference):
        return Side(reference, read_baseline(reference).runs)
    return Side(reference, [blocks_of(run) for run in runs_of(reference, out)])


def runs_of(reference: str, out: Path) -> Sequence[RunDirectory]:
    """Oldest first. Raises: UsageError for none."""
    if not _PATTERN.intersection(reference):
        return [run_directory(reference, out)]
    runs = [run for run in reversed(list_runs(out)) if fnmatchcase(run.id, reference) and not run.is_going]
    if not runs:
        raise UsageError(f"no run in {out} fits '{reference}'", hint="list them:  loadctl runs")
    return runs


def last_two(out: Path) -> tuple[Side, Side]:
    """The run before the latest, of its scenario, and the latest. Raises: UsageError."""
    runs = [run for run in list_runs(out) if not run.is_going]
    if not runs:
        raise UsageError(f"there are no runs in {out}", hint="runs in another folder:  --out DIR")
    scenario = runs[0].manifest().scenario.name
    earlier = next((run for run in runs[1:] if run.manifest().scenario.name == scenario), None)
    if earlier is None:
        raise UsageError(f"{scenario} has one run only", hint="run it again, or name two runs")
    return Side(earlier.id, [blocks_of(earlier)]), Side(runs[0].id, [blocks_of(runs[0])])


def blocks_of(run: RunDirectory) -> RunBlocks:
    """Raises: UsageError where the directory holds no run."""
    return judged(run).blocks()


def baseline_for(name: str, request: RunRequest) -> Side:
    """The baseline that a run is to be compared with. Raises: UsageError where that will not be possible."""
    side = Side(name, read_baseline(name).runs)
    if request.scenario.smoke is not None:
        raise UsageError("a smoke run is not compared", hint="leave out  --smoke  or  --baseline")
    machine = this_machine()
    expected = Identity(
        traffic_hash=traffic_hash(request.scenario),
        engine=request.engine.name,
        engine_version=request.engine.version(),
        shards=request.shards,
        architecture=machine.architecture,
        cpu_model=machine.cpu_model,
        cores=machine.cores,
    )
    if found := list(differences([run.identity for run in side.runs], [expected])):
        raise _not_comparable(f"this run could not be compared with the baseline {name}", found)
    return side


def compared_with(baseline: Side, judgement: Judgement, *, quiet: bool, as_json: bool) -> ExitCode:
    """Compare a run that has just ended, and keep that in its directory. The exit code of both: the verdict's, or that
    of the comparison where the verdict is no failure."""
    after = Side("this run", [judgement.blocks()])
    code = judgement.result.exit_code
    if wrong := list(doubts(baseline, after)):
        complain(f"not compared with {baseline.name}: {wrong[0]}\n")
        return code
    found = compared(baseline, after)
    judgement.run.replace(
        "comparison.json", f"{msgspec.json.format(msgspec.json.encode(found), indent=1).decode()}\n"
    )
    code = code or found.exit_code
    if as_json:
        complain(f"{headline(found)}: {judgement.run.path}/comparison.json\n")
    else:
        write("")
        tell_comparison(found, quiet=quiet)
        if not quiet:
            write(f"\nexit code {int(code)}")
    return code


def gates_of(texts: Sequence[str], *sides: Side) -> Sequence[Key]:
    """Each `latency_p95`, or `POST /predict latency_p95` for an endpoint. Raises: UsageError."""
    endpoints = list(
        dict.fromkeys(one.endpoint for side in sides for run in side.runs for one in run.endpoints)
    )
    found = []
    for text in texts:
        endpoint, _, metric = text.strip().rpartition(" ")
        scope = Scope("endpoint", endpoint.strip()) if endpoint else Scope()
        known = OF_ENDPOINTS if endpoint else METRICS
        if metric not in known:
            raise UsageError(f"--gate '{text[:200]}': {unknown('metric', metric, 'a comparison', known)}")
        if endpoint and scope.name not in endpoints:
            message, hint = no_such("no request is named", scope.name, endpoints, "The runs have")
            raise UsageError(f"--gate '{text[:200]}': {message}", hint=hint)
        found.append((metric, scope))
    return found


def refuse_doubts(before: Side, after: Side) -> None:
    """Raises: UsageError where the two are not comparable, with all that differs."""
    runs = [{run.run for run in side.runs} for side in (before, after)]
    if shared := runs[0] & runs[1]:
        raise UsageError(f"{min(shared)} is on both sides", hint="name another run")
    if found := list(doubts(before, after)):
        raise _not_comparable(
            f"{before.name} and {after.name} cannot be compared",
            found,
            "to see the figures all the same, add  --anyway",
        )


def _not_comparable(
    message: str, reasons: Sequence[str], hint: str = "make the same run, or leave out  --baseline"
) -> UsageError:
    shown = "\n".join(f"  {one}" for one in reasons[:_DOUBTS_MAX]) + (
        "\n  …" if len(reasons) > _DOUBTS_MAX else ""
    )
    return UsageError(f"{message}:\n{shown}", hint=hint)


def tell_comparison(comparison: Comparison, *, quiet: bool = False, as_json: bool = False) -> None:
    """On stdout, in the form asked for."""
    if as_json:
        write_json(msgspec.to_builtins(comparison))
    elif quiet:
        write(headline(comparison, colour=wants_colour()))
    else:
        write(comparison_text(comparison, width=columns(), colour=wants_colour()))


def write_comparison(files: Files, comparison: Comparison, before: Side, after: Side) -> None:
    """Raises: UsageError."""
    if files.html is not None:
        from loadctl.reports.html.comparison import comparison_page

        write_file(files.html, comparison_page(comparison, before, after))
    if files.markdown is not None:
        from loadctl.reports.ci.markdown import comparison_markdown

        write_file(files.markdown, comparison_markdown(comparison))
    if files.junit is not None:
        from loadctl.reports.ci.junit import comparison_junit

        write_file(files.junit, comparison_junit(comparison))
