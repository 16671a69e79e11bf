"""A system whose behaviour is known, in a process of its own. It writes down what it did to each request, and when.

Started as a script: says its port, serves until standard input ends, then prints what it saw (truth.py reads it).
A time is taken *before* the bytes it stands for are handed to the kernel, so no client can have them earlier.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import math
import socket
import struct
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from time import monotonic

BODY = b'{"ok":true}'
LARGE = 4_000_000
_PIECE = b"x" * 50_000


@dataclass(slots=True)
class Seen:
    """What came to one path. Of each answer: begun, first byte, last byte, in monotonic seconds; bytes of its body."""

    requests: int = 0
    connections: int = 0
    answers: list[tuple[float, float, float]] = field(default_factory=list)
    body_bytes: int = 0
    failed: int = 0
    """Answered with 500, reset, or left by the client before the end."""
    left_after_s: list[float] = field(default_factory=list)


class Exchange:
    """One request on its connection."""

    def __init__(self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen = seen
        self.number = seen.requests
        self.began = monotonic()
        self.keep_alive = True
        self._reader = reader
        self._writer = writer
        self._first = 0.0

    async def answer(self, body: bytes = BODY, status: int = 200, *fields: str) -> None:
        self.head(status, f"content-length: {len(body)}", *fields)
        await self.body(body)
        if status < 400:
            self.done(len(body))
        else:
            self.seen.failed += 1

    def head(self, status: int, *fields: str) -> None:
        self._first = self._first or monotonic()
        self._last = self._first
        lines = [f"HTTP/1.1 {status} Known", "content-type: application/json", *fields, "", ""]
        self._writer.write("\r\n".join(lines).encode())

    async def body(self, data: bytes) -> None:
        self._last = monotonic()
        self._writer.write(data)
        await self._writer.drain()

    def done(self, size: int) -> None:
        self.seen.answers.append((self.began, self._first, self._last))
        self.seen.body_bytes += size

    async def until_left(self) -> None:
        """Until the client closes the connection."""
        with contextlib.suppress(ConnectionError):
            await self._reader.read()
        self.seen.failed += 1
        self.seen.left_after_s.append(monotonic() - self.began)
        self.keep_alive = False

    def reset(self) -> None:
        self.seen.failed += 1
        accepted = self._writer.get_extra_info("socket")
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        self.keep_alive = False


random = Random(1)


async def constant(exchange: Exchange) -> None:
    await asyncio.sleep(0.020)
    await exchange.answer()


async def lognormal(exchange: Exchange) -> None:
    await asyncio.sleep(random.lognormvariate(math.log(0.020), 0.5))
    await exchange.answer()


async def early_headers(exchange: Exchange) -> None:
    await asyncio.sleep(0.050)
    exchange.head(200, f"content-length: {len(BODY)}")
    await asyncio.sleep(0.500)
    await exchange.body(BODY)
    exchange.done(len(BODY))


async def errors(exchange: Exchange) -> None:
    """5 % errors, that take five times as long."""
    failing = exchange.number % 20 == 0
    await asyncio.sleep(0.050 if failing else 0.010)
    await exchange.answer(status=500 if failing else 200)


async def resets(exchange: Exchange) -> None:
    """2 % resets."""
    await asyncio.sleep(0.005)
    if exchange.number % 50 == 0:
        exchange.reset()
    else:
        await exchange.answer()


async def hang(exchange: Exchange) -> None:
    await exchange.until_left()


async def drip(exchange: Exchange) -> None:
    """A byte every 50 ms, for ever: never silent, never done."""
    exchange.head(200, "content-length: 1000000")

    async def dripping() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await exchange.body(b"x")
                await asyncio.sleep(0.05)

    task = asyncio.create_task(dripping())
    await exchange.until_left()
    task.cancel()


async def large(exchange: Exchange) -> None:
    """4 MB: with a length and in chunks in turn."""
    chunked = exchange.number % 2 == 0
    exchange.head(200, "transfer-encoding: chunked" if chunked else f"content-length: {LARGE}")
    for _ in range(LARGE // len(_PIECE)):
        await exchange.body(b"%x\r\n%b\r\n" % (len(_PIECE), _PIECE) if chunked else _PIECE)
    if chunked:
        await exchange.body(b"0\r\n\r\n")
    exchange.done(LARGE)


async def closing(exchange: Exchange) -> None:
    """Says that it closes the connection, and does."""
    exchange.keep_alive = False
    await exchange.answer(BODY, 200, "connection: close")


async def silent(exchange: Exchange) -> None:
    """Closes the connection after every third answer, unannounced."""
    exchange.keep_alive = exchange.number % 3 != 0
    await exchange.answer()


PATHS: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    "/constant": constant,
    "/lognormal": lognormal,
    "/early-headers": early_headers,
    "/errors": errors,
    "/resets": resets,
    "/hang": hang,
    "/drip": drip,
    "/large": large,
    "/closing": closing,
    "/silent": silent,
}
HOPS = ("/redirect", "/redirect/again", "/redirect/end")


class KnownService:
    def __init__(self) -> None:
        self.seen = {path: Seen() for path in (*PATHS, *HOPS)}
        self.unknown: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        paths: set[str] = set()
        redirected_at = 0.0
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            keep_alive = True
            while keep_alive:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode().partition("?")[0]
                seen = self.seen.get(path)
                if seen is None:
                    self.unknown.append(path)
                    break
                seen.requests += 1
                seen.connections += path not in paths
                paths.add(path)
                exchange = Exchange(seen, reader, writer)
                if path in HOPS:
                    redirected_at = await self._redirected(path, exchange, redirected_at)
                else:
                    await PATHS[path](exchange)
                keep_alive = exchange.keep_alive
        writer.close()

    async def _redirected(self, path: str, exchange: Exchange, began: float) -> float:
        """Where it first began: the whole way counts."""
        await asyncio.sleep(0.015)
        if path != HOPS[0]:
            exchange.began = began
        if path == HOPS[-1]:
            await exchange.answer()
        else:
            await exchange.answer(b"", 302, f"location: {HOPS[HOPS.index(path) + 1]}")
        return exchange.began

    def document(self) -> dict[str, object]:
        return {
            "unknown": self.unknown,
            "paths": {
                path: {name: getattr(seen, name) for name in Seen.__dataclass_fields__}
                for path, seen in self.seen.items()
            },
        }


async def main() -> None:
    service = KnownService()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, backlog=512)
    gc.collect()
    gc.freeze()
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait, daemon=True).start()
    await ended.wait()
    print(json.dumps(service.document()), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
