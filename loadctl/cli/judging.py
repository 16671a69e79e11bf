"""From a run directory to its result, alike for a run that has just ended and for an old one."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from loadctl.analysis.judgement import RunFacts, judge
from loadctl.errors import UsageError
from loadctl.results.boundaries import recorded_load
from loadctl.results.profile import CALM, worst_of
from loadctl.results.recording import Profile, Recording, Stack
from loadctl.results.result import Result
from loadctl.results.scoring import Worsenings
from loadctl.run.baseline import FOLDER, baseline_file, read_baseline
from loadctl.run.directory import RunDirectory
from loadctl.run.journal import UnwritableError
from loadctl.run.machine import calendar_time
from loadctl.run.manifest import Manifest, identity_of
from loadctl.run.store import read_recording
from loadctl.scenario.expectation import smoke_of
from loadctl.scenario.load import Load
from loadctl.scenario.target import Target, baselines_of

if TYPE_CHECKING:
    from loadctl.results.blocks import RunBlocks


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

    def blocks(self) -> RunBlocks:
        """What comparing it with other runs needs."""
        from loadctl.results.blocks import run_blocks  # most commands compare nothing

        return run_blocks(
            self.result,
            self.recording,
            run=self.run.id,
            git_revision=self.manifest.git_revision,
            identity=identity_of(self.manifest),
        )


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
    found = Judgement(run, judge(scenario, recording, facts), manifest, recording)
    if baselines_of(scenario.targets):
        worsenings = _worsenings(found, scenario.targets)
        found = replace(found, result=judge(scenario, recording, facts, worsenings))
    return found


def keep_baselines(run: RunDirectory) -> None:
    """Copy those that its targets are held against into the run directory. One that cannot be read is no data."""
    for name in baselines_of(run.manifest().scenario.targets):
        with suppress(UsageError, UnwritableError, OSError):
            read_baseline(name)
            (run.path / FOLDER).mkdir(mode=0o700, exist_ok=True)
            run.replace(f"{FOLDER}/{name}.json", baseline_file(name).read_text(encoding="utf-8"))


def _worsenings(judgement: Judgement, targets: Sequence[Target]) -> Worsenings:
    """By the baselines that were kept in the run directory, so that a run is judged alike ever after."""
    from loadctl.analysis.comparison import Side, worsenings

    sides: dict[str, Side | str] = {}
    for name in baselines_of(targets):
        try:
            kept = judgement.run.path / FOLDER
            sides[name] = Side(
                name, read_baseline(name, kept if (kept / f"{name}.json").is_file() else None).runs
            )
        except UsageError as error:
            sides[name] = error.message
    return worsenings(targets, sides, judgement.blocks())


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
