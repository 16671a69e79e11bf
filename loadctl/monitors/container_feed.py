"""The log of a container, through its restarts and its replacement."""

from __future__ import annotations

import time
from collections.abc import Iterator

from loadctl.monitors.docker_engine import DockerEngine
from loadctl.monitors.stopping import Stopping


class ContainerLog:
    """Lines from now on; after it was away, all that it said since, by this machine's clock."""

    def __init__(self, engine: DockerEngine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._since_s: float | None = None

    def __call__(self, stopping: Stopping) -> Iterator[str]:
        since, self._since_s = self._since_s, time.time()
        tail = 0 if since is None else None
        name = self._engine.resolve(self._name).id
        with self._engine.logs(name, since_s=since, tail=tail) as stream, stopping.ends(stream):
            for _, line in stream:
                yield line
                self._since_s = time.time()
