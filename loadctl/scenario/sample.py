"""A value that fits a JSON schema: its example, else the smallest that it allows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadctl.scenario.user_type import Json

SOME_TEXT = "text"
_DEEPEST = 12
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


class Sampler:
    """Samples schemas of one document. It follows local references only, and stops at loops, depth and size."""

    def __init__(self, document: Mapping[str, object], *, values: int = 2000) -> None:
        self._document = document
        self._left = values
        self.guessed = False
        """Some value came from a type alone, not from an example, default or enum."""

    def resolve(self, node: object) -> Mapping[str, object]:
        """`node` with its references followed; empty where there is nothing."""
        for _ in range(_DEEPEST):
            reference = as_mapping(node).get("$ref")
            if not isinstance(reference, str):
                return as_mapping(node)
            node = self._at(reference)
        return {}

    def value(self, schema: object, depth: int = 0) -> Json:
        found = self.resolve(schema)
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            self.guessed = True
            return None
        for key in ("example", "default", "const"):
            if key in found:
                return as_json(found[key])
        for key in ("examples", "enum"):
            if given := as_list(found.get(key)):
                return as_json(given[0])
        if parts := as_list(found.get("allOf")):
            return self._merged([*parts, {**found, "allOf": None}], depth)
        for key in ("anyOf", "oneOf"):
            if variants := as_list(found.get(key)):
                real = [one for one in variants if self.resolve(one).get("type") != "null"]
                return self.value((real or variants)[0], depth + 1)
        return self._of_type(found, depth)

    def _at(self, reference: str) -> object:
        node: object = self._document
        if not reference.startswith("#/"):
            return None
        for part in reference[2:].split("/"):
            node = as_mapping(node).get(part.replace("~1", "/").replace("~0", "~"))
        return node

    def _merged(self, parts: Sequence[object], depth: int) -> Json:
        merged: dict[str, Json] = {}
        last: Json = None
        for part in parts:
            if not self.resolve(part).keys() & {
                "type",
                "properties",
                "$ref",
                "allOf",
                "anyOf",
                "oneOf",
                "example",
            }:
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
        kind = kinds[0] if kinds else kind
        if kind == "object" or "properties" in schema:
            properties = as_mapping(schema.get("properties"))
            required = [
                name for name in as_list(schema.get("required")) if isinstance(name, str) and _usable(name)
            ]
            return {text(name): self.value(properties.get(name), depth + 1) for name in required[:100]}
        if kind == "array" or "items" in schema:
            count = min(100, max(0, int(_number(schema.get("minItems"), 0))))
            return [self.value(schema.get("items"), depth + 1) for _ in range(count)]
        self.guessed = True
        if kind in {"integer", "number"}:
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
    shortest = min(1000, max(0, int(_number(schema.get("minLength"), 0))))
    longest = max(shortest, int(_number(schema.get("maxLength"), 1000)))
    return SOME_TEXT.ljust(shortest, "x")[:longest]


def _usable(key: object) -> bool:
    """YAML reads keys of up to 1024 characters, of which an escape takes 10; `<<` is not a name in it."""
    return isinstance(key, str) and len(key) <= 100 and key != "<<"


def _number(value: object, otherwise: float) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return float(value) if usable and isinstance(value, int | float) else otherwise


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
