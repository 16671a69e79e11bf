"""py-spy as a source: it looks at the stacks of the system's Python processes from outside, 25 times a second.

Blocking and without native frames: about 4 % less throughput of one busy worker; 100 Hz cost 11 %, --nonblocking and
--native 23 % (measured). It is started as a program; loadctl does not import it.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loadctl.monitors.background import Background
from loadctl.monitors.child import HelperMissing, HelperProgram
from loadctl.monitors.source import Detail, Observation
from loadctl.results.live import SPAN_S, Vital
from loadctl.results.profile import CALM
from loadctl.results.recording import Event, ProfileMode
from loadctl.temporary import temporary_folder

CALM_S = 5.0
BAD_S = 10.0
_MOST = 3
_COOL_DOWN_S = 60.0
_LOOKS = 2
_CPU_PCT = 90.0
_MORE_MS = 5.0
_SETTLED_S = 3.0
_SPARE_S = 2.0
_LEAST_S = 3.0
"""What is profiled is not scored: of a short run no more than a tenth when calm, and a fifth when bad."""


@dataclass(frozen=True, slots=True)
class Limits:
    p95_ms: float | None = None
    error_rate: float | None = None
    """A ratio."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One sample to take now."""

    label: str
    seconds: float
    why: str


class Trigger:
    """`window`: the scored part of the plan, in seconds after t0."""

    def __init__(self, limits: Limits, window: tuple[float, float]) -> None:
        self._limits = limits
        self._start, self._end = window
        length = self._end - self._start
        self._calm_s = max(_LEAST_S, min(CALM_S, length / 10))
        self._bad_s = max(_LEAST_S, min(BAD_S, length / 5))
        self._calm: Vital | None = None
        self._bad_looks = 0
        self._bad = 0
        self._late = False
        self._seen = -1
        self._free_from = 0.0
        self._next_bad = 0.0

    def next(self, vital: Vital, now: float) -> Wanted | None:
        """What to take at `now` (seconds after t0), None: nothing. What it returns counts as taken."""
        if vital.t < max(self._start, self._free_from):
            return None
        why = self.bad(vital)
        if vital.t != self._seen:
            self._seen = vital.t
            self._bad_looks = self._bad_looks + 1 if why else 0
        if why and self._bad_looks >= _LOOKS and self._bad < _MOST and now >= self._next_bad:
            self._bad += 1
            self._next_bad = now + self._bad_s + _COOL_DOWN_S
            return self._taken(Wanted(f"bad-{self._bad}", self._bad_s, why), now)
        if not why and self._calm is None and vital.t >= self._start + _SETTLED_S:
            self._calm = vital
            return self._taken(Wanted(CALM, self._calm_s, "a calm phase"), now)
        if now >= self._end - self._bad_s - _SPARE_S and not self._bad and not self._late:
            self._late = True
            return self._taken(Wanted("late", self._bad_s, "nothing degraded: the end of the load"), now)
        return None

    def bad(self, vital: Vital) -> str | None:
        """Why it is bad, as a sentence; None while it is not."""
        p95, limit = vital.p95_ms, self._limits.p95_ms
        if p95 is not None and limit is not None and p95 > limit:
            return f"p95 {p95:.0f} ms is over {limit:g} ms"
        calm = None if self._calm is None else self._calm.p95_ms
        if p95 is not None and calm is not None and p95 > max(2 * calm, calm + _MORE_MS):
            return f"p95 {p95:.0f} ms, {calm:.0f} ms when calm"
        errors, most = vital.error_rate, self._limits.error_rate
        if errors is not None and most is not None and errors > most:
            return f"{100 * errors:.1f} % errors"
        if vital.cpu_pct is not None and vital.cpu_pct > _CPU_PCT:
            return f"cpu {vital.cpu_pct:.0f} %"
        return None

    def _taken(self, wanted: Wanted, now: float) -> Wanted:
        """A slowdown by the profiler itself is not a reason for another sample."""
        self._free_from = now + wanted.seconds + SPAN_S
        return wanted


RATE_HZ = 25
_LOOK_S = 0.25
_ATTACH_S = 10.0
_STOP_S = 4.0
_WORST_KEPT = 3
_FAILURES = 3
_INSTALL = "install it beside loadctl:  pip install 'loadctl[profile]'"


