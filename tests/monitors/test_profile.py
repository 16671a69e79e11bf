"""The real py-spy on real processes, and what is said where it cannot work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from loadctl.monitors import profile as module
from loadctl.monitors.profile import Limits, Order, ProfileSource
from loadctl.results.live import Vital
from loadctl.results.profile import function_of, profiles_of
from loadctl.results.recording import Event, ProfileMode

BURN = "def spend():\n    sum(range(1000))\nwhile True:\n    spend()\n"


@contextmanager
def process(*argv: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(argv) as popen:
        try:
            yield popen
        finally:
            popen.kill()


class Profiled:
    """A source that is asked as the sampler would, with vitals that the test sets."""

    def __init__(self, folder: Path, pid: int | None, mode: ProfileMode = "sample") -> None:
        self.vital = Vital(0, 10.0, 0.0, 50.0)
        self.folder = folder / "profile"
        order = Order(mode, pid, self.folder, lambda: self.vital, Limits(p95_ms=100), (0.0, 60.0))
        self.source = ProfileSource(order)
        self.t0 = time.monotonic()
        self.events: list[Event] = []

    def until(self, so: Callable[[], object], timeout_s: float = 40) -> None:
        deadline = time.monotonic() + timeout_s
        while not so():
            assert time.monotonic() < deadline, self.events
            t = time.monotonic() - self.t0
            self.vital = Vital(int(t) + 3, self.vital.p95_ms, 0.0, 50.0)
            self._take(self.source.sample(t))
            time.sleep(0.1)

    def close(self) -> None:
        self._take(self.source.close(time.monotonic() - self.t0))

    def _take(self, seen: Sequence[object]) -> None:
        self.events += [one for one in seen if isinstance(one, Event)]

    def attached(self) -> bool:
        """Whether the py-spy that runs now has begun to look; its words lie in the folder of temporary files."""
        said = Path(tempfile.gettempdir()).glob(f"loadctl-*/{os.getpid()}-*/profile-*/output")
        return any("Sampling process" in path.read_text() for path in said)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def functions(self) -> set[str]:
        texts = {f"profile/{path.name}": path.read_text() for path in self.folder.glob("*.raw")}
        found = profiles_of(self.events, texts)
        return {function_of(stack[-1]).split(" ")[0] for one in found for stack in one.stacks}


def test_a_calm_sample_and_one_when_it_turns_bad(tmp_path: Path) -> None:
    with process(sys.executable, "-c", BURN) as popen:
        profiled = Profiled(tmp_path, popen.pid)
        profiled.until(lambda: profiled.kinds() == ["profile_started", "profile_stopped"])
        profiled.vital = Vital(0, 500.0, 0.0, 50.0)
        profiled.until(lambda: profiled.kinds().count("profile_started") == 2)
        profiled.until(profiled.attached)  # before that py-spy has nothing to write
        ends = time.monotonic() + 1
        profiled.until(lambda: time.monotonic() > ends)
        profiled.close()  # it writes what it has
    assert [event.detail.get("label") for event in profiled.events] == ["calm", "calm", "bad-1", "bad-1"]
    assert "spend" in profiled.functions()
    start, stop = profiled.events[:2]
    assert 2 < stop.t - start.t < 20, "five seconds, of which the start may be told late"
    assert not [one for one in psutil.Process().children(recursive=True) if "py-spy" in one.name()]


def test_continuous_keeps_the_calm_chunk_and_the_worst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BAD_S", 2.0)
    monkeypatch.setattr(module, "_WORST_KEPT", 1)
    with process(sys.executable, "-c", BURN) as popen:
        profiled = Profiled(tmp_path, popen.pid, "continuous")
        for p95 in (10.0, 300.0, 20.0):
            profiled.vital = Vital(0, p95, 0.0, 50.0)
            ends = time.monotonic() + 3.5
            profiled.until(lambda ends=ends: time.monotonic() > ends)  # type: ignore[misc]
        profiled.close()
    kept = [event for event in profiled.events if event.kind == "profile_stopped"]
    assert [event.detail["label"] for event in kept] == ["calm", "worst-1"]
    assert kept[1].detail["why"] == "p95 300 ms"
    assert sorted(path.name for path in (tmp_path / "profile").iterdir()) == ["calm.raw", "worst-1.raw"]
    assert "spend" in profiled.functions()


def failure(folder: Path, pid: int | None) -> str:
    profiled = Profiled(folder, pid)
    profiled.until(lambda: "profile_failed" in profiled.kinds())
    profiled.close()
    return next(event.message for event in profiled.events if event.kind == "profile_failed")


def test_another_kind_of_process_gets_a_clear_word(tmp_path: Path) -> None:
    sleep = shutil.which("sleep")
    assert sleep
    with process(sleep, "60") as popen:
        said = failure(tmp_path, popen.pid)
    assert said == f"process {popen.pid} is not a Python program: py-spy profiles Python only"


def test_no_process_at_all(tmp_path: Path) -> None:
    assert failure(tmp_path, None) == (
        "no process to profile was found on this machine; name it with --pid or --process"
    )


def test_a_missing_profiler_is_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert failure(tmp_path, 1) == (
        "py-spy, the profiler, is not installed; install it beside loadctl:  pip install 'loadctl[profile]'"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed")
def test_a_missing_permission_is_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = tmp_path / "py-spy-of-nobody"
    nobody.write_text(f'#!/bin/sh\nexec setpriv --reuid 65534 --clear-groups {module._profiler()} "$@"\n')
    nobody.chmod(0o755)
    monkeypatch.setattr(module, "_profiler", lambda: str(nobody))
    with process(sys.executable, "-c", BURN) as popen:
        said = failure(tmp_path, popen.pid)
    assert said.startswith(f"process {popen.pid} may not be profiled by this user: run loadctl as the user")


def test_a_target_that_dies_leaves_what_was_seen(tmp_path: Path) -> None:
    with process(sys.executable, "-c", BURN) as popen:
        profiled = Profiled(tmp_path, popen.pid)
        profiled.until(lambda: profiled.kinds() == ["profile_started"])
        ends = time.monotonic() + 2
        profiled.until(lambda: time.monotonic() > ends)
        popen.kill()
        profiled.until(lambda: "profile_stopped" in profiled.kinds())
        profiled.close()
    assert "spend" in profiled.functions()


def test_a_profiler_that_is_killed_is_told_and_marks_its_seconds(tmp_path: Path) -> None:
    with process(sys.executable, "-c", BURN) as popen:
        profiled = Profiled(tmp_path, popen.pid)
        profiled.until(lambda: profiled.kinds() == ["profile_started"])
        ends = time.monotonic() + 1
        profiled.until(lambda: time.monotonic() > ends)
        next(one for one in psutil.Process().children(recursive=True) if "py-spy" in one.name()).kill()
        profiled.until(lambda: "profile_failed" in profiled.kinds())
        profiled.close()
    assert profiled.kinds()[:3] == ["profile_started", "profile_stopped", "profile_failed"]
    assert profiled.events[1].detail["file"] is None
    assert profiled.events[2].message == "py-spy was ended by signal 9"
