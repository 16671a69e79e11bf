"""The log of a container, through its restarts and its replacement."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from loadctl.monitors.docker_engine import DockerEngine
from loadctl.monitors.docker_stream import Stream


class ContainerLog:
    """Lines from now on; after it was away, all that it said since, by this machine's clock."""

    def __init__(self, engine: DockerEngine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._since_s: float | None = None

    def __call__(self, stopping: threading.Event) -> Iterator[str]:
        since, self._since_s = self._since_s, time.time()
        tail = 0 if since is None else None
        name = self._engine.resolve(self._name).id
        with self._engine.logs(name, since_s=since, tail=tail) as stream:
            threading.Thread(target=_close_when, args=(stopping, stream), daemon=True).start()
            for _, line in stream:
                yield line
                self._since_s = time.time()


def _close_when(stopping: threading.Event, stream: Stream[tuple[str, str]]) -> None:
    stopping.wait()
    stream.close()
