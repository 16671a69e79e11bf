"""Whether what a scenario names as the system still lives, before it answers."""

from __future__ import annotations

import os
from collections.abc import Callable

from loadctl.monitors.process_stat import read_stat
from loadctl.scenario.scenario import Scenario

Sign = Callable[[], str | None]


def why_dead(scenario: Scenario) -> Sign:
    """A way to ask why the system will never be ready: None while it may be. Nothing is raised, ever.

    Raises: UsageError, when called, where a container that somebody named is not there.
    """
    watch = scenario.watch
    if watch.containers:
        from loadctl.monitors.container import ContainerSource
        from loadctl.monitors.docker_engine import DockerEngine

        engine = DockerEngine.find(os.environ)
        return ContainerSource(engine, watch.containers[0]).why_dead
    if watch.pid is not None:
        return _process(watch.pid)
    return lambda: None


def _process(pid: int) -> Sign:
    first = read_stat(pid)

    def ask() -> str | None:
        now = read_stat(pid)
        alive = now is not None and not now.zombie and (first is None or now.started == first.started)
        return None if alive else f"process {pid} has ended"

    return ask
