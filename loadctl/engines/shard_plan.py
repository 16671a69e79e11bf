"""The plan of a shard, in the same form for every engine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from msgspec.structs import replace

from loadctl.engines.base import Command
from loadctl.engines.redaction import Redaction, names_credential
from loadctl.scenario.consent import consent_of
from loadctl.scenario.load import Load
from loadctl.scenario.prng import MASK, in_order
from loadctl.scenario.redaction import is_secret, names_a_secret, without_secrets
from loadctl.scenario.scenario import Scenario, Script, ScriptOptions
from loadctl.scenario.template import Attribute, Variable, json_plan, parse, text_plan
from loadctl.scenario.user_type import (
    Body,
    Check,
    Json,
    Repeat,
    Request,
    Step,
    Task,
    Think,
    UserType,
    weighted_order,
)

_PAIRS = frozenset({"headers", "query", "fields", "files", "capture", "json"})
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|AUTH|SESSION|COOKIE|CREDENTIAL|JWT", re.IGNORECASE)
"""In the name of a header, of a variable or of a column."""
_SHORT = 3
_FILLED_IN = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_SECRET_SOURCE = re.compile(
    r"^cookie |(?:authorization|cookie|key|token|secret|pass(?:word)?|session|jwt)['\"\]]*$", re.IGNORECASE
)
_WARM_REQUEST = Request(
    method="GET",
    url="/warm-up",
    endpoint="warm-up",
    capture={"ok": "$.ok"},
    check=Check(status=[(200, 299)], has=["ok"], within_s=1.0),
    timeout_s=1.0,
)
_WARM_BODY = Body(kind="json", json={"features": "{{ random_floats(8) }}", "ok": "{{ ok }}"})
_WARM_FLOW = [_WARM_REQUEST, replace(_WARM_REQUEST, method="POST", body=_WARM_BODY, capture={})]
_WARM_UP = UserType(name="warm-up", weight=1, tasks=[Task("warm-up", 1, _WARM_FLOW)])
"""For requests to a server inside the engine's process: what the load will run is compiled before it begins."""


def shard_plan(scenario: Scenario, shard: int, shards: int) -> dict[str, Json]:
    """Plain JSON, as the `inside/` of every engine reads it."""
    script = scenario.script
    rate_limit = scenario.rate_limit
    names = [user_type.name for user_type in scenario.user_types]
    order = weighted_order({user_type.name: user_type.weight for user_type in scenario.user_types})
    return {
        "shard": shard,
        "shards": shards,
        "host": scenario.address,
        "model": scenario.load.model,
        "stages": [
            {"start": stage.start, "end": stage.end, "duration_s": stage.duration_s}
            for stage in scenario.load.stages
        ],
        "timeout_s": scenario.timeout_s,
        "drain_s": scenario.drain_s,
        "max_in_flight": scenario.max_in_flight,
        "rate_limit": {"per_s": rate_limit.per_s, "by": rate_limit.by} if rate_limit else None,
        "tls": asdict(scenario.tls),
        "consent": consent_of(scenario).plan,
        "seed": scenario.seed & MASK,
        "rotation": [names.index(name) for name in order],
        "user_types": [user_type_plan(user_type) for user_type in scenario.user_types],
        "warm_up": user_type_plan(_WARM_UP),
        "script": None if script is None else shard_script(script, scenario),
        "secrets": list(scenario.secrets),
        "secret_variables": _secret_variables(scenario),
        "secret_headers": sorted(secret_headers(scenario)),
    }


