"""Translates Python's regular expressions to JavaScript, so that a capture finds the same on both engines.

Python's own parser reads the pattern; what JavaScript has no equivalent of is refused.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from re import _parser as parser  # type: ignore[attr-defined]  # its output is re's own understanding of a pattern
from typing import Any

_BLANKS = [code for code in range(0x3001) if chr(code).isspace()]
_WORD = r"[\p{L}\p{N}_]"
_EMPTY_TOO = "" if re.search(r"\B", "") else "(?!^$)"  # before Python 3.14 \B is nowhere in an empty text
_AT = {
    "AT_BEGINNING_STRING": "^",
    "AT_END_STRING": "$",
    "AT_BOUNDARY": f"(?:(?<={_WORD})(?!{_WORD})|(?<!{_WORD})(?={_WORD}))",
    "AT_NON_BOUNDARY": f"(?:(?<={_WORD})(?={_WORD})|(?<!{_WORD})(?!{_WORD}){_EMPTY_TOO})",
}
_LINE_AT = {"AT_BEGINNING": r"(?:^|(?<=\n))", "AT_END": r"(?:$|(?=\n))"}
_TEXT_AT = {"AT_BEGINNING": "^", "AT_END": r"(?=\n?$)"}
_NOT_INSIDE_A_SIGN = r"(?:$|(?=[\s\S]))"
"""V8 looks for what may be empty between the halves of a surrogate pair, too."""


def _ranges(pairs: Iterable[tuple[int, int]]) -> str:
    return "".join([f"\\u{{{low:x}}}-\\u{{{high:x}}}" for low, high in pairs if low <= high])


_CATEGORIES = {
    "CATEGORY_DIGIT": r"\p{Nd}",
    "CATEGORY_NOT_DIGIT": r"\P{Nd}",
    # Not \s: JavaScript counts the byte order mark as blank, and not the separators of ASCII.
    "CATEGORY_SPACE": _ranges((code, code) for code in _BLANKS),
    "CATEGORY_NOT_SPACE": _ranges(
        (before + 1, after - 1)
        for before, after in zip([-1, *_BLANKS], [*_BLANKS, sys.maxunicode + 1], strict=True)
    ),
    "CATEGORY_WORD": r"\p{L}\p{N}_",
}


class Untranslatable(ValueError):
    """The message names what JavaScript has no equivalent of."""


def to_javascript(pattern: str) -> tuple[str, str]:
    """Source and flags for `new RegExp`. Raises: Untranslatable, re.error."""
    flags = re.compile(pattern).flags
    if flags & (re.LOCALE | re.ASCII):
        raise Untranslatable("the flag a or L")
    parsed = parser.parse(pattern)
    try:
        source = _Writer(flags).sequence(parsed)
    except RecursionError:
        raise Untranslatable("so many parts inside each other") from None
    if parsed.getwidth()[0] == 0:
        source = f"{_NOT_INSIDE_A_SIGN}(?:{source})"
    return source, "u"


@cache
def _cased() -> str:
    """All characters with an upper and a lower case."""
    known = map(chr, range(0x1F000))
    return "".join([sign for sign in known if not sign.lower() == sign.upper() == sign])


@cache
def _of_other_case(member: str) -> str:
    """What a member of a set matches beyond itself without regard to case; JavaScript's flag i has other rules."""
    found = set(re.findall(f"(?i)[{member}]", _cased())) - set(re.findall(f"[{member}]", _cased()))
    return "".join(sorted(_literal(ord(sign)) for sign in found))


