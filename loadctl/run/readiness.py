"""Readiness: ask the system until it answers twice in a row, or until it is known to be gone; never a bare sleep."""

from __future__ import annotations

import base64
import contextlib
import os
import random
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection, InvalidURL
from importlib.metadata import version
from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from loadctl.engines.route import Failed, Origin, Proxy, is_loopback, proxy_for
from loadctl.errors import RunError
from loadctl.monitors.background import within
from loadctl.monitors.prometheus.http import verification
from loadctl.scenario.invocation import Invocation
from loadctl.scenario.scenario import Scenario, Tls

if TYPE_CHECKING:
    import psutil


REFUSED = "nothing listens"
_SPARE_S = 0.25
"""For the reason that is more exact than being late."""


class Probe:
    """`path` is asked at the host of `url`: 2xx is well, if `lenient` any answer below 500."""

    def __init__(self, url: str, path: str, tls: Tls, *, lenient: bool) -> None:
        """Raises: RunError for a file of `tls` that cannot be used."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        self._url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"
        self._path = path
        self._lenient = lenient
        self._origin = Origin(secure, parts.hostname or "", parts.port or (443 if secure else 80))
        self._context = verification(url, tls)
        self._headers = {"User-Agent": f"loadctl-probe/{version('loadctl')}", "Connection": "close"}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"

    def trouble(self, try_s: float) -> str | None:
        """What is wrong, None when it answered as it should. Only the head of the answer is read."""
        proxy = None
        try:
            proxy = proxy_for(self._origin, os.environ)
            status = within(try_s + _SPARE_S, lambda: self._status(proxy, try_s))
        except TimeoutError:
            return f"it does not answer within {try_s:.2g} s"
        except Failed as error:
            return error.message
        except OSError as error:
            return _broken(error, try_s, proxy)
        except (UnicodeError, InvalidURL) as error:
            return f"it is not a URL: {error}"
        except HTTPException as error:
            return f"it does not speak HTTP: {type(error).__name__} {error}".rstrip()
        if not self._lenient and not 200 <= status < 300:
            return f"it answers {status}, not 2xx"
        return f"it answers {status}" if status >= 500 else None

    def _status(self, proxy: Proxy | None, try_s: float) -> int:
        connection = self._connection(proxy, try_s)
        asks_proxy = proxy is not None and not self._origin.tls
        headers = self._headers | (_authorization(proxy) if asks_proxy else {})
        try:
            try:
                connection.connect()
            except TimeoutError as error:
                raise _NoConnection from error
            connection.request("GET", self._url if asks_proxy else self._path, headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def _connection(self, proxy: Proxy | None, timeout_s: float) -> HTTPConnection:
        host, port = (proxy.host, proxy.port) if proxy else (self._origin.host, self._origin.port)
        if not isinstance(self._context, ssl.SSLContext):
            return HTTPConnection(host, port, timeout=timeout_s)
        connection = HTTPSConnection(host, port, timeout=timeout_s, context=self._context)
        if proxy:
            connection.set_tunnel(self._origin.host, self._origin.port, _authorization(proxy))
        return connection


class _NoConnection(OSError):
    """In time."""


def _authorization(proxy: Proxy | None) -> dict[str, str]:
    name, _, value = (proxy.authorization if proxy else b"").decode().strip().partition(": ")
    return {name: value} if name else {}


def _broken(error: OSError, try_s: float, proxy: Proxy | None) -> str:
    who = f"the proxy {proxy.shown}" if proxy else "it"
    if isinstance(error, _NoConnection):
        return f"{who} accepts no connection within {try_s:.2g} s"
    if isinstance(error, ConnectionRefusedError):
        return f"{who} refuses connections" if proxy else REFUSED
    if isinstance(error, ssl.SSLError):
        return f"its TLS certificate or protocol is not accepted: {error}"
    if isinstance(error, socket.gaierror):
        return f"the name of {who} is not known" if proxy else "its name is not known"
    return f"it cannot be reached: {error}"


_TRY_S = 2.0
_LAST_TRY_S = 0.25
_IN_A_ROW = 2
_LOOK_S = 0.25


def wait_for_system(
    scenario: Scenario,
    argv: Sequence[str],
    *,
    deadline_s: float = 30.0,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Until the scenario's own system is ready; `argv`: the command line. Raises: RunError."""
    from loadctl.run.readiness import liveness

    with liveness(scenario) as alive:
        wait_until_ready(
            scenario.address,
            health=scenario.health,
            deadline_s=deadline_s,
            tls=scenario.tls,
            elsewhere=Invocation(scenario, argv).elsewhere,
            alive=alive,
            pause=pause,
            is_base=True,
        )


