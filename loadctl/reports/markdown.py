"""A result for a pull request or a job summary: short, the details folded. Record → str.

Names from outside stand in code spans, where neither markup nor @mentions nor #references work; in sentences they are
escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from loadctl.reports.printable import printable
from loadctl.results.decision import label
from loadctl.results.result import Result
from loadctl.results.score import Score, Status
from loadctl.results.summary import EndpointSummary
from loadctl.scenario.units import (
    format_count,
    format_duration,
    format_limit,
    format_ms,
    format_rate,
    format_value,
)

_SIGNS = {"PASS": "✅", "WARN": "⚠️", "FAIL": "❌", "INCONCLUSIVE": "❔", "ERROR": "💥", "INTERRUPTED": "⏹️"}
_UNKNOWN = "–"
_SPECIAL = re.compile(r"([\\`*_\[\]>|~!])")
_CALLS = re.compile("([@#])")
_ROWS = 50


def markdown(result: Result) -> str:
    """GitHub's and GitLab's dialect."""
    blocks = [_head(result), _targets(result.scores), _findings(result), _endpoints(result), _how(result)]
    return "\n\n".join("\n".join(block) for block in map(list, blocks) if block) + "\n"


def code(text: str, limit: int = 300) -> str:
    """Text from outside, harmless also inside a table."""
    safe = printable(text, limit).replace("`", "'").replace("\\", "＼").replace("|", "\\|")
    return f"`{safe}`" if safe else _UNKNOWN


def prose(text: str, limit: int = 500) -> str:
    """A sentence that may quote text from outside: what could be markup or call somebody is only text."""
    safe = _SPECIAL.sub(r"\\\1", printable(text, limit).replace("&", "&amp;").replace("<", "&lt;"))
    return _CALLS.sub("\\1\u200b", safe)


def _head(result: Result) -> Iterator[str]:
    yield f"### {_SIGNS.get(result.verdict, '')} {result.verdict}: {code(result.scenario, 60)}"
    yield ""
    for reason in result.reasons:
        yield f"- {prose(reason)}"
    if result.why:
        yield f"- Why: {prose(result.why)}"
    for advice in result.advice:
        yield f"- Do: {code(advice, 300)}"


def _targets(scores: Sequence[Score]) -> Iterator[str]:
    if not scores:
        return
    yield "| target | measured | target | critical | |"
    yield "|---|---:|---:|---:|---|"
    for score in scores:
        unit = score.target.unit
        value = _UNKNOWN if score.value is None else format_value(score.value, unit)
        wanted = _UNKNOWN if score.target.target is None else format_limit(score.target.target, unit)
        name = code(label(score.target), 120)
        yield f"| {name} | {value} | {wanted} | {format_limit(score.target.critical, unit)} | {_status(score)} |"


def _status(score: Score) -> str:
    why = score.void or score.reason or score.target.why_not_judged
    if score.void or not score.judged or score.status in {Status.NO_DATA, Status.NOT_EXERCISED}:
        return f"not judged: {prose(why)}" if why else "not judged"
    return f"{_SIGNS.get(score.status.value, '')} {score.status.value}"


def _findings(result: Result) -> Iterator[str]:
    found = [finding for finding in result.findings if finding.severity != "good"]
    if not found:
        return
    yield f"<details><summary>{format_count(len(found))} findings</summary>"
    yield ""
    for finding in found:
        yield f"- **{finding.severity}** {code(finding.id, 60)} {prose(finding.message)}"
        yield from (f"  - {prose(advice)}" for advice in finding.advice)
    yield ""
    yield "</details>"


def _endpoints(result: Result) -> Iterator[str]:
    rows = [*result.summary.endpoints[:_ROWS], result.summary.total]
    yield "<details><summary>Endpoints</summary>"
    yield ""
    yield "| endpoint | requests | /s | p50 | p95 | p99 | failed |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    yield from map(_row, rows)
    if len(result.summary.endpoints) > _ROWS:
        yield ""
        yield f"… and {len(result.summary.endpoints) - _ROWS} more"
    yield ""
    yield "</details>"


def _row(row: EndpointSummary) -> str:
    rate = _UNKNOWN if row.throughput_per_s is None else format_rate(row.throughput_per_s).removesuffix("/s")
    latency = row.latency
    figures = [_UNKNOWN if ms is None else format_ms(ms) for ms in (latency.p50, latency.p95, latency.p99)]
    requests, failed = (
        format_count(n) for n in (row.completed + row.unfinished, row.failed + row.unfinished)
    )
    return f"| {code(row.endpoint, 120)} | {requests} | {rate} | {' | '.join(figures)} | {failed} |"


def _how(result: Result) -> Iterator[str]:
    unit = " users" if result.model == "closed" else "/s"
    yield (
        f"{result.peak:g}{unit}, {format_duration(result.planned_s)}, {result.engine} "
        f"{code(result.engine_version or '', 30)}, {code(result.host, 120)}, {code(result.run_dir, 200)}"
    )
