"""One page over HTTP during a run: in threads of its own, with bounds, so that no client can disturb the run.

Not http.server.HTTPServer: that looks its own name up before it serves, which can take seconds.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from threading import BoundedSemaphore, Event, Thread
from typing import Any
from urllib.parse import urlsplit

from loadctl.engines.route import is_loopback
from loadctl.errors import UsageError

Page = Callable[[str], tuple[bytes, str]]
"""Value of the Accept header → body and content type. Called from several threads."""
PATH = "/metrics"
_SLOW_S = 5.0
"""How long a client may take for its request, and for each piece of the answer."""
_AT_ONCE = 16
_POLL_S = 0.1


class PageServer:
    """Serves from construction to `close`."""

    def __init__(self, host: str, port: int, page: Page) -> None:
        """`port` 0: any that is free. Raises: UsageError where it cannot listen there."""
        try:
            family, _, _, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            self._server = _Server(family, address, page)
        except (OSError, UnicodeError) as error:
            raise UsageError(
                f"cannot listen on {_spelled(host, port)} for --metrics-port: {_reason(error)}; nothing was sent",
                hint="another port, or 0 for any that is free",
            ) from error
        self.url = f"http://{_spelled(host, self._server.server_address[1])}{PATH}"
        self._thread = Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="metrics page", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for_reader(self, timeout_s: float) -> bool:
        """Wait until a client that asks from now on has received the page; False if none did."""
        self._server.awaited = True
        return self._server.read.wait(timeout_s)


class _Server(ThreadingMixIn, TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, family: int, address: Any, page: Page) -> None:
        self.address_family = family
        self.page = page
        self.is_for_this_machine = is_loopback(address[0])
        self.awaited = False
        self.read = Event()
        self._free = BoundedSemaphore(_AT_ONCE)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """While all threads are busy, further clients are refused: threads and descriptors belong to the run."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that disconnects is not an error."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _SLOW_S
    server: _Server

    def do_GET(self) -> None:
        if self.server.is_for_this_machine and not _is_own_name(self.headers.get("Host", "")):
            self.send_error(
                HTTPStatus.FORBIDDEN, explain="this page is served to this machine only: ask for localhost"
            )
            return
        if self.path.partition("?")[0] not in {PATH, "/"}:
            self.send_error(HTTPStatus.NOT_FOUND, explain=f"the metrics are at {PATH}")
            return
        awaited = self.server.awaited
        body, content_type = self.server.page(self.headers.get("Accept", ""))
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
            if awaited:
                self.server.read.set()

    do_HEAD = do_GET  # noqa: N815  the name that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as http.server has it
        """Nothing: stderr is the run's."""

    def version_string(self) -> str:
        return "loadctl"


def _is_own_name(host: str) -> bool:
    """Not a name that merely resolves to this machine, under which another site could read the page (DNS rebinding)."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return not host or is_loopback(name)


def _spelled(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "no such host"
