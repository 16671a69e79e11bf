"""An expression: what stands between the braces of a template, read from text into records."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from loadctl.scenario.template.prng import one_kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadctl.scenario.user_type import Json

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<close>\}\})
    | (?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![\w.])
    | (?P<text>'[^']*'|"[^"]*")
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<attribute>\.[A-Za-z_][A-Za-z0-9_-]*)
    | (?P<mark>[(),])
    )""",
    re.VERBOSE | re.ASCII,
)


_DEEPEST = 20
"""Calls inside each other, and attributes of one value."""


class TemplateError(ValueError):
    """A text that is not a template: one sentence."""


@dataclass(frozen=True, slots=True)
class Literal:
    value: bool | int | float | str | None

    def plan(self) -> Json:
        return ["lit", self.value]


@dataclass(frozen=True, slots=True)
class Variable:
    name: str

    def plan(self) -> Json:
        return ["var", self.name]


@dataclass(frozen=True, slots=True)
class Attribute:
    of: Expression
    name: str

    def plan(self) -> Json:
        return ["get", self.of.plan(), self.name]


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: Sequence[Expression]

    def plan(self) -> Json:
        return ["call", self.name, [argument.plan() for argument in self.arguments]]


Expression: TypeAlias = Literal | Variable | Attribute | Call
_CONSTANTS: Mapping[str, Literal] = {"true": Literal(True), "false": Literal(False), "null": Literal(None)}


def read_expression(text: str, opening: int) -> tuple[Expression, int]:
    """The expression whose `{{` stands at `opening`, and where its `}}` ends; raises TemplateError."""
    return _Reader(text, opening).expression_to_close()


def _number(text: str) -> int | float:
    number = float(text)
    if not math.isfinite(number):
        shown = text if len(text) <= 20 else f"{text[:19]}…"
        raise TemplateError(f"{shown} is too large a number")
    return one_kind(number) if re.search("[.eE]", text) else int(text)


class _Reader:
    """One expression, from its `{{` to its `}}`."""

    def __init__(self, text: str, opening: int) -> None:
        self._text = text
        self._opening = opening
        self._at = opening + 2
        self._depth = 0

    def expression_to_close(self) -> tuple[Expression, int]:
        kind, found = self._next()
        if kind == "close":
            raise TemplateError('{{ }} is empty; for the characters themselves write {{ "{{" }}')
        expression = self._expression(kind, found)
        kind, found = self._next()
        if kind != "close":
            raise self._unexpected(found)
        return expression, self._at

    def _expression(self, kind: str, found: str) -> Expression:
        expression: Expression
        depth = self._depth
        self._deeper()
        if kind == "number":
            expression = Literal(_number(found))
        elif kind == "text":
            expression = Literal(found[1:-1])
        elif kind == "name":
            expression = self._call(found) if self._skip("(") else _CONSTANTS.get(found, Variable(found))
        else:
            raise self._unexpected(found)
        while not isinstance(expression, Literal) and self._peek()[0] == "attribute":
            self._deeper()
            expression = Attribute(expression, self._next()[1][1:])
        self._depth = depth
        return expression

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise TemplateError(f"calls and attributes are nested deeper than {_DEEPEST} levels")

    def _call(self, name: str) -> Call:
        arguments: list[Expression] = []
        while not self._skip(")"):
            if arguments and not self._skip(","):
                raise self._unexpected(self._next()[1])
            arguments.append(self._expression(*self._next()))
        return Call(name, tuple(arguments))

    def _skip(self, mark: str) -> bool:
        if self._peek() != ("mark", mark):
            return False
        self._next()
        return True

    def _peek(self) -> tuple[str, str]:
        match = _TOKEN.match(self._text, self._at)
        return (match.lastgroup or "", match[match.lastgroup or 0]) if match else ("", "")

    def _next(self) -> tuple[str, str]:
        match = _TOKEN.match(self._text, self._at)
        if match is None or match.lastgroup is None:
            rest = self._text[self._at :].strip()
            if "}}" not in rest:
                raise TemplateError(
                    '{{ is never closed by }}; for the characters themselves write {{ "{{" }}'
                )
            raise self._unexpected(rest[0])
        self._at = match.end()
        return match.lastgroup, match[match.lastgroup]

    def _unexpected(self, found: str) -> TemplateError:
        end = self._text.find("}}", self._opening)
        shown = self._text[self._opening : end + 2 if end >= 0 else None]
        return TemplateError(
            f"{found} is not understood in {shown if len(shown) <= 80 else shown[:79] + '…'}; "
            "inside {{ }} stand names, row.column, calls like random_int(1, 9), numbers and 'texts'"
        )
