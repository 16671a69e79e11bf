"""The manifest (run.json): what a run set out to do, where and with what. Written before it begins."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from loadctl.errors import UsageError
from loadctl.results.wire.frame import finite
from loadctl.results.wire.record import MOST_S
from loadctl.run.machine import Machine
from loadctl.scenario.redaction import REDACTED, Redaction, is_secret, without_secrets
from loadctl.scenario.scenario import Scenario

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

SCHEMA = "loadctl.run/1"
SHARDS_MAX = 10_000
_LEVEL_MAX = 10**15
_LIMIT_MAX = 1e18
_SHORTEST_S = 1e-6
_Fields: TypeAlias = "Mapping[str, Callable[[object, Redaction], object] | _Fields]"
_NOT_IN_HASH = {
    "where",
    "rescaled",
    "notes",
    "source",
    "packaged",
    "reference",
    "load_on_command_line",
    "smoke",
    "host",
    "credentials",
    "secrets",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`t0_wall` (UTC, ISO 8601) and `t0_monotonic_s` are None until the load has begun."""

    schema: str = SCHEMA
    id: str
    scenario: Scenario
    scenario_hash: str
    engine: str
    engine_version: str | None
    engine_extension: str | None = None
    """What of loadctl's stands at its own extension point, once its shards have said so."""
    shards: int
    argv: Sequence[str] = ()
    smoke: bool = False
    targets_judged: int | None = None
    """As planned; None where only the requests of a script will tell. A smoke run writes the number in the end."""
    targets_total: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of loadctl and python."""
    machine: Machine
    git_revision: str | None = None
    watched: str | None = None
    """What is watched as the system: "uvicorn pid 4312 and 4 children"."""
    watch_notes: Sequence[str] = ()
    created_at: str
    pid: int
    """loadctl's own."""
    t0_wall: str | None = None
    t0_monotonic_s: float | None = None


