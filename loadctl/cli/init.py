"""`loadctl init`: a first scenario, from a running service, an OpenAPI document, or nothing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from loadctl.cli.input_file import read_text
from loadctl.cli.output import write
from loadctl.errors import UsageError

_DEFAULT_HOST = "http://localhost:8080"
_FETCH_S = 10.0
_DOCUMENT_MAX = 20_000_000
_SCHEMA = ".scenario.schema.json"
"""Beside the scenario: what editors complete and check it by."""
_OF_DOCUMENTATION = {"", "/docs", "/redoc", "/swagger"}
"""Pages of a service whose description lies at its root."""


def init(
    source: Annotated[
        str | None, typer.Argument(metavar="[URL|FILE]", help="A running service, or its openapi.json.")
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", "-H", metavar="URL", help="The system, when SOURCE is a file.")
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the scenario.")] = "api",
) -> None:
    """Write a first scenario, ready to `loadctl try`."""
    from loadctl.cli.project import Project, address
    from loadctl.scenario.json_schema import SCHEMAS
    from loadctl.scenario.openapi import scenario_text

    path = _new_file(name)
    if host is not None:
        address(host)
    description = _described(source, host)
    draft = scenario_text(description.document, description.base)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(f"# yaml-language-server: $schema={_SCHEMA}\n{draft.text}")
        (path.parent / _SCHEMA).write_text(
            json.dumps(SCHEMAS["scenario"](), indent=1) + "\n", encoding="utf-8"
        )
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    found, _, load = draft.summary[0].replace("; ", ", ").rpartition(", ")
    lines = [f"Read {description.place}: {found}" if description.document else found[:1].upper() + found[1:]]
    lines += [f"Wrote {path}: {load}", *draft.summary[1:]]
    own = [entry for entry in Project().entries() if not entry.packaged]
    command = "loadctl try" if len(own) == 1 else f"loadctl try {name}"
    lines.append(f"Next: {command}        each request once, no load")
    write("\n".join(lines))


@dataclass(frozen=True, slots=True)
class _Description:
    """What is known of the service: its OpenAPI document and where that was; None: there is none."""

    document: Mapping[str, object] | None
    base: str
    place: str = ""


def _new_file(name: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) or name == "users":
        raise UsageError(f"'{name}' cannot be the name of a scenario", hint="write for example  --name api")
    path = Path("scenarios") / f"{name}.yaml"
    if path.exists():
        raise UsageError(f"{path} is already there", hint="--name NAME writes another one beside it")
    return path


def _described(source: str | None, host: str | None) -> _Description:
    if source is None:
        return _Description(None, host or _DEFAULT_HOST)
    if not source.startswith(("http://", "https://")):
        return _Description(_of_file(Path(source)), host or _DEFAULT_HOST, source)
    from loadctl.cli.project import address

    parts = urlsplit(address(source))
    root = f"{parts.scheme}://{parts.netloc}"
    for url in _places(root, parts.path.rstrip("/")):
        document = _fetched(url)
        if document is not None:
            base = root + urlsplit(url).path.rpartition("/")[0]
            return _Description(document, host or base, urlsplit(url).path)
    if source.endswith(".json"):
        raise UsageError(f"{source} is no OpenAPI document", hint=f"the service itself:  loadctl init {root}")
    return _Description(None, host or source)


def _places(root: str, path: str) -> Iterator[str]:
    """Where the description may be, the likeliest first."""
    if path.endswith(".json"):
        yield root + path
    elif path in _OF_DOCUMENTATION:
        yield f"{root}/openapi.json"
    else:
        yield f"{root}{path}/openapi.json"


def _fetched(url: str) -> Mapping[str, object] | None:
    """The document behind a URL; None where the service has no such page."""
    import httpx

    from loadctl.monitors.patience import within

    try:
        status, body = within(_FETCH_S, lambda: _page(url))
    except TimeoutError as error:
        raise UsageError(f"{url} cannot be read: no answer within {_FETCH_S:.0f} s") from error
    except httpx.ConnectError as error:
        refused = "refused" in str(error)
        why = "nothing listens there" if refused else str(error)
        raise UsageError(
            f"{url} cannot be read: {why}",
            hint="start the service first, or name a file:  loadctl init openapi.json",
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        what = (
            f"no answer within {_FETCH_S:.0f} s" if isinstance(error, httpx.TimeoutException) else str(error)
        )
        raise UsageError(f"{url} cannot be read: {what}") from error
    if status >= 400:
        return None
    try:
        return _openapi(json.loads(body))
    except (ValueError, RecursionError):
        return None


def _page(url: str) -> tuple[int, bytes]:
    import httpx

    from loadctl.run.readiness import is_loopback

    own = is_loopback(urlsplit(url).hostname or "")
    parts, size = [], 0
    with httpx.stream("GET", url, timeout=_FETCH_S, follow_redirects=True, trust_env=not own) as answer:
        for part in answer.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > _DOCUMENT_MAX:
                raise UsageError(f"{url} is too large: more than {_DOCUMENT_MAX // 1_000_000} MB")
        return answer.status_code, b"".join(parts)


def _of_file(path: Path) -> Mapping[str, object]:
    if not os.path.lexists(path) and "/" not in str(path) and (":" in str(path) or str(path) == "localhost"):
        raise UsageError(f"there is no file {path}", hint=f"a URL begins so:  loadctl init http://{path}")
    found = _openapi(_parsed(read_text(path, streams=True), path))
    if found is None:
        raise UsageError(f"{path} is no OpenAPI document: it has no paths:")
    return found


def _parsed(text: str, path: Path) -> object:
    if path.suffix in {".yaml", ".yml"}:
        import yaml

        try:
            return yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise UsageError(f"{path} is not YAML: {error}") from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}", hint="a YAML document ends in .yaml") from error


def _openapi(found: object) -> Mapping[str, object] | None:
    return found if isinstance(found, dict) and isinstance(found.get("paths"), dict) else None
