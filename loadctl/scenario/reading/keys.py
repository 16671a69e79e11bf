"""How a YAML mapping becomes a typed shape: each key is declared once, with what reads it and what it takes.

pydantic says which keys there are, the nodes say where they stand, and `json_schema.py` makes the schema for editors
from the same declarations: the docstring below a key is its help. Values stay nodes where a deeper reader takes over,
so a mistake in one part never hides those of another.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import core_schema

from loadctl.scenario.reading.document import Mistakes, Node
from loadctl.scenario.reading.words import unknown
from loadctl.scenario.units import NUMBER, parse_duration, parse_pause

Schema: TypeAlias = Mapping[str, Any]
"""A JSON Schema."""
FROM_ENVIRONMENT = r"\$\{"
_LONGEST_PATTERN = 1_000


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
        mistakes.add(node, f"{shape.kind} is a mapping with keys such as {keys}")
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
                mistakes.add(node, f"{shape.kind} needs {name}:")
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
        raise ValueError(f"{text!r} is not a whole number above 0")
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


def one_of(words: Sequence[str]) -> Reads:
    def read(node: Node) -> str:
        if (text := scalar_text(node)) not in words:
            raise ValueError(f"takes {', '.join(words)}, not '{text}'")
        return text

    return Reads(read, choice(words))


def _seconds(node: Node) -> float:
    if not (seconds := parse_duration(scalar_text(node))):
        raise ValueError("must be longer than 0s")
    return seconds


def texts(node: Node) -> Sequence[str]:
    """One text or a list of texts."""
    if node.items is not None and node.items:
        return [scalar_text(item) for item in node.items]
    return [scalar_text(node)]


def regular_expression(text: str) -> re.Pattern[str]:
    """Raises ValueError, also for what re cannot hold: counts beyond 2³², too many parts inside each other."""
    if len(text) > _LONGEST_PATTERN:
        message = f"a regular expression has at most {_LONGEST_PATTERN:,} characters, not {len(text):,}"
        raise ValueError(message)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a later Python may read otherwise
            return re.compile(text)
    except RecursionError:
        raise ValueError("this is not a regular expression: it is nested too deeply") from None
    except (re.error, OverflowError) as error:
        raise ValueError(f"this is not a regular expression: {error}") from error


class Reads:
    """What reads the value of a key (it raises ValueError), and the JSON Schema of what it takes.

    pydantic's PlainValidator without a schema for writing, which nobody does: that took half of the time of all shapes.
    """

    def __init__(self, read: Callable[[Node], object], takes: Schema) -> None:
        self.read = read
        self.takes = takes

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)


def part(takes: Schema) -> Reads:
    """A value that stays a node, to be read by somebody else."""
    return Reads(lambda node: node, takes)


def pattern(text: str) -> Schema:
    """A text of this form, or one that the environment fills in."""
    return {"type": "string", "pattern": f"^(?:{text})$|{FROM_ENVIRONMENT}"}


def pattern_or(kind: str, text: str) -> Schema:
    return {"anyOf": [{"type": kind}, pattern(text)]}


def choice(words: Sequence[str]) -> Schema:
    """One of these, or what the environment fills in."""
    return {"anyOf": [{"enum": list(words)}, {"type": "string", "pattern": FROM_ENVIRONMENT}]}


def ref(name: str) -> Schema:
    """A definition of `json_schema.py`."""
    return {"$ref": f"#/definitions/{name}"}


def list_of(name: str) -> Schema:
    return {"type": "array", "minItems": 1, "items": ref(name)}


SCALAR: Schema = {"type": ["string", "number", "boolean"]}
WORDS: Schema = {"anyOf": [SCALAR, {"type": "array", "items": SCALAR, "minItems": 1}]}
NAMED: Schema = {"type": "object", "additionalProperties": SCALAR}
INTEGER = "[0-9]{1,9}"
DURATION = f"(?:{NUMBER} ?(?:ms|s|m|h) ?)+"
PER = "/ ?(?:s|min|h)"
RANGE = r" *\.\. *"

Line = Annotated[str, Reads(one_line, SCALAR)]
Name = Annotated[str, Reads(name, SCALAR)]
Words = Annotated[Sequence[str], Reads(texts, WORDS)]
Whole = Annotated[int, Reads(whole, pattern_or("integer", INTEGER))]
Integer = Annotated[int, Reads(any_integer, pattern_or("integer", "-?[0-9]+"))]
Flag = Annotated[bool, Reads(flag, pattern_or("boolean", "[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]"))]
Seconds = Annotated[float, Reads(lambda node: parse_duration(scalar_text(node)), pattern(DURATION))]
"""A duration, perhaps 0s."""
SomeSeconds = Annotated[float, Reads(_seconds, pattern(DURATION))]
Pause = Annotated[
    tuple[float, float],
    Reads(lambda node: parse_pause(scalar_text(node)), pattern(f"{DURATION}(?:{RANGE}{DURATION})?")),
]
Part = Annotated[Node, part(SCALAR)]
NamedTexts = Annotated[Node, part(NAMED)]
