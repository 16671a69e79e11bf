"""Result → result.json (stored.py reads it back). An absent number is null with its reason beside it."""

from __future__ import annotations

import json

from loadctl.results.log_use import LogUse
from loadctl.results.profile import ProfileUse
from loadctl.results.recording import Event, Example, VirtualUsers
from loadctl.results.result import SCHEMA, Point, ResourceUse, Result
from loadctl.results.series import Series
from loadctl.results.summary import Counters, EndpointSummary, Latency, StageSummary, Summary
from loadctl.results.verdict import Finding, Score
from loadctl.results.wire import schema as form
from loadctl.results.wire.schema import ProfileDocument


def dumps(result: Result) -> str:
    """The text of result.json."""
    return json.dumps(to_document(result), allow_nan=False, ensure_ascii=False, indent=1) + "\n"


def to_document(result: Result) -> form.ResultDocument:
    document: form.ResultDocument = {
        "schema": SCHEMA,
        "verdict": result.verdict,
        "exit_code": int(result.exit_code),
        "smoke": result.smoke,
        "targets_judged": result.targets_judged,
        "targets_total": result.targets_total,
        "repeat_may_help": result.repeat_may_help,
        "reasons": list(result.reasons),
        "why": result.why,
        "advice": list(result.advice),
        "next": [{"command": step.command, "purpose": step.purpose} for step in result.next],
        "scenario": result.scenario,
        "goal": result.goal,
        "source": result.source,
        "engine": {"name": result.engine, "version": result.engine_version, "shards": result.shards},
        "host": result.host,
        "model": result.model,
        "peak": result.peak,
        "started_at": result.started_at,
        "planned_s": result.planned_s,
        "ended_s": result.ended_s,
        "window": {"start_s": result.window[0], "end_s": result.window[1]},
        "stages": [_stage(stage) for stage in result.stages],
        "counters": _counters(result.counters),
        "summary": _summary(result.summary),
        "scores": [_score(score) for score in result.scores],
        "findings": [_finding(finding) for finding in result.findings],
        "resources": _resources(result),
        "timeline": [_point(point) for point in result.timeline],
        "examples": [_example(example) for example in result.examples],
        "events": [_event(event) for event in result.events],
        "run_dir": result.run_dir,
    }
    if result.engine_users is not None:
        document["engine"]["users"] = result.engine_users
    if result.engine_extension is not None:
        document["engine"]["extension"] = result.engine_extension
    if result.virtual_users is not None:
        document["engine"]["virtual_users"] = _virtual_users(result.virtual_users)
    if result.files:
        document["files"] = list(result.files)
    if result.profile is not None:
        document["profiled"] = result.profile.profiled
        document["profile"] = _profile(result.profile)
    return document


def _virtual_users(count: VirtualUsers) -> form.VirtualUsersDocument:
    return {"created": count.created, "completed": count.completed, "failed": count.failed}


def _profile(use: ProfileUse) -> ProfileDocument:
    return {
        "mode": use.mode,
        "samples": [
            {
                "label": one.label,
                "start_s": round(one.start_s, 3),
                "end_s": one.end_s,
                "samples": one.samples,
                "file": one.file,
                "why": one.why,
            }
            for one in use.samples
        ],
        "top": [
            {
                "name": one.name,
                "self_pct": one.self_pct,
                "total_pct": one.total_pct,
                "calm_pct": one.calm_pct,
            }
            for one in use.top
        ],
        "files": list(use.files),
    }


def _stage(stage: StageSummary) -> form.StageDocument:
    return {
        "name": stage.name,
        "start_s": stage.start_s,
        "end_s": stage.end_s,
        "warmup": stage.warmup,
        "planned": stage.planned,
        "summary": _summary(stage.summary),
    }


def _summary(summary: Summary) -> form.SummaryDocument:
    return {
        "start_s": summary.start_s,
        "end_s": summary.end_s,
        "total": _endpoint(summary.total),
        "endpoints": [_endpoint(endpoint) for endpoint in summary.endpoints],
    }


def _endpoint(endpoint: EndpointSummary) -> form.EndpointDocument:
    document: form.EndpointDocument = {
        "endpoint": endpoint.endpoint,
        "completed": endpoint.completed,
        "failed": endpoint.failed,
        "unfinished": endpoint.unfinished,
        "rate_limited": endpoint.rate_limited,
        "throughput_per_s": endpoint.throughput_per_s,
        "error_rate": endpoint.error_rate,
        "latency_ms": _latency(endpoint.latency),
        "errors": dict(endpoint.errors),
        "body_bytes": endpoint.bytes,
        "absent": dict(endpoint.absent),
    }
    if endpoint.corrected is not None:
        document["corrected_latency_ms"] = _latency(endpoint.corrected)
    if endpoint.failed_latency is not None:
        document["failed_latency_ms"] = _latency(endpoint.failed_latency)
    if endpoint.ttfb is not None:
        document["ttfb_ms"] = _latency(endpoint.ttfb)
    return document


