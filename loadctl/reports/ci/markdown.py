"""A result for a pull request or a job summary: short, the details folded. Record → str.

Names from outside stand in code spans, where neither markup nor @mentions nor #references work; in sentences they are
escaped. Sources: the CommonMark and GitHub Flavored Markdown specifications.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from loadctl.analysis.comparison import Change, Comparison, SideFacts
from loadctl.reports import changes, scores
from loadctl.reports.printable import printable
from loadctl.results.decision import label
from loadctl.results.result import Result
from loadctl.results.summary import EndpointSummary
from loadctl.results.verdict import Finding, Score
from loadctl.scenario.units import format_count, format_rate

_SIGNS = {"PASS": "✅", "WARN": "⚠️", "FAIL": "❌", "INCONCLUSIVE": "❔", "ERROR": "💥", "INTERRUPTED": "⏹️"}
_SPECIAL = re.compile(r"([\\`*_\[\]>|~!$])")
_REFERENCE = re.compile("([@#])")
"""Signs that call people and name issues; an invisible space behind them takes that away."""
_BLOCK = re.compile(r"^(?:\d+(?=[.)])|(?=[-+=]))")
"""At the start of a line they begin a list, a heading or a rule."""
_LISTED = 8
_ROWS = 50


def markdown(result: Result) -> str:
    """The verdict, its reasons, what to do, the targets; findings and endpoints are folded."""
    blocks = [_head(result), _targets(result), _findings(result), _endpoints(result), _how(result)]
    return "\n\n".join("\n".join(block) for block in map(list, blocks) if block) + "\n"


def code(text: str, limit: int = 300) -> str:
    """Text from outside as it is, to be copied. Not inside a table: see `cell`."""
    safe = printable(text, limit)
    if not safe:
        return scores.UNKNOWN
    fence = "`" * (max(map(len, re.findall("`+", safe)), default=0) + 1)
    pad = " " if safe.startswith("`") or safe.endswith("`") else ""
    return f"{fence}{pad}{safe}{pad}{fence}"


def cell(text: str, limit: int = 120) -> str:
    """The same inside a table, where a | must be escaped, and parsers disagree about a backslash before it."""
    return code(text, limit).replace("\\|", "＼|").replace("|", "\\|")


def prose(text: str, limit: int = 300) -> str:
    """A sentence that may quote text from outside: what could be markup or call somebody is only text."""
    safe = printable(text, limit).replace("&", "&amp;").replace("<", "&lt;")
    safe = _BLOCK.sub(lambda start: f"{start[0]}\\", _SPECIAL.sub(r"\\\1", safe))
    return _REFERENCE.sub("\\1\u200b", safe) or scores.UNKNOWN


def _head(result: Result) -> Iterator[str]:
    yield f"### {_SIGNS.get(result.verdict, '')} {scores.verdict_words(result)}: {code(result.scenario, 60)}"
    yield ""
    yield from _list(result.reasons)
    if result.why:
        yield f"- Why: {prose(result.why, 500)}"
    for advice in result.advice[:_LISTED]:
        yield f"- Do: {code(advice, 500)}"


def _list(texts: Sequence[str], indent: str = "") -> Iterator[str]:
    for text in texts[:_LISTED]:
        yield f"{indent}- {prose(text)}"
    if len(texts) > _LISTED:
        yield f"{indent}- … and {len(texts) - _LISTED} more"


def _targets(result: Result) -> Iterator[str]:
    if not result.scores:
        return
    yield "| metric | measured | target | critical | | |"
    yield "|---|---:|---:|---:|---|---|"
    for score in result.scores[:_ROWS]:
        measured = scores.measured(score, as_written=bool(result.files))
        figures = f"{measured} | {scores.wanted(score)} | {scores.critical(score)}"
        beside = prose(remark, 200) if (remark := scores.remark(score)) else ""
        yield f"| {cell(label(score.target))} | {figures} | {_status(score)} | {beside} |"
    yield from _more(result.scores)
    if note := scores.doubt(result):
        yield ""
        yield note


def _status(score: Score) -> str:
    sign = _SIGNS[score.status.value] if score.decides else ""
    return f"{sign} {scores.status_word(score)}".strip()


def _more(rows: Sequence[object]) -> Iterator[str]:
    if len(rows) > _ROWS:
        yield ""
        yield f"… and {len(rows) - _ROWS} more"


def _findings(result: Result) -> Iterator[str]:
    found = [finding for finding in result.findings if finding.severity != "good"]
    if not found:
        return
    yield f"<details><summary>{len(found)} finding{'' if len(found) == 1 else 's'}</summary>"
    yield ""
    for finding in found[:_ROWS]:
        yield from _finding(finding)
    yield from _more(found)
    yield ""
    yield "</details>"


def _finding(finding: Finding) -> Iterator[str]:
    yield f"- **{finding.severity}** {code(finding.id, 60)} {prose(finding.message)}"
    yield from _list(finding.advice, "  ")


def _endpoints(result: Result) -> Iterator[str]:
    total = result.summary.total
    if not total.completed and not total.unfinished:
        return
    yield "<details><summary>Endpoints</summary>"
    yield ""
    head = "ttfb " if scores.is_first_byte(result) else ""
    yield f"| endpoint | requests | /s | {head}p50 | {head}p95 | {head}p99 | failed |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for row in result.summary.endpoints[:_ROWS]:
        yield _row(cell(row.endpoint), row, result)
    yield _row("total", total, result)
    yield from _more(result.summary.endpoints)
    yield ""
    yield "</details>"


def _row(name: str, row: EndpointSummary, result: Result) -> str:
    def figure(name: str) -> str:
        ms: float | None = getattr(found, name)
        if ms is None:
            return scores.UNKNOWN
        text = scores.milliseconds(ms, as_written=bool(result.files))
        return f"({text})" if scores.is_unsure_of(result, row, name) else text

    rate = (
        scores.UNKNOWN
        if row.throughput_per_s is None
        else format_rate(row.throughput_per_s).removesuffix("/s")
    )
    found = scores.times(row, first_byte=scores.is_first_byte(result))
    latency = " | ".join(map(figure, ("p50", "p95", "p99")))
    requests, failed = row.completed + row.unfinished, row.failed + row.unfinished
    return f"| {name} | {format_count(requests)} | {rate} | {latency} | {format_count(failed)} |"


def _how(result: Result) -> Iterator[str]:
    places = [code(place, 500) for place in (result.host, result.run_dir, *result.files) if place]
    made_of = f" ({prose(result.engine.users)})" if result.engine.users else ""
    yield ", ".join([*scores.load_in_brief(result), f"{code(result.engine.label, 60)}{made_of}", *places])


_OUTCOME_SIGNS: Mapping[str, str] = {"worse": "❌", "better": "✅", "same": "✅", "cannot tell": "❔"}


def comparison_markdown(comparison: Comparison) -> str:
    """The outcome, a sentence for each gated row, the rows of the whole run; those of endpoints are folded."""
    outcome = comparison.outcome
    head = f"### {_OUTCOME_SIGNS[outcome]} {changes.OUTCOMES[outcome]}: {code(comparison.after.scenario, 60)}"
    sides = [f"- {word}: {code(changes.side(facts))}" for word, facts in _sides(comparison)]
    said = [f"- {prose(text, 500)}" for text in changes.sentences(comparison)]
    whole = [change for change in comparison.changes if not change.scope.name]
    of_endpoints = [change for change in comparison.changes if change.scope.name]
    blocks = [[head, "", *sides, *said], list(_changes(whole))]
    if of_endpoints:
        folded = ["<details><summary>Endpoints</summary>", "", *_changes(of_endpoints), "", "</details>"]
        blocks.append(folded)
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _sides(comparison: Comparison) -> Sequence[tuple[str, SideFacts]]:
    return [("before", comparison.before), ("after", comparison.after)]


def _changes(rows: Sequence[Change]) -> Iterator[str]:
    yield "| metric | before | after | change | likely | |"
    yield "|---|---:|---:|---:|---:|---|"
    for row in rows[: _ROWS * 4]:
        figures = " | ".join(changes.figure(row, value) for value in (row.before, row.after))
        word = f"**{changes.decision(row)}**" if row.gated else changes.decision(row)
        yield f"| {cell(changes.label(row))} | {figures} | {changes.size(row)} | {changes.likely(row)} | {word} |"
    if len(rows) > _ROWS * 4:
        yield ""
        yield f"… and {len(rows) - _ROWS * 4} more"
