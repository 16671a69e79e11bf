"""The files that people open, made from the raw stacks of a run: flame graphs and one for speedscope."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from loadctl.results.profile import CALM, Profile, Stack, worst_of
from loadctl.run.directory import RunDirectory

FILES = ("profile/worst.svg", "profile/calm.svg", "profile/speedscope.json")


def write_profiles(run: RunDirectory, profiles: Sequence[Profile]) -> None:
    """Raises: UnwritableError."""
    from loadctl.reports.flamegraph import flamegraph
    from loadctl.reports.speedscope import speedscope

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
