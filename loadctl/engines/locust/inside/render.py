"""Templates as scenario/template.py plans them, compiled once into functions of a user's scope."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast
from urllib.parse import quote, quote_plus

from .draw import FREE_HELPERS, Stream, one_kind, text

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def encode_json(value: object) -> str:
    return (
        str(value) if type(value) is int else _encode(value)
    )  # json takes twenty times as long for a number


class Missing(ValueError):
    """A template names a variable that nothing has captured yet."""


class Scope:
    """What the templates of one user can see: its variables and its stream of random numbers."""

    __slots__ = ("stream", "variables")

    def __init__(self, stream: Stream, variables: dict[str, object]) -> None:
        self.stream = stream
        self.variables = variables


Value: TypeAlias = Callable[[Scope], object]
Text: TypeAlias = Callable[[Scope], str]


def is_static(plan: object) -> bool:
    """No template in it."""
    if isinstance(plan, Mapping):
        return not plan.keys() & {"$expr", "$text"} and all(is_static(item) for item in plan.values())
    if isinstance(plan, list):
        return all(is_static(item) for item in plan)
    return True


def compile_text(plan: object, escape: Callable[[str], str] = str) -> str | Text:
    """A text, or a function that makes one. `escape` is applied to the values of expressions only."""
    if isinstance(plan, Mapping) and "$expr" in plan:
        value = _expression(plan["$expr"])
        return lambda scope: escape(text(value(scope)))
    if isinstance(plan, Mapping) and "$text" in plan:
        return _joined([p if isinstance(p, str) else _escaped(_expression(p), escape) for p in plan["$text"]])
    return text(plan)


def compile_url(plan: object) -> str | Text:
    """Values inside a URL are percent-encoded whole, but a URL may begin with one, which then stands as it is."""
    if not (isinstance(plan, Mapping) and "$text" in plan):
        return compile_text(plan)
    first, *rest = plan["$text"]
    whole = [first if isinstance(first, str) else _escaped(_expression(first), str)]
    return _joined(whole + [p if isinstance(p, str) else _escaped(_expression(p), _component) for p in rest])


def compile_form(fields: Mapping[str, object]) -> str | Text:
    """`a=1&b=2`; a list repeats its name."""
    parts: list[str | Text] = []
    for name, plan in fields.items():
        key = quote_plus(name) + "="
        for item in plan if isinstance(plan, list) else [plan]:
            if is_static(item):
                parts += ["&", key, quote_plus(text(item))]
            else:
                parts += ["&", _pairs(key, compile_value(item))]
    return _joined(parts[1:])


def compile_json(plan: object) -> str | Text:
    """JSON text; what is static in it is encoded once."""
    return _joined(list(_json_parts(plan)))


def compile_value(plan: object) -> Value:
    """A function that makes the value itself, with the type of its expression."""
    if isinstance(plan, Mapping):
        if "$expr" in plan:
            return _expression(plan["$expr"])
        if "$text" in plan:
            joined = compile_text(plan)
            return joined if callable(joined) else _constant(joined)
        items = {key: compile_value(item) for key, item in plan.get("$map", plan).items()}
        return lambda scope: {key: item(scope) for key, item in items.items()}
    if isinstance(plan, list):
        values = [compile_value(item) for item in plan]
        return lambda scope: [value(scope) for value in values]
    return _constant(one_kind(plan) if isinstance(plan, float) else plan)


def _constant(value: object) -> Value:
    return lambda _: value


def _component(value: str) -> str:
    return quote(value, safe="")


def _escaped(value: Value, escape: Callable[[str], str]) -> Text:
    return lambda scope: escape(text(value(scope)))


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


def _json_parts(plan: object) -> list[str | Text]:
    if isinstance(plan, Mapping) and ("$expr" in plan or "$text" in plan):
        value = compile_value(plan)
        return [lambda scope: encode_json(value(scope))]
    if isinstance(plan, Mapping):
        parts: list[str | Text] = []
        for key, item in plan.get("$map", plan).items():
            parts += ["," if parts else "{", encode_json(key) + ":", *_json_parts(item)]
        return [*parts, "}"] if parts else ["{}"]
    if isinstance(plan, list):
        parts = []
        for item in plan:
            parts += ["," if parts else "[", *_json_parts(item)]
        return [*parts, "]"] if parts else ["[]"]
    return [encode_json(one_kind(plan) if isinstance(plan, float) else plan)]


def _expression(plan: Sequence[object]) -> Value:
    kind = plan[0]
    if kind == "lit":
        return _constant(plan[1])
    if kind == "var":
        return _variable(str(plan[1]))
    if kind == "get":
        return _attribute(_expression(cast("Sequence[object]", plan[1])), str(plan[2]))
    return _call(str(plan[1]), cast("Sequence[Sequence[object]]", plan[2]))


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
        raise ValueError(f"there is no .{name} in {encode_json(found)[:60]}")

    return value


def _call(name: str, arguments: Sequence[Sequence[object]]) -> Value:
    values = [_expression(argument) for argument in arguments]
    literals = [argument[1] for argument in arguments if argument[0] == "lit"]
    fixed = len(literals) == len(arguments)
    free = FREE_HELPERS.get(name)
    if free is not None:
        return lambda scope: free(*[value(scope) for value in values])
    draw: Callable[..., object] = getattr(Stream, name)
    if fixed:
        return lambda scope: draw(scope.stream, *literals)
    return lambda scope: draw(scope.stream, *[value(scope) for value in values])