class _Writer:
    def __init__(self, flags: int) -> None:
        self._flags = flags
        self._around: list[tuple[str, object]] = []
        """The optional ("maybe") and repeated ("loop") parts that enclose the current one."""
        self._groups: dict[int, Sequence[tuple[str, object]]] = {}

    def sequence(self, parts: Iterable[tuple[Any, Any]]) -> str:
        return "".join([self._one(str(kind), value) for kind, value in parts])

    def _one(self, kind: str, value: Any) -> str:
        match kind:
            case "LITERAL":
                members = self._member(kind, value)
                return members if members == _literal(value) else f"[{members}]"
            case "NOT_LITERAL":
                return f"[^{self._member('LITERAL', value)}]"
            case "ANY":
                return r"[\s\S]" if self._flags & re.DOTALL else r"[^\n]"
            case "IN":
                return self._set(value)
            case "BRANCH":
                return f"(?:{'|'.join([self._inside('maybe', branch) for branch in value[1]])})"
            case "MAX_REPEAT" | "MIN_REPEAT":
                return self._repeat(*value, lazy=kind == "MIN_REPEAT")
            case "SUBPATTERN":
                return self._group(*value)
            case "AT":
                lines = _LINE_AT if self._flags & re.MULTILINE else _TEXT_AT
                return {**_AT, **lines}[str(value)]
            case "ASSERT":
                return f"(?{'<' if value[0] < 0 else ''}={self.sequence(value[1])})"
            case "ASSERT_NOT":
                return f"(?{'<' if value[0] < 0 else ''}!{self._inside('maybe', value[1])})"
            case "GROUPREF":
                return self._reference(value)
            case _:
                raise Untranslatable(kind.lower().replace("_", " "))

    @contextmanager
    def _within(self, *kinds: str) -> Iterator[None]:
        self._around += [(kind, object()) for kind in kinds]
        yield
        del self._around[len(self._around) - len(kinds) :]

    def _inside(self, kind: str, parts: Any) -> str:
        with self._within(kind):
            return self.sequence(parts)

    def _repeat(self, least: int, most: int, parts: Any, *, lazy: bool) -> str:
        if least < most and parts.getwidth()[0] == 0:  # JavaScript never takes such a part when it is empty
            raise Untranslatable("a repeated part that can be empty")
        upper = "" if most == parser.MAXREPEAT else str(most)
        counts = {(0, ""): "*", (1, ""): "+", (0, "1"): "?"}.get((int(least), upper), f"{{{least},{upper}}}")
        with self._within(*["maybe"] * (least == 0), *["loop"] * (most > 1)):
            return f"(?:{self.sequence(parts)}){counts}{'?' if lazy else ''}"

    def _group(self, number: int | None, add: int, remove: int, parts: Any) -> str:
        if add or remove:
            raise Untranslatable("flags for a part of a pattern")
        if number is None:
            return f"(?:{self.sequence(parts)})"
        kinds = [kind for kind, _ in self._around]
        if "loop" in kinds and "maybe" in kinds[kinds.index("loop") :]:
            # JavaScript forgets the group with each round.
            raise Untranslatable("a group in a repeated part that can do without it")
        self._groups[number] = tuple(self._around)
        return f"({self.sequence(parts)})"

    def _reference(self, number: int) -> str:
        if self._flags & re.IGNORECASE:
            raise Untranslatable("a reference to a group with the flag i")
        if any(part not in self._around for part in self._groups[number] if part[0] == "maybe"):
            raise Untranslatable("a reference to a group that may not have matched")  # it would match there
        return rf"(?:\{number})"

    def _set(self, items: Sequence[tuple[Any, Any]]) -> str:
        inside = "".join([self._member(str(kind), value) for kind, value in items])
        is_negated = any(str(kind) == "NEGATE" for kind, _ in items)
        if not any(str(value) == "CATEGORY_NOT_WORD" for _, value in items):
            return f"[{'^' if is_negated else ''}{inside}]"
        if is_negated:
            return f"(?:(?={_WORD})[^{inside}])" if inside else _WORD
        no_word = _WORD.replace("[", "[^", 1)
        return f"(?:{no_word}|[{inside}])" if inside else no_word

    def _member(self, kind: str, value: Any) -> str:
        if kind == "CATEGORY":
            return _CATEGORIES.get(str(value), "")
        if kind not in {"LITERAL", "RANGE"}:
            return ""
        low, high = (value, value) if kind == "LITERAL" else value
        member = _literal(low) if kind == "LITERAL" else f"{_literal(low)}-{_literal(high)}"
        if not self._flags & re.IGNORECASE:
            return member
        return member + _of_other_case(f"\\U{low:08x}-\\U{high:08x}")


def _literal(code: int) -> str:
    character = chr(code)
    return character if character.isascii() and character.isalnum() else f"\\u{{{code:x}}}"
