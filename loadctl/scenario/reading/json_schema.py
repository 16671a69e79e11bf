"""The form of scenarios, users.yaml and targets.yaml as JSON Schema, for editors: which keys stand where.

Made from the shapes and tables that the validator itself uses, so that a key or metric cannot be missing here. A value
has the form that its reader takes. It is looser than the validator: what a value means (templates, names) only that can
say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from pydantic import PlainValidator
from pydantic.fields import FieldInfo

from loadctl.scenario.reading.commands import _CommandShape
from loadctl.scenario.reading.key_help import MEANINGS
from loadctl.scenario.reading.requests import METHODS, RequestShape, _CheckShape
from loadctl.scenario.reading.scenario_file import _COUNTED_PER, _ENGINES, ScenarioShape, _RateLimitShape
from loadctl.scenario.reading.shape import (
    Shape,
    _pause,
    _Reads,
    _seconds,
    _some_seconds,
    any_integer,
    flag,
    whole,
)
from loadctl.scenario.reading.stages import _Line, _rate_levels, _user_levels, _whole_seconds
from loadctl.scenario.reading.targets import _SECTIONS, _Limits
from loadctl.scenario.reading.user_types import UserTypeShape, _FlowTask, _RepeatStep, _ThinkStep
from loadctl.scenario.reading.watch import _LogsShape, _PageShape, _PrometheusShape, _WatchShape
from loadctl.scenario.target import METRICS, ScopeKind
from loadctl.scenario.units import _BYTES, _NUMBER

Schema = Mapping[str, Any]
_DIALECT = "http://json-schema.org/draft-07/schema#"  # the newest one that all editors read

_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_WORDS: Schema = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]}
_NAMED: Schema = {"type": "object", "additionalProperties": _SCALAR}
_FIELDS: Schema = {
    "type": "object",
    "additionalProperties": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]},
}
_ANY: Schema = {}
_FROM_ENVIRONMENT = r"\$\{"


def _text(pattern: str) -> Schema:
    """Such a text, or what the environment says."""
    return {"type": "string", "pattern": f"^(?:{pattern})$|{_FROM_ENVIRONMENT}"}


def _or_text(kind: str, pattern: str) -> Schema:
    return {"anyOf": [{"type": kind}, _text(pattern)]}


_UNIT_OF_TIME = "(?:ms|s|m|h)"
_DURATION = f"(?:{_NUMBER} ?{_UNIT_OF_TIME} ?)+"
_PER = "/ ?(?:s|min|h)"
_TO = r" *\.\. *"
_INTEGER = "[0-9]{1,9}"
_FORMS: Mapping[Callable[..., object], Schema] = {
    _seconds: _text(_DURATION),
    _some_seconds: _text(_DURATION),
    _whole_seconds: _text(_DURATION),
    _pause: _text(f"{_DURATION}(?:{_TO}{_DURATION})?"),
    _user_levels: _or_text("integer", f"{_INTEGER}(?:{_TO}{_INTEGER})?"),
    _rate_levels: _text(f"{_NUMBER}(?: ?{_PER})?{_TO}{_NUMBER} ?{_PER}|{_NUMBER} ?{_PER}"),
    whole: _or_text("integer", _INTEGER),
    any_integer: _or_text("integer", "-?[0-9]+"),
    flag: _or_text("boolean", "[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]"),
}
"""What each reader of a value takes."""
_LIMITS: Mapping[str, Schema] = {
    "ms": _text(_DURATION),
    "s": _text(_DURATION),
    "/s": _text(f"{_NUMBER} ?{_PER}"),
    "%": _text(f"{_NUMBER} ?%"),
    "bytes": _text(f"{_NUMBER} ?(?:{'|'.join(_BYTES)})"),
    "users": _text(f"{_INTEGER} users?|{_NUMBER} ?{_PER}"),
    "": _or_text("number", _NUMBER),
}
"""By the unit of the metric."""


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _list(name: str) -> Schema:
    return {"type": "array", "minItems": 1, "items": _ref(name)}


def _shape(shape: type[Shape], parts: Mapping[str, Schema]) -> dict[str, Any]:
    """`parts`: the form of the keys that hold more than one value."""
    needed = [field.alias or name for name, field in shape.model_fields.items() if field.is_required()]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: _told(form, shape.kind, key) for key, form in {**_forms(shape), **parts}.items()},
        "required": needed,
    }


def _forms(shape: type[Shape]) -> dict[str, Schema]:
    return {field.alias or name: _form(field) for name, field in shape.model_fields.items()}


def _form(field: FieldInfo) -> Schema:
    """What the reader of a field takes: its annotation names it, before or within `| None`."""
    found = [*field.metadata, *(one for part in get_args(field.annotation) for one in _metadata(part))]
    readers = [
        one.reads if isinstance(one, _Reads) else one.func for one in found if isinstance(one, _Readers)
    ]
    return next((_FORMS[reader] for reader in readers if reader in _FORMS), _SCALAR)


_Readers = (_Reads, PlainValidator)


def _metadata(part: object) -> tuple[object, ...]:
    return getattr(part, "__metadata__", ())


def _told(schema: Schema, kind: str, key: str) -> Schema:
    """With what it means; beside a $ref nothing else would count."""
    meaning = {"description": MEANINGS[kind][key]}
    return {"allOf": [schema], **meaning} if "$ref" in schema else {**schema, **meaning}


def _one_of(words: Iterable[str]) -> Schema:
    """One of these, or what the environment says."""
    return {"anyOf": [{"enum": list(words)}, {"type": "string", "pattern": _FROM_ENVIRONMENT}]}


def scenario_schema() -> Schema:
    """Of scenarios/*.yaml, which may hold the keys of a user type."""
    parts = {
        **{key: form for key, form in _forms(UserTypeShape).items() if key in ScenarioShape.model_fields},
        "users": {"type": "object", "additionalProperties": {"anyOf": [_SCALAR, _ref("user_type")]}},
        "start": _list("step"),
        "tasks": _list("task"),
        "headers": _NAMED,
        "load": _list("stage"),
        "targets": _ref("targets"),
        "watch": _ref("watch"),
        "engine": _one_of(_ENGINES),
        "rate_limit": _shape(_RateLimitShape, {"by": _one_of(_COUNTED_PER)}),
        "arguments": _WORDS,
        "allow_hosts": _WORDS,
        "stop_when": _WORDS,
        "before": _ref("commands"),
        "after": _ref("commands"),
    }
    return _document("a scenario of loadctl", _shape(ScenarioShape, parts))


def users_schema() -> Schema:
    """Of users.yaml."""
    return _document("user types of loadctl", {"type": "object", "additionalProperties": _ref("user_type")})


def targets_schema() -> Schema:
    """Of targets.yaml."""
    return _document("targets of loadctl", {"anyOf": [{"type": "null"}, _ref("targets")]})


SCHEMAS: Mapping[str, Callable[[], Schema]] = {
    "scenario": scenario_schema,
    "users": users_schema,
    "targets": targets_schema,
}


def _document(title: str, root: Schema) -> Schema:
    return {"$schema": _DIALECT, "title": title, **root, "definitions": _definitions()}


def _definitions() -> dict[str, Schema]:
    user = {"headers": _NAMED, "start": _list("step"), "tasks": _list("task")}
    return {
        "stage": _shape(_Line, {}),
        "user_type": _shape(UserTypeShape, user),
        "task": _either({"flow": _shape(_FlowTask, {"flow": _list("step")})}),
        "step": _either(
            {
                "think": _shape(_ThinkStep, {}),
                "repeat": _shape(_RepeatStep, {"flow": _list("step")}),
            }
        ),
        "request": _request(),
        "check": _shape(
            _CheckShape,
            {"status": _WORDS, "has": _WORDS, "lacks": _WORDS, "text": _WORDS, "json": {"type": "object"}},
        ),
        "command": {
            "anyOf": [
                _SCALAR,
                {"type": "array", "minItems": 1, "items": _SCALAR},
                _shape(_CommandShape, {"run": _WORDS}),
            ]
        },
        "commands": {"anyOf": [_ref("command"), _list("command")]},
        "watch": _watch(),
        "targets": _targets(),
    }


def _either(others: Mapping[str, Schema]) -> Schema:
    """A request, unless one of these keys says otherwise: editors complain about the one that is meant."""
    form = _ref("request")
    for key, other in others.items():
        form = {"if": {"required": [key]}, "then": other, "else": form}
    return {"type": "object", **form}


def _request() -> Schema:
    parts: dict[str, Schema] = {
        "query": _FIELDS,
        "headers": _NAMED,
        "json": _ANY,
        "form": _FIELDS,
        "files": _NAMED,
        "capture": _NAMED,
        "check": _ref("check"),
    }
    one_method = {"oneOf": [{"required": [method]} for method in METHODS]}
    return {**_shape(RequestShape, parts), **one_method}


def _watch() -> Schema:
    page = _shape(_PageShape, {"series": _WORDS, "headers": _NAMED})
    parts = {
        "container": _WORDS,
        "metrics": {"anyOf": [_SCALAR, page]},
        "prometheus": _shape(_PrometheusShape, {"queries": _NAMED, "headers": _NAMED}),
        "logs": {"anyOf": [_WORDS, _shape(_LogsShape, {"of": _WORDS})]},
    }
    return _shape(_WatchShape, parts)


def _targets() -> Schema:
    sections = {
        section: {
            "type": "object",
            "additionalProperties": _limit(_SCALAR) if kind == "series" else _metrics(kind),
        }
        for section, kind in _SECTIONS.items()
    }
    run = _metrics("run")
    told = {section: _told(form, "targets", section) for section, form in sections.items()}
    return {**run, "properties": {**run["properties"], **told}}


def _metrics(kind: ScopeKind) -> dict[str, Any]:
    found = [metric for metric in METRICS.values() if kind in metric.scopes]
    limits = {one.name: _told(_limit(_LIMITS[one.unit]), "targets", one.name) for one in found}
    return {"type": "object", "additionalProperties": False, "properties": limits}


def _limit(value: Schema) -> Schema:
    both = {**_shape(_Limits, dict.fromkeys(_Limits.keys(), value)), "required": _Limits.keys()}
    return {"anyOf": [{"type": "null"}, value, both]}
