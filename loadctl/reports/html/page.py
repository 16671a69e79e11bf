"""The HTML report: one file that needs nothing else. Record → str.

Text from outside goes through `printable` and is then escaped, both by the template engine and not by whoever writes a
template: markup is only what was made as markup (`Markup`).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from loadctl.errors import UsageError
from loadctl.reports import scores
from loadctl.reports.html import panels, svg_chart, tables
from loadctl.reports.html.tables import bullet, tiles, tone
from loadctl.reports.printable import cut_in_the_middle, printable, printable_lines
from loadctl.results.charts import Charts
from loadctl.results.decision import label, sentence
from loadctl.results.findings import FINDINGS
from loadctl.results.histogram import Histogram
from loadctl.results.result import Provenance, Result
from loadctl.results.summary import EndpointSummary
from loadctl.scenario import units

_SHAPES_MAX = 30
"""Endpoints whose latency is drawn; the table has all."""
_TEXT_MAX = 2000
_NAME_MAX = 160


def page(result: Result, charts: Charts, provenance: Provenance) -> str:
    """Raises: UsageError where the library that draws the charts is not there."""
    carried = assets()
    over_time = panels.spans(result)
    happened = panels.marks(result)
    shown, more = panels.panels(result, charts), panels.more_panels(charts)
    length = len(charts.planned)
    whole = environment().get_template("page.html")
    filled = whole.render(
        result=result,
        provenance=provenance,
        assets=_marked(carried),
        policy=_policy(carried),
        data=Markup(panels.chart_data(charts, [*shown, *more], over_time, happened, length)),  # noqa: S704  escaped there
        bin_s=charts.bin_s,
        targets=tables.target_rows(result),
        doubt=scores.doubt(result),
        unsure=partial(scores.is_unsure_of, result),
        tiles=tiles(result),
        panels=_drawn(shown, charts, over_time),
        more=_drawn(more, charts, over_time),
        spans=over_time,
        marks=happened,
        heat=svg_chart.heatmap(charts.heat, length * charts.bin_s),
        shapes=list(_shapes(result, charts, over_time)),
        levels=_levels(result, charts),
        endpoints=result.summary.endpoints[: tables.ENDPOINTS_MAX],
        sparks=_sparks(charts),
        p90=partial(_p90, result, charts),
        errors=tables.error_rows(result),
        findings=tables.findings_by_severity(result),
        explanations=FINDINGS,
        resources=tables.resource_rows(result),
    )
    return f"{filled}\n"


@dataclass(frozen=True, slots=True)
class Drawn:
    panel: panels.Panel
    picture: Markup


_HERE = files("loadctl.reports.html")


_FILES = {
    "style": ("assets", "report.css"),
    "script": ("assets", "report.js"),
    "library": ("uplot", "uPlot.iife.min.js"),
    "library_style": ("uplot", "uPlot.min.css"),
    "licence": ("uplot", "LICENSE"),
}
"""What goes into the page. `library`: uPlot, as it is built while loadctl is installed; its licence goes with it."""


def style_alone() -> tuple[Markup, str]:
    """For a page without scripts: its style, and the policy that lets nothing else count."""
    style = _text("assets", "report.css")
    policy = f"default-src 'none'; style-src {_digest(style)}; base-uri 'none'; form-action 'none'"
    return Markup(style), policy  # noqa: S704  our own file


def assets() -> Mapping[str, str]:
    """Raises: UsageError where uPlot is not there."""
    try:
        return {name: _text(*place) for name, place in _FILES.items()}
    except FileNotFoundError as error:
        raise UsageError(
            "the HTML report needs uPlot, which this installation of loadctl was built without",
            hint="install loadctl again; from a checkout:  python hatch_build.py",
        ) from error


def _policy(carried: Mapping[str, str]) -> str:
    """Nothing is loaded, sent or framed; only these scripts and styles count."""
    scripts, styles = (
        " ".join(_digest(carried[name]) for name in names)
        for names in (("library", "script"), ("library_style", "style"))
    )
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; base-uri 'none'; form-action 'none'"
    )


def template(name: str) -> str:
    return _text("templates", name)


def _text(folder: str, name: str) -> str:
    return (_HERE / folder / name).read_text(encoding="utf-8").strip()


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _marked(carried: Mapping[str, str]) -> dict[str, Markup]:
    """Our own files, which are markup by what they are."""
    return {
        name: escape(text) if name == "licence" else Markup(text)  # noqa: S704
        for name, text in carried.items()
    }


def _drawn(shown: Sequence[panels.Panel], charts: Charts, over_time: Sequence[panels.Span]) -> list[Drawn]:
    return [Drawn(panel, svg_chart.svg_chart(panel, charts.bin_s, over_time)) for panel in shown]


def _shapes(
    result: Result, charts: Charts, over_time: Sequence[panels.Span]
) -> Iterator[Mapping[str, object]]:
    """The endpoints whose latency is drawn."""
    names = [row.endpoint for row in result.summary.endpoints if row.endpoint in charts.distributions]
    for endpoint in names[:_SHAPES_MAX]:
        name, histogram = _name(endpoint), charts.distributions[endpoint]
        panel = panels.endpoint_panel(charts, endpoint)
        yield {
            "name": name,
            "count": histogram.count,
            "distribution": svg_chart.distribution(histogram, name),
            "curve": svg_chart.curve(histogram, name),
            "over_time": _drawn([panel], charts, over_time)[0] if panel.has_values else None,
        }


def _levels(result: Result, charts: Charts) -> Mapping[str, object] | None:
    if not charts.levels:
        return None
    unit = "users" if result.model == "closed" else "arrivals per second"
    percentiles = {
        name: tone
        for name, tone in panels.PERCENTILES.items()
        if any(level.latency_ms[name] is not None for level in charts.levels)
    }
    return {
        "unit": unit,
        "percentiles": percentiles,
        "latency": svg_chart.latency_by_level(charts.levels, unit),
        "throughput": svg_chart.throughput_by_level(charts.levels, unit),
    }


def _p90(result: Result, charts: Charts, row: EndpointSummary) -> float | None:
    """A result has no p90, but the distributions hold the same requests."""
    if row is result.summary.total:
        histogram = Histogram()
        for one in charts.distributions.values():
            histogram.merge(one)
    else:
        histogram = charts.distributions.get(row.endpoint, Histogram())
    us = histogram.quantile_us(0.9) if histogram.count == row.latency.n else None
    return None if us is None else us / 1000


def _sparks(charts: Charts) -> dict[str, Markup]:
    low, high = svg_chart.range_ms(list(charts.distributions.values()))
    return {name: svg_chart.spark(histogram, low, high) for name, histogram in charts.distributions.items()}


@cache
def environment() -> Environment:
    made = Environment(
        loader=FunctionLoader(template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    made.filters |= {
        "ms": _or_unknown(units.format_ms),
        "count": units.format_count,
        "rate": _or_unknown(units.format_rate),
        "ratio": _or_unknown(lambda ratio: units.format_percent(100 * ratio)),
        "percent": _or_unknown(lambda percent: units.format_percent(percent, 0)),
        "bytes": _or_unknown(units.format_bytes),
        "clock": units.format_clock,
        "duration": lambda seconds: units.format_duration(seconds) or "0 s",
        "measured": scores.measured,
        "wanted": scores.wanted,
        "critical": scores.critical,
        "verdict": scores.verdict_words,
        "status": scores.status_word,
        "remark": scores.remark,
        "distance": lambda score: scores.distance(score) if score.decides else "",
        "evidence": tables.evidence,
        "label": label,
        "sentence": sentence,
        "name": _name,
        "bullet": bullet,
        "tone": tone,
        "marked": _marked_words,
        "block": lambda text: escape(printable_lines(text)),
        "plain": lambda text: text.replace("_", " "),
    }
    return made


def _marked_words(text: str) -> Markup:
    """Of our own texts: what stands between backticks is code."""
    return Markup(re.sub("`(.+?)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704  escaped here


def _name(text: str) -> str:
    """Short enough for a table; names that begin alike stay apart by their ends."""
    return cut_in_the_middle(printable(text, 4096), _NAME_MAX)


def _printable(value: object) -> object:
    """What every expression of a template goes through, before it is escaped."""
    return printable(value, _TEXT_MAX) if isinstance(value, str) and not isinstance(value, Markup) else value


def _or_unknown(form: Callable[[float], str]) -> Callable[[float | None], str]:
    return lambda value: scores.UNKNOWN if value is None else form(value)
