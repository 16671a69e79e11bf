"""A container engine, Docker's or podman's, over its API: what is asked of it, and the streams it sends."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from loadctl.monitors.background import Lost

if TYPE_CHECKING:
    import httpx
import difflib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadctl.errors import UsageError
from loadctl.monitors.answer import framed_lines, plain_lines, text_lines
from loadctl.monitors.containers import record
from loadctl.monitors.containers.endpoint import Endpoint, endpoints
from loadctl.monitors.containers.record import Container, EngineEvent, Malformed, State
from loadctl.monitors.containers.stats import Frame, frame

if TYPE_CHECKING:
    import httpx


T = TypeVar("T")


class Stream(Generic[T]):
    """What the engine sends until it has nothing more; iterate `with` it in one thread, `close` it from any.

    Iterating raises Lost when the engine goes away.
    """

    def __init__(
        self, response: httpx.Response, read: Callable[[Iterable[bytes]], Iterator[T]], said: str
    ) -> None:
        self._response = response
        self._read = read
        self._said = said
        self._closed = False
        self._socket: socket.socket | None = response.extensions["network_stream"].get_extra_info("socket")
        if (
            self._socket is not None
        ):  # a machine that vanished is noticed, in a stream that may be silent for hours
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()

    def __iter__(self) -> Iterator[T]:
        import httpx

        try:
            yield from self._read(self._response.iter_raw())
        except (httpx.TransportError, httpx.StreamError) as error:
            if not self._closed:
                raise Lost(f"{self._said} broke off: {reason_of(error)}") from error

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(OSError):  # it may have ended by itself
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)


def reason_of(error: Exception) -> str:
    """`[Errno 2] No such file or directory` → no such file or directory."""
    said = str(error).removeprefix("[Errno ").partition("] ")[2] or str(error) or type(error).__name__
    number = getattr(error.__cause__, "errno", None)
    return os.strerror(number) if not said and isinstance(number, int) else said


_ACTIONS = ("start", "die", "died", "oom", "kill", "destroy", "remove", "health_status")
"""podman filters by its own words, "died" and "remove", but sends Docker's for the first of them."""
_ASK_S = 5.0
_STATS_S = 15.0
"""Without a frame for so long, the engine hangs; it sends one a second."""
_SHORTEST_ID = 4


class NoContainer(Lost):
    """The engine answers, but has no such container."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the engine runs on. `cores` None: it does not say. `now_ns`: its clock; 0: it does not say."""

    cores: float | None
    now_ns: int


