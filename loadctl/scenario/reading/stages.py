"""Reads `load:`: stages with over and for, staircases, names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import Field

from loadctl.scenario.load import MOST_STAGES, Load, Model, Stage
from loadctl.scenario.reading import keys
from loadctl.scenario.reading.document import Mistakes, Node
from loadctl.scenario.units import NUMBER, parse_duration, parse_rate_levels, parse_user_levels

_MAX_STEPS = 500
_EXAMPLE = "write for example  load: [{users: 50, over: 30s, warmup: true}, {users: 50, for: 5m}]"


def _user_levels(node: Node) -> tuple[float, float]:
    return parse_user_levels(keys.scalar_text(node))


def _rate_levels(node: Node) -> tuple[float, float]:
    return parse_rate_levels(keys.scalar_text(node))


def _whole_seconds(node: Node) -> int:
    seconds = parse_duration(keys.scalar_text(node))
    if seconds < 1 or seconds != int(seconds):
        raise ValueError(f"{node.text} is not whole seconds; a stage lasts 1s, 2s, … 5m, … 4h")
    return int(seconds)


Levels = tuple[float, float]
WholeSeconds = Annotated[int, keys.Reads(_whole_seconds, keys.pattern(keys.DURATION))]
_USERS = keys.pattern_or("integer", f"{keys.INTEGER}(?:{keys.RANGE}{keys.INTEGER})?")
_RATE = keys.pattern(f"{NUMBER}(?: ?{keys.PER})?{keys.RANGE}{NUMBER} ?{keys.PER}|{NUMBER} ?{keys.PER}")


class StageShape(keys.Shape):
    kind: ClassVar[str] = "a stage of load"
    users: Annotated[Levels, keys.Reads(_user_levels, _USERS)] | None = None
    """How many users are active: `50`; from and to: `0..50`. Each waits for its answers: a closed model."""
    rate: Annotated[Levels, keys.Reads(_rate_levels, _RATE)] | None = None
    """Arrivals of users, each for one turn: `300/s`; from and to: `0/s..300/s`. They come whatever the system does:
    an open model."""
    step: keys.Part | None = None
    """Height of the steps of a staircase: `{users: 100..1000, step: 100, over: 10s, for: 80s}`."""
    over: WholeSeconds | None = None
    """Time of the ramp from the level before: `30s`. Default: at once."""
    for_: WholeSeconds | None = Field(None, alias="for")
    """How long the level is held, after the ramp: `5m`."""
    name: keys.Name | None = None
    """What reports call it, and by which `targets: {stages: …}` names it."""
    warmup: keys.Flag = False
    """`true`: shown in charts, never scored. Only for the first stages. Default false."""


def read_load(node: Node, mistakes: Mistakes) -> Load | None:
    """The load, or None after noting what makes it none."""
    if not node.items:
        mistakes.add(node, "load: is a list of stages", _EXAMPLE)
        return None
    before = len(mistakes.found)
    lines = [(item, line) for item in node.items if (line := keys.read_shape(StageShape, item, mistakes))]
    plan = _Plan(mistakes)
    for item, line in lines:
        plan.add(item, line)
        if len(plan.stages) > MOST_STAGES:
            mistakes.add(item, f"a load has at most {MOST_STAGES:,} stages, steps included")
            return None
    if len(mistakes.found) > before or plan.model is None:
        return None
    load = Load(plan.model, tuple(plan.stages))
    if load.excess:
        mistakes.add(node, load.excess)
    start, end = load.window
    if load.peak == 0:
        nothing = "no stage of this load has any users" if plan.model == "closed" else "the rate is 0"
        mistakes.add(node, nothing)
    elif start >= end:
        mistakes.add(node, "no stage of this load is scored: it is all warm-up and ramp-down")
    return load


def model_of(node: Node | None) -> Model | None:
    """Closed or open, from the keys of its stages alone, so that it is known even if the load has mistakes."""
    names = {key.text for item in (node and node.items) or () for key in item.entries or {}}
    if names >= {"users", "rate"}:
        return None
    return "closed" if "users" in names else "open" if "rate" in names else None


@dataclass(slots=True)
class _Plan:
    mistakes: Mistakes
    stages: list[Stage] = field(default_factory=list)
    model: Model | None = None
    level: float = 0.0
    given: set[str] = field(default_factory=set)
    """Names that the user chose; they must differ. Other names get a number."""
    named: Counter[str] = field(default_factory=Counter)
    """How often a number was added to a name."""
    taken: set[str] = field(default_factory=set)

    def add(self, node: Node, line: StageShape) -> None:
        levels = self._levels(node, line)
        if not levels or not self._has_times(node, line, len(levels) > 1):
            return
        if line.warmup and self.stages and not self.stages[-1].warmup:
            self.mistakes.add(node, "a warm-up stage follows a scored one; warm-up stages come first")
        if line.name is not None and line.name in self.given:
            message = f"two stages are named '{line.name}'; targets and reports could not tell them apart"
            self.mistakes.add(node.value_where("name"), message)
        self.given |= {line.name} if line.name else set()
        for level in levels:
            name = self._name(line, level, staircase=len(levels) > 1)
            if line.over is not None:
                ramp = name if line.for_ is None and line.name else f"to {name}"
                self._append(Stage(self.level, level, line.over, ramp, line.warmup))
            if line.for_ is not None:
                self._append(Stage(level, level, line.for_, name, line.warmup))
            self.level = level

    def _levels(self, node: Node, line: StageShape) -> Sequence[float]:
        ends = line.users or line.rate
        if ends is None or (line.users and line.rate):
            message = "a stage has either users: or rate:"
            if ends:
                self.mistakes.add(node, f"{message}, not both")
            elif node.get("users") is None and node.get("rate") is None and not StageShape.is_spoiled(node):
                self.mistakes.add(node, message, "closed: users: 50 · open: rate: 300/s")
            return ()
        model: Model = "closed" if line.users else "open"
        if self.model not in {None, model}:
            message = "users: and rate: are mixed; the whole load is either closed (users) or open (rate)"
            self.mistakes.add(node, message)
            return ()
        self.model = model
        return list(self._steps(node, line, *ends))

    def _steps(self, node: Node, line: StageShape, first: float, last: float) -> Iterator[float]:
        if line.step is None:
            if first == last:
                yield first
            else:
                hint = "as in  {users: 100..1000, step: 100, for: 80s}"
                self.mistakes.add(node, "a staircase needs step:", hint)
            return
        levels = self.mistakes.value("step", line.step, _user_levels if line.users else _rate_levels)
        if levels is None:
            return
        step = levels[0]
        count = abs(round((last - first) / step)) if step else 0
        end = first + count * step * (1 if last > first else -1)
        if first == last:
            self.mistakes.add(line.step, "step: belongs to a range of levels, as in  users: 100..1000")
        elif not count or abs(end - last) > 1e-6 * abs(last):
            self.mistakes.add(line.step, f"steps of {line.step.text} do not lead from {first:g} to {last:g}")
        elif count > _MAX_STEPS:
            self.mistakes.add(line.step, f"{count + 1:,} steps are too many; at most {_MAX_STEPS}")
        else:
            yield from (first + (last - first) * k / count for k in range(count + 1))

    def _has_times(self, node: Node, line: StageShape, staircase: bool) -> bool:
        if line.for_ is None and staircase and node.get("for") is None:
            self.mistakes.add(node, "a staircase needs for:, how long each level is held")
            return False
        if node.get("over") is None and node.get("for") is None and not StageShape.is_spoiled(node):
            hint = "over: 30s ramps from the level before, for: 5m holds the level"
            self.mistakes.add(node, "a stage needs over: or for:", hint)
            return False
        return line.over is not None or line.for_ is not None

    def _name(self, line: StageShape, level: float, *, staircase: bool) -> str:
        shown = f"{level:.9g} users" if self.model == "closed" else f"{level:.9g}/s"
        if line.name is None:
            return shown
        return f"{line.name} {shown}" if staircase else line.name

    def _append(self, stage: Stage) -> None:
        name = stage.name
        while name in self.taken or (name in self.given and name != stage.name):
            self.named[stage.name] += 1
            name = f"{stage.name} ({self.named[stage.name] + 1})"
        self.taken.add(name)
        self.stages.append(Stage(stage.start, stage.end, stage.duration_s, name, stage.warmup))
