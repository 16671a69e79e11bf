"""What a search for capacity found, as lines of text and as a document. Record → str."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

from loadctl.analysis.capacity import Probe, Search
from loadctl.reports.printable import hanging, printable
from loadctl.results.decision import sentence
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.units import format_ms, format_rate

SCHEMA = "loadctl.capacity/1"
_WORDS = {"meets": "meets all targets", "fails": "fails", "unclear": "no result"}


def level(value: float, unit: str) -> str:
    """`340/s`, `55 users`."""
    return f"{value:.3g}{unit}" if unit[0] in "/ " else f"{value:.4g} {unit}"


def probe_line(number: int, probe: Probe, unit: str) -> str:
    """One line for each probe, as it ends."""
    rate = "" if probe.throughput_per_s is None else f"{format_rate(probe.throughput_per_s)} done"
    p95 = "" if probe.p95_ms is None else f"p95 {format_ms(probe.p95_ms)}"
    outcome = _WORDS[probe.outcome] + (f": {printable(probe.why, 160)}" if probe.why else "")
    facts = ", ".join(part for part in (rate, p95, outcome) if part)
    return f"{number:>3}  {level(probe.level, unit):>10}  {facts}"


def verdict(search: Search, unit: str) -> str:
    """One sentence: a band, never one point; arrivals as the requests that they were."""
    each = search.requests_per_arrival
    if search.low is None and search.high is None:
        return sentence(search.limit)
    if search.low is None:
        return f"Does not meet the targets even at {level(search.high or 0, unit)}: {search.fails_next}."
    if search.high is None or search.band is None or search.estimate is None:
        return f"Meets all targets at {level(search.low, unit)}; {search.limit}."
    middle, (low, high) = search.estimate, search.band
    next_ = f"What fails next: {printable(search.fails_next, 300)}."
    if search.whole:
        return (
            f"Meets all targets up to {search.low:g} users ({math.floor(low)} to {math.ceil(high)}). {next_}"
        )
    if each is not None:
        of = f", which are {level(middle, ' arrivals/s')}"
        middle, low, high, unit = middle * each, low * each, high * each, " requests/s"
    else:
        of = ""
    band = f"{level(middle, unit)} ({low:.3g} to {high:.3g}){of}"
    return f"Meets all targets up to {band}. {next_}"


def text(scenario: Scenario, search: Search, unit: str, folder: str, width: int = 80) -> str:
    """The end of the search."""
    lines = hanging("", verdict(search, unit), width)
    best = search.held
    if best is not None and best.throughput_per_s is not None:
        p95 = "" if best.p95_ms is None else f", p95 {format_ms(best.p95_ms)}"
        held = f"{level(best.level, unit)} held: {format_rate(best.throughput_per_s)} succeeded{p95}"
        lines += hanging("HELD   ", held, width)
    lines += hanging("PROBES ", f"{len(search.probes)} of {scenario.name}; each is a run in {folder}", width)
    return "\n".join(lines) + "\n"


def document(scenario: Scenario, search: Search, unit: str) -> str:
    """capacity.json: `unit` "/s" (arrivals) or "users"; a null has its reason in `limit` or `why`."""
    found = {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "host": scenario.shown_host,
        "engine": scenario.engine,
        "unit": unit,
        "answer": verdict(search, unit),
        "requests_per_arrival": search.requests_per_arrival,
        "estimate": search.estimate,
        "band": search.band,
        "highest_met": search.low,
        "lowest_failed": search.high,
        "fails_next": search.fails_next or None,
        "limit": search.limit or None,
        "probes": list(map(asdict, search.probes)),
    }
    return json.dumps(found, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
