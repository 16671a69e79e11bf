"""What a script of one's own says about its load and its system: read here, so that a run can say what to expect.

YAML and JSON are read; a script in TypeScript or JavaScript keeps this to itself: its scenario gives load and host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from loadctl.errors import InvalidInput, Mistake, Where
from loadctl.scenario.document import Node, Text, read_document
from loadctl.scenario.load import Load, Stage

_READABLE = (".yml", ".yaml", ".json")
_VARIABLE = re.compile(r"\{\{\s*\$(?:(?:processEnvironment|env)\.([A-Za-z_]\w*)|environment)\s*\}\}")
_MS = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ms|s|sec|secs|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)?", re.IGNORECASE
)
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TABS = re.compile(r"^\t+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OwnScript:
    """`target` empty: it names no system. `load` None: it has no phases that can be read, for `no_load`."""

    where: Where
    """Of its phases, or of its config where it has none."""
    target: str = ""
    load: Load | None = None
    no_load: str = ""


def read_own_script(path: str, environment: str | None, environ: Mapping[str, str]) -> OwnScript:
    """Raises: InvalidInput for what Artillery would not take either."""
    if not path.endswith(_READABLE):
        return OwnScript(Where(path), no_load="its phases are only known to itself")
    config = _config(path, environment)
    fill = _filler(environment, environ)
    target = fill(config.get("target"))
    phases = config.get("phases")
    if phases is None or phases.is_null:
        return OwnScript(config.where, target, None, "it has no phases")
    stages = _stages(phases, fill)
    if isinstance(stages, str):
        return OwnScript(phases.where, target, None, stages)
    return OwnScript(phases.where, target, Load("open", stages))


def _config(path: str, environment: str | None) -> Node:
    document = _document(path)
    config = document.get("config")
    if config is None or config.entries is None:
        _refuse(document.where, "this is no script of Artillery: it has no config:")
    if environment is None:
        return config
    environments = config.get("environments")
    known = environments.entries if environments is not None and environments.entries is not None else {}
    chosen = environments.get(environment) if environments is not None else None
    if chosen is None:
        names = ", ".join(key.text for key in known) or "none"
        where = config.key_where("environments")
        _refuse(where, f"it has no environment '{environment}'; it has {names}")
    return _merged(config, chosen)


def _document(path: str) -> Node:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput([Mistake(Where(path), f"it cannot be read: {error}")]) from error
    if path.endswith(".json"):
        text = _TABS.sub(lambda tabs: " " * len(tabs[0]), text)  # JSON may be indented with tabs
    document, mistakes = read_document(Text(path, text))
    if document is None or mistakes:
        raise InvalidInput(mistakes)
    return document


def _merged(base: Node, over: Node) -> Node:
    """As Artillery does it: mappings by key, and lists item by item, so that what is longer below shows through."""
    if base.entries is not None and over.entries is not None:
        found = {key.text: (key, value) for key, value in base.entries.items()}
        for key, value in over.entries.items():
            below = found.get(key.text)
            found[key.text] = (key, _merged(below[1], value) if below else value)
        return replace(base, entries=dict(found.values()))
    if base.items is not None and over.items is not None:
        items = [_merged(below, item) for below, item in zip(base.items, over.items, strict=False)]
        longer = max(base.items, over.items, key=len)
        return replace(over, items=(*items, *longer[len(items) :]))
    return base if over.is_null else over


def _stages(phases: Node, fill: Callable[[Node | None], str]) -> Sequence[Stage] | str:
    """The stages, or why they cannot be known. A leading phase called warm-up is one, where others follow."""
    if not phases.items:
        return "its phases are no list"
    stages: list[Stage] = []
    for number, phase in enumerate(phases.items, 1):
        if phase.entries is None:
            _refuse(phase.where, f"phase {number} is no mapping")
        stage = _stage(phase, number, fill)
        if stage is None:
            return f"phase {number} says how long or how much with a value that only Artillery knows"
        warm = all(s.warmup for s in stages) and bool(re.match(r"warm", stage.name, re.IGNORECASE))
        stages.append(replace(stage, warmup=warm))
    if all(stage.warmup for stage in stages):
        return [replace(stage, warmup=False) for stage in stages]
    return stages


def _stage(phase: Node, number: int, fill: Callable[[Node | None], str]) -> Stage | None:
    name = fill(phase.get("name")) or f"phase {number}"
    if phase.get("pause") is not None:
        pause = _seconds(fill(phase.get("pause")))
        return None if pause is None else Stage(0, 0, pause, name)
    duration = _seconds(fill(phase.get("duration")))
    if not duration:
        return None
    count = phase.get("arrivalCount")
    if count is not None:
        arrivals = _number(fill(count))
        return None if arrivals is None else Stage(arrivals / duration, arrivals / duration, duration, name)
    rate = phase.get("arrivalRate")
    if rate is None:
        _refuse(phase.where, f"phase {number} has no arrivalRate, arrivalCount or pause")
    start = _number(fill(rate))
    if start is not None and not start.is_integer() and phase.get("rampTo") is None:
        hint = "fewer than one a second:  {duration: 60, arrivalCount: 30}"
        _refuse(rate.where, f"arrivalRate: Artillery takes whole numbers only, not {rate.text}", hint)
    end = start if phase.get("rampTo") is None else _number(fill(phase.get("rampTo")))
    return None if start is None or end is None else Stage(start, end, duration, name)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _seconds(text: str) -> float | None:
    match = _MS.fullmatch(text.strip())
    if match is None:
        return None
    unit = (match[2] or "s").lower()
    return float(match[1]) * (_UNIT_S["ms"] if unit == "ms" else _UNIT_S[unit[0]])


def _filler(environment: str | None, environ: Mapping[str, str]) -> Callable[[Node | None], str]:
    """The text of a scalar, with the variables of the environment that are set."""

    def value(match: re.Match[str]) -> str:
        return environ.get(match[1], match[0]) if match[1] else environment or match[0]

    def fill(node: Node | None) -> str:
        return _VARIABLE.sub(value, node.text) if node is not None and not node.is_null else ""

    return fill


def _refuse(where: Where, message: str, hint: str | None = None) -> NoReturn:
    raise InvalidInput([Mistake(where, message, hint)])
