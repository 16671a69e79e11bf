"""What a script of one's own says about its load and its system: read here, so that a run can say what to expect.

YAML and JSON are read; a script in TypeScript keeps this to itself, so its scenario has to give load and host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from loadctl.errors import InvalidInput, Mistake, Where
from loadctl.scenario.load import Load, Stage

_READABLE = (".yml", ".yaml", ".json")
_VARIABLE = re.compile(r"\{\{\s*\$(?:processEnvironment|env)\.([A-Za-z_]\w*)\s*\}\}")
_MS = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ms|s|sec|secs|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)?", re.IGNORECASE
)
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class OwnScript:
    """`target` empty: it names no system. `load` None: it has no phases that can be read, for `no_load`."""

    target: str = ""
    load: Load | None = None
    no_load: str = ""


def read_own_script(path: str, environment: str | None, environ: Mapping[str, str]) -> OwnScript:
    """Raises: InvalidInput for what Artillery would not take either."""
    if not path.endswith(_READABLE):
        return OwnScript(no_load="its phases are only known to itself")
    config = _config(path, environment)
    target = _filled(config.get("target"), environ)
    phases = config.get("phases")
    if phases is None:
        return OwnScript(target, None, "it has no phases")
    stages = _stages(path, phases, environ)
    if isinstance(stages, str):
        return OwnScript(target, None, stages)
    return OwnScript(target, Load("open", stages))


def _config(path: str, environment: str | None) -> dict[str, Any]:
    import yaml

    where = Where(path)
    try:
        document = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = Where(path, mark.line + 1, mark.column + 1) if mark else where
        raise InvalidInput([Mistake(at, f"this is no YAML: {error.problem}")]) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput([Mistake(where, f"it cannot be read: {error}")]) from error
    if not _is_mapping(document) or not _is_mapping(document.get("config")):
        raise InvalidInput([Mistake(where, "this is no script of Artillery: it has no config:")])
    config = dict(document["config"])
    if environment is None:
        return config
    environments = config.get("environments")
    known = environments if _is_mapping(environments) else {}
    if environment not in known:
        names = ", ".join(map(str, known)) or "none"
        raise InvalidInput([Mistake(where, f"it has no environment '{environment}'; it has {names}")])
    return config | dict(known[environment] or {})


def _stages(path: str, phases: object, environ: Mapping[str, str]) -> Sequence[Stage] | str:
    """The stages, or why they cannot be known. A leading phase called warm-up is one."""
    if not isinstance(phases, list) or not phases:
        return "its phases are no list"
    stages: list[Stage] = []
    for number, phase in enumerate(phases, 1):
        if not _is_mapping(phase):
            raise InvalidInput([Mistake(Where(path), f"phase {number} is no mapping")])
        stage = _stage(phase, number, environ)
        if stage is None:
            return f"phase {number} says how long or how much with a value that only Artillery knows"
        warm = all(s.warmup for s in stages) and bool(re.match(r"warm", stage.name, re.IGNORECASE))
        stages.append(Stage(stage.start, stage.end, stage.duration_s, stage.name, warm))
    return "all its phases are warm-up" if all(stage.warmup for stage in stages) else stages


def _stage(phase: Mapping[str, Any], number: int, environ: Mapping[str, str]) -> Stage | None:
    name = str(phase.get("name") or f"phase {number}")
    if "pause" in phase:
        pause = _seconds(phase["pause"], environ)
        return None if pause is None else Stage(0, 0, pause, name)
    duration = _seconds(phase.get("duration"), environ)
    if not duration:
        return None
    if "arrivalCount" in phase:
        count = _number(phase["arrivalCount"], environ)
        return None if count is None else Stage(count / duration, count / duration, duration, name)
    start = _number(phase.get("arrivalRate"), environ)
    end = _number(phase.get("rampTo", phase.get("arrivalRate")), environ)
    return None if start is None or end is None else Stage(start, end, duration, name)


def _number(value: object, environ: Mapping[str, str]) -> float | None:
    text = _filled(value, environ)
    try:
        return float(text)
    except ValueError:
        return None


def _seconds(value: object, environ: Mapping[str, str]) -> float | None:
    match = _MS.fullmatch(_filled(value, environ).strip())
    if match is None:
        return None
    unit = (match[2] or "s").lower()
    return float(match[1]) * (_UNIT_S["ms"] if unit == "ms" else _UNIT_S[unit[0]])


def _filled(value: object, environ: Mapping[str, str]) -> str:
    """As text, with the variables of the environment that are set."""
    text = "" if value is None else str(value)
    return _VARIABLE.sub(lambda match: environ.get(match[1], match[0]), text)


def _is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)
