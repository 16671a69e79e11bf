"""Untrusted answers of other servers: tolerant readers of JSON, and streams of lines.

Source of the frames: Docker Engine API, "Attach to a container", section "AnswerStream format".
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic, Self, TypeAlias, TypeVar

from loadctl.monitors.background import Lost

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
Json: TypeAlias = Mapping[str, object]

_INTEGER_MAX = 1 << 64
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)")
_HEADER = 8
_LONGEST_FRAME = 1 << 24
"""Docker's own are 16 KiB; data that claims more is not a frame."""
_LONGEST = 1_000_000
"""Bytes of one line that are kept; the rest of a longer one is dropped."""


class Malformed(Lost):
    """The answer is not what the API promises; the message says what is missing."""


def part(answer: Json, key: str) -> Json:
    value = answer.get(key)
    return value if isinstance(value, Mapping) else {}


def text(answer: Json, key: str) -> str:
    value = answer.get(key)
    return value if isinstance(value, str) else ""


def integer(answer: Json, key: str) -> int:
    return whole(answer.get(key)) or 0


def whole(value: object) -> int | None:
    """A count without its fraction; None if it is not a number or has more than 64 bits."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not -_INTEGER_MAX < value < _INTEGER_MAX
    ):
        return None
    return int(value)


def parts(answer: Json, key: str) -> list[Json]:
    value = answer.get(key)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def nanoseconds(stamp: str) -> int:
    """RFC 3339 → ns since 1970; 0 if it cannot be parsed, and for the year 1, which means never."""
    match = _STAMP.fullmatch(stamp)
    if match is None:
        return 0
    whole, fraction, zone = match.groups()
    try:
        at = datetime.fromisoformat(whole + ("+00:00" if zone == "Z" else zone))
        since = at - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return 0
    return max(0, (since.days * 86_400 + since.seconds) * 10**9 + int((fraction or "0").ljust(9, "0")))


class AnswerStream(Generic[T]):
    """What the engine sends until it has nothing more; iterate `with` it in one thread, `close` it from any.

    Iterating raises Lost when the engine goes away.
    """

    def __init__(
        self, response: httpx.Response, read: Callable[[Iterable[bytes]], Iterator[T]], name: str
    ) -> None:
        self._response = response
        self._read = read
        self._name = name
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
                raise Lost(f"{self._name} broke off: {reason_of(error)}") from error

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(OSError):  # it may have ended by itself
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)


def reason_of(error: Exception) -> str:
    """`[Errno 2] No such file or directory` → no such file or directory."""
    message = str(error).removeprefix("[Errno ").partition("] ")[2] or str(error) or type(error).__name__
    number = getattr(error.__cause__, "errno", None)
    return os.strerror(number) if not message and isinstance(number, int) else message


class _Lines:
    """Cuts the bytes of one stream into lines; the last, unended one is kept back."""

    def __init__(self) -> None:
        self._rest = b""
        self._cut = False

    def feed(self, data: bytes) -> Iterator[str]:
        *whole, rest = (self._rest + data).split(b"\n")
        for line in whole:
            if not self._cut:
                yield _text(line)
            self._cut = False
        if len(rest) > _LONGEST:
            if not self._cut:
                yield _text(rest[:_LONGEST])
            self._cut, rest = True, b""
        self._rest = rest

    def end(self) -> Iterator[str]:
        if self._rest and not self._cut:
            yield _text(self._rest)
        self._rest = b""


def framed_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines, without their ends, of the two output streams of a container without a terminal.

    A frame is [stream u8][0 0 0][length u32 big-endian][bytes]; a line may span frames, and a frame chunks. Bytes
    that are no frames (podman sends a terminal's so) end the parse and pass as standard output.
    """
    stdout, stderr = _Lines(), _Lines()
    streams = (stdout, stdout, stderr, stderr)
    buffer = bytearray()
    plain = False
    for chunk in chunks:
        buffer += chunk
        while not plain and len(buffer) >= _HEADER:
            length = int.from_bytes(buffer[4:_HEADER], "big")
            if buffer[0] >= len(streams) or buffer[1:4] != b"\0\0\0" or length > _LONGEST_FRAME:
                plain = True
                break
            end = _HEADER + length
            if len(buffer) < end:
                break
            yield from streams[buffer[0]].feed(bytes(buffer[_HEADER:end]))
            del buffer[:end]
        if plain:
            yield from stdout.feed(bytes(buffer))
            buffer.clear()
    yield from stdout.end()
    yield from stderr.end()


def plain_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The same of a container with a terminal, or of any other text. Only line feeds separate lines."""
    lines = _Lines()
    for chunk in chunks:
        yield from lines.feed(chunk)
    yield from lines.end()


def _text(line: bytes) -> str:
    return line.rstrip(b"\r").decode("utf-8", "replace")
