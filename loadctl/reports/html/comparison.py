"""A comparison as one HTML file: the outcome, every row, and both sides' curves on one axis. Record → str."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from loadctl.analysis.comparison import Change, Comparison, Side
from loadctl.reports import changes
from loadctl.reports.html.page import Drawn, environment, style_alone
from loadctl.reports.html.panels import Line, Panel, Tone, Values
from loadctl.reports.html.svg_chart import svg_chart
from loadctl.results.blocks import BLOCKS, RunBlocks
from loadctl.scenario.target import PERCENTILES

_TONES: Sequence[tuple[str, Tone]] = (("before", "plan"), ("after", "main"))
_CLASSES = {"worse": "fail", "better": "pass", "same": "pass", "cannot tell": "inconclusive"}
_RUNS_MAX = 12
"""Curves a side."""


def comparison_page(comparison: Comparison, before: Side, after: Side) -> str:
    style, policy = style_alone()
    filled = (
        environment()
        .get_template("comparison.html")
        .render(
            comparison=comparison,
            style=style,
            policy=policy,
            body=_CLASSES[comparison.outcome],
            word=changes.OUTCOMES[comparison.outcome],
            sentences=list(changes.sentences(comparison)),
            groups=list(_groups(comparison.changes)),
            changes=changes,
            tone=lambda change: _CLASSES[change.decision] if change.decision != "cannot tell" else "",
            tones=_TONES,
            panels=[
                Drawn(panel, svg_chart(panel, _block_s(before, after), ()))
                for panel in _panels(before, after)
            ],
        )
    )
    return f"{filled}\n"


def _groups(rows: Sequence[Change]) -> Iterator[tuple[str, Sequence[Change]]]:
    """The whole run, then endpoint by endpoint."""
    for name in dict.fromkeys(row.scope.name for row in rows):
        yield name, [row for row in rows if row.scope.name == name]


def _block_s(*sides: Side) -> int:
    return max(1, round(max(sum(run.seconds) for side in sides for run in side.runs) / BLOCKS))


def _panels(before: Side, after: Side) -> list[Panel]:
    kinds: Sequence[tuple[str, str, str, Callable[[RunBlocks], Values]]] = (
        ("p50", "Latency p50", "ms", lambda run: run.total.series_ms(PERCENTILES["p50"])),
        ("p95", "Latency p95", "ms", lambda run: run.total.series_ms(PERCENTILES["p95"])),
        ("throughput", "Throughput", "/s", lambda run: _per(run.successes, run.seconds)),
        ("errors", "Error rate", "%", lambda run: _per([100 * n for n in run.failed], run.requests)),
        ("cpu", "CPU, cores", "", lambda run: run.cpu_cores),
        ("memory", "Memory", "bytes", lambda run: run.memory_bytes),
    )
    found = [
        Panel(
            key=key,
            title=title,
            unit=unit,
            lines=[
                Line(label=f"{word} {run.run}", values=values(run), tone=tone, dashed=word == "before")
                for (word, tone), side in zip(_TONES, (before, after), strict=True)
                for run in side.runs[-_RUNS_MAX:]
            ],
        )
        for key, title, unit, values in kinds
    ]
    return [panel for panel in found if panel.has_values]


def _per(amounts: Sequence[float], per: Sequence[float]) -> Values:
    return [amount / one if one else None for amount, one in zip(amounts, per, strict=True)]