def user_type_plan(user_type: UserType) -> dict[str, Json]:
    """Raises TemplateError for a template that validation should have refused."""
    think = user_type.think
    return {
        "name": user_type.name,
        "weight": user_type.weight,
        "start": [{**_step(step), "once": step.once} for step in user_type.start],
        "tasks": [
            {"name": one.name, "weight": one.weight, "flow": _flow(one.flow)} for one in user_type.tasks
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


def _secret_variables(scenario: Scenario) -> Sequence[str]:
    """Captured variables and columns whose values are secret: by their name, by their place in a response, or by the
    header that they are sent in.
    """
    captured = {
        name
        for request in scenario.requests()
        for name, source in request.capture.items()
        if names_credential(name) or _SECRET_SOURCE.search(source)
    }
    sent = {
        name
        for headers in scenario.all_headers
        for header, value in headers.items()
        if names_a_secret(header)
        for name in _FILLED_IN.findall(value)
    }
    captured |= sent & {name for request in scenario.requests() for name in request.capture}
    columns = {name for user in scenario.user_types for row in user.data[:1] for name in row}
    return sorted(captured | set(filter(names_a_secret, columns)))


def secret_headers(scenario: Scenario) -> set[str]:
    """Names, in lower case, of the headers that hold a secret: a redirect to another origin does without."""
    secrets = [secret for secret in scenario.secrets if len(secret) > _SHORT]
    return {"authorization", "cookie", "proxy-authorization"} | {
        name.lower()
        for headers in scenario.all_headers
        for name, value in headers.items()
        if _SECRET.search(name) or any(secret in value for secret in secrets) or _fills_in_a_secret(value)
    }


def _fills_in_a_secret(value: str) -> bool:
    named = (each.name for each in parse(value).expressions() if isinstance(each, Variable | Attribute))
    return any(map(_SECRET.search, named))


def shard_command(
    argv: Sequence[str],
    plan: Mapping[str, Json],
    scenario: Scenario,
    *,
    env: Mapping[str, str | None] | None = None,
    files: Mapping[str, str] | None = None,
) -> Command:
    """A shard that reads its plan from standard input, because header values and keys must not touch the disk;
    `engine/plan-<shard>.json` is a redacted copy, for people.
    """
    shown: dict[str, Json] = {**plan, "secrets": [], "secret_headers": [], "host": scenario.host}
    del shown["warm_up"]
    if scenario.script is not None:
        arguments = without_secrets(scenario.script.arguments)
        shown["script"] = {**shard_script(scenario.script, scenario), "arguments": arguments}
    copy = {f"engine/plan-{plan['shard']}.json": _plan_file(shown, scenario.secrets)}
    return Command(argv, env or {}, {**copy, **(files or {})}, stdin=plan_line(plan))


def plan_line(plan: Mapping[str, Json]) -> str:
    return json.dumps(plan, ensure_ascii=False, allow_nan=False) + "\n"


def _plan_file(plan: Mapping[str, Json], secrets: Iterable[str]) -> str:
    """Pairs as mappings again, because a secret is known by the name that it stands under."""
    redact = Redaction(secrets)

    def shown(value: Json, name: str = "") -> Json:
        if isinstance(value, str):
            return "***" if is_secret(name, value) else redact(value)
        if isinstance(value, Mapping):
            return {redact(key): shown(item, key) for key, item in value.items()}
        if isinstance(value, list):
            if name in _PAIRS and all(isinstance(item, list) and len(item) == 2 for item in value):
                return shown(_grouped(value))
            return [shown(item) for item in value]
        return value

    return json.dumps(shown(plan), indent=1, ensure_ascii=False) + "\n"


def _grouped(pairs: Iterable[Sequence[Json]]) -> dict[str, Json]:
    """A name that occurs several times gets a list."""
    found: dict[str, list[Json]] = {}
    for name, value in pairs:
        found.setdefault(str(name), []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def shard_script(script: Script, scenario: Scenario) -> dict[str, Json]:
    return {
        "paths": [str(Path(path).absolute()) for path in script.paths],
        "weights": dict(script.weights),
        "classes": list(script.classes),
        "arguments": list(script.arguments),
        "options": _options(script.options, scenario),
        "own_load": script.own_load,
        "own_hosts": list(script.own_hosts),
        "environment": script.environment,
    }


def _options(options: ScriptOptions, scenario: Scenario) -> dict[str, Json]:
    """The options of the run that a script may read, named as on Locust's command line.

    A script's own load has one user, as there. In the open model there are as many users as may be in flight.
    """
    load = scenario.load
    users, per_s = 1, 1.0
    if load.stages:
        closed = load.model == "closed"
        users = round(load.peak) if closed else scenario.max_in_flight
        per_s = options.spawn_rate or (_first_rise_per_s(load) if closed else load.peak)
    return {
        "num_users": users,
        "spawn_rate": per_s,
        "run_time": round(load.duration_s) if load.stages else None,
        "tags": None if options.tags is None else list(options.tags),
        "exclude_tags": None if options.exclude_tags is None else list(options.exclude_tags),
        "stop_timeout": scenario.drain_s,
    }


def _first_rise_per_s(load: Load) -> float:
    """Users a second until the first level is reached; where they come at once, all in the first second."""
    first = next((stage for stage in load.stages if stage.end > 0), load.stages[0])
    at_once = first.holds or not first.duration_s
    return max(first.end, 1.0) if at_once else (first.end - first.start) / first.duration_s
