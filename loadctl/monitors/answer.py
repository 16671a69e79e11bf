"""The log of a container, as the engine sends it: frames of two streams in one, or, with a terminal, plain bytes.

Source: Docker Engine API, "Attach to a container", section "Stream format".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_HEADER = 8
_LONGEST_FRAME = 1 << 24
"""Docker's own are 16 KiB; one that claims more is no frame."""
_NAMES = {0: "stdout", 1: "stdout", 2: "stderr", 3: "stderr"}
_LONGEST = 1_000_000
"""Bytes of one line that are kept; the rest of a longer one is dropped."""


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


def framed_lines(chunks: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """("stdout" or "stderr", line without its end) of a container without a terminal.

    A frame is [stream u8][0 0 0][length u32 big-endian][bytes]; a line may span frames, and a frame chunks. Bytes
    that are no frames (podman sends a terminal's so) end the parse and pass as stdout.
    """
    streams = {"stdout": _Lines(), "stderr": _Lines()}
    buffer = bytearray()
    plain = False
    for chunk in chunks:
        if plain:
            yield from (("stdout", line) for line in streams["stdout"].feed(chunk))
            continue
        buffer += chunk
        while len(buffer) >= _HEADER:
            length = int.from_bytes(buffer[4:_HEADER], "big")
            if buffer[0] not in _NAMES or buffer[1:4] != b"\0\0\0" or length > _LONGEST_FRAME:
                plain = True
                yield from (("stdout", line) for line in streams["stdout"].feed(bytes(buffer)))
                buffer.clear()
                break
            ends = _HEADER + length
            if len(buffer) < ends:
                break
            name = _NAMES[buffer[0]]
            payload = bytes(buffer[_HEADER:ends])
            del buffer[:ends]
            yield from ((name, line) for line in streams[name].feed(payload))
    for name, lines in streams.items():
        yield from ((name, line) for line in lines.end())


def plain_lines(chunks: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """The same of a container with a terminal: there all is "stdout"."""
    lines = _Lines()
    for chunk in chunks:
        yield from (("stdout", line) for line in lines.feed(chunk))
    yield from (("stdout", line) for line in lines.end())


def text_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines of a stream of JSON texts, cut at line feeds alone: other separators may stand inside a text."""
    for _, line in plain_lines(chunks):
        if line.strip():
            yield line


def _text(line: bytes) -> str:
    return line.rstrip(b"\r").decode("utf-8", "replace")
