"""The same locustfile under bare Locust and under loadctl, at once, each against a server of its own that counts."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

FILES = Path(__file__).parents[1] / "locustfiles"
HOST_IN_FILES = "http://127.0.0.1:8000"
"""What a locustfile with a host of its own names; the server's address is put in its place."""
_DEADLINE_S = 60.0
_LONGER_S = 12


class Server:
    """A counting server in a process of its own, so that loadctl watches that alone."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.engines.counting_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def close(self) -> dict[str, Counter[str]]:
        """What it saw."""
        out, _ = self._process.communicate(timeout=_DEADLINE_S)
        return {key: Counter(counts) for key, counts in json.loads(out or "{}").items()}


@dataclass(frozen=True)
class Run:
    """What is asked of both programs. Without `users` the locustfile brings its own load."""

    file: str
    users: int | None = 4
    seconds: int | None = 2
    options: Sequence[str] = ()
    """Before both programs' own."""
    arguments: Sequence[str] = ()
    """The script's own."""
    env: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    """Of the host."""
    own_host: bool = False
    """The host stands in the locustfile, none on the command line."""


@dataclass(frozen=True)
class Ended:
    """How one of the programs ended, and what its server saw."""

    code: int
    out: str
    requests: Counter[str]
    aborted: Counter[str]
    notes: list[dict[str, Any]]
    result: dict[str, Any]
    """result.json; empty for bare Locust, and where loadctl refused."""
    cells: list[dict[str, Any]]
    """Of each second, what loadctl measured, by endpoint."""

    @property
    def life(self) -> list[str]:
        """The events of the test as a whole, in their order."""
        names = ("init", "test_start", "spawning_complete", "test_stopping", "test_stop", "quitting", "quit")
        return [note["event"] for note in self.notes if note["event"] in names]

    def noted(self, event: str) -> list[dict[str, Any]]:
        return [
            {key: value for key, value in note.items() if key != "event"}
            for note in self.notes
            if note["event"] == event
        ]

    def stats(self, event: str = "test_stop") -> dict[str, Any]:
        """Locust's statistics as the script reads them."""
        (noted,) = self.noted(event)
        stats: dict[str, Any] = noted["stats"]
        return stats

    def measured(self) -> dict[str, list[int]]:
        """Completed and failed requests by endpoint, from loadctl's own record."""
        found: dict[str, list[int]] = {}
        for cells in self.cells:
            for endpoint, cell in cells.items():
                failed = cell.get("failed", {}).get("n", 0)
                well = cell.get("ok", {}).get("n", 0) + cell.get("untimed", 0)
                counts = found.setdefault(endpoint, [0, 0])
                counts[0] += well + failed
                counts[1] += failed
        return found

    def minimum_ms(self, endpoint: str) -> float:
        ok = [cells[endpoint].get("ok") for cells in self.cells if endpoint in cells]
        least = [float(histogram["min_us"]) for histogram in ok if histogram]
        return min(least) / 1000

    def counter(self, name: str) -> int:
        return int(self.result["counters"][name])

    def finding(self, name: str) -> dict[str, Any] | None:
        found: list[dict[str, Any]] = self.result["findings"]
        return next((finding for finding in found if finding["id"] == name), None)


def compare(folder: Path, run: Run, check: Callable[[Ended, Ended], None]) -> None:
    """Check bare Locust's end against loadctl's. A busy machine may leave users no time in a short test (Locust's own
    run time counts from before it was ready), so what fails is checked again after a longer one.
    """
    try:
        check(*side_by_side(folder / "short", run))
    except AssertionError:
        if run.seconds is None:
            raise
        check(*side_by_side(folder / "long", replace(run, seconds=_LONGER_S)))


def side_by_side(folder: Path, run: Run) -> tuple[Ended, Ended]:
    """Bare Locust's end, and loadctl's."""
    with _going(folder / "bare", run, _bare) as bare, _going(folder / "loadctl", run, _loadctl) as ours:
        return bare.wait(), ours.wait()


def loadctl_only(folder: Path, run: Run) -> Ended:
    with _going(folder / "loadctl", run, _loadctl) as ours:
        return ours.wait()


def _bare(run: Run, file: Path, url: str) -> list[str]:
    argv = [sys.executable, "-m", "locust", "--headless", "--only-summary", "-f", str(file), *run.options]
    if run.users is not None:
        argv += ["-u", str(run.users), "-r", str(run.users)]
    if run.seconds is not None:
        argv += ["-t", f"{run.seconds}s"]
    if not run.own_host:
        argv += ["-H", url]
    return argv + list(run.arguments)


def _loadctl(run: Run, file: Path, url: str) -> list[str]:
    argv = [sys.executable, "-m", "loadctl", "run", str(file), "--plain", *run.options]
    if run.users is not None:
        argv += ["-u", str(run.users)]
    if run.seconds is not None:
        argv += ["-t", f"{run.seconds}s"]
    if not run.own_host:
        argv += ["-H", url]
    return [*argv, "--", *run.arguments] if run.arguments else argv


@dataclass(frozen=True)
class _Going:
    folder: Path
    process: subprocess.Popen[str]
    server: Server

    def wait(self) -> Ended:
        out, _ = self.process.communicate(timeout=_DEADLINE_S)
        seen = self.server.close()
        result = next(self.folder.glob("runs/*/result.json"), None)
        intervals = next(self.folder.glob("runs/*/intervals.ndjson"), None)
        seconds = [json.loads(line) for line in intervals.read_text().splitlines()] if intervals else []
        notes = self.folder / "notes.ndjson"
        return Ended(
            code=self.process.returncode,
            out=out,
            requests=seen["requests"],
            aborted=seen["aborted"],
            notes=[json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else [],
            result=json.loads(result.read_text()) if result else {},
            cells=[second["cells"] for second in seconds if "t" in second],
        )


@contextlib.contextmanager
def _going(folder: Path, run: Run, command: Any) -> Iterator[_Going]:
    """Started in a folder of its own: the locustfile in `load`, its data in `data`, beside no configuration."""
    server = Server()
    shutil.copytree(FILES, folder / "load", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "load" / run.file
    file.write_text(file.read_text().replace(HOST_IN_FILES, server.url))
    (folder / "data").mkdir()
    (folder / "data" / "users.csv").write_text("name,role\nada,admin\ngrace,user\n")
    process = subprocess.Popen(
        command(run, file.relative_to(folder), server.url + run.path),
        cwd=folder,
        env={**_environment(), "NOTES": str(folder / "notes.ndjson"), **run.env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield _Going(folder, process, server)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
        server.close()


def _environment() -> dict[str, str]:
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("LOADCTL_", "LOCUST_", "PYTEST_"))
    }