def to_text(manifest: Manifest) -> str:
    """run.json. Secrets are replaced where free text stands, and nowhere else: the run is judged from the rest."""
    hidden = Redaction(manifest.scenario.secrets)
    bare = replace(manifest, scenario=replace(manifest.scenario, secrets={}, credentials=""))
    written = _with_hidden(_plain(bare), _FREE_TEXT, hidden)
    return json.dumps(written, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def from_text(text: str, source: Path) -> Manifest:
    """Raises: UsageError for what is no manifest, or one of another format."""
    from pydantic import ValidationError

    try:
        found = json.loads(text, parse_float=finite, parse_constant=finite)
        schema = found.get("schema")
        if schema != SCHEMA:
            raise UsageError(
                f"{source}: format {schema!r} is not known to this version of loadctl (it reads {SCHEMA})",
                hint="read it with the version that wrote it, or a newer one",
            )
        found.get("scenario", {}).pop("secrets", None)  # once an empty list
        manifest = _adapter().validate_python(found)
    except (ValueError, AttributeError, RecursionError, OverflowError) as error:
        detail = f": {_first(error)}" if isinstance(error, ValidationError) else ""
        raise UsageError(f"{source} is not the manifest of a run{detail}") from error
    if wrong := next(_impossible(manifest), None):
        raise UsageError(f"{source}: {wrong}")
    return manifest


def _impossible(manifest: Manifest) -> Iterator[str]:
    """What no run has, with its place: it would be counted up to, or divided by."""
    if not 1 <= manifest.shards <= SHARDS_MAX:
        yield f"shards: {str(manifest.shards)[:20]}; a run has from 1 to {SHARDS_MAX:,}"
    scenario = manifest.scenario
    for i, stage in enumerate(scenario.load.stages):
        if not (0 <= stage.start <= _LEVEL_MAX and 0 <= stage.end <= _LEVEL_MAX):
            yield f"scenario.load.stages.{i}: a level is from 0 to {_LEVEL_MAX:,}"
        if not _SHORTEST_S <= stage.duration_s <= MOST_S:
            yield f"scenario.load.stages.{i}.duration_s: a stage lasts up to {MOST_S:,} s"
    for i, user_type in enumerate(scenario.user_types):
        tasks = [task.weight for task in user_type.tasks]
        if not all(0 < weight <= _LEVEL_MAX for weight in (user_type.weight, *tasks)):
            yield f"scenario.user_types.{i}: a weight is from 1 to {_LEVEL_MAX:,}"
        if user_type.pace_s is not None and not _SHORTEST_S <= user_type.pace_s <= MOST_S:
            yield f"scenario.user_types.{i}.pace_s: a pace is up to {MOST_S:,} s"
    for i, target in enumerate(scenario.targets):
        limits = [abs(limit) for limit in (target.critical, target.target) if limit]
        if not all(1 / _LIMIT_MAX <= limit <= _LIMIT_MAX for limit in limits):
            yield f"scenario.targets.{i}: a limit is up to {_LIMIT_MAX:g}"


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, with its place."""
    found = error.errors()[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"


def scenario_hash(scenario: Scenario) -> str:
    """The same for the same scenario, wherever its file lies and whatever it loads; a script's text counts."""
    essence = _essence(_with_hidden(_plain(scenario), _OF_SCENARIO, Redaction(scenario.secrets)))
    digest = hashlib.sha256(json.dumps(essence, sort_keys=True).encode())
    for path in map(Path, scenario.script.paths if scenario.script is not None else ()):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _plain(record: object) -> object:
    """As JSON has it. What writes needs no schema; to make one takes 40 ms."""
    from pydantic_core import to_jsonable_python

    fields: object = to_jsonable_python(record)
    return fields


@cache
def _adapter() -> TypeAdapter[Manifest]:
    """Made once: that takes longer than reading a manifest.

    pydantic cannot resolve scenario/user_type.py's recursive alias Json; it looks for names here first.
    """
    from pydantic import TypeAdapter

    Json = object  # noqa: F841, N806
    return TypeAdapter(Manifest)


def _essence(value: object) -> object:
    if isinstance(value, dict):
        return {key: _essence(part) for key, part in value.items() if key not in _NOT_IN_HASH}
    if isinstance(value, list):
        return [_essence(part) for part in value]
    return value


def _with_hidden(value: object, fields: _Fields, redaction: Redaction) -> object:
    """`value` with its secrets replaced in these fields."""
    if isinstance(value, list):
        return [_with_hidden(part, fields, redaction) for part in value]
    if not isinstance(value, dict):
        return value
    found = dict(value)
    for name in fields.keys() & found.keys():
        inner = fields[name]
        found[name] = (
            inner(found[name], redaction) if callable(inner) else _with_hidden(found[name], inner, redaction)
        )
    return found


def _text(value: object, redaction: Redaction, name: str = "") -> object:
    """`name`: of the field that holds the value; it may say that a text without a known secret is one."""
    if isinstance(value, str):
        hidden = redaction.hidden(value)
        return REDACTED if hidden == value and is_secret(name, value) else hidden
    if isinstance(value, dict):
        return {key: _text(part, redaction, str(key)) for key, part in value.items()}
    if isinstance(value, list):
        return [_text(part, redaction, name) for part in value]
    return value


def _words(value: object, redaction: Redaction) -> object:
    return _text(without_secrets(value) if isinstance(value, list) else value, redaction)


def _after_host(value: object, redaction: Redaction) -> object:
    """Of a URL, or of several: the path."""
    if isinstance(value, list):
        return [_after_host(part, redaction) for part in value]
    return redaction.of_url(value) if isinstance(value, str) else value


def _after_word(value: object, redaction: Redaction) -> object:
    """ "watching WHAT" or "nothing: WHY": the first word is ours."""
    if not isinstance(value, str):
        return value
    word, blank, rest = value.partition(" ")
    return word + blank + redaction.hidden(rest)


def _secret_headers(value: object, redaction: Redaction) -> object:
    """Of monitors: each is a secret, also what is too short to be looked for elsewhere."""
    if not isinstance(value, dict):
        return value
    hidden = {name: redaction.hidden(text) for name, text in value.items()}
    return {name: text if text != value[name] else REDACTED for name, text in hidden.items()}


_COMMAND: _Fields = {"argv": _words}
_STEP: dict[str, Callable[[object, Redaction], object] | _Fields] = {
    **dict.fromkeys(("url", "query", "headers", "capture"), _text),
    "body": dict.fromkeys(("json", "fields", "files", "raw"), _text),
    "check": dict.fromkeys(("has", "lacks", "json", "text"), _text),
}
_STEP["flow"] = _STEP
_OF_SCENARIO: _Fields = {
    "host": _after_host,
    "user_types": {"headers": _text, "data": _text, "start": _STEP, "tasks": _STEP},
    "script": {
        "host": _after_host,
        "own_hosts": _after_host,
        "arguments": _words,
        "engine_options": _text,
    },
    "watch": {
        "metrics": {"page": _after_host, "headers": _secret_headers},
        "prometheus": {"url": _after_host, "queries": _text, "headers": _secret_headers},
        "logs": dict.fromkeys(("files", "errors"), _text),
    },
    "health": _text,
    "before": _COMMAND,
    "after": _COMMAND,
    "notes": _text,
}
_FREE_TEXT: _Fields = {
    "scenario": _OF_SCENARIO,
    "argv": _words,
    "watched": _after_word,
    "watch_notes": _text,
}
"""Fields for people. No verdict reads them: what one reads is never redacted, whatever a secret is."""
