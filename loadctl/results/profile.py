"""What the system's processes spent their CPU on: stacks that a sampling profiler counted, calm against worst.

A stack's count is the number of samples in which it was seen running. Shares are of those samples: time spent waiting
is not in them. Source of the form: "collapsed stacks", Brendan Gregg, FlameGraph.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from loadctl.results.recording import Event, Profile, ProfileMode, Stack
from loadctl.results.wire.record import Record

_Labelled = TypeVar("_Labelled", Profile, "ProfileSample")

CALM = "calm"
TOP = 10
_FRAME = re.compile(r"(.*) \((.*?)(?::\d+)?\)")
_COUNT = re.compile(r"[0-9]{1,15}")
_WAITS = {
    ("select", "selectors.py"),
    ("poll", "selectors.py"),
    ("wait", "threading.py"),
    ("accept", "socket.py"),
    ("readinto", "socket.py"),
    ("run", "hub.py"),
    ("get", "queue.py"),
    ("_recv", "connection.py"),
    ("_try_wait", "subprocess.py"),
}
"""Functions that wait in the kernel. The profiler leaves idle threads out by itself, but cannot tell in a container,
where threads have other numbers; its own list does not know the qualified names of Python 3.11."""
_NEEDS = 20
"""Samples below which a share says nothing: one of 20 is 5 %."""


class ProfileSample(Record, frozen=True, kw_only=True):
    """One look of the profiler."""

    label: str
    """What the run was like: calm, bad-1 and others."""
    start_s: float
    end_s: float
    """Seconds since the load began."""
    samples: int
    """How often anything was seen running."""
    file: str
    """Stacks and their counts, in the run's directory."""
    why: str
    """Why it was taken then."""


class FunctionShare(Record, frozen=True):
    """How much of the CPU time went into a function, in % of the samples in which something ran."""

    name: str
    """Function and file."""
    self_pct: float
    """In the function itself."""
    total_pct: float
    """In it or below it."""
    calm_pct: float | None
    """In the function itself when it was calm; null where there are too few such samples."""


class ProfileUse(Record, frozen=True):
    """What the profiler saw."""

    mode: ProfileMode
    """In mode "sample" the profiled seconds are not scored; in mode "continuous" they are."""
    samples: tuple[ProfileSample, ...]
    """When it looked."""
    top: tuple[FunctionShare, ...]
    """The functions that took most, when it was worst."""
    files: tuple[str, ...]
    """Made for people: flame graphs, and one for speedscope."""

    @property
    def profiled(self) -> bool:
        """The scored part was slowed by the profiler: about 4 % less throughput at 25 Hz (measured)."""
        return self.mode == "continuous"


def stacks_of(text: str) -> dict[Stack, int]:
    """`frame;frame;frame 12` a line, outermost first; a line that is none, and a thread that waits, are left out."""
    found: Counter[Stack] = Counter()
    for line in text.split("\n"):
        frames, _, count = line.rpartition(" ")
        if frames and _COUNT.fullmatch(count):
            stack = tuple(frames.split(";"))
            if not _waits(stack[-1]):
                found[stack] += int(count)
    return dict(found)


def _waits(frame: str) -> bool:
    found = _FRAME.fullmatch(frame)
    return found is not None and (found[1].rpartition(".")[2], found[2].rpartition("/")[2]) in _WAITS


def profiles_of(events: Iterable[Event], texts: Mapping[str, str]) -> tuple[Profile, ...]:
    """From the events `profile_stopped` and the text of their files, in order of time."""
    found = []
    for event in events:
        file, seconds = event.detail.get("file"), event.detail.get("seconds")
        if (
            event.kind != "profile_stopped"
            or not isinstance(file, str)
            or not isinstance(seconds, int | float)
        ):
            continue
        mode: ProfileMode = "continuous" if event.detail.get("mode") == "continuous" else "sample"
        label, why = str(event.detail.get("label")), str(event.detail.get("why"))
        stacks = stacks_of(texts.get(file, ""))
        found.append(Profile(label, mode, event.t - seconds, event.t, file, why, stacks))
    return tuple(sorted(found, key=lambda one: one.start_s))


def marked_seconds(events: Iterable[Event]) -> frozenset[int]:
    """Whole seconds of the run that a profiler in mode "sample" touched: they are never scored."""
    marked: set[int] = set()
    open_until: float | None = None
    began = 0.0
    for event in sorted(events, key=lambda one: one.t):
        if event.detail.get("mode") != "sample":
            continue
        if event.kind == "profile_started":
            began = event.t
            seconds = event.detail.get("seconds")
            open_until = event.t + (seconds if isinstance(seconds, int | float) else 0)
        elif event.kind == "profile_stopped" and open_until is not None:
            marked.update(range(int(max(0.0, began)), int(event.t) + 1))
            open_until = None
    if open_until is not None:  # loadctl was killed meanwhile
        marked.update(range(int(max(0.0, began)), int(open_until) + 1))
    return frozenset(marked)


def profile_use(profiles: Sequence[Profile], files: Sequence[str]) -> ProfileUse | None:
    """None: nothing was profiled."""
    if not profiles:
        return None
    calm = _together(one for one in profiles if one.label == CALM)
    worst = _together(worst_of(profiles)) or calm
    own, below, total = _shares(worst)
    calm_own, _, calm_total = _shares(calm)
    shares = [
        FunctionShare(
            name,
            100 * count / total,
            100 * below[name] / total,
            100 * calm_own[name] / calm_total if calm_total >= _NEEDS else None,
        )
        for name, count in own.most_common(TOP)
        if total >= _NEEDS
    ]
    samples = tuple(
        ProfileSample(
            label=one.label,
            start_s=round(one.start_s, 3),
            end_s=one.end_s,
            samples=one.samples,
            file=one.file,
            why=one.why,
        )
        for one in profiles
    )
    return ProfileUse(profiles[0].mode, samples, tuple(shares), tuple(files))


def worst_of(profiles: Sequence[_Labelled]) -> list[_Labelled]:
    """What was recorded when it was bad; where it never was, at the end of the load."""
    return [one for one in profiles if one.label != CALM]


def _together(profiles: Iterable[Profile]) -> Counter[Stack]:
    whole: Counter[Stack] = Counter()
    for one in profiles:
        whole.update(one.stacks)
    return whole


def _shares(stacks: Counter[Stack]) -> tuple[Counter[str], Counter[str], int]:
    """By function: in itself, in it or below it (once a stack, however deep it recurses); and all samples."""
    own: Counter[str] = Counter()
    below: Counter[str] = Counter()
    for stack, count in stacks.items():
        functions = [function_of(frame) for frame in stack if not frame.startswith("process ")]
        if functions:
            own[functions[-1]] += count
            below.update(dict.fromkeys(functions, count))
    return own, below, own.total()


def function_of(frame: str) -> str:
    """`burn (api/models.py:42)` → `burn (api/models.py)`."""
    found = _FRAME.fullmatch(frame)
    return f"{found[1]} ({found[2]})" if found else frame
