"""What runs leave behind: run directories of both engines with one file changed, and what engines write meanwhile."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
import zlib
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

from loadctl.cli.formats import formatted
from loadctl.cli.judging import judged
from loadctl.cli.options import FORMATS
from loadctl.reports.metrics import Running, live_families, text
from loadctl.reports.terminal.live import live_lines
from loadctl.results.exchange import exchanges_document, read_exchange
from loadctl.results.live import Progress, Tally
from loadctl.results.result import loads
from loadctl.results.wire.line import Lines, read_line
from loadctl.run.directory import RunDirectory
from loadctl.run.manifest import Manifest
from loadctl.run.merge import Merger
from loadctl.run.store import list_runs
from tests.fuzz.harness import Reader

SEEDS = Path(__file__).parent / "seeds"
_LOCUST, _ARTILLERY = SEEDS / "locust", SEEDS / "artillery"
_FRAMES, _PACKED = "frames/0.ndjson", "frames/0.ndjson.gz"
_FILES = ("run.json", "events.ndjson", "intervals.ndjson", "readings.ndjson", "result.json", _FRAMES)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Of this process; gone with it."""
    return tempfile.TemporaryDirectory(prefix="loadctl-fuzz-")


@cache
def _manifest() -> Manifest:
    return RunDirectory(_LOCUST).manifest()


def _directory(name: str, data: bytes) -> RunDirectory:
    """A run in which the file `name` holds `data`, alone in its folder."""
    run = Path(_folder().name) / "runs" / "20261130T205014Z-odd-locust-0001"
    (run / "frames").mkdir(parents=True, exist_ok=True)
    for known in _FILES:
        shutil.copyfile(_LOCUST / known, run / known)
    (run / _PACKED).unlink(missing_ok=True)
    if name.startswith("frames"):  # without intervals its seconds are read from the frames
        (run / "intervals.ndjson").unlink()
        (run / _FRAMES).unlink()
    (run / name).write_bytes(data)
    return RunDirectory(run)


def _told(name: str, data: bytes) -> None:
    """Listed, judged again, and written in one of all forms."""
    run = _directory(name, data)
    assert [found.id for found in list_runs(run.path.parent)] == [run.id]
    formatted(judged(run), FORMATS[zlib.crc32(data) % len(FORMATS)])


def _result(data: bytes) -> None:
    """Its verdict, for the list of runs; and all of it, for those who keep results."""
    run = _directory("result.json", data)
    verdict = run.outline().verdict
    assert verdict is None or isinstance(verdict, str)
    loads(data.decode("utf-8", "replace"))


def _live(data: bytes) -> None:
    """Frames of two shards while they grow: merged, written down, read back, shown, and told to Prometheus."""
    manifest = _manifest()
    load = manifest.scenario.load
    odd, other = (Path(_folder().name) / name for name in ("odd.ndjson", "other.ndjson"))
    shutil.copyfile(_ARTILLERY / _FRAMES, other)
    merger, lines, tally, progress = Merger([odd, other], 0.0), Lines(load), Tally(), Progress(load)
    for now, until in enumerate((len(data) // 2, len(data))):
        odd.write_bytes(data[:until])
        for second in [*merger.poll(now), *(merger.finish() if until == len(data) else ())]:
            for line in lines.of(second):
                assert read_line(line.encode()) is not None
            tally.add(second)
            progress.add(second)
    for log in merger.logs:
        log.shard()
    live_lines(progress, manifest.scenario.targets)
    running = Running(
        run=manifest.id,
        scenario=manifest.scenario,
        engine=manifest.engine,
        engine_version=None,
        engine_extension=None,
        started_at=manifest.created_at,
    )
    text(live_families(running, tally))


def _rehearsed(data: bytes) -> None:
    """Lines of an engine that sends every request once, among whatever else is printed."""
    scenario = _manifest().scenario
    lines = data.decode("utf-8", "replace").split("\n")
    found = [one for line in lines if (one := read_exchange(line, scenario)) is not None]
    json.dumps(exchanges_document(scenario, found), allow_nan=False)


def _seeds(name: str) -> Sequence[bytes]:
    return [(run / name).read_bytes() for run in (_LOCUST, _ARTILLERY)]


_WORDS = (
    *(
        b'"t": 1e308',
        b'"t": 10000001',
        b'"shards": 1000000000',
        b'"duration_s": 1e308',
        b'"kind": "profile_started"',
    ),
    *(
        b'"kind":"end"',
        b'"tally":1',
        b'"h":{"6000":1}',
        b'"n":9007199254740992',
        b"9007199254740993",
        b"1e15",
    ),
)
_READ: Sequence[tuple[str, Callable[[bytes], object], Sequence[bytes]]] = (
    *((f"run-{Path(name).stem}", partial(_told, name), _seeds(name)) for name in _FILES[:4]),
    ("run-result", _result, _seeds("result.json")),
    ("run-frames", partial(_told, _FRAMES), _seeds(_FRAMES)),
    ("run-frames-gz", partial(_told, _PACKED), [gzip.compress(data, mtime=0) for data in _seeds(_FRAMES)]),
    ("live-frames", _live, _seeds(_FRAMES)),
    ("rehearsal", _rehearsed, [(SEEDS / "rehearsal" / "0").read_bytes()]),
)
RECORDED: Sequence[Reader] = tuple(Reader(name, read, seeds, _WORDS) for name, read, seeds in _READ)
