"""`--metrics-port`: the run, live, for Prometheus."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from loadctl.errors import UsageError
from loadctl.run.directory import Observer

if TYPE_CHECKING:
    from loadctl.cli.options import Address
    from loadctl.reports.metrics import Families, Running
    from loadctl.results.interval import Second
    from loadctl.results.recording import Event, Reading
    from loadctl.results.result import Result
    from loadctl.run.directory import RunDirectory
    from loadctl.run.manifest import Manifest
    from loadctl.run.page_server import PageServer


class LiveMetrics(Observer):
    """An observer in front of another one, and the page made from what it observes.

    The run calls it from one thread and the server from others; a lock guards what they share.
    """

    def __init__(self, following: Observer) -> None:
        from loadctl.results.live import Tally

        self._next = following
        self._lock = threading.Lock()
        self._tally = Tally()
        self._running: Running | None = None
        self._result: Result | None = None
        self._state = 0
        self._made: tuple[int, str, bytes] = (-1, "", b"")

    def page(self, accept: str) -> tuple[bytes, str]:
        """Body and content type, rendered once for each state of the run."""
        from prometheus_client.exposition import choose_encoder

        encode, content_type = choose_encoder(accept)
        with self._lock:
            state, kind, body = self._made
            if (state, kind) == (self._state, content_type):
                return body, content_type
            state, families = self._state, self._families()
        body = encode(families)  # takes longest, and needs no lock
        self._made = (state, content_type, body)
        return body, content_type

    def _families(self) -> Families:
        from loadctl.reports.metrics import Families, add_result, live_families

        if self._running is None:
            return Families("")
        families = live_families(self._running, self._tally)
        if self._result is not None:
            add_result(families, self._result)
        return families

    def conclude(self, result: Result) -> None:
        """From now on the page holds the verdict too."""
        with self._lock:
            self._result = result
            self._state += 1

    def began(self, run: RunDirectory) -> None:
        self._next.began(run)

    def started(self, manifest: Manifest) -> None:
        from loadctl.reports.metrics import Running

        with self._lock:
            self._running = Running(
                run=manifest.id,
                scenario=manifest.scenario,
                engine=manifest.engine,
                engine_version=manifest.engine_version,
                engine_extension=manifest.engine_extension,
                started_at=manifest.t0_wall or manifest.created_at,
            )
            self._state += 1
        self._next.started(manifest)

    def second(self, second: Second) -> None:
        with self._lock:
            self._tally.add(second)
            self._state += 1
        self._next.second(second)

    def reading(self, reading: Reading) -> None:
        self._see(reading)
        self._next.reading(reading)

    def event(self, event: Event) -> None:
        self._see(event)
        self._next.event(event)

    def _see(self, seen: Reading | Event) -> None:
        with self._lock:
            self._tally.see(seen)
            self._state += 1


class Serving:
    """A run that is served: `observer` follows it, then `conclude` and `linger` are called once it has been judged."""

    def __init__(self, observer: LiveMetrics, server: PageServer, linger_s: float) -> None:
        self.observer = observer
        self.url = server.url
        self.conclude = observer.conclude
        self._server = server
        self._linger_s = linger_s

    def linger(self) -> None:
        """Wait for a scrape of the verdict, at most for `--metrics-linger`; Ctrl-C ends that and changes nothing."""
        if self._linger_s:
            with contextlib.suppress(KeyboardInterrupt):
                self._server.wait_for_reader(self._linger_s)


@contextmanager
def serving(address: Address | None, linger_s: float | None, following: Observer) -> Iterator[Serving | None]:
    """None without `--metrics-port`. Raises: UsageError where it cannot listen."""
    if address is None:
        if linger_s is not None:
            raise UsageError("--metrics-linger needs --metrics-port", hint="add  --metrics-port 9464")
        yield None
        return
    from loadctl.run.page_server import PageServer

    observer = LiveMetrics(following)
    with contextlib.closing(PageServer(address.host, address.port, observer.page)) as server:
        yield Serving(observer, server, linger_s or 0.0)
