"""loadctl as its users start it: a process, a folder, an exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

_T = TypeVar("_T")


@dataclass
class Ended:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """result.json, as `--json` prints it."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def verdict(self) -> str:
        return str(self.result["verdict"])

    def score(self, metric: str, scope: str = "") -> dict[str, Any]:
        """The score of a metric, of the whole run or of the endpoint or stage named `scope`."""
        return next(
            s for s in self.result["scores"] if s["metric"] == metric and (s["scope"]["name"] or "") == scope
        )

    def finding_ids(self) -> set[str]:
        return {finding["id"] for finding in self.result["findings"]}


@dataclass
class Going:
    """A command that still runs, in a process group of its own."""

    popen: subprocess.Popen[str]
    folder: Path

    def wait(self, timeout_s: float = 60) -> Ended:
        with self.popen:
            out, err = self.popen.communicate(timeout=timeout_s)
        return Ended(self.popen.returncode, out, err)

    def keep_signalling(self, number: signal.Signals, seconds: float) -> None:
        """Ten times a second until it ends, but no longer than `seconds`."""
        deadline = time.monotonic() + seconds
        while self.popen.poll() is None and time.monotonic() < deadline:
            self.signal(number)
            time.sleep(0.1)

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def run_dir(self, timeout_s: float = 30) -> Path:
        return wait_for(lambda: next(iter((self.folder / "runs").glob("*Z-*")), None), timeout_s)

    def seconds_recorded(self) -> int:
        path = self.run_dir() / "intervals.ndjson"
        return path.read_text().count('{"t":') if path.exists() else 0

    def wait_for_seconds(self, seconds: int) -> None:
        wait_for(lambda: self.seconds_recorded() >= seconds or None, 40)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.popen.pid).children(recursive=True)

    def shards(self) -> list[psutil.Process]:
        return [child for child in self.children() if any("inside" in part for part in words_of(child))]


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; none where it has just ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@dataclass
class Shell:
    """A folder with a `loadctl` in it."""

    folder: Path
    started: list[Going] = field(default_factory=list)

    def __call__(
        self,
        *args: str,
        timeout_s: float = 120,
        env: Mapping[str, str] | None = None,
        under: Sequence[str] = (),
    ) -> Ended:
        return self.start(*args, env=env, under=under).wait(timeout_s)

    def start(self, *args: str, env: Mapping[str, str] | None = None, under: Sequence[str] = ()) -> Going:
        """`under`: a command that starts another one (prlimit, unshare, …)."""
        popen = subprocess.Popen(
            [*under, sys.executable, "-m", "loadctl", *args],
            cwd=self.folder,
            env={**_clean_env(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(Going(popen, self.folder))
        return self.started[-1]

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def _clean_env() -> dict[str, str]:
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("LOADCTL_", "LOCUST_", "GITHUB_")) and key not in {"COLUMNS", "FORCE_COLOR"}
    }


def wait_for(look: Callable[[], _T | None], timeout_s: float) -> _T:
    """Poll until `look` finds something; a deadline, never a bare sleep."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing within {timeout_s} s")


def all_gone(processes: list[psutil.Process], timeout_s: float = 5) -> bool:
    """No process of the list is alive after `timeout_s`."""
    _, alive = psutil.wait_procs(processes, timeout=timeout_s)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
