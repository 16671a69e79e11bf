"""Templates: `{{ expression }}` inside the texts of a scenario.

expression = variable `token` · attribute `row.email` · call `random_int(1, 500)`, nested `int(row.age)` ·
literal: a number, 'text' or "text" (no escapes), true, false, null. No operators, no filters.

A value that is one whole `{{ }}` keeps the type of its expression; otherwise all is joined as text (prng.text
defines how; null is empty). A variable that does not exist is an error of that turn. `{{ "{{" }}` writes braces.

Engines get plans, plain JSON: a text without templates stays a text · {"$expr": E} keeps its type ·
{"$text": [text or E, …]} joins. A JSON value is a list: ready JSON text, and between it plans whose values become JSON.
E = ["lit", value] | ["var", name] | ["get", E, name] | ["call", name, [E, …]].
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

from loadctl.scenario.prng import LARGEST, as_json, one_kind
from loadctl.scenario.prng import text as as_text
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
"""Nested calls, and attributes of one value."""


@dataclass(frozen=True, slots=True)
class Helper:
    """What may be called in a template; prng.py defines what it returns, to the bit."""

    arguments: Sequence[str]
    help: str
    example: str


HELPERS: Mapping[str, Helper] = {
    "random_int": Helper(
        ("low", "high"), "A whole number from low to high, both included.", "random_int(1, 500)"
    ),
    "random_float": Helper(("low", "high"), "A number of at least low and below high.", "random_float(0, 1)"),
    "random_floats": Helper(("n",), "A list of n numbers from 0 to 1, of six decimals.", "random_floats(8)"),
    "random_string": Helper(("n",), "A text of n letters a-z and digits.", "random_string(12)"),
    "random_choice": Helper(
        ("list",), "One item of a list, such as one that was captured.", "random_choice(ids)"
    ),
    "uuid": Helper((), "A random UUID of version 4, fixed by the seed like all that is random.", "uuid()"),
    "int": Helper(("x",), "The whole number in a text, or a number without its fraction.", "int(row.age)"),
    "float": Helper(("x",), "The number in a text.", "float(row.price)"),
    "str": Helper(("x",), "A value as text.", "str(user)"),
    "now": Helper((), "The time in UTC, to the millisecond: 2026-11-23T14:27:07.120Z.", "now()"),
    "timestamp": Helper((), "Milliseconds since 1970, as a whole number.", "timestamp()"),
}
GIVEN: Mapping[str, Helper] = {
    "row": Helper((), "This user's row of `data:`, by column. All values are text.", "row.email"),
    "user": Helper((), "The number of this user, from 0, counted over all engine processes.", "user"),
}
"""Variables that nobody captures."""

OTHER_TOOLS = {
    "randint": "random_int",
    "randrange": "random_int",
    "randomnumber": "random_int",
    "uniform": "random_float",
    "choice": "random_choice",
    "randomstring": "random_string",
    "uuid4": "uuid",
    "guid": "uuid",
    "string": "str",
}


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
                message = '{{ is never closed by }}; for the characters themselves write {{ "{{" }}'
                raise TemplateError(message)
            raise self._unexpected(rest[0])
        self._at = match.end()
        return match.lastgroup, match[match.lastgroup]

    def _unexpected(self, found: str) -> TemplateError:
        end = self._text.find("}}", self._opening)
        shown = self._text[self._opening : end + 2 if end >= 0 else None]
        return TemplateError(
            f"{found} is not understood in {shown if len(shown) <= 80 else shown[:79] + '…'}; "
            "inside {{ }} use names, row.column, calls like random_int(1, 9), numbers and 'texts'"
        )


@dataclass(frozen=True, slots=True)
class Template:
    """Texts and expressions in order; no two texts side by side."""

    parts: Sequence[str | Expression]

    @property
    def whole(self) -> Expression | None:
        """The expression, where the template is nothing else: its value keeps its type."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return None if isinstance(only, str) else only

    def expressions(self) -> Iterator[Expression]:
        """All expressions, inner ones too."""
        stack = [part for part in self.parts if not isinstance(part, str)]
        while stack:
            expression = stack.pop()
            yield expression
            if isinstance(expression, Call):
                stack.extend(expression.arguments)
            elif isinstance(expression, Attribute):
                stack.append(expression.of)

    def plan(self) -> Json:
        if self.whole is not None:
            return {"$expr": self.whole.plan()}
        if all(isinstance(part, str) for part in self.parts):
            return "".join(part for part in self.parts if isinstance(part, str))
        return {"$text": [part if isinstance(part, str) else part.plan() for part in self.parts]}


def parse(text: str) -> Template:
    """The template in `text`; raises TemplateError."""
    parts: list[str | Expression] = []
    at = 0
    while (opening := text.find("{{", at)) >= 0:
        parts.append(text[at:opening])
        expression, at = read_expression(text, opening)
        parts.append(expression)
    parts.append(text[at:])
    if len(parts) == 3 and not parts[0] and not parts[2] and not _is_text(parts[1]):
        return Template((parts[1],))
    return Template(tuple(_joined(parts)))