class NotProfiled(Exception):
    """Why there is no profile, with what to do, in one sentence; `final`: trying again would not help."""

    def __init__(self, message: str, *, final: bool = True) -> None:
        super().__init__(message)
        self.final = final


@dataclass(frozen=True, slots=True)
class Order:
    """What to profile and how. `folder` is created; `vital` returns the system's state; `window`: the scored part."""

    mode: ProfileMode
    pid: int | None
    folder: Path
    vital: Callable[[], Vital]
    limits: Limits
    window: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Chunk:
    path: Path
    began: float
    ended: float
    p95_ms: float


class ProfileSource:
    """Events profile_started, profile_stopped (detail: label, file, seconds, why) and profile_failed; no readings."""

    subject = "system"
    period_s = 1.0

    def __init__(self, order: Order) -> None:
        self._order = order
        self._trigger = Trigger(order.limits, order.window)
        self._chunks: list[_Chunk] = []
        self._t0 = 0.0
        self._failures = 0
        self._background = Background("profile", self._follow, wait_s=_STOP_S)

    @property
    def name(self) -> str:
        return f"profile py-spy pid {self._order.pid}"

    def sample(self, t: float) -> list[Observation]:
        if not self._t0:
            self._t0 = time.monotonic() - t
        return self._background.sample(t)

    def close(self, t: float) -> list[Observation]:
        return self._background.close(t)

    def _follow(self, background: Background) -> None:
        try:
            program, pid = _profiler(), self._pid()
            self._order.folder.mkdir(mode=0o700, exist_ok=True)
            profile = self._continuously if self._order.mode == "continuous" else self._samples
            profile(background, program, str(pid))
        except (NotProfiled, OSError) as error:
            message = f"profiling: {error.strerror}" if isinstance(error, OSError) else str(error)
            background.put(Event(time.monotonic(), "profile_failed", message))
        background.stopping.wait()

    def _pid(self) -> int:
        if self._order.pid is None:
            raise NotProfiled(
                "no process to profile was found on this machine; name it with --pid or --process"
            )
        return self._order.pid

    def _samples(self, background: Background, program: str, pid: str) -> None:
        while not background.stopping.wait(_LOOK_S):
            now = time.monotonic() - self._t0
            wanted = self._trigger.next(self._order.vital(), now)
            if wanted is None:
                continue
            path = self._order.folder / f"{wanted.label}.raw"
            began = time.monotonic()
            detail: Detail = {"mode": "sample", "label": wanted.label, "seconds": wanted.seconds}
            background.put(Event(began, "profile_started", f"profiling ({wanted.why})", detail))
            try:
                self._record(background, program, pid, path, wanted.seconds)
            except NotProfiled as error:
                background.put(self._stopped(wanted.label, None, began, time.monotonic(), wanted.why))
                self._failed(error, background)
                continue
            background.put(self._stopped(wanted.label, path, began, time.monotonic(), wanted.why))

    def _stopped(self, label: str, path: Path | None, began: float, ended: float, why: str) -> Event:
        detail: Detail = {
            "mode": self._order.mode,
            "label": label,
            "file": f"{self._order.folder.name}/{path.name}" if path else None,
            "seconds": round(ended - began, 3),
            "why": why,
        }
        return Event(ended, "profile_stopped", f"profiled for {ended - began:.0f} s ({label})", detail)

    def _failed(self, error: NotProfiled, background: Background) -> None:
        """Raises it again where trying again would not help."""
        self._failures += 1
        if error.final or self._failures >= _FAILURES:
            raise error
        background.put(Event(time.monotonic(), "profile_failed", str(error)))

    def _continuously(self, background: Background, program: str, pid: str) -> None:
        """Chunks one after the other; the first calm one and the worst are kept."""
        began = time.monotonic()
        message = f"profiling continuously, {RATE_HZ} times a second"
        background.put(Event(began, "profile_started", message, {"mode": "continuous", "seconds": None}))
        number = 0
        try:
            while not background.stopping.is_set():
                number += 1
                path = self._order.folder / f"chunk-{number:05}.raw"
                start = time.monotonic()
                try:
                    worst = self._record(background, program, pid, path, BAD_S)
                except NotProfiled as error:
                    self._failed(error, background)
                    continue
                self._keep(_Chunk(path, start, time.monotonic(), worst))
        finally:
            background.put(*self._kept())

    def _keep(self, chunk: _Chunk) -> None:
        """The first of the scored part is the calm one; of the others the worst stay, the rest is deleted."""
        start, end = self._order.window
        if not start <= chunk.began - self._t0 <= end - BAD_S / 2 and self._chunks:
            chunk.path.unlink(missing_ok=True)
            return
        self._chunks.append(chunk)
        first, *others = self._chunks
        others.sort(key=lambda one: one.p95_ms, reverse=True)
        for gone in others[_WORST_KEPT:]:
            gone.path.unlink(missing_ok=True)
        self._chunks = [first, *others[:_WORST_KEPT]]

    def _kept(self) -> list[Event]:
        events = []
        for index, chunk in enumerate(self._chunks):
            label = CALM if index == 0 else f"worst-{index}"
            path = chunk.path.with_name(f"{label}.raw")
            with contextlib.suppress(OSError):
                chunk.path.replace(path)
            why = "the first of the scored part" if index == 0 else f"p95 {chunk.p95_ms:.0f} ms"
            events.append(self._stopped(label, path, chunk.began, chunk.ended, why))
        return events

    def _record(self, background: Background, program: str, pid: str, path: Path, seconds: float) -> float:
        """Run the profiler to its end, or to ours; the highest p95 meanwhile. Raises: NotProfiled."""
        command = [program, "record", "--pid", pid, "--subprocesses", "--rate", str(RATE_HZ)]
        command += ["--duration", str(round(seconds)), "--format", "raw", "--output", str(path)]
        worst = 0.0
        with temporary_folder("profile") as folder:
            output = folder / "output"
            try:
                helper = HelperProgram(command, output=output)
            except HelperMissing as error:
                raise NotProfiled(f"{error}; {_INSTALL}") from None
            deadline = time.monotonic() + seconds + _ATTACH_S
            code = None
            while code is None and time.monotonic() < deadline and not background.stopping.is_set():
                worst = max(worst, self._order.vital().p95_ms or 0.0)
                code = helper.wait(_LOOK_S)
            # It writes what it has; if it has ended already, this is its exit code.
            code = helper.stop(signal.SIGINT, _STOP_S - 1)
            if not path.exists() or not path.stat().st_size:
                if "No python processes" in output.read_text(encoding="utf-8", errors="replace"):
                    # With --subprocesses it gives no reason; for the one process it does.
                    HelperProgram([program, "dump", "--pid", pid], output=output).wait(_ATTACH_S)
                raise _reason(output.read_text(encoding="utf-8", errors="replace"), code, pid)
        return worst


