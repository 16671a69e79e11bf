"""The final screen: verdict, one reason, one thing to do, then the tables. Record → str; nothing is computed here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadctl.reports.printable import hanging, printable, shortened
from loadctl.results.finding import Finding
from loadctl.results.result import ResourceUse, Result
from loadctl.results.score import Score, Status
from loadctl.results.summary import EndpointSummary, Latency
from loadctl.results.verdict import Verdict
from loadctl.scenario.units import (
    format_bytes,
    format_clock,
    format_count,
    format_duration,
    format_limit,
    format_ms,
    format_percent,
    format_rate,
    format_value,
)

_COLOURS = {
    "PASS": "32",
    "WARN": "33",
    "FAIL": "31",
    "INCONCLUSIVE": "35",
    "ERROR": "31",
    "INTERRUPTED": "35",
}
_UNKNOWN = "–"
_MIN_WIDTH = 60


def render(result: Result, *, width: int = 80, colour: bool = False) -> str:
    """The whole screen, at least 60 columns wide."""
    width = max(width, _MIN_WIDTH)
    blocks = [
        [headline(result, colour=colour)],
        list(_story(result, width)),
        list(_targets(result, width, colour)),
        list(_endpoints(result, width)),
        list(_facts(result, width)),
        list(_closing(result, width)),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def headline(result: Result, *, colour: bool = False) -> str:
    """Verdict, scenario, load, duration, engine, host: the one line of `-q`."""
    unit = "users" if result.model == "closed" else "/s"
    peak = f"{result.peak:g}{'' if unit == '/s' else ' '}{unit}"
    facts = [peak, format_duration(result.planned_s), result.engine, printable(result.host, 120)]
    return f"{_paint(result.verdict, colour)}  {printable(result.scenario, 60)}  {', '.join(facts)}"


def _paint(word: str, colour: bool) -> str:
    return f"\x1b[1;{_COLOURS[word]}m{word}\x1b[0m" if colour and word in _COLOURS else word


def _story(result: Result, width: int) -> Iterator[str]:
    for reason in result.reasons:
        yield from hanging("", printable(reason), width)
    if result.why:
        yield from hanging("Why   ", printable(result.why), width)
    head = "Do    "
    for advice in result.advice:
        yield from hanging(head, printable(advice), width)
        head = "      "


def _targets(result: Result, width: int, colour: bool) -> Iterator[str]:
    if not result.scores:
        return
    yield f"{'TARGETS':<17}{'measured':>10}{'target':>11}{'critical':>11}"
    scope = "run"
    for score in sorted(result.scores, key=lambda score: score.target.scope.kind != "run"):
        if str(score.target.scope) != scope:
            scope = str(score.target.scope)
            yield f"  {printable(scope, width - 4)}"
        yield from _target_line(score, width, colour)
    if any(score.void for score in result.scores) and any(_bracketed(score) for score in result.scores):
        yield "  ( ) = holds the generator's own delay: says nothing about the system"


def _bracketed(score: Score) -> bool:
    return bool(score.void) and score.target.unit == "ms" and score.value is not None


def _target_line(score: Score, width: int, colour: bool) -> Iterator[str]:
    target = score.target
    value = _UNKNOWN if score.value is None else _measured(score.value, target.unit)
    if _bracketed(score):
        value = f"({value})"
    limit = _UNKNOWN if target.target is None else format_limit(target.target, target.unit)
    word = f"{_status_word(score):<4}"
    label = shortened(printable(target.metric.replace("_", " ")), 15)
    start = f"  {label:<15}{value:>10}{limit:>11}{format_limit(target.critical, target.unit):>11}  "
    first, *others = hanging(" " * (len(start) + 6), " " * (len(word) - 4) + _remark(score), width)
    first = first[len(start) + 6 :].lstrip()
    yield f"{start}{_paint(word.rstrip(), colour)}{' ' * (len(word) - len(word.rstrip()))}  {first}".rstrip()
    yield from others


def _measured(value: float, unit: str) -> str:
    """Two decimals help an error rate; beside 70 % they only look exact."""
    return format_percent(value, 0) if unit == "%" and value >= 10 else format_value(value, unit)


def _status_word(score: Score) -> str:
    if score.void or not score.judged:
        return "not judged"
    return {Status.NO_DATA: "no data", Status.NOT_EXERCISED: _UNKNOWN}.get(score.status, score.status.value)


def _remark(score: Score) -> str:
    if score.void:
        return printable(score.void)
    if score.reason:
        return printable(("not exercised: " if score.status is Status.NOT_EXERCISED else "") + score.reason)
    if score.detail:
        return printable(score.detail)
    if score.distance is None:
        return ""
    share = f"{abs(score.distance) * 100:.0f} %"
    if score.status is Status.FAIL:
        return f"{share} over" if not score.target.higher_is_better else f"{share} short"
    if score.status is Status.WARN:
        return f"{share} {'above' if score.target.higher_is_better else 'below'} critical"
    return f"{share} {'above' if score.target.higher_is_better else 'below'}"


def _endpoints(result: Result, width: int) -> Iterator[str]:
    rows = [*result.summary.endpoints, result.summary.total]
    if not result.summary.total.completed and not result.summary.total.unfinished:
        return
    names = [printable(row.endpoint, 200) for row in rows]
    room = max(17, min(width - 53, max(map(len, names)) + 4))
    yield f"{'ENDPOINTS':<{room}}{'requests':>9}{'/s':>8}{'p50':>9}{'p95':>9}{'p99':>9}{'failed':>8}"
    shown = rows if len(rows) <= 21 else [*rows[:20], rows[-1]]
    void = result.verdict is Verdict.INCONCLUSIVE and any(_bracketed(score) for score in result.scores)
    for row in shown:
        yield _endpoint_line(row, room, void)
    if len(rows) > len(shown):
        yield f"  … and {len(rows) - len(shown)} more: loadctl report --json"
    if any(row.latency.absent for row in shown):
        yield "  – = too few requests for an honest figure: p95 needs 200, p99 1,000"


def _endpoint_line(row: EndpointSummary, room: int, void: bool) -> str:
    def show(value: float | None) -> str:
        text = _UNKNOWN if value is None else format_ms(value)
        return f"({text})" if void and value is not None else text

    rate = _UNKNOWN if row.throughput_per_s is None else format_rate(row.throughput_per_s).removesuffix("/s")
    latency: Latency = row.latency
    name = shortened(printable(row.endpoint, 200), room - 3)
    return (
        f"  {name:<{room - 2}}{format_count(row.completed):>9}{rate:>8}{show(latency.p50):>9}"
        f"{show(latency.p95):>9}{show(latency.p99):>9}{format_count(row.failed + row.unfinished):>8}"
    )


def _facts(result: Result, width: int) -> Iterator[str]:
    yield from _section("ERRORS", _errors(result), width)
    yield from _section("LOAD", _load(result), width)
    yield from _section("SYSTEM", [_system(result.system)], width)
    yield from _section("GENERATOR", [_generator(result)], width)
    yield from _section("NOTICED", _noticed(result.findings), width)


def _section(head: str, lines: Sequence[str], width: int) -> Iterator[str]:
    for line in lines:
        yield from hanging(f"{head:<11}", line, width)
        head = ""


def _errors(result: Result) -> list[str]:
    rows = [
        (count, error_class, row.endpoint)
        for row in result.summary.endpoints
        for error_class, count in row.errors.items()
    ]
    lines = []
    for count, error_class, endpoint in sorted(rows, key=lambda row: -row[0])[:5]:
        example = next(
            (e for e in result.examples if e.endpoint == endpoint and e.error_class == error_class), None
        )
        first = (
            f', first at {format_clock(example.t)}: "{printable(example.message, 120)}"' if example else ""
        )
        lines.append(
            f"{format_count(count)} × {error_class.replace('_', ' ')}, {printable(endpoint, 60)}{first}"
        )
    if len(rows) > 5:
        lines.append(f"… and {len(rows) - 5} more kinds: loadctl report --json")
    return lines


def _load(result: Result) -> list[str]:
    counters = result.counters
    scored = result.summary.total.completed + result.summary.total.unfinished
    split = f"{format_count(counters.started)} requests = {format_count(scored)} scored"
    if counters.started > scored:
        split += f" + {format_count(counters.started - scored)} outside the scored window"
    if counters.planned_arrivals is None:
        most = max((point.users for point in result.timeline), default=0)
        lines = [f"{format_count(most)} of {result.peak:g} users; {split}"]
    else:
        begun, dropped = format_count(counters.begun or 0), format_count(counters.dropped or 0)
        planned = format_count(counters.planned_arrivals)
        lines = [f"{planned} arrivals planned = {begun} begun + {dropped} dropped", split]
    if counters.unfinished:
        lines.append(
            f"{format_count(counters.unfinished)} requests unfinished when the run ended (counted as failed)"
        )
    if counters.rate_limited:
        lines.append(
            f"{format_count(counters.rate_limited)} requests answered 429 within the declared rate limit"
        )
    return lines


def _system(use: ResourceUse) -> str:
    parts = []
    if use.cpu_pct is not None:
        cores = f" of {use.cores_available:g} cores" if use.cores_available is not None else ""
        parts.append(f"cpu {format_percent(use.cpu_pct, 0)}{cores}")
    if use.memory_bytes is not None:
        first, last = (format_bytes(size or 0) for size in (use.memory_first_bytes, use.memory_bytes))
        first = "" if use.memory_first_bytes is None else f"{first.removesuffix(last[-3:])} → "
        kind = f" ({use.memory_kind})" if use.memory_kind else ""
        parts.append(f"memory {first}{last}{kind}")
    parts.extend(f"{name}: {why}" for name, why in use.absent.items())
    return f"{printable(use.watched or 'not watched', 200)}: {printable(', '.join(parts)) or 'no readings'}"


def _generator(result: Result) -> str:
    use = result.generator
    bad = [finding for finding in result.findings if finding.severity == "invalid"]
    health = "healthy" if not bad else "not healthy: " + ", ".join(finding.id for finding in bad)
    busy = use.extra.get("cpu_pct_of_one_core")
    lag = use.extra.get("lag_p95_ms")
    facts = [
        f"{format_percent(busy, 0)} of a core" if busy is not None else "cpu not measured",
        f"timer lag p95 {format_ms(lag)}" if lag is not None else "",
    ]
    return f"{health}; {', '.join(fact for fact in facts if fact)}"


def _noticed(findings: Sequence[Finding]) -> list[str]:
    lines = [
        f"{finding.severity:<9}{finding.id}: {printable(finding.message)}"
        for severity in ("invalid", "critical", "warning", "info")
        for finding in findings
        if finding.severity == severity
    ]
    good = [finding.id for finding in findings if finding.severity == "good"]
    return [*lines, *([f"{'good':<9}{', '.join(good)}"] if good else [])]


def _closing(result: Result, width: int) -> Iterator[str]:
    code = f"exit code {int(result.exit_code)}"
    if not result.run_dir:
        yield code
    elif len(result.run_dir) + len(code) + 2 <= width:
        yield f"{result.run_dir}{code:>{width - len(result.run_dir)}}"
    else:
        yield result.run_dir
        yield code
