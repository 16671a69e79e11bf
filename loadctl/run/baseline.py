"""Baselines: what earlier runs were like, in one small file each, to be committed and compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

import msgspec

from loadctl.errors import UsageError
from loadctl.results.blocks import BLOCKS, EndpointBlocks, RunBlocks
from loadctl.results.wire.record import MOST_S, Record
from loadctl.scenario.target import BASELINE_NAME

FOLDER = Path("baselines")
"""In the working directory, beside `scenarios/`."""
_MOST_BYTES = 100_000_000
_SMALLEST, _LARGEST = 1e-6, 1e15


class Baseline(Record, frozen=True, kw_only=True, tag_field="schema", tag="loadctl.baseline/1"):
    """Counts and histograms of runs: no examples, no secrets."""

    runs: tuple[RunBlocks, ...]
    """As many as were saved together; with three or more a comparison can prove that nothing changed."""


def baseline_file(name: str) -> Path:
    """Raises: UsageError for what is no name."""
    if not BASELINE_NAME.fullmatch(name):
        raise UsageError(
            f"'{name[:80]}' cannot name a baseline",
            hint="letters, digits, - _ and . will do, as in  main; latest is the latest run",
        )
    return FOLDER / f"{name}.json"


def is_baseline(name: str) -> bool:
    return bool(BASELINE_NAME.fullmatch(name)) and baseline_file(name).is_file()


def baseline_names() -> Sequence[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json") if is_baseline(path.stem))


def save_baseline(name: str, runs: Sequence[RunBlocks]) -> Path:
    """A reader finds the old file or the new one. Raises: UsageError."""
    path = baseline_file(name)
    text = msgspec.json.format(msgspec.json.encode(Baseline(runs=tuple(runs))), indent=1)
    partial = path.with_name(f".{path.name}.partial")
    try:
        FOLDER.mkdir(exist_ok=True)
        partial.write_bytes(text + b"\n")
        partial.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return path


def read_baseline(name: str, folder: Path | None = None) -> Baseline:
    """From FOLDER, or another one. Raises: UsageError where there is none, or what is there is none."""
    path = baseline_file(name) if folder is None else folder / f"{name}.json"
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
        found = msgspec.json.decode(data, type=Baseline)
    except FileNotFoundError as error:
        raise _missing(name) from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not a baseline of this version: {error}", hint=_AGAIN) from error
    if wrong := next(_impossible(found), None):
        raise UsageError(f"{path}: {wrong}", hint=_AGAIN)
    return found


def remove_baseline(name: str) -> Path:
    """Raises: UsageError."""
    path = baseline_file(name)
    try:
        path.unlink()
    except FileNotFoundError as error:
        raise _missing(name) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be removed: {error.strerror}") from error
    return path


def _missing(name: str) -> UsageError:
    near = get_close_matches(name, baseline_names(), n=1)
    meant = f"; did you mean '{near[0]}'?" if near else ""
    return UsageError(
        f"there is no baseline '{name}' ({baseline_file(name)}){meant}",
        hint=f"save one:  loadctl baseline save {name}",
    )


_AGAIN = "save it again from its runs"


def _impossible(baseline: Baseline) -> Iterator[str]:
    """What no run has, with its place."""
    if not baseline.runs:
        yield "runs: it holds none"
    for i, run in enumerate(baseline.runs):
        for name in ("seconds", "successes", "requests", "failed", "cpu_cores", "memory_bytes"):
            values: Sequence[float] = getattr(run, name)
            may_be_empty = name in {"cpu_cores", "memory_bytes"}
            if len(values) != BLOCKS and (values or not may_be_empty):
                yield f"runs.{i}.{name}: {BLOCKS} numbers, not {len(values)}"
            if not all(map(_is_possible, values)):
                yield f"runs.{i}.{name}: a number that no run has"
        if sum(run.seconds) > MOST_S:
            yield f"runs.{i}.seconds: a run lasts up to {MOST_S:,} s"
        if not all(map(_is_possible, run.lag_ms.values())):
            yield f"runs.{i}.lag_ms: a number that no run has"
        for endpoint in (run.total, *run.endpoints):
            yield from (f"runs.{i}.{endpoint.endpoint}: {wrong}" for wrong in _wrong(endpoint))


def _is_possible(value: float) -> bool:
    return value == 0 or _SMALLEST <= value <= _LARGEST


def _wrong(endpoint: EndpointBlocks) -> Iterator[str]:
    if len(endpoint.ok) != BLOCKS:
        yield f"{BLOCKS} histograms, not {len(endpoint.ok)}"
    if not 0 <= endpoint.failed <= endpoint.requests:
        yield "more failures than requests"
    if not all(map(_is_possible, endpoint.latency_ms.values())):
        yield "a latency that no run has"
    try:
        _ = endpoint.blocks
    except ValueError as error:
        yield str(error)
