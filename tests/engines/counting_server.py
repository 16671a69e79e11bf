"""A system that counts, as a process: says its port, serves until standard input ends, then prints what it saw.

HTTP/1.1 with keep-alive. /status/NNN · /sleep/MS · /stream/N/MS (N lines, MS apart) · /flaky/N (503 N times, then 200;
each path counts for itself) · /redirect/PATH · /text · all else is answered with JSON at once. More of a path is only
a name.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import Counter

_PROBED = {"/", "/api/v1"}
"""What loadctl asks for before the load; no locustfile of the tests does."""

requests: Counter[str] = Counter()
"""By method, path and status."""
aborted: Counter[str] = Counter()
"""By method and path: the client was gone before its answer was."""
flaky: Counter[str] = Counter()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    await reader.readexactly(int(line.split(b":")[1]))
            path = target.partition("?")[0]
            status = _status(path)
            if path not in _PROBED:
                requests[f"{method} {path} {status}"] += 1
            if not await _answer(method, path, status, reader, writer):
                aborted[f"{method} {path}"] += 1
                break
    writer.close()


def _status(path: str) -> int:
    _, verb, *rest = path.split("/")
    if verb == "status":
        return int(rest[0])
    if verb == "flaky":
        flaky[path] += 1
        return 503 if flaky[path] <= int(rest[0]) else 200
    return 302 if verb == "redirect" else 200


async def _answer(
    method: str, path: str, status: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """False: the client was gone before the end."""
    _, verb, *rest = path.split("/")
    body = b"plain words" if verb == "text" else b'{"ok": true}'
    fields = f"location: /{'/'.join(rest)}\r\n" if verb == "redirect" else ""
    if method == "HEAD":
        body = b""
    if verb == "sleep":
        await asyncio.sleep(int(rest[0]) / 1000)
    pieces, pause_s = [body], 0.0
    if verb == "stream":
        pieces, pause_s = [b"data: piece\n\n"] * int(rest[0]), int(rest[1]) / 1000
    size = sum(map(len, pieces))
    if reader.at_eof() or reader.exception():
        return False
    writer.write(f"HTTP/1.1 {status} X\r\n{fields}content-length: {size}\r\n\r\n".encode())
    for piece in pieces:
        await asyncio.sleep(pause_s)
        if reader.at_eof() or reader.exception():
            return False
        writer.write(piece)
        await writer.drain()
    return True


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps({"requests": requests, "aborted": aborted}))
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
