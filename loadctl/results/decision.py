"""From scores and findings to the run's one word, with every reason for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from signal import SIGINT, SIGKILL

from msgspec.structs import replace

from loadctl.errors import ExitCode, signal_name
from loadctl.results.recording import Recording
from loadctl.results.verdict import Finding, Score, Status, Verdict
from loadctl.scenario.target import SMOKE_OPTION, Target
from loadctl.scenario.units import format_count, format_duration

_ORDER = (
    Verdict.INTERRUPTED,
    Verdict.ERROR,
    Verdict.FAIL,
    Verdict.INCONCLUSIVE,
    Verdict.WARN,
    Verdict.PASS,
)
_GENERATOR_TOUCHES = (
    "latency_",
    "corrected_",
    "ttfb_",
    "throughput",
    "max_throughput",
    "breaking_point",
    "recovery_time",
)
"""Metrics that a slow generator makes worse; its errors, cpu and memory are the system's own."""
RESTATES = frozenset({"slow-responses", "errors-over-critical"})
"""Findings that say the same as the targets that failed."""

_REASONS_MAX = 3


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    exit_code: ExitCode
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QuickLook:
    """What a smoke run left out, as the load was too small for it, and how many of its requests succeeded."""

    left_out: Sequence[Target]
    succeeded: int


@dataclass(frozen=True, slots=True)
class _Claim:
    """One reason, and the verdict it asks for. The gravest claim wins; the others stay in the reasons."""

    verdict: Verdict
    reason: str


def decide(
    scores: Sequence[Score],
    findings: Sequence[Finding],
    recording: Recording,
    *,
    started: int,
    smoke: QuickLook | None = None,
    fail_on_warn: bool = False,
) -> Decision:
    """`scores` are already voided; `started` is how many requests the run began, warm-up included."""
    claims = [*_carried_out(recording, started), *_broken(scores, findings), *_unproven(scores, findings)]
    if smoke is not None and not smoke.succeeded:
        claims.append(_Claim(Verdict.INCONCLUSIVE, "No request succeeded."))
    claims.extend(_met(scores, nothing_else=not claims))
    claims.sort(key=lambda claim: _ORDER.index(claim.verdict))
    verdict = claims[0].verdict
    if verdict is Verdict.INCONCLUSIVE and any(finding.voids for finding in findings):
        first = claims[0].reason
        claims[0] = _Claim(verdict, f"No verdict on the system: {first[:1].lower()}{first[1:]}")
    code = _exit_code(verdict, recording.interrupted_by, fail_on_warn=fail_on_warn)
    reasons = [*(claim.reason for claim in claims), *_left_out(smoke)]
    return Decision(verdict, code, tuple(dict.fromkeys(reasons)))


def _left_out(smoke: QuickLook | None) -> Iterator[str]:
    if smoke is not None and smoke.left_out:
        names = ", ".join(map(label, smoke.left_out))
        yield f"Left out by {SMOKE_OPTION}, because the load is too small: {names}."


def void_scores(scores: Iterable[Score], findings: Iterable[Finding]) -> tuple[Score, ...]:
    """Mark the scores that the findings about the measurement make worthless; see Finding.voids."""
    doubts = [finding for finding in findings if finding.voids]
    return tuple(
        replace(score, void=next((_doubt(f) for f in doubts if _voids(f, score)), None)) for score in scores
    )


def _doubt(finding: Finding) -> str:
    """In two or three words."""
    if finding.id == "generator-faults" and finding.evidence.get("of") == "script":
        return "faults of your script"
    return "generator late" if finding.voids in {"excess", "near"} else finding.id.replace("-", " ")


def _voids(finding: Finding, score: Score) -> bool:
    touched = score.target.metric.startswith(_GENERATOR_TOUCHES)
    match finding.voids, score.status:
        case ("all" | "pass", Status.PASS | Status.WARN):
            return True
        case ("excess", Status.WARN) | ("all" | "excess", Status.FAIL):
            return touched
        case ("near", Status.WARN | Status.FAIL):
            return touched and _over_ms(score) <= _lag_ms(finding, score)
        case _:
            return False


def _lag_ms(finding: Finding, score: Score) -> float:
    """How late the generator was where the score looks: beyond p95 it is the lag's own p99 that counts."""
    far_out = score.target.metric.endswith(("p99", "p999", "max"))
    lag = (finding.evidence.get("lag_p99_ms") if far_out else None) or finding.evidence["lag_p95_ms"]
    return float(lag or 0.0)


def _over_ms(score: Score) -> float:
    """By how much a latency is over the limit that gave it its status; infinite for anything else."""
    target = score.target
    limit = target.target if score.status is Status.WARN else target.critical
    if target.unit != "ms" or score.value is None or limit is None:
        return inf
    return score.value - limit


def label(target: Target) -> str:
    """`latency p95`, `latency p95 of POST /predict`, `latency p95 in stage recovery`."""
    name = target.metric.replace("_", " ")
    match target.scope.kind:
        case "endpoint":
            return f"{name} of {target.scope.name}"
        case "stage":
            return f"{name} in stage {target.scope.name}"
        case "series":
            return target.scope.name
        case _:
            return name


def sentence(message: str) -> str:
    """A finding's message as a sentence of its own."""
    return f"{message[:1].upper()}{message[1:]}" + ("" if message.endswith((".", "!", "?")) else ".")


