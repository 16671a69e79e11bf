"""The metric families of one run, as OpenMetrics has them. Names end in their unit: seconds, bytes, ratio."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    StateSetMetricFamily,
)
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from loadctl.results.live import label
from loadctl.scenario.target import Target

_UNITS = {"seconds", "bytes", "ratio"}
_BASE: Mapping[str, tuple[str, float]] = {
    "ms": ("seconds", 1000.0),
    "s": ("seconds", 1.0),
    "%": ("ratio", 100.0),
    "/s": ("per_second", 1.0),
    "bytes": ("bytes", 1.0),
    "users": ("users", 1.0),
}
"""Units of targets: what they are in Prometheus' base units, and what to divide by."""

Rows = Iterable[tuple[Sequence[str], float | None]]
"""Values of the labels, and the value; None is left out."""


class Families(Collector):
    """The metrics of one run. Every sample has the label `run`; a family without samples is left out."""

    def __init__(self, run: str) -> None:
        self._run = label(run)
        self._families: list[Metric] = []

    def collect(self) -> Iterator[Metric]:
        """For the encoders of prometheus_client."""
        return iter(self._families)

    def gauge(self, name: str, meaning: str, rows: Rows, labels: Sequence[str] = ()) -> None:
        family = GaugeMetricFamily(name, meaning, labels=["run", *labels], unit=_unit(name))
        self._fill(family, rows)

    def counter(self, name: str, meaning: str, rows: Rows, labels: Sequence[str] = ()) -> None:
        """`name` without its ending _total."""
        family = CounterMetricFamily(name, meaning, labels=["run", *labels], unit=_unit(name))
        self._fill(family, rows)

    def histogram(
        self,
        name: str,
        meaning: str,
        edges: Sequence[float],
        rows: Iterable[tuple[Sequence[str], Sequence[int], float]],
        labels: Sequence[str] = (),
    ) -> None:
        """`rows`: values of the labels, counts by edge and one beyond (not summed up), and the sum of the values."""
        family = HistogramMetricFamily(name, meaning, labels=["run", *labels], unit=_unit(name))
        for values, counts, total in rows:
            below, buckets = 0, []
            for edge, count in zip([*map(str, edges), "+Inf"], counts, strict=True):
                below += count
                buckets.append((edge, below))
            family.add_metric([self._run, *values], buckets, total)
        self._add(family)

    def info(self, name: str, meaning: str, facts: Mapping[str, str]) -> None:
        family = InfoMetricFamily(name, meaning, labels=["run"])
        family.add_metric([self._run], dict(facts))
        self._add(family)

    def states(
        self,
        name: str,
        meaning: str,
        states: Iterable[str],
        rows: Iterable[tuple[Sequence[str], str]],
        labels: Sequence[str] = (),
    ) -> None:
        """`rows`: values of the labels, and which of the `states` it is; the label of that has the family's name."""
        family = StateSetMetricFamily(name, meaning, labels=["run", *labels])
        states = tuple(states)
        for values, current in {tuple(values): current for values, current in rows}.items():
            family.add_metric([self._run, *values], {state: state == current for state in states})
        self._add(family)

    def _fill(self, family: GaugeMetricFamily | CounterMetricFamily, rows: Rows) -> None:
        """One sample of a name: a page that says two is refused as a whole."""
        for values, value in {tuple(values): value for values, value in rows}.items():
            if value is not None:
                family.add_metric([self._run, *values], value)
        self._add(family)

    def _add(self, family: Metric) -> None:
        if family.samples:
            self._families.append(family)


def text(families: Families) -> str:
    """OpenMetrics 1.0."""
    page: bytes = generate_latest(families)  # type: ignore[no-untyped-call]
    return page.decode()


def base_unit(unit: str) -> str:
    """Of a target's unit."""
    return _BASE.get(unit, ("", 1.0))[0]


def in_base_unit(value: float | None, unit: str) -> float | None:
    """A target's value or limit in seconds, bytes, a ratio, …"""
    return None if value is None else round(value / _BASE.get(unit, ("", 1.0))[1], 12)


def run_info(families: Families, **facts: str | None) -> None:
    """Which run this is; `started_at` is UTC, ISO 8601."""
    families.info(
        "loadctl_run", "Which run this is.", {key: label(fact or "") for key, fact in facts.items()}
    )


TARGET_LABELS = ("metric", "scope", "name", "unit")


def target_labels(target: Target) -> tuple[str, str, str, str]:
    return label(target.metric), target.scope.kind, label(target.scope.name), base_unit(target.unit)


def limits(families: Families, targets: Iterable[Target]) -> None:
    """What the targets ask for."""
    families.gauge(
        "loadctl_target_limit",
        "Limits of the targets, in the unit given by the label.",
        (
            ((*target_labels(target), kind), in_base_unit(limit, target.unit))
            for target in targets
            for kind, limit in (("target", target.target), ("critical", target.critical))
        ),
        (*TARGET_LABELS, "limit"),
    )


def _unit(name: str) -> str:
    last = name.rpartition("_")[2]
    return last if last in _UNITS else ""