def _profiler() -> str:
    """Where py-spy is: beside this Python, which need not be on PATH. Raises: NotProfiled."""
    found = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if found is None:
        raise NotProfiled(f"py-spy, the profiler, is not installed; {_INSTALL}")
    return found


def _reason(output: str, code: int, pid: str) -> NotProfiled:
    if "ermission denied" in output or "ermission Denied" in output or "Operation not permitted" in output:
        return NotProfiled(
            f"process {pid} may not be profiled by this user: run loadctl as the user of the process with "
            "kernel.yama.ptrace_scope=0, or as root (sudo)"
        )
    if "python version" in output or output.rstrip().endswith("any of its subprocesses"):
        return NotProfiled(f"process {pid} is not a Python program: py-spy profiles Python only")
    if "No such file" in output or "No such process" in output or "process is running" in output:
        return NotProfiled(f"process {pid} has ended", final=False)
    if "Samples: 0" in output or not output.strip() or code in {0, -signal.SIGINT}:
        return NotProfiled(
            f"py-spy saw nothing run in process {pid}: it was idle, or py-spy was ended", final=False
        )
    if code < 0:
        return NotProfiled(f"py-spy was ended by signal {-code}", final=False)
    lines = [line for line in output.splitlines() if line.strip()]
    return NotProfiled(f"py-spy failed: {lines[0][:200]}", final=False)
