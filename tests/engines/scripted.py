"""Servers that answer by a script, byte for byte, as no proper server would."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from loadctl.engines import ENGINES

if TYPE_CHECKING:
    from loadctl.engines.artillery.locate import Artillery
    from loadctl.engines.base import Engine

RESET = "reset"
"""In a script: end the connection with a reset."""
CLOSE = "close"
Act = bytes | float | str
"""What to do in turn: send bytes, pause for seconds, RESET or CLOSE."""


@dataclass
class Server:
    """`script` makes the acts that answer request number n (from 0), given its bytes."""

    script: Callable[[int, bytes], Sequence[Act]]
    tls: ssl.SSLContext | None = None
    family: int = socket.AF_INET
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.socket(self.family, socket.SOCK_STREAM)
        self._listener.bind(("::1" if self.family == socket.AF_INET6 else "127.0.0.1", 0))
        self._listener.listen(512)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def url(self) -> str:
        host = "[::1]" if self.family == socket.AF_INET6 else "127.0.0.1"
        return f"http{'s' if self.tls else ''}://{host}:{self.port}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            connection.settimeout(8)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                connection = stack.enter_context(self.tls.wrap_socket(connection, server_side=True))
            while request := _one_request(connection):
                self.requests.append(request)
                for act in self.script(len(self.requests) - 1, request):
                    if isinstance(act, bytes):
                        connection.sendall(act)
                    elif isinstance(act, float):
                        time.sleep(act)
                    elif act == RESET:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
                    else:
                        return


def _one_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    if b"x-do-not-read" in head.lower():
        return data
    length = next(
        (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        more = connection.recv(1 << 20)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body


FEW_DESCRIPTORS = 256


@dataclass(frozen=True)
class Runtime:
    """What users run on: Python inside Locust, or JavaScript inside Artillery."""

    name: str
    artillery: Artillery | None = None

    @property
    def engine(self) -> Engine:
        return ENGINES[self.name]

    def run(self, name: str, given: object, *, few_descriptors: bool = False) -> Any:
        """What the script of that name beside this file makes of `given`, in a process of its own."""
        script = Path(__file__).with_name(f"{name}.{'mjs' if self.artillery else 'py'}")
        env = {"PYTHONPATH": str(Path(__file__).parents[2])}
        if self.artillery:
            env["LOADCTL_ARTILLERY"] = str(self.artillery.package)
        few = (FEW_DESCRIPTORS, FEW_DESCRIPTORS)
        run = subprocess.run(
            [str(self.artillery.node if self.artillery else sys.executable), str(script)],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=env,
            preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, few)) if few_descriptors else None,
        )
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    def clients(
        self, cases: Sequence[Mapping[str, Any]], *, few_descriptors: bool = False
    ) -> list[list[dict[str, Any]]]:
        """The answers to the requests of each case, all cases at once, a client each."""
        answers: list[list[dict[str, Any]]] = self.run("run_client", cases, few_descriptors=few_descriptors)
        return answers


def fields(request: bytes) -> list[tuple[str, str]]:
    """The headers of a request: names in lower case, values. Which case and order they have is the library's."""
    lines = request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]


def unordered(request: bytes) -> tuple[bytes, list[tuple[str, str]], bytes]:
    """Request line, headers sorted, body: what two clients send when they send the same."""
    head, _, body = request.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0], sorted(fields(request)), body