def text_plan(value: Json) -> Json:
    """A scalar as the text that it is sent as, compiled for the engine; raises TemplateError."""
    if not isinstance(value, str):
        return as_text(value)
    template = parse(value)
    return as_text(template.whole.value) if isinstance(template.whole, Literal) else template.plan()


def json_plan(value: Json) -> list[Json]:
    """A JSON value, compiled for the engine; raises TemplateError."""
    plan: list[Json] = [""]
    for part in _json_parts(value):
        if isinstance(part, str) and isinstance(plan[-1], str):
            plan[-1] += part
        else:
            plan.append(part)
    return [part for part in plan if part != ""]


def check_template(text: str) -> str | None:
    """What is wrong with the template in `text`, in one sentence; None: nothing."""
    try:
        template = parse(text)
    except TemplateError as error:
        return str(error)
    for expression in template.expressions():
        if isinstance(expression, Call) and (mistake := _mistake_in(expression)):
            return mistake
        if isinstance(expression, Variable) and expression.name.lower() in {"env", "environment"}:
            return "the environment is not available inside {{ }}; write ${NAME}, filled in before the run"
        if isinstance(expression, Attribute) and expression.of == Variable("user"):
            return f"user is a number, the index of the user; user.{expression.name} does not exist"
    return None


def endpoint_path(text: str) -> str:
    """The path of `text`, a path or URL, without query: `/items/{{ id }}?page=2` is `/items/{id}`.

    Raises ValueError where a call in the path would make every value an endpoint of its own.
    """
    path = ""
    for part in parse(text).parts:
        if isinstance(part, str):
            piece = re.split(r"[?#]", part, maxsplit=1)
            path += piece[0]
            if len(piece) > 1:
                break
        else:
            path += _placeholder(part)
    absolute = re.match(r"https?://[^/]*", path, re.IGNORECASE)
    return (path[absolute.end() :] or "/") if absolute else path or "/"


def _placeholder(expression: Expression) -> str:
    if isinstance(expression, Call):
        raise ValueError(  # noqa: TRY004 - the text is wrong, not a type
            f"a call in a path needs name: {expression.name}() would make every value an endpoint "
            "of its own; add for example  name: GET /items/{id}"
        )
    return as_text(expression.value) if isinstance(expression, Literal) else f"{{{expression.name}}}"


def _is_text(part: str | Expression) -> bool:
    return isinstance(part, Literal) and isinstance(part.value, str)


def _joined(parts: Sequence[str | Expression]) -> Iterator[str | Expression]:
    """Literals become text, neighbouring texts one, empty texts none."""
    pending = ""
    for part in parts:
        if isinstance(part, str | Literal):
            pending += part if isinstance(part, str) else as_text(part.value)
            continue
        if pending:
            yield pending
        pending = ""
        yield part
    if pending:
        yield pending


def _json_parts(value: Json) -> Iterator[Json]:
    if isinstance(value, str):
        template = parse(value)
        if isinstance(template.whole, Literal):
            yield as_json(template.whole.value)
        else:
            plan = template.plan()
            yield as_json(plan) if isinstance(plan, str) else plan
    elif isinstance(value, Mapping):
        yield "{"
        for at, (key, item) in enumerate(value.items()):
            yield f"{',' if at else ''}{as_json(key)}:"
            yield from _json_parts(item)
        yield "}"
    elif isinstance(value, Sequence):
        yield "["
        for at, item in enumerate(value):
            yield "," if at else ""
            yield from _json_parts(item)
        yield "]"
    else:
        yield as_json(one_kind(value) if isinstance(value, float) else value)


def _mistake_in(call: Call) -> str | None:
    if call.name not in HELPERS:
        wanted = OTHER_TOOLS.get(call.name.lower().replace("_", ""))
        near = [wanted] if wanted else get_close_matches(call.name, HELPERS, n=1)
        ending = f"did you mean {_signature(near[0])}?" if near else f"there are {', '.join(HELPERS)}"
        return f"there is no helper {call.name}(); {ending}"
    count = len(HELPERS[call.name].arguments)
    if len(call.arguments) != count:
        wants = "no argument" if not count else f"{count} argument{'s' if count > 1 else ''}"
        return f"{call.name}() takes {wants}, not {len(call.arguments)}; write {_signature(call.name)}"
    literals = [argument.value for argument in call.arguments if isinstance(argument, Literal)]
    if any(isinstance(value, int) and abs(value) > LARGEST for value in literals):
        return f"{call.name}() takes no whole number beyond ±{LARGEST}"
    numbers = [value for value in literals if isinstance(value, int | float)]
    is_range = call.name in {"random_int", "random_float"} and len(literals) == 2
    if is_range and (len(numbers) < 2 or numbers[0] > numbers[1]):
        return f"{call.name}() needs two numbers, the smaller one first"
    return None


def _signature(name: str) -> str:
    return f"{name}({', '.join(HELPERS[name].arguments)})"
