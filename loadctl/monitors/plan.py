"""Which sources a scenario gets, and one sentence that says what is watched, or why nothing is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from loadctl.errors import UsageError
from loadctl.monitors.generator import GeneratorSource
from loadctl.monitors.host import HostSource
from loadctl.monitors.port import Forwarder, Found, NotFound, Resolved, is_local, resolve
from loadctl.monitors.process import ProcessSource
from loadctl.monitors.selector import by_name, by_pid
from loadctl.monitors.source import Source
from loadctl.scenario.scenario import Scenario


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """`watched` is "watching uvicorn (pid 4312)" or "nothing: REASON; HINT".

    `found`: the system's process is among the sources. `generator`, one of them, needs the shards' pids.
    """

    sources: tuple[Source, ...]
    generator: GeneratorSource
    watched: str
    found: bool
    notes: tuple[str, ...] = ()


def sources_for(scenario: Scenario) -> WatchPlan:
    """Call it when the system is up. The generator is always watched, the machine if the system is on it.

    Raises: UsageError where a process that somebody named is not there: nobody shall find that out at the end.
    """
    find, find_again = _selectors(scenario)
    meant = find()
    if scenario.watch.asked and not isinstance(meant, Found):
        raise UsageError(f"{meant.reason} (nothing was sent)", hint=meant.hint)
    generator = GeneratorSource()
    sources: list[Source] = [generator]
    if is_local(scenario.host) or isinstance(meant, Found):
        sources.insert(0, HostSource())
    if isinstance(meant, Found):
        sources.insert(0, ProcessSource(meant, find_again))
    found = isinstance(meant, Found)
    notes = (meant.note,) if isinstance(meant, Found) and meant.note else ()
    return WatchPlan(tuple(sources), generator, _watched(meant), found, notes)


def _selectors(scenario: Scenario) -> tuple[Callable[[], Resolved], Callable[[], Resolved]]:
    """How the process is found at first, and after it has gone: a pid does not come back, its port may."""
    behind_port = partial(resolve, scenario.host)
    if scenario.watch.pid is not None:
        return partial(by_pid, scenario.watch.pid), behind_port
    if scenario.watch.process is not None:
        named = partial(by_name, scenario.watch.process, scenario.host)
        return named, named
    return behind_port, behind_port


def _watched(meant: Resolved) -> str:
    match meant:
        case Found():
            return f"watching {meant}"
        case NotFound() | Forwarder():
            return f"nothing: {meant.reason}; {meant.hint}"
