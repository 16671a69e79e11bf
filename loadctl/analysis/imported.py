"""From an engine's own file to a result: judged by the same targets and rules as a run, as far as the file allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadctl.analysis.cause import worst
from loadctl.analysis.load import WARN_SHORT, missing_arrivals
from loadctl.results.decision import Decision, decide, void_scores
from loadctl.results.imported import UNDETERMINED, Imported, counters_of, score_imported, summary_of
from loadctl.results.recording import Recording, Shard
from loadctl.results.result import Engine, Resources, ResourceUse, Result, Window
from loadctl.results.verdict import Evidence, Finding, Score, Verdict
from loadctl.scenario.target import Target
from loadctl.scenario.units import format_count, format_percent

_UNWATCHED = ResourceUse(
    watched=None, absent=dict.fromkeys(("cpu", "memory"), "the file says nothing about it")
)
_NOT_MONITORED = Finding(
    "file-unwatched",
    "info",
    "a file like this does not say whether the load generator kept up or what the system used",
)
_ENDED_BY_ITSELF = Recording(seconds=(), spans=(), shards=(Shard(0, hello=True, bye=True),))
"""What a file says of how its run ended: nothing else."""


def judge_imported(imported: Imported, targets: Sequence[Target], *, fail_on_warn: bool = False) -> Result:
    """`targets`: of the whole run and of endpoints; what else they ask for is no data here."""
    findings = [*imported.findings, *_dropped(imported), *_all_failed(imported), _NOT_MONITORED]
    scores = void_scores([score_imported(target, imported) for target in targets], findings)
    decision = decide(
        scores,
        findings,
        _ENDED_BY_ITSELF,
        started=imported.total.requests,
        fail_on_warn=fail_on_warn,
    )
    summary = summary_of(imported)
    return Result(
        verdict=decision.verdict,
        exit_code=decision.exit_code,
        reasons=decision.reasons,
        why=worst(scores) if decision.verdict in {Verdict.FAIL, Verdict.WARN} else None,
        advice=tuple(_advice(imported, scores, decision)),
        scenario=imported.files[0],
        goal="",
        source=imported.kind,
        engine=Engine(name=imported.engine, version=None, shards=1),
        host=imported.host,
        model=imported.model,
        peak=imported.peak_users,
        started_at=imported.started_at,
        planned_s=imported.duration_s,
        ended_s=summary.end_s,
        window=Window(summary.start_s, summary.end_s),
        stages=(),
        counters=counters_of(imported),
        summary=summary,
        scores=scores,
        findings=tuple(findings),
        resources=Resources(system=_UNWATCHED, generator=_UNWATCHED),
        examples=tuple(imported.examples),
        files=tuple(imported.files),
    )


def _dropped(imported: Imported) -> Iterator[Finding]:
    """The same rule as for a run of loadctl."""
    begun, dropped = imported.arrivals or 0, imported.dropped or 0
    due = begun + dropped
    if not due or dropped <= max(1, WARN_SHORT * due):
        return
    share = dropped / due
    message = (
        f"{format_count(begun)} of {format_count(due)} virtual users started; the others were skipped "
        f"({format_percent(100 * share, 1)})"
    )
    evidence: Evidence = {"due": due, "begun": begun, "dropped": dropped, "share_missing": round(share, 4)}
    yield missing_arrivals(share, message, evidence)


def _all_failed(imported: Imported) -> Iterator[Finding]:
    total = imported.total
    if not total.requests or total.failed.low < total.requests:
        return
    kinds = sorted(total.errors.items(), key=lambda item: -item[1])
    why = f", most often with {kinds[0][0].replace('_', ' ')}" if kinds else ""
    message = f"all {format_count(total.requests)} requests failed{why}"
    yield Finding("all-requests-failed", "critical", message, {"requests": total.requests})


def _advice(imported: Imported, scores: Sequence[Score], decision: Decision) -> Iterator[str]:
    unknown = any(score.judged and UNDETERMINED in (score.reason or "") for score in scores)
    if decision.verdict is Verdict.INCONCLUSIVE and unknown:
        yield from imported.advice
    elif not any(score.target.metric.startswith(("latency_", "ttfb_")) for score in scores):
        yield f"set a latency limit: loadctl score {imported.files[0]} --target latency_p95=200ms"
