"""One request and its answer on the wire: the little that the demo application wants of ASGI."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from loadctl.demo.api import Answer, Call

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CONNECTION = "loadctl.connection"
"""In the scope: the `Connection` that the request came in on."""
READ_AT = "loadctl.read_at_s"
"""In the scope: when its last byte was read, on time.perf_counter."""


class Connection:
    """`used`: it has carried a request that counts."""

    __slots__ = ("transport", "used")

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.used = False

    def reset(self) -> None:
        """Send RST: with a linger of zero, closing throws everything away."""
        accepted = self.transport.get_extra_info("socket")
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Exchange:
    """A request that was read whole."""

    __slots__ = ("_body", "_headers", "_read_at_s", "_receive", "_send", "connection", "method", "path")

    def __init__(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.connection: Connection = scope[CONNECTION]
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._read_at_s: float = scope[READ_AT]
        self._body = body
        self._receive = receive
        self._send = send

    @property
    def user_agent(self) -> bytes:
        return self._headers.get(b"user-agent", b"")

    @property
    def api_key(self) -> str | None:
        """From X-API-Key, or a bearer token that begins with `demo-` (others are sessions of POST /login)."""
        key = self._headers.get(b"x-api-key")
        if key is None:
            scheme, _, token = self._headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer" or not token.startswith(b"demo-"):
                return None
            key = token
        return key.decode("latin-1")

    def call(self) -> Call:
        return Call(self.path, self._headers.get(b"content-type", b""), self._body)

    @property
    def client_left(self) -> bool:
        return self.connection.transport.is_closing()

    async def write(self, answer: Answer, body_delay_s: float) -> float:
        """Write the answer, its body later by the delay; the service time in seconds."""
        headers = [
            (b"content-type", answer.content_type),
            (b"content-length", b"%d" % len(answer.body)),
            *answer.headers,
        ]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if body_delay_s > 0:
            await asyncio.sleep(body_delay_s)
        await self._send({"type": "http.response.body", "body": answer.body})
        return time.perf_counter() - self._read_at_s

    async def until_client_leaves(self) -> None:
        """The body was read, so the next message can only be the disconnect."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def read_whole(scope: Scope, receive: Receive, send: Send) -> Exchange | None:
    """The request with all of its body; None: the client left before its end."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        if not message["more_body"]:
            return Exchange(scope, body, receive, send)
