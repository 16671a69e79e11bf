"""Whether the system that a scenario names is still alive, before it answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from loadctl.scenario.scenario import Scenario

Liveness = Callable[[], str | None]


@contextmanager
def liveness(scenario: Scenario) -> Iterator[Liveness]:
    """A function that returns why the system will never be ready, None while it may be; it raises nothing.

    It asks about the process, container or pods that the scenario names. Raises: UsageError if they do not exist.
    """
    watch = scenario.watch
    if watch.containers:
        from loadctl.monitors.containers.container import ContainerSource
        from loadctl.monitors.containers.engine import DockerEngine

        with closing(DockerEngine.find(os.environ)) as engine:
            yield ContainerSource(engine, watch.containers[0]).why_dead
    elif watch.pods is not None:
        from loadctl.monitors.kubernetes.kubectl import Kubectl
        from loadctl.monitors.kubernetes.pods import PodsSource

        with closing(Kubectl(watch.pods.namespace, os.environ)) as kubectl:
            source = PodsSource(kubectl, watch.pods)
            source.check()
            yield source.why_dead
    elif watch.pid is not None:
        yield _process(watch.pid)
    else:
        yield lambda: None


def _process(pid: int) -> Liveness:
    from loadctl.monitors.process.stat import read_stat

    first = read_stat(pid)

    def ask() -> str | None:
        now = read_stat(pid)
        alive = now is not None and not now.zombie and (first is None or now.started == first.started)
        return None if alive else f"process {pid} has ended"

    return ask
