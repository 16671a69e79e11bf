"""A scenario file, with users.yaml and targets.yaml beside it → a complete Scenario, or every mistake at once.

Pure: texts come in, and two functions that look up the files which they name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from loadctl.scenario.document import Text
from loadctl.scenario.environment import Environment
from loadctl.scenario.mistakes import Mistakes, TooManyMistakes
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.scenario_reader import ScenarioReader
from loadctl.scenario.target import Target
from loadctl.scenario.targets import Applicable, Table, TargetReader, merged

__all__ = ["Applicable", "Sources", "Text", "applicable_to", "read_scenario", "read_targets"]


@dataclass(frozen=True, slots=True)
class Sources:
    """The text of every file involved."""

    scenario: Text
    users: Text | None
    """users.yaml."""
    targets: Text | None
    """targets.yaml."""
    read: Callable[[str], str | None]
    """The text of a file named in the YAML (relative to the scenario file); None: there is none."""
    resolve: Callable[[str], str | None]
    """The absolute path of such a file; None: there is none."""
    env: Mapping[str, str]
    packaged: bool = False


def read_scenario(
    name: str,
    sources: Sources,
    *,
    host: str | None = None,
    engine: str | None = None,
    targets: Sequence[str] = (),
) -> Scenario:
    """The scenario called `name`; `host`, `engine` and `targets` (as `--target` takes them) override the file.

    Raises InvalidInput with all mistakes of all files.
    """
    mistakes = Mistakes()
    environment = Environment(sources.env, mistakes)
    reader = ScenarioReader(
        mistakes, environment, sources.read, sources.resolve, users=sources.users, host=host, engine=engine
    )
    scenario: Scenario | None = None
    table: Table = {}
    own = TargetReader(mistakes, reader.applicable, own=True)
    with suppress(TooManyMistakes):
        node = mistakes.read(sources.scenario)
        shared = mistakes.read(sources.targets) if sources.targets else None
        scenario = None if node is None else reader.read(name, node)
        table = TargetReader(mistakes, reader.applicable, own=False).read(
            environment.fill(shared) if shared else None
        )
        own.scenario = reader.applicable
        own.read(reader.targets)
        for option in targets:
            own.option(option)
    mistakes.raise_if_any(environment.secrets)
    if scenario is None:
        raise AssertionError("what cannot be read has mistakes")
    return replace(
        scenario,
        source=f"(packaged) {name}" if sources.packaged else sources.scenario.name,
        packaged=sources.packaged,
        targets=merged(table, own.table),
        secrets=environment.secrets,
    )


def read_targets(
    text: Text | None,
    applicable: Applicable,
    *,
    env: Mapping[str, str] | None = None,
    targets: Sequence[str] = (),
) -> tuple[Target, ...]:
    """A targets table alone, held against what was read before (`score RUN --targets other.yaml`).

    Limits on endpoints and stages that are not there are left out. Raises InvalidInput.
    """
    mistakes = Mistakes()
    environment = Environment(env or {}, mistakes)
    table: Table = {}
    options = TargetReader(mistakes, applicable, own=True)
    with suppress(TooManyMistakes):
        node = mistakes.read(text) if text else None
        table = TargetReader(mistakes, applicable, own=False).read(environment.fill(node) if node else None)
        for option in targets:
            options.option(option)
    mistakes.raise_if_any(environment.secrets)
    return merged(table, options.table)


def applicable_to(scenario: Scenario) -> Applicable:
    """What targets can name in a scenario that was read before."""
    return Applicable(
        endpoints=None if scenario.script else scenario.endpoints,
        stages=[stage.name for stage in scenario.load.stages] or None,
        model=scenario.load.model,
    )
