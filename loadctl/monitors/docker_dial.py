"""HTTP to an engine that only its command line can reach: over ssh, under TLS, through a named pipe.

`docker system dial-stdio` hands a raw connection to the engine's API on through its standard input and output, with
the user's own contexts, keys and certificates; `docker` itself talks to an engine behind ssh in this way. So there is
one client for all engines, with exact figures, not a second one that parses rounded tables.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import httpcore
import httpx

from loadctl.monitors.child import HelperMissing, HelperProgram
from loadctl.temporary import new_folder, remove

if TYPE_CHECKING:
    import ssl


class DialTransport(httpx.HTTPTransport):
    """Every connection is a `docker OPTIONS system dial-stdio` of its own, ended with it."""

    def __init__(self, options: tuple[str, ...], environment: Mapping[str, str]) -> None:
        super().__init__(trust_env=False)
        self._pool = httpcore.ConnectionPool(network_backend=_Dialler(options, environment))


class _Dialler(httpcore.NetworkBackend):
    def __init__(self, options: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self._argv = ["docker", *options, "system", "dial-stdio"]
        self._environment = dict(environment)

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002  there is one engine behind it
        port: int,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
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
            self._program.wait(1.0)
            raise httpcore.WriteError(self._complaint() or str(error)) from error

    def close(self) -> None:
        self._socket.close()
        self._program.stop()
        remove(self._folder)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        raise NotImplementedError("the docker command line does it")

    def get_extra_info(self, info: str) -> object:
        if info == "socket":
            return self._socket
        if info == "is_readable":  # while nothing was asked: its program has ended
            return bool(select.select([self._socket], [], [], 0)[0])
        return None

    def _complaint(self) -> str:
        self._program.wait(1.0)
        with contextlib.suppress(OSError):
            lines = (
                (self._folder / "complaints")
                .read_text(encoding="utf-8", errors="replace")
                .strip()
                .splitlines()
            )
            return lines[-1][:300] if lines else ""
        return ""
