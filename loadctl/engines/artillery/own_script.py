"""The load and the host in an Artillery script, so that loadctl can announce a run before it starts.

YAML and JSON scripts are read, with the overrides of options applied in Artillery's order. For a script in TypeScript
or JavaScript the scenario has to give load and host.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from loadctl.errors import InvalidInput, Mistake, Where
from loadctl.scenario.consent import host_in
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.reading import document
from loadctl.scenario.reading.document import Key, Mistakes, Node, Sources, Text
from loadctl.scenario.reading.environment import Environment
from loadctl.scenario.reading.keys import regular_expression
from loadctl.scenario.reading.user_types import UserTypeReader
from loadctl.scenario.redaction import secret_fields
from loadctl.scenario.scenario import Place, Script
from loadctl.scenario.user_type import UserType

_READABLE = (".yml", ".yaml", ".json")
_URL_KEYS = ("url", "uri", "connect", "target")
_VARIABLE = re.compile(r"\{\{\s*(\$?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)\s*\}\}")
_OF_ENVIRONMENT = re.compile(r"\$(?:processEnvironment|env)\.")
_ENVIRONMENT = "$environment"
_DOTENV = re.compile(  # as Artillery's reader of such files has it
    r"""^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)"""
    r"""(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$""",
    re.MULTILINE,
)
_BY_CHANCE = "poisson"
_ONE_USER = Load("open", [Stage(1, 1, 1.0, "phase 1")])
"""Artillery's default for a script without phases."""
_MS = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ms|s|sec|secs|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)?", re.IGNORECASE
)
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FRACTION = re.compile(r"\s*\d*\.\d+\s*")
_TABS = re.compile(r"^\t+", re.MULTILINE)
_ENGINE = "loadctl"
_OF_A_USER_TYPE = ("start", "headers", "data")
_OF_ARTILLERY = ("name", "weight", "engine", "flow")


@dataclass(frozen=True, slots=True)
class OwnScript:
    """`target` is empty if the script names no system. `load` is None if its phases cannot be read; `no_load` says
    why.
    """

    where: Where
    """Of its phases, or of its config where it has none."""
    target: str = ""
    load: Load | None = None
    no_load: str = ""
    loose_arrivals: bool = False
    verify: bool = True
    """The system's certificate is checked."""
    secrets: Sequence[str] = ()
    places: Sequence[Place] = ()
    """Hosts of the absolute URLs in its flows."""


def read_own_script(
    path: str, environment: str | None, environ: Mapping[str, str], options: Mapping[str, str] | None = None
) -> OwnScript:
    """`options`: those of Artillery's command line. Raises: InvalidInput for what Artillery would refuse too."""
    options = options or {}
    from_file = dict(_dotenv(options["dotenv"])) if "dotenv" in options else {}
    secrets = secret_fields(dict(from_file))
    if not is_readable(path):
        return OwnScript(Where(path), no_load="its phases are only known when it runs", secrets=secrets)
    script = whole_script(path, environment, options)
    config = _config_of(script)
    _check_scenario_name(script, options.get("scenario-name"))
    fill = _filler(environment, {**from_file, **environ}, options)
    target, phases = fill(config.get("target")), config.get("phases")
    tls = config.get("tls")
    verify = tls is None or fill(tls.get("rejectUnauthorized")) != "false"
    own = OwnScript(config.where, target, verify=verify, secrets=secrets, places=tuple(_places(script, fill)))
    if phases is None or phases.is_null:
        return replace(own, load=_ONE_USER)
    own = replace(own, where=phases.where)
    stages = _stages(phases, fill)
    if isinstance(stages, str):
        return replace(own, no_load=stages)
    if excess := Load("open", stages).excess:
        _refuse(phases.where, excess)
    loose = fill(config.get("mode")) == _BY_CHANCE or any(
        phase.get("maxVusers") is not None or fill(phase.get("mode")) == _BY_CHANCE
        for phase in phases.items or ()
    )
    return replace(own, load=Load("open", stages), loose_arrivals=loose)


def _places(script: Node, fill: Callable[[Node | None], str]) -> Iterator[Place]:
    """Except for those that the script's own variables make up."""
    for part in filter(None, map(script.get, ("before", "scenarios", "after"))):
        for node in part.walk():
            for key in _URL_KEYS:
                value = node.get(key)
                text = fill(value) if value is not None and value.is_scalar else ""
                name = host_in(f"{text}/".partition("{{")[0])
                if value is not None and name:
                    yield Place(name, str(value.where))


def is_readable(path: str) -> bool:
    return path.endswith(_READABLE)


def whole_script(path: str, environment: str | None, options: Mapping[str, str]) -> Node:
    """The script, merged with its configuration file, its environment and its overrides in this order."""
    script = _document(path)
    if "config" in options:
        script = _merged(script, _document(options["config"]))
    config = _config_of(script)
    if environment is not None and (chosen := _in_environment(config, environment, path)) is not None:
        script = _merged(script, Node(chosen.where, entries={Key("config", chosen.where): chosen}))
    if "overrides" in options:
        over, _ = document.read_document(Text("--overrides", options["overrides"]))
        if over is not None:
            script = _merged(script, over, whole_lists=True)
    return script


