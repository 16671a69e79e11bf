"""Which function did the system spend its CPU in, and is it another one when it goes badly?"""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.run_context import RunContext
from loadctl.results.profile import ProfileUse, worst_of
from loadctl.results.verdict import Evidence, Finding

_NEEDS_PCT = 5.0


def profile_findings(run: RunContext) -> list[Finding]:
    """`profile-top`: what ran most; `profile-missing`: it was asked for and there is none, or only a part."""
    found = list(_failures(run))
    use = run.measured.profile
    if use is None:
        return found
    if not use.top or use.top[0].self_pct < _NEEDS_PCT:
        return [*found, _nothing(use)]
    return [_top(run, use), *found]


def _top(run: RunContext, use: ProfileUse) -> Finding:
    first = use.top[0]
    worst = worst_of(use.samples)
    taken = worst or list(use.samples)
    when = f"from {run.at(taken[0].start_s)} on ({taken[0].why})"
    message = f"{first.name} took {first.self_pct:.0f} % of the CPU time sampled {when}"
    if first.calm_pct is not None and worst:
        message += f", {first.calm_pct:.0f} % when calm"
    evidence: Evidence = {
        "function": first.name,
        "self_pct": round(first.self_pct, 1),
        "calm_self_pct": None if first.calm_pct is None else round(first.calm_pct, 1),
        "samples": sum(one.samples for one in taken),
    }
    graph = next((file for file in use.files if file.endswith("worst.svg")), None) or next(
        iter(use.files), ""
    )
    advice = (f"open {graph} in the run directory: the boxes above this function are its callers",)
    return Finding("profile-top", "info", message, evidence, advice)


def _nothing(use: ProfileUse) -> Finding:
    samples = sum(one.samples for one in use.samples)
    message = (
        f"the profile caught running code in {samples} samples, too few or too scattered to name a function"
    )
    return Finding("profile-missing", "info", message, {"samples": samples})


def _failures(run: RunContext) -> Iterator[Finding]:
    failures = [event for event in run.recording.events if event.kind == "profile_failed"]
    if failures:
        first = failures[0]
        yield Finding(
            "profile-missing", "info", first.message, {"times": len(failures), "first_at_s": first.t}
        )
