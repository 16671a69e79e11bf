"""Content-Encoding: what a body was before it was packed for the way."""

from __future__ import annotations

import zlib

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


def decoded(body: bytes, encodings: list[bytes]) -> bytes:
    """`body` without its `encodings` (values of Content-Encoding). An unknown one ends it: the rest stays packed."""
    for encoding in reversed([name.strip().lower() for line in encodings for name in line.split(b",")]):
        if encoding in {b"gzip", b"x-gzip"}:
            body = _inflate(body, 31)
        elif encoding == b"deflate":
            # zlib's format by the standard, the bare stream by custom.
            body = _inflate(body, 15 if body[:1] and body[0] & 0x0F == 8 else -15)
        elif encoding == b"br" and brotli:
            body = _unbrotli(body)
        elif encoding not in {b"", b"identity"}:
            break
    return body


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


def _too_large() -> Failed:
    return Failed("other", f"the unpacked body is larger than {UNPACKED_MAX >> 20} MiB")
