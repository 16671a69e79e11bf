"""Text from outside (endpoint names, error messages, log lines) made safe and short for a terminal."""

from __future__ import annotations

import re
import unicodedata
from textwrap import wrap

_BIDI = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)), "\u200e", "\u200f", "\u061c"}


def printable(text: str, limit: int = 500) -> str:
    """One line without control characters, escape sequences and direction marks, cut to `limit` characters."""
    return shortened(" ".join(_visible(text[: limit * 4]).split()), limit)


def printable_lines(text: str, limit: int = 20_000) -> str:
    """The same for text of several lines: they and their indents stay."""
    return shortened("\n".join(_visible(line) for line in text[: limit * 4].splitlines()), limit)


def _visible(text: str) -> str:
    return "".join(
        " " if char in "\t\r\n\v\f" else char
        for char in text
        if char in "\t\r\n\v\f"
        or (unicodedata.category(char) not in {"Cc", "Cs", "Cf"} and char not in _BIDI)
    )


def shortened(text: str, width: int) -> str:
    """At most `width` characters, the end replaced by an ellipsis."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def cut_in_the_middle(text: str, width: int) -> str:
    """At most `width` characters; paths that begin alike stay apart by their ends."""
    if len(text) <= width:
        return text
    tail = max(0, width - 1) // 2
    return f"{text[: max(0, width - 1 - tail)]}…{text[len(text) - tail :]}"


def hanging(head: str, text: str, width: int) -> list[str]:
    """`text` wrapped to `width`, the first line after `head`, the others indented by as much."""
    indent = " " * len(head)
    return wrap(
        head + text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [head.rstrip()]


def hanging_with_commands(head: str, text: str, width: int) -> list[str]:
    """The same for a sentence that may end with a command, which is never wrapped: a shell would run its lines."""
    if len(head) + len(text) <= width:
        return [f"{head}{text}".rstrip()]
    lines: list[str] = []
    for part in _COMMAND.split(text):
        if part := part.strip():
            lines += [f"{head}{part}"] if _COMMAND.fullmatch(part) else hanging(head, part, width)
            head = " " * len(head)
    return lines


_COMMAND = re.compile(r"(\bloadctl [a-z-].*?(?=;|$| {2,}))")
