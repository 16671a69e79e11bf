"""result.json → Result, for reports of stored runs. Refuses what this version does not know."""

from __future__ import annotations

import json
from dataclasses import replace

from loadctl.errors import UsageError
from loadctl.results.log_use import FrequentMessage, LogUse
from loadctl.results.profile import FunctionShare, Profile, ProfileUse
from loadctl.results.recording import Event, Example, VirtualUsers
from loadctl.results.result import SCHEMA, Point, ResourceUse, Result, Step
from loadctl.results.series import Series
from loadctl.results.summary import Counters, EndpointSummary, Latency, StageSummary, Summary
from loadctl.results.verdict import ExitCode, Finding, Score
from loadctl.results.wire import schema as form
from loadctl.results.wire.frame import finite
from loadctl.results.wire.schema import ProfileDocument
from loadctl.scenario.target import Scope, Target

_HINT = "loadctl score RUN judges its recording again"


def loads(text: str) -> Result:
    """From the text of result.json; UsageError where it is not one that this version can read."""
    try:
        raw = json.loads(text, parse_float=finite, parse_constant=finite)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"this is not a result: {error}", hint=_HINT) from error
    return from_document(raw)


def from_document(raw: object) -> Result:
    """From parsed JSON; the places of targets in their files are not stored."""
    found = raw.get("schema") if isinstance(raw, dict) else None
    if found != SCHEMA:
        raise UsageError(f"this result has the form {found!r}, and this version reads {SCHEMA!r}", hint=_HINT)
    document = _checked(raw)
    if document["exit_code"] not in set(ExitCode):
        raise UsageError(
            f"this result is damaged at exit_code: {str(document['exit_code'])[:20]}", hint=_HINT
        )
    engine, window, uses = document["engine"], document["window"], document["resources"]
    return Result(
        verdict=document["verdict"],
        exit_code=ExitCode(document["exit_code"]),
        smoke=document.get("smoke", False),
        repeat_may_help=document.get("repeat_may_help", False),
        reasons=tuple(document["reasons"]),
        why=document["why"],
        advice=tuple(document["advice"]),
        next=tuple(Step(**step) for step in document["next"]),
        scenario=document["scenario"],
        goal=document["goal"],
        source=document["source"],
        engine=engine["name"],
        engine_version=engine["version"],
        engine_users=engine.get("users"),
        engine_extension=engine.get("extension"),
        virtual_users=VirtualUsers(**engine["virtual_users"]) if "virtual_users" in engine else None,
        shards=engine["shards"],
        host=document["host"],
        model=document["model"],
        peak=document["peak"],
        started_at=document["started_at"],
        planned_s=document["planned_s"],
        ended_s=document["ended_s"],
        window=(window["start_s"], window["end_s"]),
        stages=tuple(_stage(stage) for stage in document["stages"]),
        counters=Counters(**document["counters"]),
        summary=_summary(document["summary"]),
        scores=tuple(_score(score) for score in document["scores"]),
        findings=tuple(_finding(finding) for finding in document["findings"]),
        system=_use(uses["system"]),
        generator=_use(uses["generator"]),
        companions=tuple(_use(use) for use in uses.get("companions", ())),
        series=tuple(Series(**one) for one in uses.get("series", ())),
        logs=_logs(uses["logs"]) if "logs" in uses else None,
        timeline=tuple(_point(point) for point in document["timeline"]),
        examples=tuple(_example(example) for example in document["examples"]),
        events=tuple(Event(e["t_s"], e["kind"], e["message"], e["detail"]) for e in document["events"]),
        profile=_profile(document["profile"]) if "profile" in document else None,
        run_dir=document["run_dir"],
        files=tuple(document.get("files", ())),
    )


def _checked(raw: object) -> form.ResultDocument:
    from pydantic import ValidationError

    try:
        return form.checked(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"this result is damaged at {place}: {first['msg']}", hint=_HINT) from error


