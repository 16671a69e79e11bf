"""Reads `targets:` and targets.yaml: one table over another, checked against what the scenario does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeAlias

from loadctl.errors import Where
from loadctl.scenario.load import Model
from loadctl.scenario.reading import keys
from loadctl.scenario.reading.document import Key, Mistakes, Node
from loadctl.scenario.reading.words import no_such, unknown
from loadctl.scenario.target import (
    BASELINE_NAME,
    HELD_AGAINST_BASELINES,
    METRICS,
    Metric,
    Scope,
    ScopeKind,
    Target,
    parse_limit,
    parts_of_versus,
    versus,
)
from loadctl.scenario.units import format_limit, parse_percent

OPTION = "--target"
DEFINES_THE_BREAK = "defines the break"
"""Why a limit is not judged by itself where breaking_point is judged."""
_Limit: TypeAlias = tuple[float, str]
"""With its unit."""
Table = Mapping[tuple[str, Scope], "Target | None"]
"""None: `null` stands there, so nothing is judged."""
SECTIONS: Mapping[str, tuple[ScopeKind, str]] = {
    "endpoints": ("endpoint", "Targets of single endpoints: `{POST /predict: {latency_p95: 400ms}}`."),
    "stages": ("stage", "Targets of single stages, by name: `{peak: {latency_p95: 500ms}}`."),
    "metrics": ("series", "Targets of any monitored series: `{db_pool_in_use: 95}`."),
}
"""Each with its help."""
_DEFAULT = Target(metric="error_rate", critical=1.0, unit="%", where=Where("<default>"))


class LimitsShape(keys.Shape):
    kind: ClassVar[str] = "a target"
    target: keys.Part | None = None
    """Beyond it: WARN, exit code 0 (with `--fail-on warn`: 1)."""
    critical: keys.Part | None = None
    """Beyond it: FAIL, exit code 1."""
    vs: keys.Part | None = None
    """A saved baseline (`loadctl baseline save NAME`) that the run is compared with. Needs `worse_by`."""
    worse_by: keys.Part | None = None
    """By how much it may be worse than the baseline, in % (error rates: percentage points). Surely more: FAIL. Surely
    no more: PASS. Else there is no data."""


@dataclass(frozen=True, slots=True)
class Applicable:
    """What a scenario does, as far as targets can name it. None: not known (a script), so every name is taken."""

    endpoints: Sequence[str] | None = None
    stages: Sequence[str] | None = None
    model: Model | None = None


@dataclass(slots=True)
class TargetReader:
    """`own`: the limits are this scenario's own, so a name that it does not have is a mistake; a shared table
    may name what only other scenarios have."""

    mistakes: Mistakes
    scenario: Applicable
    own: bool
    table: dict[tuple[str, Scope], Target | None] = field(default_factory=dict)

    def read(self, node: Node | None) -> None:
        if node is None or (node.is_null and not self.own):
            return
        if node.entries is None:
            self.mistakes.add(node, "targets: is a mapping, as in  targets: {latency_p95: 200ms}")
            return
        for key, value in node.entries.items():
            if section := SECTIONS.get(key.text):
                self._section(section[0], key, value)
            else:
                self._entry(key, value, Scope())

    def option(self, text: str) -> None:
        """One `--target`: `latency_p95=200ms`, or `POST /predict latency_p95=200ms` for an endpoint."""
        left, equals, limit = text.rpartition("=")
        endpoint, _, metric = left.strip().rpartition(" ")
        where = Where(f"{OPTION} '{text}'")
        if not equals or not metric:
            self.mistakes.add(where, "this is not a target", "write for example  --target latency_p95=200ms")
            return
        scope = Scope("endpoint", endpoint.strip()) if endpoint else Scope()
        if endpoint and not self._named("endpoint", Key(endpoint.strip(), where)):
            return
        value = None if limit.strip() in {"null", "none"} else limit.strip()
        self._entry(Key(metric, where), Node(where, value, limit.strip(), plain=True), scope)

    def _section(self, kind: ScopeKind, section: Key, node: Node) -> None:
        if node.entries is None:
            inner = "db_pool_in_use: 95" if kind == "series" else "NAME: {latency_p95: 200ms}"
            self.mistakes.add(node, f"{section.text}: is a mapping, as in  {section.text}: {{{inner}}}")
            return
        for key, value in node.entries.items():
            if kind == "series":
                self._entry(key, value, Scope(kind, key.text))
            elif value.entries is None:
                example = f"{key.text}: {{latency_p95: 200ms}}"
                self.mistakes.add(value, f"{key.text}: is a mapping, as in  {example}")
            else:
                for metric, limits in value.entries.items():
                    self._entry(metric, limits, Scope(kind, key.text))
                if not self._named(kind, key):
                    self.table = {at: target for at, target in self.table.items() if at[1].name != key.text}

    def _named(self, kind: ScopeKind, key: Key) -> bool:
        known = self.scenario.endpoints if kind == "endpoint" else self.scenario.stages
        if known is None or key.text in known:
            return True
        if self.own:
            request, stage = ("request", "This scenario sends"), ("stage", "This load has")
            noun, has = request if kind == "endpoint" else stage
            self.mistakes.add(key, *no_such(f"no {noun} is named", key.text, known, has))
        return False

    def _entry(self, key: Key, node: Node, scope: Scope) -> None:
        metric = METRICS.get(key.text)
        if scope.kind == "series":
            metric = Metric(key.text, "", frozenset({"series"}))
        if metric is None:
            sections = SECTIONS if scope.kind == "run" and not key.where.file.startswith(OPTION) else ()
            self.mistakes.add(key, unknown("metric", key.text, "targets", [*METRICS, *sections]))
        elif scope.kind not in metric.scopes:
            what = "endpoint" if scope.kind == "endpoint" else "stage"
            self.mistakes.add(key, f"{key.text} is measured for the whole run, not for one {what}")
        elif node.is_null:
            self.table[key.text, scope] = None
        else:
            self._limits(metric, node, scope)

    def _limits(self, metric: Metric, node: Node, scope: Scope) -> None:
        if node.is_scalar:
            self._fitting(metric, node, scope, None, self._limit(metric, node))
            return
        shape = keys.read_shape(LimitsShape, node, self.mistakes)
        if shape is None:
            return
        compared = shape.vs is not None or shape.worse_by is not None
        if compared and shape.target is None:
            if shape.critical is not None:
                self._fitting(metric, node, scope, None, self._limit(metric, shape.critical))
        elif self._both(metric, node, shape):
            goal, critical = (self._limit(metric, part) for part in (shape.target, shape.critical) if part)
            if goal is not None:
                self._fitting(metric, node, scope, goal, critical)
        if compared:
            self._versus(metric, node, scope, shape)

    def _fitting(
        self, metric: Metric, node: Node, scope: Scope, goal: _Limit | None, critical: _Limit | None
    ) -> None:
        if critical is not None and self._fits(metric, node, critical[1]):
            self._add(metric, node, scope, goal, critical)

    def _versus(self, metric: Metric, node: Node, scope: Scope, shape: LimitsShape) -> None:
        """A target of its own beside the limits."""
        if scope.kind not in HELD_AGAINST_BASELINES.get(metric.name, frozenset()):
            able = [name for name, scopes in HELD_AGAINST_BASELINES.items() if scope.kind in scopes]
            elsewhere = "write it for the whole run, or below  endpoints:"
            hint = f"here it applies to {', '.join(able)}" if able else elsewhere
            self.mistakes.add(node, f"{metric.name}: vs: does not apply here", hint)
            return
        if shape.vs is None or shape.worse_by is None:
            self.mistakes.add(
                node, f"{metric.name}: vs: and worse_by: need each other", f"write  {_VS_EXAMPLE}"
            )
            return
        name = self.mistakes.value("vs", shape.vs, _baseline_name)
        limit = self.mistakes.value(
            "worse_by", shape.worse_by, lambda part: parse_percent(keys.scalar_text(part))
        )
        if name is not None and limit is not None:
            key = versus(metric.name, name)
            self.table[key, scope] = Target(
                metric=key, scope=scope, critical=limit, unit="%", own=self.own, where=node.where
            )

    def _both(self, metric: Metric, node: Node, shape: LimitsShape) -> bool:
        if shape.target and shape.critical:
            return True
        only = shape.critical or shape.target
        if only and only.is_scalar:
            what = "critical" if shape.critical else "target"
            message = f"{metric.name}: {what} is the only limit; a single limit is written without braces"
            self.mistakes.add(node, message, f"write  {metric.name}: {only.text}   (beyond it the run fails)")
        elif only is None and not node.entries:
            self.mistakes.add(node, f"{metric.name}: has no limit; write null to leave it out")
        return False

    def _limit(self, metric: Metric, node: Node) -> _Limit | None:
        name = metric.name if "series" not in metric.scopes else ""
        return self.mistakes.value(metric.name, node, lambda one: parse_limit(name, keys.scalar_text(one)))

    def _fits(self, metric: Metric, node: Node, unit: str) -> bool:
        """breaking_point is a level of the load: in users or arrivals, as the load counts."""
        needs = "users" if self.scenario.model == "closed" else "/s"
        if metric.name != "breaking_point" or self.scenario.model is None or unit == needs:
            return True
        if self.own:
            example = "700 users" if needs == "users" else "700/s"
            message = f"breaking_point: this load counts in {needs}; write for example {example}"
            self.mistakes.add(node, message)
        return False

    def _add(self, metric: Metric, node: Node, scope: Scope, goal: _Limit | None, critical: _Limit) -> None:
        higher = metric.higher_is_better
        if goal is not None and scope.kind == "series":
            higher = goal[0] > critical[0]
        elif goal is not None and (goal[0] < critical[0] if higher else goal[0] > critical[0]):
            shown, limit = (format_limit(value, unit) for value, unit in (goal, critical))
            side = "below" if higher else "above"
            message = f"{metric.name}: the target {shown} is {side} the critical limit {limit}"
            self.mistakes.add(node, f"{message}; it would fail before it warns", "swap the two")
            return
        self.table[metric.name, scope] = Target(
            metric=metric.name,
            scope=scope,
            critical=critical[0],
            target=None if goal is None else goal[0],
            unit=critical[1],
            higher_is_better=higher,
            own=self.own,
            where=node.where,
        )


_VS_EXAMPLE = "{target: 50ms, critical: 200ms, vs: main, worse_by: 10%}"


def _baseline_name(part: Node) -> str:
    name = keys.scalar_text(part)
    if not BASELINE_NAME.fullmatch(name):
        raise ValueError(f"'{name[:80]}' is not the name of a baseline")
    return name


def _replaced(everything: Table, table: Table) -> dict[tuple[str, Scope], Target | None]:
    """`table` over the others: what it says of a metric replaces also what they say of it against a baseline.

    `vs:` alone leaves the limits of the others in force.
    """

    def plain(key: tuple[str, Scope]) -> tuple[str, Scope]:
        parts = parts_of_versus(key[0])
        return (key[0] if parts is None else parts[0]), key[1]

    known = {plain(key) for key in table}
    kept = {key: target for key, target in everything.items() if plain(key) == key or plain(key) not in known}
    return {**kept, **table}


def merged(*tables: Table) -> tuple[Target, ...]:
    """Later tables replace whole targets of earlier ones. Errors are always judged: fast failures must not buy a
    pass, unless `error_rate: null` says so. Where breaking_point is judged, other limits only define the break."""
    everything: dict[tuple[str, Scope], Target | None] = {}
    for table in tables:
        everything = _replaced(everything, table)
    everything.setdefault(_DEFAULT.key, _DEFAULT)
    targets = [target for target in everything.values() if target is not None]
    if not any(target.metric == "breaking_point" for target in targets):
        return tuple(targets)
    surviving = {name for name, metric in METRICS.items() if metric.survives_the_break}
    return tuple(
        target
        if target.scope.kind == "stage" or target.metric in surviving
        else replace(target, judged=False, why_not_judged=DEFINES_THE_BREAK)
        for target in targets
    )
