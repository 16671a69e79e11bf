"""Scenarios of a script of one's own that name loadctl's engine: `engine: loadctl`, and a flow of a user type's steps.

Each becomes a user type with one task, of which a virtual user takes one turn. Artillery picks scenarios by weight.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from loadctl.engines.artillery.own_script import is_readable, script_text, whole_script
from loadctl.scenario.behaviour import UserTypeReader
from loadctl.scenario.document import Key, Node
from loadctl.scenario.environment import Environment
from loadctl.scenario.mistakes import Mistakes, TooManyMistakes
from loadctl.scenario.syntax import lines_of

if TYPE_CHECKING:
    from loadctl.scenario.scenario import Script
    from loadctl.scenario.user_type import UserType

_ENGINE = "loadctl"
_OF_A_USER_TYPE = ("start", "headers", "data")
_OF_ARTILLERY = ("name", "weight", "engine", "flow")


@dataclass(frozen=True, slots=True)
class Flows:
    """In the order of the script's scenarios."""

    user_types: Sequence[UserType] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)


def read_flows(script: Script, timeout_s: float, environ: Mapping[str, str]) -> Flows:
    """Raises: InvalidInput, each mistake with its place."""
    if not is_readable(script.path):
        return Flows()  # the engine refuses such a scenario
    mistakes = Mistakes({script.path: lines_of(script_text(script.path).text)})
    whole = whole_script(script.path, script.environment, script.engine_options)
    environment = Environment(environ, mistakes)
    folder = Path(script.path).absolute().parent

    def read_text(named: str) -> str | None:
        file = folder / named
        return script_text(str(file)).text if os.path.isfile(file) else None  # noqa: PTH113  raises for no name

    def resolve(named: str) -> str | None:
        file = folder / named
        return str(file) if os.path.isfile(file) else None  # noqa: PTH113

    reader = UserTypeReader(mistakes, environment, read_text, resolve, timeout_s, open_model=True)
    types: list[UserType | None] = []
    with suppress(TooManyMistakes):
        for number, scenario in _scenarios(whole, mistakes):
            types.append(_user_type(number, environment.fill(scenario), reader))
    mistakes.raise_if_any(environment.secrets)
    return Flows([one for one in types if one is not None], environment.secrets)


def _scenarios(script: Node, mistakes: Mistakes) -> list[tuple[int, Node]]:
    """Those of this engine, with their numbers."""
    config, scenarios = script.get("config"), script.get("scenarios")
    if config is not None and _text(config.get("engine")) == _ENGINE:
        message = "Artillery takes the flows of such scenarios for requests of its own"
        mistakes.add(config.key_where("engine"), message, f"say  engine: {_ENGINE}  in each scenario")
    numbered = enumerate((scenarios.items if scenarios is not None else None) or (), 1)
    return [(k, one) for k, one in numbered if _text(one.get("engine")) == _ENGINE]


def _user_type(number: int, scenario: Node, reader: UserTypeReader) -> UserType | None:
    flow = scenario.get("flow")
    if flow is None:
        hint = "as in  flow: [{get: /items}]"
        reader.mistakes.add(scenario.where, "a scenario needs flow:, a list of steps", hint)
        return None
    entries = {key: value for key, value in (scenario.entries or {}).items() if key.text in _OF_A_USER_TYPE}
    for key in scenario.entries or {}:
        if key.text not in (*_OF_A_USER_TYPE, *_OF_ARTILLERY):
            known = ", ".join((*_OF_ARTILLERY, *_OF_A_USER_TYPE))
            reader.mistakes.add(
                key.where, f"{key.text}: is not part of a scenario with engine: {_ENGINE}", f"it has {known}"
            )
    task = Node(flow.where, entries={Key("flow", flow.where): flow})
    entries[Key("tasks", flow.where)] = Node(flow.where, items=(task,))
    name = f"{number}. {_text(scenario.get('name')) or 'scenario'}"  # two may have the same
    return reader.read(name, Node(scenario.where, entries=entries), weight=None)


def _text(node: Node | None) -> str:
    return node.text if node is not None else ""
