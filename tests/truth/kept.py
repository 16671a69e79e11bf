"""What is kept of a run: a run directory that `loadctl report` reads, with only what judging needs, gzipped."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from loadctl.results.histogram import Histogram
from loadctl.run.directory import RunDirectory
from loadctl.run.journal import read_lines
from loadctl.run.manifest import to_text
from loadctl.run.store import read_seconds
from tests.results.written import written
from tests.truth.cases import Case

RECORDED = Path(__file__).parent / "recorded"
MOST_BYTES = 300_000


def folder_of(case: Case) -> Path:
    return RECORDED / case.name


def is_kept(case: Case) -> bool:
    """A run of this very case is there; one of an older form of it is not."""
    path = folder_of(case) / "case.json"
    return path.is_file() and json.loads(path.read_text())["key"] == case.key


def keep(case: Case, run: RunDirectory) -> Path:
    """Replace what was kept of this case. Raises: ValueError where it would be too large for a repository."""
    folder = folder_of(case)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "frames").mkdir(parents=True)
    manifest = run.manifest()
    machine = manifest.machine
    bare = json.loads(to_text(manifest))
    bare |= {"argv": case.argv(f"{case.name}.yaml"), "git_revision": None}
    bare["machine"]["platform"] = machine.platform.partition("-")[0]
    bare["scenario"]["source"] = f"{case.name}.yaml"
    (folder / "run.json").write_text(json.dumps(bare, indent=1) + "\n")
    _write(folder / "intervals.ndjson.gz", _seconds(run))
    _write(folder / "readings.ndjson.gz", read_lines(run.readings))
    _write(folder / "events.ndjson.gz", read_lines(run.events))
    for shard in range(manifest.shards):
        _write(folder / "frames" / f"{shard}.ndjson.gz", _said(run, shard))
    (folder / "case.json").write_text(json.dumps({"name": case.name, "key": case.key}) + "\n")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > MOST_BYTES:
        raise ValueError(f"{case.name}: {size:,} bytes are more than {MOST_BYTES:,}")
    return folder


def _seconds(run: RunDirectory) -> Iterator[bytes]:
    """Without the time to first byte, of which nothing here is asked."""
    for second in read_seconds(run):
        for cell in second.cells.values():
            cell.ttfb = Histogram()
        yield f"{written(second)}\n".encode()


def _said(run: RunDirectory, shard: int) -> Iterator[bytes]:
    """All that a shard said but its seconds, of which the last is enough."""
    last = b""
    for line in read_lines(run.frame_file(shard)):
        if line.startswith(b'{"kind":"frame"'):
            last = line
        else:
            yield line
    yield last


def _write(path: Path, lines: Iterable[bytes]) -> None:
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.writelines(lines)
