"""How a YAML mapping becomes a typed shape: pydantic says which keys and values it takes, the nodes say where they are.

Values stay nodes where a deeper reader takes over, so a mistake in one part never hides those of another.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import core_schema

from loadctl.scenario.reading.document import Mistakes, Node
from loadctl.scenario.reading.words import unknown
from loadctl.scenario.units import parse_duration, parse_pause

T = TypeVar("T")


class Shape(BaseModel):
    """Base of all mappings of a scenario: no unknown keys, no conversions but those that the fields name."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)
    kind: ClassVar[str]
    """What messages call it: "a stage of load"."""

    @classmethod
    def is_spoiled(cls, node: Node) -> bool:
        """It has an unknown key: that is what is wrong, not the key that is missing because of it."""
        return not {key.text for key in node.entries or {}} <= set(cls.keys())

    @classmethod
    def keys(cls) -> list[str]:
        return [field.alias or name for name, field in cls.model_fields.items()]


S = TypeVar("S", bound=Shape)


def read_shape(shape: type[S], node: Node, mistakes: Mistakes) -> S | None:
    """The shape; wrong keys are noted and left out. None where too little is left to go on with."""
    if node.entries is None:
        keys = ", ".join(f"{key}:" for key in shape.keys()[:6])
        mistakes.add(node.where, f"{shape.kind} is a mapping with keys such as {keys}")
        return None
    entries = {key.text: value for key, value in node.entries.items()}
    try:
        return shape.model_validate(entries)
    except ValidationError as error:
        wrong = _note(shape, node, error, mistakes)
    try:
        return shape.model_validate({key: value for key, value in entries.items() if key not in wrong})
    except ValidationError:
        return None


def _note(shape: type[Shape], node: Node, error: ValidationError, mistakes: Mistakes) -> set[str]:
    wrong = set()
    places = {key.text: (key, value) for key, value in (node.entries or {}).items()}
    for item in error.errors(include_url=False):
        name = str(item["loc"][0])
        wrong.add(name)
        if item["type"] == "missing":
            if not shape.is_spoiled(node):
                mistakes.add(node.where, f"{shape.kind} needs {name}:")
        elif item["type"] == "extra_forbidden":
            mistakes.add(places[name][0].where, unknown("key", name, shape.kind, shape.keys()))
        else:
            mistakes.add(places[name][1].where, f"{name}: {item.get('ctx', {}).get('error', item['msg'])}")
    return wrong


def scalar_text(node: Node) -> str:
    """The text of a scalar as it was written; raises ValueError."""
    if not node.is_scalar:
        raise ValueError("takes one value, not a list or a mapping")
    if node.is_null:
        raise ValueError("has no value")
    return node.text


def one_line(node: Node) -> str:
    text = scalar_text(node).strip()
    if not text or not text.isprintable() or len(text) > 4096:
        raise ValueError("takes one line of text")
    return text


def name(node: Node) -> str:
    """What something is called, and shown as: secrets in it by their own names."""
    return one_line(replace(node, text=node.shown))


def whole(node: Node) -> int:
    """An integer of at least 1."""
    text = scalar_text(node)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise ValueError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def any_integer(node: Node) -> int:
    if type(node.value) is not int or abs(node.value) >= 2**53:
        raise ValueError(f"{scalar_text(node)!r} is not a whole number")
    return node.value


def flag(node: Node) -> bool:
    text = scalar_text(node).lower()
    if text not in {"true", "false"}:
        raise ValueError(f"{scalar_text(node)!r} is neither true nor false")
    return text == "true"


def _seconds(node: Node) -> float:
    return parse_duration(scalar_text(node))


def _some_seconds(node: Node) -> float:
    if not (seconds := _seconds(node)):
        raise ValueError("must be longer than 0s")
    return seconds


def _pause(node: Node) -> tuple[float, float]:
    return parse_pause(scalar_text(node))


def texts(node: Node) -> Sequence[str]:
    """One text or a list of texts."""
    if node.items is not None and node.items:
        return [scalar_text(item) for item in node.items]
    return [scalar_text(node)]


def regular_expression(text: str) -> re.Pattern[str]:
    """Raises ValueError, also for what re cannot hold: counts beyond 2³², too many parts inside each other."""
    if len(text) > _LONGEST_PATTERN:
        raise ValueError(
            f"a regular expression has at most {_LONGEST_PATTERN:,} characters, not {len(text):,}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a later Python may read otherwise
            return re.compile(text)
    except RecursionError:
        raise ValueError("this is not a regular expression: too many parts inside each other") from None
    except (re.error, OverflowError) as error:
        raise ValueError(f"this is not a regular expression: {error}") from error


_LONGEST_PATTERN = 1_000


def _node(node: Node) -> Node:
    return node


class _Reads:
    """pydantic's PlainValidator without the schema for writing, which nobody does: half of what all shapes took."""

    def __init__(self, read: Callable[[Node], object]) -> None:
        self.reads = read

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.reads)


Line = Annotated[str, _Reads(one_line)]
Name = Annotated[str, _Reads(name)]
Words = Annotated[Sequence[str], _Reads(texts)]
Whole = Annotated[int, _Reads(whole)]
Integer = Annotated[int, _Reads(any_integer)]
Flag = Annotated[bool, _Reads(flag)]
Seconds = Annotated[float, _Reads(_seconds)]
"""A duration, perhaps 0s."""
SomeSeconds = Annotated[float, _Reads(_some_seconds)]
Pause = Annotated[tuple[float, float], _Reads(_pause)]
Part = Annotated[Node, _Reads(_node)]
"""Read by somebody else, deeper down."""