def _carried_out(recording: Recording, started: int) -> Iterator[_Claim]:
    if recording.interrupted_by is not None:
        yield _Claim(Verdict.INTERRUPTED, _interrupted(recording, recording.interrupted_by))
    if recording.failure is not None:
        yield _Claim(Verdict.ERROR, sentence(recording.failure))
    shards = recording.shards
    if not any(shard.hello for shard in shards):
        yield _Claim(Verdict.ERROR, "No engine process ever reported.")
    elif recording.failure is not None:
        return
    elif not any(shard.complete for shard in shards) and recording.interrupted_by is None:
        many = {1: "The engine process", 2: "Both engine processes"}.get(
            len(shards), f"All {len(shards)} engine processes"
        )
        yield _Claim(Verdict.ERROR, f"{many} died or hung before the end of the load.")
    elif not started:
        turns = sum(second.turns for second in recording.seconds)
        measured = (
            f"No request was measured in {format_count(turns)} turns." if turns else "No request was made."
        )
        yield _Claim(Verdict.ERROR, measured)


def _interrupted(recording: Recording, number: int) -> str:
    length = max((second.t + 1 for second in recording.seconds), default=0)
    after = f" after {format_duration(length)}" if length else " before the load began"
    if number == SIGKILL:
        return f"loadctl itself was killed{after}."
    return f"Interrupted by {signal_name(number)}{after}."


def _broken(scores: Sequence[Score], findings: Sequence[Finding]) -> Iterator[_Claim]:
    judged = [score for score in scores if score.judged]
    failed = [score for score in judged if score.status is Status.FAIL and not score.void]
    for finding in findings:
        if finding.severity == "critical" and not (failed and finding.id in RESTATES):
            yield _Claim(Verdict.FAIL, sentence(finding.message))
    if failed:
        names = ", ".join(label(score.target) for score in failed)
        beyond = "is beyond its critical limit" if len(failed) == 1 else "are beyond their critical limit"
        alone = "The only target" if len(scores) == 1 else "The one target that is judged"
        of = f"{len(failed)} of {len(judged)} targets" if len(judged) > 1 else alone
        yield _Claim(Verdict.FAIL, f"{of} {beyond}: {names}.")


def _unproven(scores: Sequence[Score], findings: Sequence[Finding]) -> Iterator[_Claim]:
    judged = [score for score in scores if score.judged]
    doubted = False
    for finding in findings:
        spoils = any(_voids(finding, score) for score in judged)
        if finding.voids in {"all", "pass"} or (finding.voids and spoils):
            doubted = True
            yield _Claim(Verdict.INCONCLUSIVE, sentence(finding.message))
    if missing := [score for score in judged if score.status is Status.NO_DATA]:
        doubted = True
        yield _Claim(Verdict.INCONCLUSIVE, _no_data(missing, len(scores)))
    usable = {Status.PASS, Status.WARN, Status.FAIL}
    if not doubted and not any(score.status in usable and not score.void for score in judged):
        yield _Claim(Verdict.INCONCLUSIVE, _nothing_judged(scores))


def _no_data(missing: Sequence[Score], targets: int) -> str:
    """One sentence; a reason that several have stands once, and many reasons stand beside their targets only."""
    reasons: dict[str, list[str]] = {}
    for score in missing:
        reasons.setdefault(score.reason or "not measured", []).append(label(score.target))
    if len(reasons) == 1:
        return f"No data for {', '.join(map(label, (score.target for score in missing)))}: {next(iter(reasons))}."
    if len(reasons) > _REASONS_MAX:
        return f"No data for {len(missing)} of {targets} targets."
    parts = [f"{', '.join(names)} ({reason})" for reason, names in reasons.items()]
    return f"No data for {', '.join(parts)}."


def _nothing_judged(scores: Sequence[Score]) -> str:
    if not scores:
        return "Nothing was judged: the scenario has no targets."
    whys = "; ".join(f"{label(score.target)}: {score.reason}" for score in scores if score.reason)
    return f"Nothing could be judged: {whys}."


def _met(scores: Sequence[Score], *, nothing_else: bool) -> Iterator[_Claim]:
    judged = [score for score in scores if score.judged and not score.void]
    missed = [score for score in judged if score.status is Status.WARN]
    met = [score for score in judged if score.status is Status.PASS]
    if missed:
        names = ", ".join(label(score.target) for score in missed)
        is_missed = "target is" if len(missed) == 1 else "targets are"
        yield _Claim(
            Verdict.WARN, f"{len(missed)} {is_missed} missed, but no critical limit is crossed: {names}."
        )
    elif met and nothing_else:
        yield _Claim(Verdict.PASS, f"{_all_met(len(met), len(scores))}{_closest(met)}")


def _all_met(met: int, targets: int) -> str:
    if met == 1:
        return "The only target is met." if targets == 1 else "The one target that could be judged is met."
    of = "Both targets" if met == 2 else f"All {met} targets"
    return f"{of} are met." if met == targets else f"{of} that could be judged are met."


def _closest(met: Sequence[Score]) -> str:
    near = [(score.distance, score) for score in met if score.distance is not None]
    if not near:
        return ""
    distance, score = max(near, key=lambda pair: pair[0])
    if distance == 0:
        return f" Closest: {label(score.target)}, right at its limit."
    side = "above" if score.target.higher_is_better else "below"
    return f" Closest: {label(score.target)}, {abs(distance) * 100:.0f} % {side} its limit."


def _exit_code(verdict: Verdict, signal_number: int | None, *, fail_on_warn: bool) -> ExitCode:
    if verdict is Verdict.WARN:
        return ExitCode.FAIL if fail_on_warn else ExitCode.OK
    if verdict is Verdict.INTERRUPTED:
        return ExitCode.SIGINT if signal_number == SIGINT else ExitCode.SIGTERM
    return ExitCode.OK if verdict is Verdict.PASS else ExitCode[verdict]
