"""The content of a body: decompressed by its Content-Encoding, decoded by its character set."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable
from functools import lru_cache, partial

from ....route import Failed

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
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s"';,]+)""", re.IGNORECASE)
_SINGLE_BYTE = re.compile(r"iso-8859-(?:[2-8]|1[0345])|windows-125[0-8]|koi8-[ru]")
_WESTERN = {"us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252"}
"""All are read as windows-1252, as browsers do: the other two have no letters where it has some."""
_LETTERS = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ"
_WINDOWS = dict(zip(range(0x80, 0xA0), _LETTERS, strict=True))
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def unpacked(body: bytes, encodings: Iterable[bytes]) -> bytes:
    """`body` without its `encodings` (values of Content-Encoding). An unknown one ends it: the rest stays packed."""
    for encoding in reversed(_names(encodings)):
        if encoding not in _UNPACKERS:
            break
        body = _UNPACKERS[encoding](body)
    return body


def packed(encodings: Iterable[bytes]) -> str:
    """The encoding that `unpacked` does not know; empty if it knows all."""
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


_UNPACKERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": partial(_inflate, window_bits=31),
    b"x-gzip": partial(_inflate, window_bits=31),
    b"deflate": _undeflate,
}
if brotli:
    _UNPACKERS[b"br"] = _unbrotli


def _too_large() -> Failed:
    return Failed("other", f"the unpacked body is larger than {UNPACKED_MAX >> 20} MiB")


def decoded(body: bytes, content_type: bytes, *, strict: bool) -> str:
    """The text of a body. `strict`: invalid bytes are an error, not replaced. Raises: ValueError with a sentence."""
    codec = codec_of(content_type)
    if body[:1] > b"\xee":
        for mark, unicode in _BOMS:
            if body.startswith(mark):
                body, codec = body[len(mark) :], unicode
                break
    if codec == "utf-8":
        errors = "strict" if strict else "replace"
    elif codec == "western":
        return body.decode("latin-1").translate(_WINDOWS)
    elif codec.startswith("?"):
        if not body.isascii():
            raise ValueError(
                f"the body is in the character set {codec[1:]}, which loadctl cannot read; let the service send UTF-8"
            )
        return body.decode("ascii")
    else:
        errors = "strict" if strict and codec.startswith("utf") else "replace"
    try:
        return body.decode(codec, errors)
    except UnicodeDecodeError:
        raise ValueError(f"the body is not the {codec[:6].upper()} that it should be") from None


@lru_cache(maxsize=256)
def codec_of(content_type: bytes) -> str:
    """Python's name for a character set, "western", or "?" followed by an unknown name."""
    found = _CHARSET.search(content_type.decode("latin-1"))
    if found is None:
        return "utf-8"
    label = re.sub(r"^iso[-_]?8859[-_]", "iso-8859-", found[1].lower())
    label = re.sub(r"^cp(?=125)", "windows-", label)
    if label in {"utf-8", "utf8"}:
        return "utf-8"
    if label in {"utf-16", "utf-16le", "utf-16be"}:
        return "utf-16-be" if label == "utf-16be" else "utf-16-le"
    if label in _WESTERN:
        return "western"
    if label == "iso-8859-9":
        return "windows-1254"  # as browsers do
    return label if _SINGLE_BYTE.fullmatch(label) else f"?{found[1]}"