def _logs(logs: form.LogsDocument) -> LogUse:
    return LogUse(
        followed=logs["followed"],
        lines=logs["lines"],
        errors=logs["errors"],
        unread=logs["unread"],
        frequent=tuple(FrequentMessage(**one) for one in logs["frequent"]),
    )


def _profile(profile: ProfileDocument) -> ProfileUse:
    """Of the stacks themselves only how many there are: they stay in their files."""
    samples = [
        Profile(
            one["label"],
            profile["mode"],
            one["start_s"],
            one["end_s"],
            one["file"],
            one["why"],
            {(): one["samples"]} if one["samples"] else {},
        )
        for one in profile["samples"]
    ]
    top = tuple(FunctionShare(**one) for one in profile["top"])
    return ProfileUse(profile["mode"], tuple(samples), top, tuple(profile["files"]))


def _use(use: form.UseDocument) -> ResourceUse:
    """The document repeats the reasons of cpu and memory for each of their keys; here each stands once."""
    absent = {key: why for key, why in use["absent"].items() if key not in use}
    return replace(ResourceUse(**use), absent=absent)


def _stage(stage: form.StageDocument) -> StageSummary:
    return StageSummary(
        stage["name"],
        stage["start_s"],
        stage["end_s"],
        stage["warmup"],
        stage["planned"],
        _summary(stage["summary"]),
    )


def _summary(summary: form.SummaryDocument) -> Summary:
    endpoints = tuple(_endpoint(endpoint) for endpoint in summary["endpoints"])
    return Summary(summary["start_s"], summary["end_s"], _endpoint(summary["total"]), endpoints)


def _endpoint(endpoint: form.EndpointDocument) -> EndpointSummary:
    corrected, failed, ttfb = (
        endpoint.get("corrected_latency_ms"),
        endpoint.get("failed_latency_ms"),
        endpoint.get("ttfb_ms"),
    )
    return EndpointSummary(
        endpoint=endpoint["endpoint"],
        completed=endpoint["completed"],
        failed=endpoint["failed"],
        unfinished=endpoint["unfinished"],
        rate_limited=endpoint["rate_limited"],
        throughput_per_s=endpoint["throughput_per_s"],
        error_rate=endpoint["error_rate"],
        latency=Latency(**endpoint["latency_ms"]),
        corrected=None if corrected is None else Latency(**corrected),
        failed_latency=None if failed is None else Latency(**failed),
        ttfb=None if ttfb is None else Latency(**ttfb),
        errors=endpoint["errors"],
        bytes=endpoint["body_bytes"],
        absent=endpoint["absent"],
    )


def _score(score: form.ScoreDocument) -> Score:
    target = Target(
        metric=score["metric"],
        scope=Scope(score["scope"]["kind"], score["scope"]["name"]),
        critical=score["critical"],
        target=score["target"],
        unit=score["unit"],
        higher_is_better=score["higher_is_better"],
        judged=score["target_judged"],
        why_not_judged=score.get("why_not_judged"),
    )
    return Score(
        target=target,
        status=score["status"],
        value=score["value"],
        n=score["n"],
        judged=score["judged"],
        distance=score["distance"],
        reason=score.get("reason"),
        void=score.get("void"),
        detail=score.get("detail"),
    )


def _finding(finding: form.FindingDocument) -> Finding:
    return Finding(
        finding["id"],
        finding["severity"],
        finding["message"],
        finding["evidence"],
        tuple(finding["advice"]),
        finding.get("voids"),
    )


def _point(point: form.PointDocument) -> Point:
    return Point(
        t=point["t_s"],
        planned=point["planned"],
        users=point["users"],
        completed=point["completed"],
        failed=point["failed"],
        p50_ms=point["p50_ms"],
        p95_ms=point["p95_ms"],
    )


def _example(example: form.ExampleDocument) -> Example:
    return Example(
        example["t_s"],
        example["endpoint"],
        example["error_class"],
        example["status"],
        example["message"],
        example["body"],
        example.get("stale", False),
    )
