"""How load is made: foreign engines behind one seam (base.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from loadctl.engines.base import Command, Engine
from loadctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadctl.results.imported.report import Imported
    from loadctl.scenario.reading.document import Text
    from loadctl.scenario.scenario import Scenario


class _Engines(Mapping[str, Engine]):
    """Imported when they are asked for: a run needs one."""

    def __getitem__(self, name: str) -> Engine:
        if name == "locust":
            return _locust()
        if name == "artillery":
            return _artillery()
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(("locust", "artillery"))

    def __len__(self) -> int:
        return 2


@cache
def _locust(python: str | None = None) -> Engine:
    from loadctl.engines.locust.engine import LocustEngine

    return LocustEngine(python)


@cache
def _artillery() -> Engine:
    from loadctl.engines.artillery.engine import ArtilleryEngine

    return ArtilleryEngine()


ENGINES: Mapping[str, Engine] = _Engines()
"""By the name a scenario gives. The tools themselves are imported by their own processes only."""


def engine_named(name: str, *, python: str | None = None) -> Engine:
    """The engine of that name; `python` runs the user's own script instead of loadctl's interpreter.

    Raises: UsageError for a name that is not there.
    """
    if name not in ENGINES:
        raise UsageError(
            f"the engine '{name}' is not available in this version of loadctl",
            hint=f"this once:  --engine {next(iter(ENGINES))}   (same scenario, same load)",
        )
    return _locust(python) if python is not None else ENGINES[name]


def usable_engine(scenario: Scenario, environ: Mapping[str, str], *, python: str | None = None) -> Engine:
    """The engine of the scenario. Raises: UsageError where it cannot be used here, with what can be done."""
    engine = engine_named(scenario.engine, python=python)
    state = engine.state(environ)
    if state.version is not None:
        return engine
    hints = [state.hint or ""]
    if scenario.script is None:
        others = (
            name for name, other in ENGINES.items() if name != engine.name and other.version() is not None
        )
        hints += [f"or this once:  --engine {name}   (same scenario, same load)" for name in others]
    raise UsageError(
        f"the engine {engine.name} cannot be used here: {state.reason}", hint="\n".join(filter(None, hints))
    )


def rehearsal(scenario: Scenario) -> Command:
    """One user sends every request once: on the scenario's engine, or on another one, since requests mean the same."""
    own = ENGINES.get(scenario.engine)
    engines = [engine for engine in (own, *ENGINES.values()) if engine is not None]
    for engine in engines:
        if engine.version() is not None and (command := engine.rehearsal(scenario)) is not None:
            return command
    raise UsageError(f"{engines[0].name} is not installed", hint=engines[0].install_hint)


def imported(files: Sequence[Text]) -> Imported:
    """What reports of one run, written by an engine without us, say. Raises: UsageError."""
    writers = {file.name: _writer(file) for file in files}
    engines = list({engine.name: engine for engine in writers.values()}.values())
    if len(engines) > 1:
        raise UsageError(
            f"{' and '.join(writers)} were written by different tools", hint="score one run at a time"
        )
    return engines[0].imported(files)


def is_report(text: str) -> bool:
    """One of the engines wrote it by itself."""
    return any(engine.recognises(text) for engine in ENGINES.values())


def _writer(file: Text) -> Engine:
    for engine in ENGINES.values():
        if engine.recognises(file.text):
            return engine
    accepted = "; ".join(engine.reports for engine in ENGINES.values())
    raise UsageError(f"{file.name} is no report that can be scored", hint=f"read are {accepted}")
