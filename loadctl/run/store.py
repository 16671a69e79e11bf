"""The runs on disk: found by any part of their name, and read back as recordings."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from loadctl.errors import UsageError
from loadctl.results.boundaries import boundaries
from loadctl.results.gathering import Gathering
from loadctl.results.interval import Second
from loadctl.results.profile import profiles_of
from loadctl.results.recording import END, Recording
from loadctl.run.directory import RunDirectory
from loadctl.run.journal import compress, read_event, read_lines, read_readings
from loadctl.run.machine import calendar_time
from loadctl.run.manifest import Manifest
from loadctl.run.merge import ShardLog, first_examples, in_step

_LATEST = re.compile(r"latest(?:~(\d{1,9}))?")
_PROFILE_MAX = 20_000_000
_FILES_AT_ONCE = 100
_FRAME_START = b'{"kind":"frame"'
_LARGE_BYTES = 16 << 20


def list_runs(parent: Path) -> Sequence[RunDirectory]:
    """All runs in `parent`, newest first; empty where there are none or it does not exist."""
    try:
        found = [RunDirectory(path.absolute()) for path in parent.iterdir() if _is_run(path)]
    except OSError:
        return []
    return sorted(found, key=lambda run: run.age, reverse=True)


def _is_run(path: Path) -> bool:
    return os.path.isfile(path / "run.json")  # noqa: PTH113  that of pathlib raises OSError where one may not look


def open_run(reference: str, parent: Path) -> RunDirectory:
    """The run that `reference` names: a path, an id, any unique part of one, "latest" or "latest~N".

    Raises: UsageError for none, and for several, with their ids.
    """
    path = Path(reference)
    if _is_run(path):
        return RunDirectory(path.absolute())
    runs = list_runs(parent)
    if not runs:
        raise UsageError(f"there are no runs in {parent}", hint="runs in another folder:  --out DIR")
    if latest := _LATEST.fullmatch(reference or "latest"):
        back = int(latest[1] or 0)
        if back >= len(runs):
            raise UsageError(
                f"there is no {reference}: {parent} holds {len(runs)}", hint="list them:  loadctl runs"
            )
        return runs[back]
    found = [run for run in runs if run.id == reference] or [run for run in runs if reference in run.id]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"no run in {parent} has {reference!r} in its name", hint="list them:  loadctl runs")
    shown = "\n".join(f"  {run.id}" for run in found[:5]) + ("\n  …" if len(found) > 5 else "")
    raise UsageError(
        f"{reference!r} could be any of {len(found)} runs:\n{shown}", hint="give more of the name"
    )


def read_recording(run: RunDirectory) -> tuple[Manifest, Recording]:
    """Everything that was measured in a run, whatever it died of.

    Raises: UsageError where the directory holds no run.
    """
    manifest = run.manifest()
    events = [event for line in read_lines(run.events) if (event := read_event(line))]
    end = next((event for event in events if event.kind == END), None)
    logs = [ShardLog(k) for k in range(manifest.shards)]
    for log in logs:
        _read_log(run, log)
    gathered = _gathered(run, boundaries(manifest.scenario.load, events), logs, finished=end is not None)
    detail = end.detail if end else {"interrupted_by": signal.SIGKILL}
    interrupted_by = detail.get("interrupted_by")
    return manifest, Recording(
        seconds=gathered.seconds,
        spans=gathered.spans,
        latencies=gathered.latencies,
        shards=[log.shard() for log in logs],
        readings=read_readings(read_lines(run.readings)),
        events=sorted((event for event in events if event.kind != END), key=lambda event: event.t),
        examples=first_examples(logs),
        profiles=profiles_of(events, _raw_profiles(run)),
        interrupted_by=int(interrupted_by) if isinstance(interrupted_by, int | float) else None,
        failure=_text(detail, "failure"),
        began=calendar_time(manifest.t0_wall or ""),
        unwatched=_unwatched(manifest.watched),
        stopped_early=_text(detail, "stopped_early"),
    )


def read_seconds(run: RunDirectory) -> Iterator[Second]:
    """Each second with the histograms of all its endpoints, in order of time; few of them are alive at a time.

    Raises: UsageError where there are no frames any more, which alone hold all that.
    """
    if not any(run.frames.glob("*.ndjson*")):
        raise UsageError(f"{run.frames} is empty, and each endpoint's seconds are recorded only there")
    return in_step([_read_frames(run, shard) for shard in range(run.manifest().shards)])


def _gathered(
    run: RunDirectory, cuts: Sequence[int], logs: Sequence[ShardLog], *, finished: bool
) -> Gathering:
    """From intervals.ndjson; from the frames where they know more."""
    gathered = Gathering(cuts)
    for line in read_lines(run.intervals):
        gathered.read(line)
    gathered.finish()
    if finished and not gathered.incomplete and all(log.last_t <= gathered.last_t for log in logs):
        return gathered
    from_frames = Gathering(cuts)
    for some in range(0, len(logs), _FILES_AT_ONCE):
        shards = [_read_frames(run, log.index) for log in logs[some : some + _FILES_AT_ONCE]]
        for second in in_step(shards):
            from_frames.add(second)
    return from_frames if from_frames.last_t >= 0 else gathered


def _raw_profiles(run: RunDirectory) -> dict[str, str]:
    """By path in the run's directory; what cannot be read is left out."""
    found = {}
    for path in sorted((run.path / "profile").glob("*.raw")):
        with contextlib.suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
            found[f"profile/{path.name}"] = file.read(_PROFILE_MAX)
    return found


def _unwatched(watched: str | None) -> str | None:
    """The manifest says "watching …" or "nothing: REASON; HINT"."""
    kind, _, reason = (watched or "").partition(": ")
    return reason if kind == "nothing" else None


def pack(run: RunDirectory) -> None:
    """When nothing more is written: gzip the frames, and a journal of many hours. Without room all stays as it is."""
    with contextlib.suppress(OSError):
        for path in run.frames.glob("*.ndjson"):
            meta = run.meta_file(int(path.stem))
            meta.touch(0o600)
            meta.write_bytes(b"".join(_meta_lines(path)))
            compress(path)
        for path in (run.intervals, run.readings):
            if path.stat().st_size > _LARGE_BYTES:
                compress(path)


def _read_log(run: RunDirectory, log: ShardLog) -> None:
    """Every line of a shard except its seconds, which are in intervals.ndjson already; of those only the last."""
    path, short = run.frame_file(log.index), run.meta_file(log.index)
    if not short.exists():  # older versions called it so
        short = short.with_suffix(".said")
    lines = read_lines(short) if short.exists() and not path.exists() else _meta_lines(path)
    for line in lines:
        log.take(line)


def _meta_lines(frames: Path) -> Iterator[bytes]:
    last = b""
    for line in read_lines(frames):
        if not line.startswith(_FRAME_START):
            yield line
        elif line.endswith(b"\n"):
            last = line
    yield last


def _read_frames(run: RunDirectory, shard: int) -> Iterator[Second]:
    log = ShardLog(shard)
    for line in read_lines(run.frame_file(shard)):
        if line.startswith(b"{") and (second := log.take(line)):
            yield second


def _text(detail: Mapping[str, str | float | int | None], key: str) -> str | None:
    value = detail.get(key)
    return value if isinstance(value, str) else None
