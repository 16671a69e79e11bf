"""A container engine, Docker's or podman's, over its API: where it listens, what is asked of it, the streams it sends.

It is found as the docker command line finds it: DOCKER_HOST, else the current context (DOCKER_CONTEXT, else
~/.docker/config.json), else the sockets that Docker, Docker Desktop, rootless Docker and podman make.
Source: docker/cli, cli/command/cli.go (resolveContextName) and cli/context/store.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import re
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import httpcore
import httpx

from loadctl.errors import UsageError
from loadctl.monitors import answer
from loadctl.monitors.answer import AnswerStream, Malformed
from loadctl.monitors.background import Lost
from loadctl.monitors.child import HelperMissing, HelperProgram, complaint
from loadctl.monitors.containers import record
from loadctl.monitors.containers.record import Container, EngineEvent, Frame, State, frame
from loadctl.temporary import new_folder, remove


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way to the engine's API.

    `socket`: a unix socket · `url`: HTTP without TLS · neither: through the docker command line with `options`
    (ssh, TLS, named pipes). `shown` is its name for people, without user names and passwords.
    """

    shown: str
    socket: Path | None = None
    url: str | None = None
    options: tuple[str, ...] = ()


def endpoints(environment: Mapping[str, str]) -> tuple[Endpoint, ...]:
    """Where to ask, the likeliest first. An explicit choice is the only one; () if there is none.

    Raises: UsageError for a context that does not exist or cannot be read.
    """
    host = environment.get("DOCKER_HOST", "")
    if host:
        secured = bool(environment.get("DOCKER_TLS_VERIFY") or environment.get("DOCKER_TLS"))
        return (_endpoint(host, ("--host", host), secured=secured),)
    folder = Path(environment.get("DOCKER_CONFIG") or _home(environment) / ".docker")
    context = environment.get("DOCKER_CONTEXT") or _current_context(folder)
    if context and context != "default":
        return (_of_context(context, folder),)
    if sys.platform == "win32":
        return (Endpoint("the docker command line"),)
    return tuple(Endpoint(f"unix://{path}", socket=path) for path in _sockets(environment) if path.exists())


def _endpoint(host: str, options: tuple[str, ...], *, secured: bool) -> Endpoint:
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = "tcp", host
    shown = f"{scheme}://{rest.rpartition('@')[2]}"
    if scheme == "unix":
        return Endpoint(shown, socket=Path(rest))
    if scheme in {"tcp", "http"} and not secured:
        address = rest.rstrip("/")
        if not re.search(r":\d+$", address):
            address += ":2375"
        return Endpoint(shown, url=f"http://{address}")
    return Endpoint(shown, options=options)


def _home(environment: Mapping[str, str]) -> Path:
    named = environment.get("HOME") or environment.get("USERPROFILE")
    return Path(named) if named else Path.home()


def _current_context(folder: Path) -> str:
    """A configuration that is missing or broken names none, as for the docker command line's own commands."""
    try:
        read = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""
    named = read.get("currentContext") if isinstance(read, dict) else None
    return named if isinstance(named, str) else ""


