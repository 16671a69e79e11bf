"""One score as text, the same in every report: its value, status and distance to the limit."""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.reports.printable import printable
from loadctl.results.result import Result
from loadctl.results.summary import EndpointSummary, Latency
from loadctl.results.verdict import Score, Status
from loadctl.scenario.target import Scope
from loadctl.scenario.units import format_duration, format_limit, format_ms, format_percent, format_value

UNKNOWN = "–"


def verdict_words(result: Result) -> str:
    """The verdict and, of a quick look, how much it says: "PASS (smoke: 1 of 5 targets)"."""
    if not result.smoke:
        return result.verdict.value
    return f"{result.verdict.value} (smoke: {result.targets_judged} of {result.targets_total} targets)"


def is_doubtful(score: Score) -> bool:
    """A latency that was measured, but says nothing about the system: shown in brackets."""
    return bool(score.void) and score.target.unit == "ms" and score.value is not None


def doubt(result: Result) -> str | None:
    """What brackets around a figure of this result mean; None where there are none."""
    if not any(map(is_doubtful, result.scores)):
        return None
    late = any(finding.voids in {"all", "excess", "near"} for finding in result.findings)
    cause = "includes the load generator's own delay" if late else "not measured under the full load"
    return f"( ) = {cause}: says nothing about the system"


def is_unsure(result: Result) -> bool:
    """Latencies of this run hold the generator's own delay, or prove nothing for another reason."""
    return any(map(is_doubtful, result.scores)) or _is_all_delayed(result)


def _is_all_delayed(result: Result) -> bool:
    delays = (finding for finding in result.findings if finding.evidence.get("of") != "script")
    return any(finding.voids == "all" for finding in delays)


def is_unsure_of(result: Result, row: EndpointSummary, name: str) -> bool:
    """The same of one percentile in the table of endpoints: as its own target says or, without one, that of the whole
    run, so that a figure is never trusted in one table and not in the other."""
    metrics = {f"latency_{name}", f"ttfb_{name}"}
    scores = [score for score in result.scores if score.target.metric in metrics and score.value is not None]
    own = [score for score in scores if score.target.scope == Scope("endpoint", row.endpoint)]
    whole = [score for score in scores if score.target.scope == Scope()]
    found = whole if row is result.summary.total else own or whole
    return _is_all_delayed(result) or (is_doubtful(found[0]) if found else is_unsure(result))


def measured(score: Score, *, as_written: bool = False) -> str:
    """The value; two decimals help an error rate, beside 70 % they only look exact. See `milliseconds`."""
    if score.value is None:
        return UNKNOWN
    unit = score.target.unit
    if unit == "ms":
        value = milliseconds(score.value, as_written=as_written)
    else:
        large = unit == "%" and score.value >= 10
        value = format_percent(score.value, 0) if large else format_value(score.value, unit)
    return f"({value})" if is_doubtful(score) else value


def milliseconds(ms: float, *, as_written: bool) -> str:
    """To within one percent; `as_written`: out of an engine's own file, only the digits that stand there."""
    return format_limit(round(ms, 2), "ms") if as_written else format_ms(ms)


def load_in_brief(result: Result) -> Iterator[str]:
    """Peak and length, as far as they are known."""
    if result.peak is not None:
        yield f"{result.peak:g}{' users' if result.model == 'closed' else '/s'}"
    if result.planned_s is not None:
        yield format_duration(result.planned_s)


def is_first_byte(result: Result) -> bool:
    """An engine's own file may know no other time."""
    total = result.summary.total
    return not total.latency.n and total.ttfb is not None and total.ttfb.max is not None


def times(row: EndpointSummary, *, first_byte: bool) -> Latency:
    return row.ttfb if first_byte and row.ttfb is not None else row.latency


def wanted(score: Score) -> str:
    """The limit that warns, where there are two."""
    target = score.target
    return UNKNOWN if target.target is None else format_limit(target.target, target.unit)


def critical(score: Score) -> str:
    return format_limit(score.target.critical, score.target.unit)


def status_word(score: Score) -> str:
    if score.void or not score.judged:
        return "not judged"
    return {Status.NO_DATA: "no data", Status.NOT_EXERCISED: UNKNOWN}.get(score.status, score.status.value)


def remark(score: Score) -> str:
    """Why it is not judged, what the value consists of, or how far it is from the limit; perhaps nothing."""
    if score.void:
        return printable(score.void)
    if score.reason:
        return printable(("not exercised: " if score.status is Status.NOT_EXERCISED else "") + score.reason)
    if score.detail:
        return printable(score.detail)
    return distance(score)


def distance(score: Score) -> str:
    """From the limit that matters most here (see Score.distance)."""
    if score.distance is None:
        return ""
    higher = score.target.higher_is_better
    if score.status is Status.FAIL and not higher:
        times = 1 + score.distance
        return f"{times:,.{2 if times < 10 else 1}f} × the limit"
    share = f"{abs(score.distance) * 100:.0f} %"
    if share == "100 %" and 0.995 <= abs(score.distance) < 1:
        share = ">99 %"
    if score.status is Status.FAIL:
        return f"{share} short"
    if score.status is Status.WARN:
        return f"{share} {'above' if higher else 'below'} critical"
    return f"{share} {'above' if higher else 'below'}"


def figures(score: Score, *, as_written: bool = False) -> str:
    """Value and limits: `measured 61.2 ms, wanted at most 10 ms, critical 50 ms`."""
    side = "at least" if score.target.higher_is_better else "at most"
    value = "nothing" if score.value is None else measured(score, as_written=as_written)
    if score.target.target is None:
        return f"measured {value}, critical {side} {critical(score)}"
    return f"measured {value}, wanted {side} {wanted(score)}, critical {critical(score)}"


def described(score: Score, *, as_written: bool = False) -> str:
    """The same, and what people want beside it."""
    shown = figures(score, as_written=as_written)
    return f"{shown} ({note})" if (note := remark(score)) else shown
