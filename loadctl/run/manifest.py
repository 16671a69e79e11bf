"""The manifest (run.json): what a run set out to do, where and with what. Written before it begins.

Format history, newest first; keys are added freely, never renamed:
loadctl.run/1  first published form. Later: `step` in each step; `secrets` is an object, no list; `traffic_hash`
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec

from loadctl.errors import UsageError
from loadctl.run.machine import Machine
from loadctl.scenario.redaction import REDACTED, Redaction, is_secret, without_secrets
from loadctl.scenario.scenario import Scenario

if TYPE_CHECKING:
    from loadctl.results.blocks import Identity

SCHEMA = "loadctl.run/1"
SHARDS_MAX = 10_000
_LIMIT_MAX = 1e18
_Fields: TypeAlias = "Mapping[str, Callable[[object, Redaction], object] | _Fields]"
_NOT_IN_HASH = {
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
"""Where it came from, where it is sent and how it was shortened. A new field that changes no traffic belongs here, or
the hash of every scenario changes; `goal` and `watch` change none and count all the same, as ever.
"""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """`t0_wall` (UTC, ISO 8601) and `t0_monotonic_s` are None until the load has begun."""

    id: str
    scenario: Scenario
    scenario_hash: str
    traffic_hash: str | None = None
    """None: an earlier version wrote it."""
    engine: str
    engine_version: str | None
    engine_extension: str | None = None
    """What of loadctl's stands at its own extension point, once its shards have said so."""
    shards: Annotated[int, msgspec.Meta(ge=1, le=SHARDS_MAX)]
    argv: Sequence[str] = ()
    smoke: bool = False
    targets_judged: int | None = None
    """As planned; None where only the requests of a script will tell. A smoke run writes the number in the end."""
    targets_total: int = 0
    versions: Mapping[str, str] = {}
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
    bare = replace(manifest.scenario, secrets={}, credentials="")
    written = _with_hidden(_plain(msgspec.structs.replace(manifest, scenario=bare)), _FREE_TEXT, hidden)
    return json.dumps(written, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def from_text(text: str, source: Path) -> Manifest:
    """Raises: UsageError for what is no manifest, or one of another format."""
    try:
        found = msgspec.json.decode(text, type=dict[str, Any])
        if (form := found.get("schema")) != SCHEMA:
            raise UsageError(
                f"{source}: format {form!r} is not known to this version of loadctl (it reads {SCHEMA})",
                hint="read it with the version that wrote it, or a newer one",
            )
        _upgrade(found)
        manifest = msgspec.convert(found, Manifest)
    except (ValueError, RecursionError, OverflowError) as error:
        raise UsageError(f"{source} is not the manifest of a run: {error}") from error
    for i, target in enumerate(manifest.scenario.targets):
        for key, limit in (("critical", target.critical), ("target", target.target)):
            if limit and not 1 / _LIMIT_MAX <= abs(limit) <= _LIMIT_MAX:
                place = f"$.scenario.targets[{i}].{key}"
                raise UsageError(f"{source}: a limit is from 1e-18 to {_LIMIT_MAX:g} - at `{place}`")
    return manifest


def _upgrade(found: dict[str, Any]) -> None:
    """From older files: `secrets` was a list, and no step said what it is."""
    scenario = found.get("scenario")
    if isinstance(scenario, dict):
        scenario["secrets"] = {}
        for user_type in _objects(scenario.get("user_types")):
            _name_steps(user_type.get("start"))
            for task in _objects(user_type.get("tasks")):
                _name_steps(task.get("flow"))


def _name_steps(steps: object) -> None:
    for step in _objects(steps):
        step.setdefault("step", "request" if "method" in step else "repeat" if "flow" in step else "think")
        _name_steps(step.get("flow"))


def _objects(value: object) -> Iterator[dict[str, Any]]:
    """Those in a list. Anything else is refused with its place when the manifest is made."""
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def scenario_hash(scenario: Scenario) -> str:
    """The same for the same scenario, wherever its file lies and whatever it loads; a script's text counts."""
    script = scenario.script and replace(scenario.script, host="", places=())
    bare = _plain(replace(scenario, script=script))
    written: Any = _with_hidden(bare, _OF_SCENARIO, Redaction(scenario.secrets))
    essence = {key: _without_lines(part) for key, part in written.items() if key not in _NOT_IN_HASH}
    return _digest(essence, scenario.script.paths if scenario.script is not None else ())


_SENT = ("load", "user_types", "timeout_s", "drain_s", "max_in_flight", "rate_limit", "tls", "seed")
_SENT_OF_SCRIPT = (
    "key",
    "weights",
    "environment",
    "own_load",
    "classes",
    "arguments",
    "engine_options",
    "options",
)


def traffic_hash(scenario: Scenario) -> str:
    """The same where the same is sent, wherever it goes and its files lie: runs with the same hash can be compared."""
    written = _with_hidden(_plain(scenario), _OF_SCENARIO, Redaction(scenario.secrets))
    assert isinstance(written, dict)  # noqa: S101
    script = written["script"] or {}
    essence = [
        _sent({key: written[key] for key in _SENT}),
        _sent({key: script[key] for key in _SENT_OF_SCRIPT if script}),
    ]
    bodies = [request.body for request in scenario.requests() if request.body is not None]
    files = [path for body in bodies for _, path in sorted(body.files.items())]
    return _digest(essence, [*files, *(scenario.script.paths if scenario.script is not None else ())])


def _digest(essence: object, paths: Iterable[str]) -> str:
    """Of a document and of what these files hold. A file that is not there has no content."""
    digest = hashlib.sha256(json.dumps(essence, sort_keys=True).encode())
    for path in map(Path, paths):
        with suppress(OSError):  # the name may be too long for a file
            if path.is_file():
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sent(value: object) -> object:
    """Without places in files, and without what is empty: a field that a later version adds then changes no hash of
    what does not use it. What the scenario's author wrote (JSON, forms, queries) stays whole."""
    if isinstance(value, list):
        return [_sent(part) for part in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, part in value.items():
        if key in {"json", "fields", "query"}:
            found[key] = part
        elif key not in {"where", "step"}:
            found[key] = sorted(part) if key == "files" else _sent(part)
    return {key: part for key, part in found.items() if part not in (None, "", [], {}, False)}


def identity_of(manifest: Manifest) -> Identity:
    from loadctl.results.blocks import Identity  # a start need not wait for it

    scenario, machine = manifest.scenario, manifest.machine
    sent = manifest.traffic_hash
    if sent is None and scenario.script is None:
        sent = traffic_hash(scenario)
    return Identity(
        traffic_hash=sent,
        engine=manifest.engine,
        engine_version=manifest.engine_version,
        shards=manifest.shards,
        architecture=machine.architecture,
        cpu_model=machine.cpu_model,
        cores=machine.cores,
    )


def _plain(record: object) -> object:
    """As JSON has it, without tuples: what redacts knows lists."""
    fields: object = json.loads(json.dumps(msgspec.to_builtins(record), allow_nan=False))
    return fields


def _without_lines(value: object) -> object:
    """Without the places in files, which are told from a field of a body by their form."""
    if isinstance(value, dict):
        return {key: _without_lines(part) for key, part in value.items() if not _is_place(key, part)}
    return [_without_lines(part) for part in value] if isinstance(value, list) else value


def _is_place(key: str, value: object) -> bool:
    return key == "where" and isinstance(value, dict) and value.keys() == {"file", "line", "column"}


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
