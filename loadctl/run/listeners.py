"""Local processes that listen and look like servers: what somebody may have meant who named the wrong port."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_SERVERS = {
    *(
        "uvicorn",
        "gunicorn",
        "hypercorn",
        "granian",
        "daphne",
        "waitress-serve",
        "flask",
        "django",
        "fastapi",
    ),
    *("node", "deno", "bun", "java", "ruby", "puma", "php", "dotnet", "caddy", "nginx", "httpd", "apache2"),
    *("traefik", "haproxy", "envoy", "loadctl"),
}
_WEB_PORTS = {80, 443, 3000, 4200, 5000, 5173, *range(8000, 9000)}


@dataclass(frozen=True, slots=True, order=True)
class Listener:
    port: int
    name: str
    pid: int

    @property
    def serves(self) -> bool:
        """Whether it looks like a web server."""
        return self.name in _SERVERS or self.port in _WEB_PORTS


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
