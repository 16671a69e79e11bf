"""A value that fits a JSON schema: its example, else the smallest that it allows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from loadctl.scenario.prng import text as as_text
from loadctl.scenario.user_type import Json

SOME_TEXT = "text"
_DEEPEST = 12
_SHALLOW = 3
_FORMATS: Mapping[str, str] = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T12:00:00Z",
    "time": "12:00:00Z",
    "email": "user@example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "byte": "dGV4dA==",
}
_OF_A_VALUE = {"type", "properties", "$ref", "allOf", "anyOf", "oneOf", "example"}
_EXAMPLES = ("example", "x-example", "examples")
_LITERAL = re.compile(r"\^?(?:\((?:\?:)?)?([\w @/-]+)(?:\|[\w @/|-]*)?\)?\$?")
"""A pattern that allows one word, or one of some."""


class _Whole(int):
    written: str


class _Decimal(float):
    written: str


def number(value: float, written: str) -> float:
    """A number that remembers how it was written: as a text `01234` and `1.10` are those, not 1234 and 1.1."""
    found = _Whole(value) if isinstance(value, int) else _Decimal(value)
    found.written = written
    return found


def as_words(value: object) -> str:
    """A value as the text of a parameter or a field of a form."""
    if isinstance(value, float) and not math.isfinite(value):
        return ""  # NaN, Infinity and 1e999, which Python reads in JSON
    return str(getattr(value, "written", None) or as_text(value))


class SchemaSampler:
    """Samples schemas of one document. It follows local references only, and stops at loops, depth and size."""

    def __init__(self, document: Mapping[str, object], *, values: int = 2000) -> None:
        self._document = document
        self._left = values
        self.guessed = False
        """Some value came from a type alone, not from an example, default or enum."""
        self.exampled = False
        """Some value came from an example."""

    def resolve(self, node: object) -> Mapping[str, object]:
        """`node` with its references followed, and what stands beside them; empty where there is nothing."""
        beside: dict[str, object] = {}
        for _ in range(_DEEPEST):
            found = as_mapping(node)
            reference = found.get("$ref")
            if not isinstance(reference, str):
                return {**found, **beside} if beside else found
            beside = {**{key: value for key, value in found.items() if key != "$ref"}, **beside}
            node = self._at(reference)
        return {}

    def properties(self, schema: object, depth: int = 0) -> dict[str, object]:
        """Name → schema, those of allOf, anyOf and oneOf among them."""
        found = self.resolve(schema)
        own: dict[str, object] = {}
        for key in ("allOf", "anyOf", "oneOf"):
            for part in as_list(found.get(key))[:20] if depth < _SHALLOW else ():
                own |= self.properties(part, depth + 1)
        properties = as_mapping(found.get("properties"))
        return own | {name: item for name, item in properties.items() if _usable(name)}

    def value(self, schema: object, depth: int = 0) -> Json:
        found = self.resolve(schema)
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            self.guessed = True
            return None
        for key in ("example", "x-example", "default", "const"):
            if key in found:
                self.exampled |= key in _EXAMPLES
                return self.fitted(found[key], found, depth)
        for key in ("examples", "enum"):
            if given := as_list(found.get(key)):
                self.exampled |= key in _EXAMPLES
                return self.fitted(given[0], found, depth)
        if parts := as_list(found.get("allOf")):
            return self._merged([*parts, {**found, "allOf": None}], depth)
        for key in ("anyOf", "oneOf"):
            if variants := as_list(found.get(key)):
                real = [one for one in variants if self.resolve(one).get("type") != "null"]
                return self.value((real or variants)[0], depth + 1)
        return self._of_type(found, depth)

    def fitted(self, example: object, schema: object, depth: int = 0) -> Json:
        """An example as clean JSON; what the schema calls a text is one, though it may look like a number."""
        found = self.resolve(schema)
        if depth > _DEEPEST:
            return None
        if isinstance(example, Mapping):
            known = self.properties(found)
            return {
                text(str(key)): self.fitted(item, known.get(str(key)), depth + 1)
                for key, item in example.items()
                if _usable(key)
            }
        if isinstance(example, list):
            return [self.fitted(item, found.get("items"), depth + 1) for item in example]
        kind = found.get("type")
        is_text = kind == "string" or (isinstance(kind, list) and kind[:1] == ["string"])
        return as_words(example) if is_text and isinstance(example, int | float) else as_json(example)

    def _wanted(self, schema: Mapping[str, object], properties: Mapping[str, object]) -> list[str]:
        """The properties that a request must have, and the optional ones that somebody gave an example."""
        required = [name for name in as_list(schema.get("required")) if isinstance(name, str)]
        exampled = [name for name, item in properties.items() if self.resolve(item).keys() & set(_EXAMPLES)]
        wanted = dict.fromkeys([*required, *exampled])
        return [one for one in wanted if self.resolve(properties.get(one)).get("readOnly") is not True]

    def _at(self, reference: str) -> object:
        node: object = self._document
        if not reference.startswith("#/"):
            return None
        for part in unquote(reference[2:]).split("/"):
            if isinstance(node, list):
                node = node[int(part)] if re.fullmatch(r"\d{1,6}", part) and int(part) < len(node) else None
            else:
                node = as_mapping(node).get(part.replace("~1", "/").replace("~0", "~"))
        return node

    def _merged(self, parts: Sequence[object], depth: int) -> Json:
        merged: dict[str, Json] = {}
        last: Json = None
        for part in parts:
            if not self.resolve(part).keys() & _OF_A_VALUE:
                continue
            value = self.value(part, depth + 1)
            if isinstance(value, Mapping):
                merged.update(value)
            elif value is not None:
                last = value
        return merged if merged or last is None else last

    def _of_type(self, schema: Mapping[str, object], depth: int) -> Json:
        kind = schema.get("type")
        kinds = [one for one in as_list(kind) if one != "null"]
        kind = kinds[0] if kinds else kind  # which may be anything, so it is compared, not looked up
        if kind == "object" or "properties" in schema:
            properties = as_mapping(schema.get("properties"))
            wanted = [name for name in self._wanted(schema, properties) if _usable(name)]
            return {text(name): self.value(properties.get(name), depth + 1) for name in wanted[:100]}
        if kind == "array" or "items" in schema:
            count = min(100, max(0, int(_number(schema.get("minItems"), 0))))
            return [self.value(schema.get("items"), depth + 1) for _ in range(count)]
        self.guessed = True
        if kind in ("integer", "number"):
            return _smallest(schema, whole=kind == "integer")
        if kind == "boolean":
            return True
        return _some_text(schema) if kind == "string" or "format" in schema else None


def _smallest(schema: Mapping[str, object], *, whole: bool) -> Json:
    """1 where that is allowed, else the allowed number nearest to the lower or upper limit."""
    low = _number(schema.get("minimum"), -math.inf)
    high = _number(schema.get("maximum"), math.inf)
    step = abs(_number(schema.get("multipleOf"), 1.0 if whole else 0.0))
    if "exclusiveMinimum" in schema:
        low = max(low, _number(schema["exclusiveMinimum"], low) + (step or 0.5))
    if "exclusiveMaximum" in schema:
        high = min(high, _number(schema["exclusiveMaximum"], high) - (step or 0.5))
    value = max(1.0, low) if high >= 1 else high
    if step:
        value = math.ceil(value / step) * step if high >= 1 else math.floor(value / step) * step
    return int(value) if value == math.floor(value) else value


def _some_text(schema: Mapping[str, object]) -> str:
    known = _FORMATS.get(str(schema.get("format")))
    if known is not None:
        return known
    if match := _LITERAL.fullmatch(str(schema.get("pattern", ""))):
        return match[1]
    shortest = min(1000, max(0, int(_number(schema.get("minLength"), 0))))
    longest = max(shortest, int(_number(schema.get("maxLength"), 1000)))
    return SOME_TEXT.ljust(shortest, "x")[:longest]


def _usable(key: object) -> bool:
    """YAML reads keys of up to 1024 characters, of which an escape takes 10; `<<` is not a name in it."""
    return isinstance(key, str) and len(key) <= 100 and key != "<<"


def _number(value: object, otherwise: float) -> float:
    """`value` where it is a number that arithmetic cannot make infinite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return otherwise
    return float(value) if value == 0 or 1e-15 < abs(value) < 1e15 else otherwise


def as_mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []


def as_json(value: object, depth: int = 0) -> Json:
    """`value` as clean JSON: text that can be encoded, finite numbers, bounded depth."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {text(str(key)): as_json(item, depth + 1) for key, item in value.items() if _usable(key)}
    if isinstance(value, Sequence):
        return [as_json(item, depth + 1) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) else None


def text(value: str) -> str:
    """Without half characters (lone surrogates), which no file can hold."""
    return value.encode("utf-8", "replace").decode()
