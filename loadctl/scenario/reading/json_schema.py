"""The form of scenarios, users.yaml and targets.yaml as JSON Schema, for editors: which keys stand where.

Made from the shapes and the table of metrics that the validator itself uses, so that a key or a metric cannot be
missing here; the help of a key is the docstring below it. The schema is looser than the validator: only the validator
knows what a value means (templates, names).
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, get_args

from pydantic.fields import FieldInfo

from loadctl.scenario.reading import keys
from loadctl.scenario.reading.commands import CommandShape
from loadctl.scenario.reading.requests import METHODS, CheckShape, RequestShape
from loadctl.scenario.reading.scenario_file import RateLimitShape, ScenarioShape
from loadctl.scenario.reading.stages import StageShape
from loadctl.scenario.reading.targets import SECTIONS, LimitsShape
from loadctl.scenario.reading.user_types import FlowShape, PauseShape, RepeatShape, UserTypeShape
from loadctl.scenario.reading.watch import LogsShape, PageShape, PrometheusShape, WatchShape
from loadctl.scenario.target import HELD_AGAINST_BASELINES, METRICS, ScopeKind
from loadctl.scenario.units import BYTES, NUMBER

_DIALECT = "http://json-schema.org/draft-07/schema#"  # the newest one that all editors read
_LIMITS: Mapping[str, keys.Schema] = {
    "ms": keys.pattern(keys.DURATION),
    "s": keys.pattern(keys.DURATION),
    "/s": keys.pattern(f"{NUMBER} ?{keys.PER}"),
    "%": keys.pattern(f"{NUMBER} ?%"),
    "bytes": keys.pattern(f"{NUMBER} ?(?:{'|'.join(BYTES)})"),
    "users": keys.pattern(f"{keys.INTEGER} users?|{NUMBER} ?{keys.PER}"),
    "": keys.pattern_or("number", NUMBER),
}
"""By the unit of the metric."""


def _scenario() -> keys.Schema:
    """Of scenarios/*.yaml, which may hold the keys of a user type."""
    scenario, user_type = _object(ScenarioShape), _object(UserTypeShape)["properties"]
    in_place = {key: user_type[key] for key in user_type.keys() & scenario["properties"].keys()}
    return {**scenario, "properties": {**scenario["properties"], **in_place}}


SCHEMAS: Mapping[str, Callable[[], keys.Schema]] = {
    "scenario": lambda: _document("a scenario of loadctl", _scenario()),
    "users": lambda: _document(
        "user types of loadctl", {"type": "object", "additionalProperties": keys.ref("user_type")}
    ),
    "targets": lambda: _document("targets of loadctl", {"anyOf": [{"type": "null"}, keys.ref("targets")]}),
}


def _document(title: str, root: keys.Schema) -> keys.Schema:
    return {"$schema": _DIALECT, "title": title, **root, "definitions": _definitions()}


def _definitions() -> keys.Schema:
    command = {
        "anyOf": [keys.SCALAR, {"type": "array", "minItems": 1, "items": keys.SCALAR}, _object(CommandShape)]
    }
    one_method = {"oneOf": [{"required": [method]} for method in METHODS]}
    return {
        "stage": _object(StageShape),
        "user_type": _object(UserTypeShape),
        "task": _request_unless({"flow": _object(FlowShape)}),
        "step": _request_unless({"think": _object(PauseShape), "repeat": _object(RepeatShape)}),
        "request": {**_object(RequestShape), **one_method},
        "check": _object(CheckShape),
        "rate_limit": _object(RateLimitShape),
        "command": command,
        "commands": {"anyOf": [keys.ref("command"), keys.list_of("command")]},
        "watch": _object(WatchShape),
        "page": _object(PageShape),
        "prometheus": _object(PrometheusShape),
        "logs": _object(LogsShape),
        "targets": _targets(),
    }


def _request_unless(others: Mapping[str, keys.Schema]) -> keys.Schema:
    """A request, unless one of these keys says otherwise: editors complain about the one that is meant."""
    form = keys.ref("request")
    for key, other in others.items():
        form = {"if": {"required": [key]}, "then": other, "else": form}
    return {"type": "object", **form}


def _targets() -> keys.Schema:
    run = _metrics("run")
    sections = {
        section: {
            "type": "object",
            "additionalProperties": _limit(keys.SCALAR) if kind == "series" else _metrics(kind),
            "description": text,
        }
        for section, (kind, text) in SECTIONS.items()
    }
    return {**run, "properties": {**run["properties"], **sections}}


def _metrics(kind: ScopeKind) -> keys.Schema:
    found = [metric for metric in METRICS.values() if kind in metric.scopes]
    limits = {
        one.name: {
            **_limit(_LIMITS[one.unit], compared=kind in HELD_AGAINST_BASELINES.get(one.name, ())),
            "description": one.help,
        }
        for one in found
    }
    return {"type": "object", "additionalProperties": False, "properties": limits}


def _limit(value: keys.Schema, *, compared: bool = False) -> keys.Schema:
    """`compared`: with `vs:` the limits may be left out, but not `critical:` alone."""
    forms = {"target": value, "critical": value}
    rules: keys.Schema = {"required": [*forms]}
    if compared:
        forms |= {"vs": {"type": "string"}, "worse_by": _LIMITS["%"]}
        rules = {
            "anyOf": [rules, {"required": ["vs", "worse_by"]}],
            "dependencies": {"vs": ["worse_by"], "worse_by": ["vs"], "target": ["critical"]},
        }
    texts = help_of(LimitsShape)
    properties = {key: {**form, "description": texts[key]} for key, form in forms.items()}
    form = {"type": "object", "additionalProperties": False, "properties": properties, **rules}
    return {"anyOf": [{"type": "null"}, value, form]}


def _object(shape: type[keys.Shape]) -> dict[str, Any]:
    fields = {field.alias or name: field for name, field in shape.model_fields.items()}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            key: _described(takes_of(one), help_of(shape).get(key)) for key, one in fields.items()
        },
        "required": [key for key, field in fields.items() if field.is_required()],
    }


def takes_of(field: FieldInfo) -> keys.Schema:
    """What the reader of a field takes: its annotation names the reader, before or within `| None`."""
    within = [one for part in get_args(field.annotation) for one in getattr(part, "__metadata__", ())]
    return next(one.takes for one in [*field.metadata, *within] if isinstance(one, keys.Reads))


def _described(schema: keys.Schema, text: str | None) -> keys.Schema:
    """With its help; beside a $ref nothing else would count."""
    return {"allOf": [schema], "description": text} if "$ref" in schema else {**schema, "description": text}


def help_of(shape: type[keys.Shape]) -> Mapping[str, str]:
    """The help of each key."""
    texts = docstrings_of(shape)
    return {field.alias or name: texts[name] for name, field in shape.model_fields.items()}


@cache
def docstrings_of(declared: type) -> Mapping[str, str]:
    """The docstring below each name of a class. A name without one takes that of the next below that has one."""
    found: dict[str, str] = {}
    text = ""
    body = ast.parse(inspect.getsource(declared)).body[0]
    for statement in reversed([*ast.iter_child_nodes(body)]):
        match statement:
            case ast.Expr(ast.Constant(str(doc))):
                text = " ".join(doc.split())
            case ast.AnnAssign(ast.Name(name)) | ast.Assign([ast.Name(name)]):
                found[name] = text
    return dict(reversed(found.items()))
