"""User types as plain JSON for the engine's own process, templates compiled. inside/journey.py is its reader.

    user type  {name, weight, start: [step], tasks: [{name, weight, flow: [step]}], headers, think, pace_s, data}
    step       {kind: request, …} · {kind: think, min_s, max_s} · {kind: repeat, times, while, flow: [step]}
               those of a start also have `once`

Texts that may hold templates are plans of scenario/template.py; all else is as in the records of user_type.py.
Mappings are lists of pairs, because an object of JavaScript would put some keys first. In a query or a form, a name
with a list of values comes once for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadctl.scenario.prng import in_order
from loadctl.scenario.template import json_plan, text_plan
from loadctl.scenario.user_type import Repeat, Think

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadctl.scenario.user_type import Body, Check, Json, Request, Step, UserType


def user_type_plan(user_type: UserType) -> dict[str, Json]:
    """Raises TemplateError for a template that validation should have refused."""
    think = user_type.think
    return {
        "name": user_type.name,
        "weight": user_type.weight,
        "start": [{**_step(step), "once": step.once} for step in user_type.start],
        "tasks": [
            {"name": task.name, "weight": task.weight, "flow": _flow(task.flow)} for task in user_type.tasks
        ],
        "headers": _fields(user_type.headers),
        "think": None if think is None else [think.min_s, think.max_s],
        "pace_s": user_type.pace_s,
        "data": [dict(in_order(row)) for row in user_type.data],
    }


def _flow(steps: Sequence[Step]) -> list[Json]:
    return [_step(step) for step in steps]


def _step(step: Step) -> dict[str, Json]:
    if isinstance(step, Think):
        return {"kind": "think", "min_s": step.min_s, "max_s": step.max_s}
    if isinstance(step, Repeat):
        return {"kind": "repeat", "times": step.times, "while": step.while_, "flow": _flow(step.flow)}
    return _request(step)


def _request(request: Request) -> dict[str, Json]:
    return {
        "kind": "request",
        "method": request.method.upper(),
        "url": text_plan(request.url),
        "endpoint": request.endpoint,
        "query": _fields(request.query),
        "headers": _fields(request.headers),
        "body": None if request.body is None else _body(request.body),
        "capture": _pairs(request.capture),
        "check": _check(request.check),
        "timeout_s": request.timeout_s,
    }


def _fields(fields: Mapping[str, Json]) -> Json:
    return [
        [name, text_plan(item)]
        for name, value in fields.items()
        for item in (value if isinstance(value, list | tuple) else [value])
    ]


def _pairs(mapping: Mapping[str, str]) -> Json:
    return [list(pair) for pair in mapping.items()]


def _body(body: Body) -> Json:
    return {
        "kind": body.kind,
        "json": json_plan(body.json),
        "fields": _fields(body.fields),
        "files": _pairs(body.files),
        "raw": text_plan(body.raw),
    }


def _check(check: Check) -> Json:
    return {
        "status": [list(limits) for limits in check.status],
        "has": [text_plan(path) for path in check.has],
        "lacks": [text_plan(path) for path in check.lacks],
        "json": [[path, json_plan(expected)] for path, expected in check.json.items()],
        "text": [text_plan(text) for text in check.text],
        "within_s": check.within_s,
    }