def _of_context(name: str, folder: Path) -> Endpoint:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    meta = folder / "contexts" / "meta" / digest / "meta.json"
    try:
        host = json.loads(meta.read_text(encoding="utf-8"))["Endpoints"]["docker"]["Host"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        host = None
    if not isinstance(host, str) or not host:
        raise UsageError(
            f"the docker context {name!r} has no endpoint in {meta}",
            hint="`docker context ls` shows the contexts there are; choose one with DOCKER_CONTEXT or DOCKER_HOST",
        )
    secured = (folder / "contexts" / "tls" / digest / "docker").is_dir()
    return _endpoint(host, ("--context", name), secured=secured)


def _sockets(environment: Mapping[str, str]) -> Iterator[Path]:
    yield Path("/var/run/docker.sock")
    yield _home(environment) / ".docker" / "run" / "docker.sock"
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime:
        yield Path(runtime) / "docker.sock"
        yield Path(runtime) / "podman" / "podman.sock"
    yield Path("/run/podman/podman.sock")


class DialTransport(httpx.HTTPTransport):
    """Every connection is a `docker OPTIONS system dial-stdio` of its own, ended with it."""

    def __init__(self, options: tuple[str, ...], environment: Mapping[str, str]) -> None:
        super().__init__(trust_env=False)
        self._pool = httpcore.ConnectionPool(network_backend=_Dialler(options, environment))


class _Dialler(httpcore.NetworkBackend):
    def __init__(self, options: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self._argv = ["docker", *options, "system", "dial-stdio"]
        self._environment = dict(environment)

    def connect_tcp(self, *_: object, **__: object) -> httpcore.NetworkStream:
        ours, theirs = socket.socketpair()
        folder = new_folder("docker")
        try:
            with theirs:
                program = HelperProgram(
                    self._argv, output=folder / "complaints", env=self._environment, connection=theirs
                )
        except HelperMissing as error:
            ours.close()
            remove(folder)
            raise httpcore.ConnectError(str(error)) from error
        return _Conversation(ours, program, folder)


class _Conversation(httpcore.NetworkStream):
    """A socket whose other end is the standard input and output of a program; what it complains of is the reason."""

    def __init__(self, ours: socket.socket, program: HelperProgram, folder: Path) -> None:
        self._socket = ours
        self._program = program
        self._folder = folder

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._socket.settimeout(timeout)
        try:
            data = self._socket.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout("timed out") from error
        except OSError as error:
            raise httpcore.ReadError(self._complaint() or str(error)) from error
        if not data and (complaint := self._complaint()):
            raise httpcore.ReadError(complaint)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._socket.settimeout(timeout)
        try:
            self._socket.sendall(buffer)
        except TimeoutError as error:
            raise httpcore.WriteTimeout("timed out") from error
        except OSError as error:
            raise httpcore.WriteError(self._complaint() or str(error)) from error

    def close(self) -> None:
        self._socket.close()
        self._program.stop()
        remove(self._folder)

    def get_extra_info(self, info: str) -> object:
        if info == "socket":
            return self._socket
        if info == "is_readable":  # while nothing was asked: its program has ended
            return bool(select.select([self._socket], [], [], 0)[0])
        return None

    def _complaint(self) -> str:
        self._program.wait(1.0)
        return complaint(self._folder / "complaints")


T = TypeVar("T")
_ACTIONS = ("start", "die", "died", "oom", "kill", "destroy", "remove", "health_status")
"""podman filters by its own names, "died" and "remove", but sends Docker's for the first of them."""
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
        self.shown = endpoint.shown
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
        self._send("/_ping")

    def machine(self) -> Machine:
        info = _object(self._json("/info"))
        cores = answer.integer(info, "NCPU")
        return Machine(
            float(cores) if cores > 0 else None, answer.nanoseconds(answer.text(info, "SystemTime"))
        )

    def containers(self) -> tuple[Container, ...]:
        """All, those that do not run included."""
        return record.containers(self._json("/containers/json", {"all": "1"}))

    def resolve(self, name: str) -> Container:
        """By name, id (or its beginning), label `key=value` or compose service; a running one before others.

        Raises: UsageError when there is none, or the engine does not answer.
        """
        known = self._known()
        found = container_named(known, name)
        if found is None:
            raise UsageError(f"there is no container {name!r} in {self.shown}", hint=_nearest(known, name))
        return found

    def behind_port(self, port: int) -> str | None:
        """The name of the running container that this port of the host is handed on to.

        Raises: UsageError when the engine does not answer.
        """
        return next((one.name for one in self._known() if one.running and port in one.ports), None)

    def inspect(self, name: str) -> State:
        """Raises: NoContainer, Lost."""
        try:
            return record.state(self._json(f"{_path(name)}/json"))
        except Malformed as error:
            raise Lost(f"{self.shown}: {error}") from error

    def stats(self, name: str) -> AnswerStream[Frame | None]:
        """One frame a second; None while the container does not run."""
        response = self._send(f"{_path(name)}/stats", {"stream": "1"}, _STATS_S, stream=True)
        return AnswerStream(response, _parsed(frame), f"the statistics of {name}")

    def events(self, since_ns: int | None = None) -> AnswerStream[EngineEvent | None]:
        """What happens to any container; from `since_ns` (the engine's clock) on, if the engine still knows."""
        query = {"filters": json.dumps({"type": ["container"], "event": list(_ACTIONS)})}
        if since_ns is not None:
            query["since"] = f"{since_ns // 10**9}.{since_ns % 10**9:09d}"
        response = self._send("/events", query, None, stream=True)
        return AnswerStream(response, _parsed(record.event), f"the events of {self.shown}")

    def logs(
        self, name: str, *, since_s: float | None = None, tail: int | None = 0, follow: bool = True
    ) -> AnswerStream[str]:
        """Lines of both output streams; of what is there already the last `tail` lines, None: all.

        `since_s`: seconds since 1970 on the engine's clock.
        """
        terminal = self.inspect(name).tty
        query = {"stdout": "1", "stderr": "1", "follow": "1" if follow else "0"}
        query["tail"] = "all" if tail is None else str(tail)
        if since_s is not None:
            query["since"] = f"{since_s:.9f}"
        response = self._send(f"{_path(name)}/logs", query, None if follow else _ASK_S, stream=True)
        return AnswerStream(
            response, answer.plain_lines if terminal else answer.framed_lines, f"the log of {name}"
        )

    def close(self) -> None:
        """For good: a thread that is still asking must not open it again, because it would stay open."""
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
        with self._opening:
            if self._closed:
                raise Lost(f"the connection to {self.shown} has been closed")
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
        endpoint = self._endpoint
        if endpoint.socket is None and endpoint.url is None:
            return DialTransport(endpoint.options, self._environment)
        return httpx.HTTPTransport(uds=str(endpoint.socket) if endpoint.socket else None, trust_env=False)

    def _json(self, path: str, query: Mapping[str, str] | None = None) -> object:
        body = self._send(path, query).content
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Lost(f"{self.shown} is not a container engine: {path} is not JSON") from error

    def _send(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        silent_s: float | None = _ASK_S,
        *,
        stream: bool = False,
    ) -> httpx.Response:
        """`silent_s`: between two reads, None: for as long as it takes. The body of a stream is not read yet."""
        client, timeout = self._client(), httpx.Timeout(_ASK_S, read=silent_s)
        try:
            request = client.build_request("GET", path, params=query, timeout=timeout)
            response = client.send(request, stream=stream)
            if response.is_error:
                response.read()
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise Lost(f"no container engine answers at {self.shown}: {answer.reason_of(error)}") from error
        self._accept(response)
        return response

    def _accept(self, response: httpx.Response) -> None:
        if not response.is_error:
            return
        message = response.text[:200].strip()
        with contextlib.suppress(ValueError, RecursionError):
            message = answer.text(_object(response.json()), "message")[:200] or message
        if response.status_code == 404:
            raise NoContainer(message or "there is no such container")
        raise Lost(f"{self.shown} answered {response.status_code}: {message}")


def container_named(known: Iterable[Container], name: str) -> Container | None:
    """The container with this name, id, label or compose service."""
    key, equals, value = name.partition("=")
    ways: tuple[Callable[[Container], bool], ...] = (
        lambda one: one.name == name.removeprefix("/"),
        lambda one: len(name) >= _SHORTEST_ID and one.id.startswith(name),
        lambda one: bool(equals) and one.labels.get(key) == value,
        lambda one: one.service == name,
    )
    ordered = sorted(known, key=lambda one: (not one.running, one.name))
    return next((one for way in ways for one in ordered if way(one)), None)


def _nearest(known: Iterable[Container], name: str) -> str:
    running = sorted({one.name for one in known if one.running})
    if not running:
        return "no container is running there; start it first, or choose another engine with DOCKER_HOST"
    near = difflib.get_close_matches(name, running, n=3, cutoff=0.5)
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
        for line in answer.plain_lines(chunks):
            with contextlib.suppress(ValueError, RecursionError):  # empty lines too
                yield parse(json.loads(line))

    return read


def _object(content: object) -> answer.Json:
    return content if isinstance(content, Mapping) else {}


def _path(name: str) -> str:
    return f"/containers/{quote(name, safe='')}"
