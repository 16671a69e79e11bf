"""The screen of `loadctl compare`: the outcome, a sentence for each gated row, then every row. Record → str."""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.comparison import Change, Comparison
from loadctl.reports import changes
from loadctl.reports.printable import hanging, printable, shortened

_COLOURS = {"worse": "31", "better": "32", "same": "32", "cannot tell": "35"}
_MIN_WIDTH = 60
_MOST_ENDPOINTS = 20


def comparison_text(comparison: Comparison, *, width: int = 80, colour: bool = False) -> str:
    width = max(width, _MIN_WIDTH)
    sentences = [line for text in changes.sentences(comparison) for line in hanging("", text, width)]
    blocks = [
        [headline(comparison, colour=colour)],
        list(_sides(comparison, width)),
        sentences,
        list(_table(comparison, width)),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def headline(comparison: Comparison, *, colour: bool = False) -> str:
    word = changes.OUTCOMES[comparison.outcome]
    painted = f"\x1b[1;{_COLOURS[comparison.outcome]}m{word}\x1b[0m" if colour else word
    return f"{painted}  {printable(comparison.after.scenario, 60)}"


def _sides(comparison: Comparison, width: int) -> Iterator[str]:
    yield from hanging("before  ", changes.side(comparison.before), width)
    yield from hanging("after   ", changes.side(comparison.after), width)


def _table(comparison: Comparison, width: int) -> Iterator[str]:
    yield f"{'':<18}{'before':>11}{'after':>12}{'change':>9}{'likely':>18}"
    endpoint, shown = "", 0
    for change in comparison.changes:
        if change.scope.name != endpoint:
            endpoint, shown = change.scope.name, shown + 1
            if shown <= _MOST_ENDPOINTS:
                yield f"  {shortened(printable(endpoint, 500), width - 2)}"
        if shown <= _MOST_ENDPOINTS and _is_shown(change):
            yield _row(change)
    if shown > _MOST_ENDPOINTS:
        yield f"  … and {shown - _MOST_ENDPOINTS} more endpoints (--json has all)"
    yield "  * decides the exit code"


def _is_shown(change: Change) -> bool:
    """Rows of endpoints only where something is known."""
    return change.gated or not change.scope.name or change.change is not None


def _row(change: Change) -> str:
    mark = "*" if change.gated else " "
    before, after = (changes.figure(change, value) for value in (change.before, change.after))
    figures = f"{changes.name(change):<16}{before:>11}{after:>12}{changes.size(change):>9}{changes.likely(change):>18}"
    return f"{mark} {figures} {changes.decision(change)}"
