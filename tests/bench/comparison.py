"""Figures of things measured side by side: medians, spreads, ratios pair by pair, as a table and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Samples = Mapping[str, Sequence[float]]
"""By name of what was measured: one value a round, in the order of the rounds."""


@dataclass(frozen=True)
class Ratio:
    """`values`: of A over B, round by round, so that what slows the whole machine down cancels out."""

    a: str
    b: str
    values: Sequence[float]
    at_most: float | None = None
    at_least: float | None = None

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def is_met(self) -> bool:
        below = self.at_most is None or self.median <= self.at_most
        return below and (self.at_least is None or self.median >= self.at_least)

    def line(self) -> str:
        goal = f"≤ {self.at_most:g}" if self.at_most is not None else ""
        goal = f"≥ {self.at_least:g}" if self.at_least is not None else goal
        word = "" if not goal else "met" if self.is_met else "MISSED"
        spread = f"{min(self.values):.2f} to {max(self.values):.2f}"
        return f"{self.a} / {self.b}: {self.median:.2f} ({spread}) {goal} {word}".rstrip()

    def document(self) -> dict[str, object]:
        return {
            "a": self.a,
            "b": self.b,
            "median": round(self.median, 4),
            "values": [round(value, 4) for value in self.values],
            "at_most": self.at_most,
            "at_least": self.at_least,
            "met": self.is_met,
        }


def ratio(
    samples: Samples, a: str, b: str, *, at_most: float | None = None, at_least: float | None = None
) -> Ratio | None:
    """None where one of the two was not measured."""
    if not samples.get(a) or not samples.get(b):
        return None
    pairs = zip(samples[a], samples[b], strict=False)
    return Ratio(a, b, [x / y for x, y in pairs], at_most, at_least)


def spread(values: Sequence[float], digits: int = 1) -> str:
    """`12.3 (11.9 to 13.0)`."""
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need; the first is left-aligned, the others right."""
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    lines = []
    for row in (head, *rows):
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)),
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
