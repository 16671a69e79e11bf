"""Content-Encoding: what a body was before it was packed for the way."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping

from .failure import Failed

try:
    import brotli  # type: ignore[import-untyped]
except ImportError:
    brotli = None

if brotli and not hasattr(brotli.Decompressor, "can_accept_more_data"):
    brotli = None  # before 1.2 nothing bounds what a few bytes unpack to

UNPACKED_MAX = 64 << 20
_BLOCK = 4096
"""What follows a member is copied with each, so that many small ones must not be handed over at once."""
ACCEPTED = b"gzip, deflate, br" if brotli else b"gzip, deflate"


def decoded(body: bytes, encodings: Iterable[bytes]) -> bytes:
    """`body` without its `encodings` (values of Content-Encoding). An unknown one ends it: the rest stays packed."""
    for encoding in reversed(_names(encodings)):
        if encoding not in _UNPACKERS:
            break
        body = _UNPACKERS[encoding](body)
    return body


def packed(encodings: Iterable[bytes]) -> str:
    """The encoding at which `decoded` ends; empty where it unpacks all."""
    left = [name for name in _names(encodings) if name not in _UNPACKERS]
    return left[-1].decode("latin-1") if left else ""


def _names(encodings: Iterable[bytes]) -> list[bytes]:
    return [
        name
        for line in encodings
        for part in line.split(b",")
        if (name := part.strip().lower()) not in {b"", b"identity"}
    ]


def _inflate(body: bytes, window_bits: int) -> bytes:
    rest = memoryview(body)
    pieces: list[bytes] = []
    room = UNPACKED_MAX
    try:
        while rest:  # gzip may hold several members
            unpacker = zlib.decompressobj(window_bits)
            while rest and not unpacker.eof:
                block = rest[:_BLOCK]
                pieces.append(unpacker.decompress(block, room + 1))
                room -= len(pieces[-1])
                if room < 0:
                    raise _too_large()
                rest = rest[len(block) - len(unpacker.unused_data) :]
            if not unpacker.eof:
                raise Failed("protocol", "the compressed body is cut short")
            if window_bits != 31 or bytes(rest[:2]) != b"\x1f\x8b":
                break
    except zlib.error as error:
        raise Failed("protocol", f"the compressed body is damaged: {error}") from error
    return b"".join(pieces)


def _unbrotli(body: bytes) -> bytes:
    unpacker = brotli.Decompressor()
    pieces = []
    room = UNPACKED_MAX
    try:
        while room >= 0:
            pieces.append(unpacker.process(body, output_buffer_limit=room + 1))
            room -= len(pieces[-1])
            body = b""
            if unpacker.is_finished():
                break
            if unpacker.can_accept_more_data():
                raise Failed("protocol", "the compressed body is cut short")
    except brotli.error as error:
        raise Failed("protocol", f"the compressed body is damaged: {error}") from error
    if room < 0:
        raise _too_large()
    return b"".join(pieces)


def _undeflate(body: bytes) -> bytes:
    """zlib's format by the standard, the bare stream by custom."""
    return _inflate(body, 15 if body[:1] and body[0] & 0x0F == 8 else -15)


def _ungzip(body: bytes) -> bytes:
    return _inflate(body, 31)


_UNPACKERS: Mapping[bytes, Callable[[bytes], bytes]] = {
    b"gzip": _ungzip,
    b"x-gzip": _ungzip,
    b"deflate": _undeflate,
}
if brotli:
    _UNPACKERS = {**_UNPACKERS, b"br": _unbrotli}


def _too_large() -> Failed:
    return Failed("other", f"the unpacked body is larger than {UNPACKED_MAX >> 20} MiB")
