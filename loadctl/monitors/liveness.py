"""Whether what a scenario names as the system still lives, before it answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from loadctl.scenario.scenario import Scenario

Sign = Callable[[], str | None]


@contextmanager
def life_signs(scenario: Scenario) -> Iterator[Sign]:
    """A way to ask why the system will never be ready, None while it may be; asking raises nothing.

    It knows what the scenario names: a process, a container, pods. Raises: UsageError where that is not there.
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


def _process(pid: int) -> Sign:
    from loadctl.monitors.process.stat import read_stat

    first = read_stat(pid)

    def ask() -> str | None:
        now = read_stat(pid)
        alive = now is not None and not now.zombie and (first is None or now.started == first.started)
        return None if alive else f"process {pid} has ended"

    return ask