def _config_of(script: Node) -> Node:
    config = script.get("config")
    if config is None or config.entries is None:
        _refuse(script.where, "this is not an Artillery script: it has no config:")
    return config


def _in_environment(config: Node, environment: str, path: str) -> Node | None:
    """None: there is none of this name, but a script may read the name."""
    environments = config.get("environments")
    known = environments.entries if environments is not None and environments.entries is not None else {}
    chosen = environments.get(environment) if environments is not None else None
    if chosen is None and (known or _ENVIRONMENT not in _text_of(path)):
        names = ", ".join(key.text for key in known) or "none"
        _refuse(config.key_where("environments"), f"it has no environment '{environment}'; it has {names}")
    return chosen


def _check_scenario_name(script: Node, asked: str | None) -> None:
    """Artillery accepts a name, or a pattern that matches exactly one, and only checks when the first virtual user
    arrives.
    """
    scenarios = script.get("scenarios")
    if asked is None or scenarios is None or not scenarios.items:
        return
    names = [_text(scenario.get("name")) for scenario in scenarios.items]
    try:
        pattern = regular_expression(asked)
    except ValueError:
        return  # JavaScript's patterns are not quite ours
    found = [name for name in names if name == asked or pattern.search(name)]
    if len(found) != 1:
        there = ", ".join(name for name in names if name) or "none with a name"
        many = f"'{asked}' matches {len(found)} scenarios"
        message = many if found else f"no scenario is called '{asked}'"
        _refuse(script.key_where("scenarios"), f"--scenario-name: {message}; there are {there}")


def _text(node: Node | None) -> str:
    return node.text if node is not None and not node.is_null else ""


def _dotenv(path: str) -> Iterator[tuple[str, str]]:
    for match in _DOTENV.finditer(_text_of(path).replace("\r\n", "\n").replace("\r", "\n")):
        value = (match[2] or "").strip()
        bare = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"`" else value
        yield match[1], bare.replace("\\n", "\n").replace("\\r", "\r") if value.startswith('"') else bare


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput([Mistake(Where(path), f"it cannot be read: {error}")]) from error


def script_text(path: str) -> Text:
    text = _text_of(path)
    if path.endswith(".json"):
        text = _TABS.sub(lambda tabs: " " * len(tabs[0]), text)  # JSON may be indented with tabs
    return Text(path, text)


def _document(path: str) -> Node:
    script, mistakes = document.read_document(script_text(path))
    if script is None or mistakes:
        raise InvalidInput(mistakes)
    return script


def _merged(base: Node, over: Node, *, whole_lists: bool = False) -> Node:
    """Merges as Artillery does: mappings by key, lists item by item; the rest of a longer list stays.

    `whole_lists`: a list replaces the one below.
    """
    if base.entries is not None and over.entries is not None:
        found = {key.text: (key, value) for key, value in base.entries.items()}
        for key, value in over.entries.items():
            below = found.get(key.text)
            found[key.text] = (key, _merged(below[1], value, whole_lists=whole_lists) if below else value)
        return replace(base, entries=dict(found.values()))
    if base.items is not None and over.items is not None and not whole_lists:
        items = [_merged(below, item) for below, item in zip(base.items, over.items, strict=False)]
        longer = max(base.items, over.items, key=len)
        return replace(over, items=(*items, *longer[len(items) :]))
    return base if over.is_null else over


def _stages(phases: Node, fill: Callable[[Node | None], str]) -> Sequence[Stage] | str:
    """The stages, or why they cannot be known. A leading phase called warm-up is one, where others follow."""
    if not phases.items:
        return "its phases are not a list"
    stages: list[Stage] = []
    for number, phase in enumerate(phases.items, 1):
        if phase.entries is None:
            _refuse(phase.where, f"phase {number} is not a mapping")
        stage = _stage(phase, number, fill)
        if stage is None:
            return f"phase {number} has a duration or rate that is only known when Artillery runs"
        warm = all(s.warmup for s in stages) and bool(re.match(r"warm", stage.name, re.IGNORECASE))
        stages.append(replace(stage, warmup=warm))
    if all(stage.warmup for stage in stages):
        return [replace(stage, warmup=False) for stage in stages]
    return stages


