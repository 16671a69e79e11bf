"""Python's regular expressions in the words of JavaScript, so that a capture finds the same on both engines.

The pattern is parsed by Python's own parser and written anew; what JavaScript has no equal for is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _parser as parser  # type: ignore[attr-defined]  # its output is re's own understanding of a pattern
from typing import Any

_ANYWHERE_BUT_END = r"(?![\s\S])"
_WORD = r"[\p{L}\p{N}_]"
_AT = {
    "AT_BEGINNING_STRING": r"(?<![\s\S])",
    "AT_END_STRING": _ANYWHERE_BUT_END,
    "AT_BOUNDARY": f"(?:(?<={_WORD})(?!{_WORD})|(?<!{_WORD})(?={_WORD}))",
    "AT_NON_BOUNDARY": f"(?:(?<={_WORD})(?={_WORD})|(?<!{_WORD})(?!{_WORD}))",
}
_LINE_AT = {"AT_BEGINNING": r"(?<![^\n])", "AT_END": r"(?![^\n])"}
_TEXT_AT = {"AT_BEGINNING": r"(?<![\s\S])", "AT_END": rf"(?=\n?{_ANYWHERE_BUT_END})"}
_CATEGORIES = {
    "CATEGORY_DIGIT": r"\p{Nd}",
    "CATEGORY_NOT_DIGIT": r"\P{Nd}",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\p{L}\p{N}_",
}


class Untranslatable(ValueError):
    """The message says what JavaScript does not have."""


def to_javascript(pattern: str) -> tuple[str, str]:
    """Source and flags for `new RegExp`. Raises: Untranslatable, re.error."""
    flags = re.compile(pattern).flags
    if flags & (re.LOCALE | re.ASCII):
        raise Untranslatable("the flags a and L")
    writer = _Writer(flags)
    return writer.sequence(parser.parse(pattern)), "iu" if flags & re.IGNORECASE else "u"


class _Writer:
    def __init__(self, flags: int) -> None:
        self._flags = flags

    def sequence(self, parts: Iterable[tuple[Any, Any]]) -> str:
        return "".join([self._one(str(kind), value) for kind, value in parts])

    def _one(self, kind: str, value: Any) -> str:
        match kind:
            case "LITERAL":
                return _literal(value)
            case "NOT_LITERAL":
                return f"[^{_literal(value)}]"
            case "ANY":
                return r"[\s\S]" if self._flags & re.DOTALL else r"[^\n]"
            case "IN":
                return self._set(value)
            case "BRANCH":
                return f"(?:{'|'.join(self.sequence(branch) for branch in value[1])})"
            case "MAX_REPEAT" | "MIN_REPEAT":
                return self._repeat(*value, lazy=kind == "MIN_REPEAT")
            case "SUBPATTERN":
                return self._group(*value)
            case "AT":
                lines = _LINE_AT if self._flags & re.MULTILINE else _TEXT_AT
                return {**_AT, **lines}[str(value)]
            case "ASSERT" | "ASSERT_NOT":
                direction, parts = value
                sign = "=" if kind == "ASSERT" else "!"
                return f"(?{'<' if direction < 0 else ''}{sign}{self.sequence(parts)})"
            case "GROUPREF":
                return rf"(?:\{value})"
            case _:
                raise Untranslatable(kind.lower().replace("_", " "))

    def _set(self, items: Iterable[tuple[Any, Any]]) -> str:
        inside = []
        for kind, value in items:
            match str(kind):
                case "NEGATE":
                    inside.append("^")
                case "LITERAL":
                    inside.append(_literal(value))
                case "RANGE":
                    inside.append(f"{_literal(value[0])}-{_literal(value[1])}")
                case "CATEGORY" if str(value) in _CATEGORIES:
                    inside.append(_CATEGORIES[str(value)])
                case "CATEGORY" if len(list(items)) == 1:
                    return f"[^{_CATEGORIES['CATEGORY_WORD']}]"
                case _:
                    raise Untranslatable(r"\W beside others in a set")
        return f"[{''.join(inside)}]"

    def _repeat(self, least: int, most: int, parts: Any, *, lazy: bool) -> str:
        upper = "" if most == parser.MAXREPEAT else str(most)
        counts = {(0, ""): "*", (1, ""): "+", (0, "1"): "?"}.get((int(least), upper), f"{{{least},{upper}}}")
        return f"(?:{self.sequence(parts)}){counts}{'?' if lazy else ''}"

    def _group(self, number: int | None, add: int, remove: int, parts: Any) -> str:
        if add or remove:
            raise Untranslatable("flags for a part of a pattern")
        return f"({'' if number is not None else '?:'}{self.sequence(parts)})"


def _literal(code: int) -> str:
    character = chr(code)
    return character if character.isascii() and character.isalnum() else f"\\u{{{code:x}}}"
