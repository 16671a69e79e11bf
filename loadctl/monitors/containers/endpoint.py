"""Where the container engine listens: found as the docker command line finds it.

DOCKER_HOST, else the current context (DOCKER_CONTEXT, else ~/.docker/config.json), else the sockets that Docker,
Docker Desktop, rootless Docker and podman make.
Source: docker/cli, cli/command/cli.go (resolveContextName) and cli/context/store.
"""

from __future__ import annotations

import hashlib
import json
import re
import select
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpcore
import httpx

from loadctl.errors import UsageError
from loadctl.monitors.child import HelperMissing, HelperProgram, complaint
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
