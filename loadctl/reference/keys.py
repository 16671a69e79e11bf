"""The keys of scenarios, users.yaml and targets.yaml: from the shapes that read them, with the help of editors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from loadctl.reference.entry import Entry
from loadctl.reference.examples import EXAMPLES, SECTION_EXAMPLES
from loadctl.scenario.reading.commands import CommandShape
from loadctl.scenario.reading.json_schema import help_of, takes_of
from loadctl.scenario.reading.keys import DURATION, INTEGER, PER, RANGE, SCALAR, Schema, Shape
from loadctl.scenario.reading.requests import FIELDS, CheckShape, RequestShape
from loadctl.scenario.reading.scenario_file import RateLimitShape, ScenarioShape
from loadctl.scenario.reading.stages import StageShape
from loadctl.scenario.reading.targets import SECTIONS, LimitsShape
from loadctl.scenario.reading.user_types import FlowShape, PauseShape, RepeatShape, UserTypeShape
from loadctl.scenario.reading.watch import LogsShape, PageShape, PrometheusShape, WatchShape
from loadctl.scenario.units import NUMBER

SHAPES: Sequence[type[Shape]] = (
    ScenarioShape,
    StageShape,
    UserTypeShape,
    RequestShape,
    CheckShape,
    FlowShape,
    RepeatShape,
    PauseShape,
    LimitsShape,
    RateLimitShape,
    WatchShape,
    PageShape,
    PrometheusShape,
    LogsShape,
    CommandShape,
)
"""In the order in which a reader meets them."""
_DEFINED: Mapping[str, Sequence[type[Shape]]] = {
    "stage": (StageShape,),
    "check": (CheckShape,),
    "rate_limit": (RateLimitShape,),
    "watch": (WatchShape,),
    "page": (PageShape,),
    "prometheus": (PrometheusShape,),
    "logs": (LogsShape,),
    "user_type": (UserTypeShape,),
}
"""Behind the definitions of json_schema.py."""
_SEE: Mapping[tuple[type[Shape], str], Sequence[str]] = {
    (ScenarioShape, "users"): ("tasks",),
    (ScenarioShape, "load"): ("warmup",),
    (ScenarioShape, "rate_limit"): ("rate-limit-working", "rate-limit-not-working"),
    (ScenarioShape, "max_in_flight"): ("load-not-reached",),
    (ScenarioShape, "stop_when"): ("stopped-early",),
    (ScenarioShape, "seed"): ("random_int",),
    (UserTypeShape, "start"): ("post", "capture", "once"),
    (UserTypeShape, "tasks"): ("get", "post", "flow"),
    (UserTypeShape, "data"): ("row",),
    (FlowShape, "flow"): ("think", "repeat"),
    (RequestShape, "capture"): ("check",),
    (RequestShape, "json"): ("random_int",),
    (StageShape, "warmup"): ("warmup-too-short",),
    (StageShape, "rate"): ("max_in_flight",),
}
_DEFAULT = re.compile(r" ?Default:? (.*)\.$")
_FORMS: Mapping[str, str] = {
    DURATION: "a time, such as 30s",
    f"{DURATION}(?:{RANGE}{DURATION})?": "a time, or a range such as 200ms..1s",
    f"{INTEGER}(?:{RANGE}{INTEGER})?": "a range such as 100..1000",
    f"{NUMBER} ?{PER}": "a rate, such as 100/s or 20/min",
    f"{NUMBER}(?: ?{PER})?{RANGE}{NUMBER} ?{PER}|{NUMBER} ?{PER}": "a rate, such as 300/s, or a range of rates",
}
"""What a pattern of reading/keys.py stands for. Others allow `${NAME}` beside a type, which holds for every value."""
TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "null": "null",
}


def keys() -> Iterator[Entry]:
    for shape in SHAPES:
        yield from _of_shape(shape)
    for section, (_, text) in SECTIONS.items():
        yield Entry(
            kind="key",
            word=section,
            place="key of `targets:`",
            text=text,
            type="a mapping",
            example=SECTION_EXAMPLES[section],
            see=("targets",),
        )


def place_of(shape: type[Shape]) -> str:
    """As in "key of a request"."""
    alone = ", or of a scenario with only one" if shape is UserTypeShape else ""
    kind = shape.kind if " " in shape.kind else f"`{shape.kind}:`"
    return f"key of {kind}{alone}"


def _of_shape(shape: type[Shape]) -> Iterator[Entry]:
    examples = EXAMPLES[shape]
    for name, field in shape.model_fields.items():
        word = field.alias or name
        if not (text := help_of(shape)[word]):
            continue  # a key of a user type that may stand in a scenario too
        default = _DEFAULT.search(text)
        yield Entry(
            kind="key",
            word=word,
            place=place_of(shape),
            text=f"{_DEFAULT.sub('', text)}{_inner_keys(takes_of(field))}",
            type=in_words(takes_of(field)),
            default="required" if field.is_required() else default and default[1],
            example=examples[word],
            see=_SEE.get((shape, word), ()),
        )


def _inner_keys(schema: Schema) -> str:
    """Those of the mapping that a value is, or of each item of a list."""
    within = [schema, schema.get("items", {}), *schema.get("anyOf", ())]
    names = [one["$ref"].rpartition("/")[2] for one in within if "$ref" in one]
    shapes = [shape for name in names for shape in _DEFINED.get(name, ())]
    words = [word for shape in shapes for word in shape.keys()]  # noqa: SIM118
    return f" Its keys: {', '.join(words)}." if words else ""


def in_words(schema: Schema) -> str:
    """What a value may be."""
    return " or ".join(dict.fromkeys(_alternatives(schema)))


def _alternatives(schema: Schema) -> Iterator[str]:
    if "$ref" in schema:
        yield "a mapping"
    elif "enum" in schema:
        yield from schema["enum"]
    elif "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from _alternatives(one)
    elif "pattern" in schema:
        found = re.fullmatch(r"\^\(\?:(.*)\)\$\|\\\$\\\{", schema["pattern"])
        if found is not None and found[1] in _FORMS:
            yield _FORMS[found[1]]
    elif schema.get("type") == "array":
        items = schema["items"]
        yield f"a list of {_named(items)}s" if "$ref" in items else "a list of texts"
    elif schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        lists = ", or lists of them" if schema == FIELDS else ""
        yield f"a mapping of names to texts{lists}" if lists or inner == SCALAR else "a mapping"
    elif isinstance(kind := schema.get("type"), str):
        yield TYPES[kind]
    else:
        yield "text" if schema else "any value"


def _named(schema: Schema) -> str:
    name: str = schema["$ref"].rpartition("/")[2].replace("_", " ")
    return name
