"""One change between two sides as text, the same in every report; and the outcome of a comparison."""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.comparison import Change, Comparison, SideFacts
from loadctl.reports.printable import printable
from loadctl.reports.scores import UNKNOWN
from loadctl.scenario.units import format_count, format_value

_WORSE = {"latency": "slower", "throughput": "slower"}
_BETTER = {"latency": "faster", "throughput": "faster"}
OUTCOMES = {"worse": "WORSE", "better": "BETTER", "same": "SAME", "cannot tell": "CANNOT TELL"}


def name(change: Change) -> str:
    """`latency p95`, `cpu per request`."""
    return change.metric.replace("_", " ")


def label(change: Change) -> str:
    """`latency p95 of POST /predict`."""
    of = f" of {printable(change.scope.name, 120)}" if change.scope.name else ""
    return f"{name(change)}{of}"


def decision(change: Change) -> str:
    """`slower`, `faster`, `same`, `cannot tell`; of what has no speed, `worse` and `better`."""
    family = change.metric.partition("_")[0]
    words = {"worse": _WORSE.get(family, "worse"), "better": _BETTER.get(family, "better")}
    return words.get(change.decision, change.decision)


def figure(change: Change, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    if change.unit == "cores":
        return f"{value:.{2 if value >= 0.1 else 3}f} cores"
    return format_value(value, change.unit)


def size(change: Change) -> str:
    return UNKNOWN if change.change is None else _signed(change, change.change)


def likely(change: Change) -> str:
    """The interval: `+8 to +40 %`."""
    if change.low is None or change.high is None:
        return UNKNOWN
    low, high = _number(change, change.low), _number(change, change.high)
    return f"{low} to {high} {_unit(change)}"


def visible(change: Change) -> str:
    """`17 %`."""
    return UNKNOWN if change.visible is None else _signed(change, change.visible).removeprefix("+")


def _signed(change: Change, value: float) -> str:
    return f"{_number(change, value)} {_unit(change)}"


def _unit(change: Change) -> str:
    return "%" if change.change_unit == "%" else "pt"


def _number(change: Change, value: float) -> str:
    if change.change_unit == "points":
        return f"{value:+.2f}" if abs(value) < 9.995 else f"{value:+.1f}"
    return f"{value:+.1f}" if abs(value) < 9.95 else f"{value:+,.0f}"


def sentences(comparison: Comparison) -> Iterator[str]:
    """One of each gated row, then what else is to be known."""
    for change in comparison.changes:
        if change.gated:
            yield _sentence(change, comparison.tolerance_pct)
    for doubt in comparison.doubts:
        yield f"Compared although {doubt}."


def _sentence(change: Change, tolerance_pct: float) -> str:
    subject = f"{label(change)[:1].upper()}{label(change)[1:]}"
    if change.change is None:
        return f"{subject}: cannot tell, because {printable(change.reason or 'it was not measured')}."
    range_ = f"likely {likely(change)}"
    if change.decision in {"worse", "better"}:
        return f"{subject} is {decision(change)}: {size(change)} ({range_})."
    if change.decision == "same":
        within = f" within {tolerance_pct:g} %" if change.change_unit == "%" else ""
        return f"{subject} is the same{within}: {size(change)} ({range_})."
    if change.reason is not None:
        return f"{subject}: cannot tell, because {printable(change.reason)} ({size(change)})."
    seen = f"changes under about {visible(change)} cannot be seen"
    return f"{subject}: no difference seen ({size(change)}, {range_}); {seen}."


def side(facts: SideFacts) -> str:
    """`main (3 runs, 4f2a9c1)`; a run by its id alone."""
    revisions = ", ".join(facts.git_revisions[:3])
    many = f"{format_count(len(facts.runs))} runs" if len(facts.runs) > 1 else ""
    one = facts.runs[0] if len(facts.runs) == 1 and facts.runs[0] != facts.name else ""
    details = ", ".join(filter(None, [many, one, revisions]))
    return printable(f"{facts.name} ({details})" if details else facts.name, 200)
