"""Templates as scenario/template.py plans them, compiled once into functions of a user's scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote, quote_plus

from .....scenario.prng import Stream, as_json, now, text, timestamp, to_float, to_int

FREE_HELPERS: Mapping[str, Callable[..., object]] = {
    "int": to_int,
    "float": to_float,
    "str": text,
    "now": now,
    "timestamp": timestamp,
}
"""Helpers that draw no random number; the others are methods of Stream."""


class Missing(ValueError):
    """A template uses a variable that has not been captured yet."""


class Scope:
    """What the templates of one user can see: its variables and its stream of random numbers."""

    __slots__ = ("stream", "variables")

    def __init__(self, stream: Stream, variables: dict[str, object]) -> None:
        self.stream = stream
        self.variables = variables


Value: TypeAlias = Callable[[Scope], object]
Text: TypeAlias = Callable[[Scope], str]


def compile_text(plan: object, escape: Callable[[str], str] = str) -> str | Text:
    """A text, or a function that makes one. `escape` is applied to the values of expressions only."""
    if isinstance(plan, Mapping) and "$expr" in plan:
        return _escaped(_expression(plan["$expr"]), escape)
    if isinstance(plan, Mapping) and "$text" in plan:
        return _joined([p if isinstance(p, str) else _escaped(_expression(p), escape) for p in plan["$text"]])
    return str(plan)


def compile_url(plan: object) -> str | Text:
    """Values inside a URL are percent-encoded whole, but a URL may begin with one, which then stands as it is."""
    if not (isinstance(plan, Mapping) and "$text" in plan):
        return compile_text(plan)
    first, *rest = plan["$text"]
    whole = [first if isinstance(first, str) else _escaped(_expression(first), str)]
    encode = partial(quote, safe="")
    return _joined(whole + [p if isinstance(p, str) else _escaped(_expression(p), encode) for p in rest])


def compile_form(fields: Sequence[tuple[str, Any]]) -> str | Text:
    """`a=1&b=2`; a list repeats its name."""
    parts: list[str | Text] = []
    for name, plan in fields:
        key = quote_plus(name) + "="
        parts += ["&", key + quote_plus(plan) if isinstance(plan, str) else _pairs(key, compile_value(plan))]
    return _joined(parts[1:])


def compile_json(plan: Sequence[object]) -> str | Text:
    """JSON text, from its fixed parts and the values between them."""
    return _joined([part if isinstance(part, str) else _encoded(compile_value(part)) for part in plan])


def compile_value(plan: object) -> Value:
    """A function that makes the value itself, with the type of its expression."""
    if isinstance(plan, Mapping) and "$expr" in plan:
        return _expression(plan["$expr"])
    made = compile_text(plan)
    return made if callable(made) else _constant(made)


def _constant(value: object) -> Value:
    return lambda _: value


def _escaped(value: Value, escape: Callable[[str], str]) -> Text:
    return lambda scope: escape(text(value(scope)))


def _encoded(value: Value) -> Text:
    return lambda scope: as_json(value(scope))


def _pairs(key: str, value: Value) -> Text:
    def render(scope: Scope) -> str:
        found = value(scope)
        many = found if isinstance(found, list) else [found]
        return "&".join([key + quote_plus(text(item)) for item in many])

    return render


def _joined(parts: Sequence[str | Text]) -> str | Text:
    """Neighbouring texts become one; a text if nothing is left to render."""
    pieces: list[str] = [""]
    holes: list[tuple[int, Text]] = []
    for part in parts:
        if isinstance(part, str):
            pieces[-1] += part
        else:
            holes.append((len(pieces), part))
            pieces += ["", ""]
    if not holes:
        return pieces[0]
    if len(holes) == 1:
        before, _, after = pieces
        only = holes[0][1]
        return lambda scope: before + only(scope) + after

    def render(scope: Scope) -> str:
        filled = pieces.copy()
        for index, hole in holes:
            filled[index] = hole(scope)
        return "".join(filled)

    return render


def _expression(plan: Sequence[Any]) -> Value:
    kind = plan[0]
    if kind == "lit":
        return _constant(plan[1])
    if kind == "var":
        return _variable(plan[1])
    if kind == "get":
        return _attribute(_expression(plan[1]), plan[2])
    return _call(plan[1], plan[2])


def _variable(name: str) -> Value:
    def value(scope: Scope) -> object:
        try:
            return scope.variables[name]
        except KeyError:
            raise Missing(f"{name} was not captured") from None

    return value


def _attribute(of: Value, name: str) -> Value:
    def value(scope: Scope) -> object:
        found = of(scope)
        if isinstance(found, Mapping) and name in found:
            return found[name]
        raise ValueError(f"there is no .{name} in {as_json(found)[:60]}")

    return value


def _call(name: str, arguments: Sequence[Sequence[Any]]) -> Value:
    values = [_expression(argument) for argument in arguments]
    literals = [argument[1] for argument in arguments if argument[0] == "lit"]
    free = FREE_HELPERS.get(name)
    if free is not None:
        return lambda scope: free(*[value(scope) for value in values])
    draw: Callable[..., object] = getattr(Stream, name)
    if len(literals) == len(arguments):
        return lambda scope: draw(scope.stream, *literals)
    return lambda scope: draw(scope.stream, *[value(scope) for value in values])