class DockerEngine:
    """One engine; safe to use from several threads. While it does not answer, questions raise Lost, where no other
    error is named.
    """

    def __init__(self, endpoint: Endpoint, environment: Mapping[str, str]) -> None:
        self.said = endpoint.said
        self._endpoint = endpoint
        self._environment = environment
        self._opened: httpx.Client | None = None
        self._opening = threading.Lock()
        self._closed = False

    @classmethod
    def find(cls, environment: Mapping[str, str]) -> DockerEngine:
        """The engine that the docker command line would use, once it has answered.

        Raises: UsageError when there is none, or it does not answer.
        """
        tried = endpoints(environment)
        failures = []
        for endpoint in tried:
            engine = cls(endpoint, environment)
            try:
                engine.ping()
            except Lost as lost:
                engine.close()
                failures.append(str(lost))
                continue
            return engine
        if failures:
            raise UsageError(failures[0], hint=_hint(failures[0]))
        raise UsageError(
            "no container engine was found on this machine: DOCKER_HOST is not set, there is no docker context "
            "and no socket of Docker or podman",
            hint="start Docker (or `podman system service`), or set DOCKER_HOST",
        )

    def ping(self) -> None:
        self._ask("/_ping")

    def version(self) -> str:
        """As "20.10.24"."""
        return record.text(_object(self._json("/version")), "Version")

    def machine(self) -> Machine:
        info = _object(self._json("/info"))
        cores = record.integer(info, "NCPU")
        return Machine(
            float(cores) if cores > 0 else None, record.nanoseconds(record.text(info, "SystemTime"))
        )

    def containers(self) -> tuple[Container, ...]:
        """All, those that do not run included."""
        return record.containers(self._json("/containers/json", {"all": "1"}))

    def resolve(self, text: str) -> Container:
        """By name, id (or its beginning), label `key=value` or compose service; a running one before others.

        Raises: UsageError when there is none, or the engine does not answer.
        """
        known = self._known()
        found = select(known, text)
        if found is not None:
            return found
        raise UsageError(f"there is no container {text!r} in {self.said}", hint=_nearest(known, text))

    def behind_port(self, port: int) -> str | None:
        """The name of the running container that this port of the host is handed on to.

        Raises: UsageError when the engine does not answer.
        """
        return next((one.name for one in self._known() if one.running and port in one.ports), None)

    def inspect(self, name: str) -> State:
        """Raises: NoContainer, Lost."""
        try:
            return record.state(self._json(f"/containers/{_quoted(name)}/json"))
        except Malformed as error:
            raise Lost(f"{self.said}: {error}") from error

    def stats(self, name: str) -> Stream[Frame | None]:
        """One frame a second; None while the container does not run."""
        path = f"/containers/{_quoted(name)}/stats"
        return Stream(
            self._stream(path, {"stream": "1"}, _STATS_S), _parsed(frame), f"the statistics of {name}"
        )

    def events(self, since_ns: int | None = None) -> Stream[EngineEvent | None]:
        """What happens to any container; from `since_ns` (the engine's clock) on, if the engine still knows."""
        query = {"filters": json.dumps({"type": ["container"], "event": list(_ACTIONS)})}
        if since_ns is not None:
            query["since"] = f"{since_ns // 10**9}.{since_ns % 10**9:09d}"
        return Stream(
            self._stream("/events", query, None), _parsed(record.event), f"the events of {self.said}"
        )

    def logs(
        self, name: str, *, since_s: float | None = None, tail: int | None = 0, follow: bool = True
    ) -> Stream[tuple[str, str]]:
        """("stdout" or "stderr", line); of what is there already the last `tail` lines, None: all.

        `since_s`: seconds since 1970 on the engine's clock.
        """
        terminal = self.inspect(name).tty
        query = {"stdout": "1", "stderr": "1", "follow": "1" if follow else "0"}
        query["tail"] = "all" if tail is None else str(tail)
        if since_s is not None:
            query["since"] = f"{since_s:.9f}"
        response = self._stream(f"/containers/{_quoted(name)}/logs", query, None if follow else _ASK_S)
        return Stream(response, plain_lines if terminal else framed_lines, f"the log of {name}")

    def close(self) -> None:
        """For good: a thread that still asks must not open it again, with nobody left to close it."""
        with self._opening:
            client, self._opened, self._closed = self._opened, None, True
        if client is not None:
            client.close()

    def _known(self) -> tuple[Container, ...]:
        try:
            return self.containers()
        except Lost as lost:
            raise UsageError(str(lost), hint=_hint(str(lost))) from lost

    def _client(self) -> httpx.Client:
        import httpx

        with self._opening:
            if self._closed:
                raise Lost(f"{self.said} is not asked any more")
            if self._opened is None:
                self._opened = httpx.Client(
                    transport=self._transport(),
                    base_url=self._endpoint.url or "http://docker",
                    headers={"Accept-Encoding": "identity", "User-Agent": "loadctl"},
                    timeout=_ASK_S,
                    trust_env=False,
                )
            return self._opened

    def _transport(self) -> httpx.BaseTransport:
        import httpx

        if self._endpoint.socket is not None:
            return httpx.HTTPTransport(uds=str(self._endpoint.socket), trust_env=False)
        if self._endpoint.url is not None:
            return httpx.HTTPTransport(trust_env=False)
        from loadctl.monitors.containers.endpoint import DialTransport

        return DialTransport(self._endpoint.options, self._environment)

    def _json(self, path: str, query: Mapping[str, str] | None = None) -> object:
        body = self._ask(path, query).content
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Lost(f"what answers at {self.said} is no container engine: {path} is not JSON") from error

    def _ask(self, path: str, query: Mapping[str, str] | None = None) -> httpx.Response:
        import httpx

        try:
            response = self._client().get(path, params=query)
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise Lost(f"no container engine answers at {self.said}: {reason_of(error)}") from error
        self._accept(response)
        return response

    def _stream(self, path: str, query: Mapping[str, str], silent_s: float | None) -> httpx.Response:
        import httpx

        client = self._client()
        timeout = httpx.Timeout(_ASK_S, read=silent_s)
        try:
            response = client.send(
                client.build_request("GET", path, params=query, timeout=timeout), stream=True
            )
            if response.is_error:
                response.read()
                response.close()
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise Lost(f"no container engine answers at {self.said}: {reason_of(error)}") from error
        self._accept(response)
        return response

    def _accept(self, response: httpx.Response) -> None:
        if not response.is_error:
            return
        said = response.text[:200].strip()
        with contextlib.suppress(ValueError, RecursionError):
            said = record.text(_object(response.json()), "message")[:200] or said
        if response.status_code == 404:
            raise NoContainer(said or "there is no such container")
        raise Lost(f"{self.said} answered {response.status_code}: {said}")


def select(known: Iterable[Container], text: str) -> Container | None:
    """The container that is meant by a name, an id, a label or a compose service."""
    key, equals, value = text.partition("=")
    ways: tuple[Callable[[Container], bool], ...] = (
        lambda one: one.name == text.removeprefix("/"),
        lambda one: len(text) >= _SHORTEST_ID and one.id.startswith(text),
        lambda one: bool(equals) and one.labels.get(key) == value,
        lambda one: one.service == text,
    )
    ordered = sorted(known, key=lambda one: (not one.running, one.name))
    return next((one for way in ways for one in ordered if way(one)), None)


def _nearest(known: Iterable[Container], text: str) -> str:
    running = sorted({one.name for one in known if one.running})
    if not running:
        return "no container is running there; start it first, or choose another engine with DOCKER_HOST"
    near = difflib.get_close_matches(text, running, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    more = f" and {len(running) - 5} more" if len(running) > 5 else ""
    return f"running are {', '.join(running[:5])}{more}"


def _hint(reason: str) -> str:
    if "ermission denied" in reason:
        return "run loadctl as a user who may use the engine (for Docker: in the group docker)"
    return "`docker version` shows what the docker command line finds; start the engine or set DOCKER_HOST"


def _parsed(parse: Callable[[object], T]) -> Callable[[Iterable[bytes]], Iterator[T]]:
    def read(chunks: Iterable[bytes]) -> Iterator[T]:
        for line in text_lines(chunks):
            with contextlib.suppress(ValueError, RecursionError):
                yield parse(json.loads(line))

    return read


def _object(answer: object) -> record.Json:
    return answer if isinstance(answer, Mapping) else {}


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")
