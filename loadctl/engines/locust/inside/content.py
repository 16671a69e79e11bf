"""Content-Encoding: what a body was before it was packed for the way."""

from __future__ import annotations

import zlib

from .failure import Failed

try:
    import brotli  # type: ignore[import-untyped]
except ImportError:
    brotli = None

UNPACKED_MAX = 64 << 20
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
    pieces = []
    room = UNPACKED_MAX
    try:
        while body:  # gzip may hold several members
            unpacker = zlib.decompressobj(window_bits)
            pieces.append(unpacker.decompress(body, room))
            if unpacker.unconsumed_tail:
                raise Failed("other", f"the unpacked body is larger than {UNPACKED_MAX >> 20} MiB")
            if not unpacker.eof:
                raise Failed("protocol", "the compressed body is cut short")
            room -= len(pieces[-1])
            body = (
                unpacker.unused_data if window_bits == 31 and unpacker.unused_data[:2] == b"\x1f\x8b" else b""
            )
    except zlib.error as error:
        raise Failed("protocol", f"the compressed body is damaged: {error}") from error
    return b"".join(pieces)


def _unbrotli(body: bytes) -> bytes:
    try:
        return bytes(brotli.decompress(body))
    except brotli.error as error:
        raise Failed("protocol", f"the compressed body is damaged: {error}") from error
