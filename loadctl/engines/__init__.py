"""The engines that make load, behind one interface (base.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from loadctl.engines.base import Command, Engine, Exporter, Importer
from loadctl.errors import UsageError

if TYPE_CHECKING:
    from loadctl.results.imported import Imported
    from loadctl.scenario.reading.document import Text
    from loadctl.scenario.scenario import Scenario


_NAMES = ("locust", "artillery")


class _Engines(Mapping[str, Engine]):
    """Each engine is imported when it is first used: a run needs only one."""

    def __getitem__(self, name: str) -> Engine:
        if name not in _NAMES:
            raise KeyError(name)
        return _engine(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


@cache
def _engine(name: str, python: str | None = None) -> Engine:
    if name == "locust":
        from loadctl.engines.locust.engine import LocustEngine

        return LocustEngine(python)
    from loadctl.engines.artillery.engine import ArtilleryEngine

    return ArtilleryEngine()


ENGINES: Mapping[str, Engine] = _Engines()
"""By the name in a scenario. The tools themselves are only imported by their own processes."""


def engine_named(name: str, *, python: str | None = None) -> Engine:
    """The engine of that name; `python` is the interpreter for the user's script, instead of loadctl's own.

    Raises: UsageError for an unknown name.
    """
    if name not in ENGINES:
        raise UsageError(
            f"the engine '{name}' is not available in this version of loadctl",
            hint=f"this once:  --engine {next(iter(ENGINES))}   (same scenario, same load)",
        )
    return _engine(name, python)


def usable_engine(scenario: Scenario, environ: Mapping[str, str], *, python: str | None = None) -> Engine:
    """The scenario's engine. Raises: UsageError if it cannot be used on this machine; the hint says what to do."""
    engine = engine_named(scenario.engine, python=python)
    state = engine.state(environ)
    if state.version is not None:
        return engine
    hints = [state.hint or ""]
    if scenario.script is None:
        others = (name for name, one in ENGINES.items() if name != engine.name and one.version() is not None)
        hints += [f"or this once:  --engine {name}   (same scenario, same load)" for name in others]
    raise UsageError(
        f"the engine {engine.name} cannot be used here: {state.reason}", hint="\n".join(filter(None, hints))
    )


def rehearsal(scenario: Scenario) -> Command:
    """The command with which one user sends every request once, on the scenario's engine or, as requests mean the
    same on all of them, on another one.
    """
    own = ENGINES.get(scenario.engine)
    engines = [engine for engine in (own, *ENGINES.values()) if engine is not None]
    for engine in engines:
        if engine.version() is not None and (command := engine.rehearsal(scenario)) is not None:
            return command
    raise UsageError(f"{engines[0].name} is not installed", hint=engines[0].install_hint)


def export(scenario: Scenario) -> Mapping[str, str]:
    """Files (name → text) that run on the scenario's engine alone. Raises: UsageError."""
    engine = engine_named(scenario.engine)
    exporter = cast("Exporter", import_module(f"loadctl.engines.{engine.name}.export"))
    return exporter.export(scenario)


def read_report(files: Sequence[Text]) -> Imported:
    """The content of reports that an engine wrote about one run without loadctl. Raises: UsageError."""
    importers = {file.name: _importer_of(file) for file in files}
    importer, *others = dict.fromkeys(importers.values())
    if others:
        raise UsageError(
            f"{' and '.join(importers)} were written by different tools", hint="score one run at a time"
        )
    return importer.read_report(files)


def is_report(text: str) -> bool:
    """Whether this is a report that an engine wrote by itself."""
    return any(importer.recognises(text) for importer in _importers())


def _importer_of(file: Text) -> Importer:
    for importer in _importers():
        if importer.recognises(file.text):
            return importer
    accepted = "; ".join(importer.READS for importer in _importers())
    raise UsageError(f"{file.name} is not a report that loadctl can score", hint=f"loadctl reads {accepted}")


def _importers() -> list[Importer]:
    return [cast("Importer", import_module(f"loadctl.engines.{name}.report")) for name in _NAMES]
