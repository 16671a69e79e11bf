"""The characters of a body: decoded as its Content-Type declares, without a byte order mark."""

from __future__ import annotations

import re
from functools import lru_cache

_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s"';,]+)""", re.IGNORECASE)
_SINGLE_BYTE = re.compile(r"iso-8859-(?:[2-8]|1[0345])|windows-125[0-8]|koi8-[ru]")
_WESTERN = {"us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252"}
"""All are read as windows-1252, as browsers do: the other two have no letters where it has some."""
_LETTERS = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ"
_WINDOWS = dict(zip(range(0x80, 0xA0), _LETTERS, strict=True))
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def decoded(body: bytes, content_type: bytes, *, strict: bool) -> str:
    """The text of a body. `strict`: no character in place of bytes that are none. Raises ValueError with a sentence."""
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
    """Python's name for a character set, "western", or ? and the name that loadctl does not know."""
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
