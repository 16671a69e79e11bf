"""From a run directory to its result, alike for a run that has just ended and for an old one."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loadctl.analysis.judgement import RunFacts, judge
from loadctl.results.boundaries import recorded_load
from loadctl.results.profile import CALM, worst_of
from loadctl.results.recording import Profile, Recording, Stack
from loadctl.results.result import Result
from loadctl.run.directory import RunDirectory
from loadctl.run.machine import calendar_time
from loadctl.run.manifest import Manifest
from loadctl.run.store import read_recording
from loadctl.scenario.expectation import smoke_of
from loadctl.scenario.load import Load
from loadctl.scenario.target import Target


@dataclass(frozen=True, slots=True)
class Judgement:
    """A result, and what it was made from, which some report formats need."""

    run: RunDirectory
    result: Result
    manifest: Manifest
    recording: Recording

    @property
    def load(self) -> Load:
        """The planned load or, for a run without a plan, the load recorded while it ran."""
        planned = self.manifest.scenario.load
        return planned if planned.stages else recorded_load(self.recording)


def _shown(path: Path) -> str:
    """Relative where that is shorter to read and to type."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def judged(
    run: RunDirectory, *, targets: Sequence[Target] | None = None, fail_on_warn: bool = False
) -> Judgement:
    """Judge what the directory holds, by the run's own targets unless others are given.

    Without garbage collection: hours of a run are a million objects without cycles, scanned again and again.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _judged(run, targets, fail_on_warn=fail_on_warn)
    finally:
        if collecting:
            gc.enable()


def _judged(run: RunDirectory, targets: Sequence[Target] | None, *, fail_on_warn: bool) -> Judgement:
    manifest, recording = read_recording(run)
    recording = replace(recording, profile_files=tuple(file for file in FILES if (run.path / file).is_file()))
    scenario = manifest.scenario
    if targets is not None:
        scenario = replace(scenario, targets=tuple(targets))
        if scenario.smoke is not None:
            scenario = replace(scenario, smoke=smoke_of(scenario))
    facts = RunFacts(
        engine=manifest.engine,
        engine_version=manifest.engine_version,
        shards=manifest.shards,
        started_at=calendar_time(manifest.t0_wall or manifest.created_at),
        argv=manifest.argv,
        run_dir=_shown(run.path),
        fail_on_warn=fail_on_warn,
    )
    return Judgement(run, judge(scenario, recording, facts), manifest, recording)


FILES = ("profile/worst.svg", "profile/calm.svg", "profile/speedscope.json")


def write_profiles(run: RunDirectory, profiles: Sequence[Profile]) -> None:
    """Raises: UnwritableError."""
    from loadctl.reports.profile import flamegraph, speedscope

    for name, chosen in (
        (FILES[0], worst_of(profiles)),
        (FILES[1], [p for p in profiles if p.label == CALM]),
    ):
        if chosen:
            stacks: Counter[Stack] = Counter()
            for profile in chosen:
                stacks.update(profile.stacks)
            run.replace(name, flamegraph(stacks, f"{run.id}: {', '.join(profile.why for profile in chosen)}"))
    if profiles:
        run.replace(FILES[2], speedscope(profiles, run.id))