def wait_until_ready(
    url: str,
    *,
    health: str | None = None,
    deadline_s: float = 30.0,
    tls: Tls | None = None,
    elsewhere: Callable[[str], str] | None = None,
    alive: Callable[[], str | None] = lambda: None,
    pause: Callable[[float], None] = time.sleep,
    tell: Callable[[str], None] = lambda _: None,
    is_base: bool = False,
) -> float:
    """Probe `url` (with the path `health`, where given) until it is ready; the seconds that took.

    Ready: 2xx on a path, any answer below 500 on the root, twice in a row. With `is_base` the path of `url` is only
    what those of requests begin with, so it is taken as a root. `alive` says why it never will be
    ready, or None; `elsewhere` says the same command for another URL; `pause` sleeps between tries and may raise;
    `tell` hears what is still wrong.
    Raises: RunError after `deadline_s`, or as soon as `alive` has a reason.
    """
    place = urlsplit(url)
    path = health or (place.path or "/") + (f"?{place.query}" if place.query else "")
    began = time.monotonic()
    deadline = began + deadline_s
    pauses = backoff(random.Random())
    lenient = health is None and (is_base or path == "/")
    probe = Probe(url, path, tls or Tls(), lenient=lenient)
    successes = 0
    while True:
        trouble = probe.trouble(min(_TRY_S, max(_LAST_TRY_S, deadline - time.monotonic())))
        successes = 0 if trouble else successes + 1
        if successes == _IN_A_ROW:
            return time.monotonic() - began
        if trouble:
            tell(trouble)
            reason = alive()
            if reason is not None:
                raise RunError(f"{_at(place)} is gone (nothing was sent): {reason}")
            if time.monotonic() >= deadline:
                raise _never_ready(place, path, trouble, deadline_s, elsewhere)
        wait = next(pauses) if trouble else 0.0
        pause(max(0.0, min(wait, deadline - time.monotonic())))


def wait_until_healthy(
    container: str,
    *,
    health_of: Callable[[], str | None],
    why_dead: Callable[[], str | None],
    deadline_s: float,
    tell: Callable[[str], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
) -> float:
    """Until the container's own health check says healthy; the seconds that took.

    `health_of`: the word of that check, None where it does not run; `why_dead`: why it will never be healthy, or None.
    Raises: whatever `health_of` does; RunError after `deadline_s`, or as soon as it has ended.
    """
    began = time.monotonic()
    while True:
        health = health_of()
        if health == "healthy":
            return time.monotonic() - began
        reason = why_dead()
        if reason is not None:
            raise RunError(f"{container} is gone: {reason}")
        trouble = f"its health check says {health}" if health else "it does not run"
        tell(trouble)
        left_s = began + deadline_s - time.monotonic()
        if left_s <= 0:
            raise RunError(f"{container} was never healthy: {trouble} (waited for {deadline_s:.0f} s).")
        pause(min(_LOOK_S, left_s))


def backoff(chance: random.Random) -> Iterator[float]:
    """Seconds to wait between tries: 50 ms, × 1.6 each time up to 1 s, ± 20 %."""
    pause = 0.05
    while True:
        yield pause * chance.uniform(0.8, 1.2)
        pause = min(1.0, pause * 1.6)


def _never_ready(
    place: SplitResult, path: str, trouble: str, deadline_s: float, elsewhere: Callable[[str], str] | None
) -> RunError:
    tried = f"(tried for {deadline_s:.0f} s, nothing was sent)"
    local = is_loopback(place.hostname or "")
    if trouble == REFUSED:
        hint = listeners_hint(place.port, elsewhere) if local and elsewhere else None
        return RunError(f"nothing listens on {_at(place)} {tried}.", hint=hint)
    hint = "in the scenario, trust its certificate:  ca: FILE      or do not check it:  verify: false  (--insecure)"
    return RunError(
        f"{_at(place)} was never ready on {path}: {trouble} {tried}.", hint=hint if "TLS" in trouble else None
    )


def _at(place: SplitResult) -> str:
    port = place.port or (443 if place.scheme == "https" else 80)
    host = f"[{place.hostname}]" if ":" in (place.hostname or "") else place.hostname
    return f"{host}:{port}"


# -- who else listens here -----------------------------------------------------------------------------------------

_SERVERS = (
    "uvicorn|gunicorn|hypercorn|granian|daphne|waitress-serve|flask|django|fastapi|node|deno|bun|java|ruby|puma|php|"
    "dotnet|caddy|nginx|httpd|apache2|traefik|haproxy|envoy|loadctl"
)
_WEB_PORTS = {80, 443, 3000, 4200, 5000, 5173, *range(8000, 9000)}


@dataclass(frozen=True, slots=True, order=True)
class Listener:
    port: int
    name: str
    pid: int

    @property
    def serves(self) -> bool:
        """Whether it looks like a web server."""
        return re.fullmatch(_SERVERS, self.name) is not None or self.port in _WEB_PORTS


def listeners_hint(port: int | None, elsewhere: Callable[[str], str]) -> str | None:
    """The likeliest listeners other than `port`, each with the command for it; None where there are none.

    `elsewhere`: URL → the command that was given, on that system."""
    found = [listener for listener in _listeners() if listener.serves and listener.port != port][:3]
    lines = [
        f"{listener.name} (pid {listener.pid}) listens on {listener.port}:  "
        + elsewhere(f"http://localhost:{listener.port}")
        for listener in found
    ]
    return "\n".join(lines) or None


def _listeners() -> Sequence[Listener]:
    """Of those processes that we may look at, by port."""
    import psutil

    found: dict[int, Listener] = {}
    for process in psutil.process_iter(["pid"]):
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid():
                continue
            for port in _ports(process):
                found.setdefault(port, Listener(port, _name(process), process.pid))
    return sorted(found.values())


def _ports(process: psutil.Process) -> Iterator[int]:
    for connection in process.net_connections(kind="tcp"):
        if connection.status == "LISTEN":
            yield connection.laddr.port


def _name(process: psutil.Process) -> str:
    """`python -m uvicorn` and a script of an interpreter are called by their own name."""
    name, command = process.name(), process.cmdline()
    if name.startswith("python"):
        if "-m" in command[1:-1]:
            return command[command.index("-m") + 1]
        script = next((word for word in command[1:] if not word.startswith("-")), name)
        return PurePath(script).stem
    return name


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