def _latency(latency: Latency) -> form.LatencyMs:
    return {
        "n": latency.n,
        "p50": latency.p50,
        "p95": latency.p95,
        "p99": latency.p99,
        "p999": latency.p999,
        "mean": latency.mean,
        "min": latency.min,
        "max": latency.max,
        "absent": dict(latency.absent),
    }


def _counters(counters: Counters) -> form.CountersDocument:
    return {
        "started": counters.started,
        "completed": counters.completed,
        "failed": counters.failed,
        "unfinished": counters.unfinished,
        "rate_limited": counters.rate_limited,
        "planned_arrivals": counters.planned_arrivals,
        "begun": counters.begun,
        "dropped": counters.dropped,
    }


def _score(score: Score) -> form.ScoreDocument:
    target = score.target
    document: form.ScoreDocument = {
        "metric": target.metric,
        "scope": {"kind": target.scope.kind, "name": target.scope.name},
        "status": score.status,
        "judged": score.judged,
        "value": score.value,
        "unit": target.unit,
        "target": target.target,
        "critical": target.critical,
        "higher_is_better": target.higher_is_better,
        "target_judged": target.judged,
        "n": score.n,
        "distance": score.distance,
    }
    if score.reason is not None:
        document["reason"] = score.reason
    if score.distance is None:
        document["absent"] = {"distance": "no value" if score.value is None else "the limit is 0"}
    if score.void is not None:
        document["void"] = score.void
    if score.detail is not None:
        document["detail"] = score.detail
    if target.why_not_judged is not None:
        document["why_not_judged"] = target.why_not_judged
    return document


def _finding(finding: Finding) -> form.FindingDocument:
    document: form.FindingDocument = {
        "id": finding.id,
        "severity": finding.severity,
        "message": finding.message,
        "evidence": dict(finding.evidence),
        "advice": list(finding.advice),
    }
    if finding.voids is not None:
        document["voids"] = finding.voids
    return document


def _resources(result: Result) -> form.ResourcesDocument:
    document: form.ResourcesDocument = {
        "system": _use(result.system),
        "generator": _use(result.generator),
        "companions": [_use(use) for use in result.companions],
        "series": [_series(series) for series in result.series],
    }
    if result.logs is not None:
        document["logs"] = _logs(result.logs)
    return document


def _series(series: Series) -> form.SeriesDocument:
    found: form.SeriesDocument = {
        "subject": series.subject,
        "source": series.source,
        "name": series.name,
        "n": series.n,
        "lowest": series.lowest,
        "highest": series.highest,
        "mean": series.mean,
        "last": series.last,
    }
    if series.uncovered is not None:
        found["uncovered"] = series.uncovered
    return found


def _logs(logs: LogUse) -> form.LogsDocument:
    return {
        "followed": logs.followed,
        "lines": logs.lines,
        "errors": logs.errors,
        "unread": logs.unread,
        "frequent": [
            {
                "message": one.message,
                "count": one.count,
                "first_s": one.first_s,
                "last_s": one.last_s,
                "level": one.level,
                "log": one.log,
            }
            for one in logs.frequent
        ],
        "absent": {} if logs.unread else {"unread": "all of the scored part was read"},
    }


def _use(use: ResourceUse) -> form.UseDocument:
    return {
        "watched": use.watched,
        "cpu_pct": use.cpu_pct,
        "cpu_cores": use.cpu_cores,
        "cores_available": use.cores_available,
        "memory_bytes": use.memory_bytes,
        "memory_first_bytes": use.memory_first_bytes,
        "memory_kind": use.memory_kind,
        "readings": use.readings,
        "extra": dict(use.extra),
        "absent": _absent(use),
    }


def _absent(use: ResourceUse) -> dict[str, str]:
    """A reason for every null, under its own key too."""
    cpu = use.absent.get("cpu", "not measured as a share: a process is told in cores")
    memory = use.absent.get("memory", "not known")
    reasons = {
        "watched": (use.watched, "nothing watched it"),
        "cpu_pct": (use.cpu_pct, cpu),
        "cpu_cores": (use.cpu_cores, cpu),
        "cores_available": (use.cores_available, "how many cores it may use is not known"),
        "memory_bytes": (use.memory_bytes, memory),
        "memory_first_bytes": (use.memory_first_bytes, memory),
        "memory_kind": (use.memory_kind, memory),
    }
    return {**use.absent, **{key: why for key, (value, why) in reasons.items() if value is None}}


def _point(point: Point) -> form.PointDocument:
    return {
        "t_s": point.t,
        "planned": point.planned,
        "users": point.users,
        "completed": point.completed,
        "failed": point.failed,
        "p50_ms": point.p50_ms,
        "p95_ms": point.p95_ms,
    }


def _example(example: Example) -> form.ExampleDocument:
    found: form.ExampleDocument = {
        "t_s": example.t,
        "endpoint": example.endpoint,
        "error_class": example.error_class,
        "status": example.status,
        "message": example.message,
        "body": example.body,
    }
    if example.stale:
        found["stale"] = True
    return found


def _event(event: Event) -> form.EventDocument:
    return {"t_s": event.t, "kind": event.kind, "message": event.message, "detail": dict(event.detail)}