def _stage(phase: Node, number: int, fill: Callable[[Node | None], str]) -> Stage | None:
    name = fill(phase.get("name")) or f"phase {number}"
    lasts = phase.get("pause") if phase.get("pause") is not None else phase.get("duration")
    duration = _seconds(fill(lasts))
    if lasts is not None and (duration == 0 or _FRACTION.fullmatch(fill(lasts))):
        shown = "pause" if phase.get("pause") is not None else "duration"
        hint = "leave the phase out, or write milliseconds:  500ms"
        _refuse(lasts.where, f"phase {number}: Artillery does not accept a {shown} of {fill(lasts)}", hint)
    if phase.get("pause") is not None:
        return None if duration is None else Stage(0, 0, duration, name)
    if not duration:
        return None
    count = phase.get("arrivalCount")
    if count is not None:
        arrivals = _number(fill(count))
        return None if arrivals is None else Stage(arrivals / duration, arrivals / duration, duration, name)
    rate = phase.get("arrivalRate")
    if rate is None and phase.get("rampTo") is not None:
        ends = _number(fill(phase.get("rampTo")))
        return None if ends is None else Stage(0, ends, duration, name)
    if rate is None:
        _refuse(phase.where, f"phase {number} has no arrivalRate, arrivalCount or pause")
    start = _number(fill(rate))
    if start is not None and not start.is_integer() and phase.get("rampTo") is None:
        hint = "for less than one a second:  {duration: 60, arrivalCount: 30}"
        _refuse(rate.where, f"arrivalRate: Artillery accepts whole numbers only, not {rate.text}", hint)
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


def _filler(
    environment: str | None, environ: Mapping[str, str], options: Mapping[str, str]
) -> Callable[[Node | None], str]:
    """The text of a scalar, with the variables that are known before the script runs."""
    variables = json.loads(options.get("variables", "{}"))

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name == _ENVIRONMENT:
            return environment or match[0]
        if _OF_ENVIRONMENT.match(name):
            return environ.get(name.partition(".")[2], match[0])
        found = variables.get(name)
        return str(found) if isinstance(found, str | int | float) else match[0]

    def fill(node: Node | None) -> str:
        return _VARIABLE.sub(value, node.text) if node is not None and not node.is_null else ""

    return fill


def _refuse(where: Where, message: str, hint: str | None = None) -> NoReturn:
    raise InvalidInput([Mistake(where, message, hint)])


def read_flows(
    script: Script, timeout_s: float, environ: Mapping[str, str]
) -> tuple[Sequence[UserType], Mapping[str, str]]:
    """User types in the order of the script's scenarios, and secrets.

    Raises: InvalidInput, each mistake with its place.
    """
    if not is_readable(script.path):
        return (), {}  # the engine refuses such a scenario
    mistakes = Mistakes({script.path: document.lines_of(script_text(script.path).text)})
    whole = whole_script(script.path, script.environment, script.engine_options)
    environment = Environment(environ, mistakes)
    folder = Path(script.path).absolute().parent

    def resolve(named: str) -> str | None:
        file = folder / named
        return str(file) if os.path.isfile(file) else None  # noqa: PTH113  raises for no name

    def read_text(named: str) -> str | None:
        file = resolve(named)
        return script_text(file).text if file is not None else None

    text = script_text(script.path)
    sources = Sources(scenario=text, users=None, targets=None, read=read_text, resolve=resolve, env=environ)
    reader = UserTypeReader(mistakes, environment, sources, timeout_s, open_model=True)
    types: list[UserType | None] = []
    with suppress(document.TooManyMistakes):
        for number, scenario in _scenarios(whole, mistakes):
            types.append(_user_type(number, environment.fill(scenario), reader))
    mistakes.raise_if_any(environment.secrets)
    return [one for one in types if one is not None], environment.secrets


def _scenarios(script: Node, mistakes: Mistakes) -> list[tuple[int, Node]]:
    """Those of this engine, with their numbers."""
    config, scenarios = script.get("config"), script.get("scenarios")
    if config is not None and _text(config.get("engine")) == _ENGINE:
        message = "Artillery would read the flows of these scenarios as its own requests"
        mistakes.add(config.key_where("engine"), message, f"set  engine: {_ENGINE}  in each scenario")
    numbered = enumerate((scenarios.items if scenarios is not None else None) or (), 1)
    return [(k, one) for k, one in numbered if _text(one.get("engine")) == _ENGINE]


def _user_type(number: int, scenario: Node, reader: UserTypeReader) -> UserType | None:
    flow = scenario.get("flow")
    if flow is None:
        hint = "as in  flow: [{get: /items}]"
        reader.mistakes.add(scenario, "a scenario needs flow:, a list of steps", hint)
        return None
    entries = {key: value for key, value in (scenario.entries or {}).items() if key.text in _OF_A_USER_TYPE}
    for key in scenario.entries or {}:
        if key.text not in (*_OF_A_USER_TYPE, *_OF_ARTILLERY):
            known = ", ".join((*_OF_ARTILLERY, *_OF_A_USER_TYPE))
            reader.mistakes.add(
                key, f"{key.text}: is not part of a scenario with engine: {_ENGINE}", f"it has {known}"
            )
    task = Node(flow.where, entries={Key("flow", flow.where): flow})
    entries[Key("tasks", flow.where)] = Node(flow.where, items=(task,))
    name = f"{number}. {_text(scenario.get('name')) or 'scenario'}"  # two may have the same
    return reader.user_type(name, Node(scenario.where, entries=entries))
