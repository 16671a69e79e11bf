"""`loadctl init`: a first scenario, from a running service, an OpenAPI file, or nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urljoin, urlsplit

import typer

from loadctl.errors import UsageError


def init(
    source: Annotated[
        str | None, typer.Argument(metavar="[URL|FILE]", help="A running service, or its openapi.json.")
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", "-H", metavar="URL", help="The system, when SOURCE is a file.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Name of the scenario.")] = "api",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write scenarios/api.yaml, ready to `loadctl try`."""
    from loadctl.scenario.openapi import scenario_text

    path = Path("scenarios") / f"{name}.yaml"
    if path.exists() and not force:
        raise UsageError(f"{path} exists", hint="--force replaces it, --name NAME writes another")
    document, base = _described(source, host)
    draft = scenario_text(document, base)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(draft.text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    for line in draft.summary:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"Wrote {path}\nNext: loadctl try {name}        each request once, no load\n")


def _described(source: str | None, host: str | None) -> tuple[dict[str, object] | None, str]:
    """The OpenAPI document, if there is one, and the base URL."""
    if source is None:
        return None, host or "http://localhost:8080"
    if not source.startswith(("http://", "https://")):
        return _document(_file(source), source), host or "http://localhost:8080"
    parts = urlsplit(source)
    base = host or f"{parts.scheme}://{parts.netloc}"
    place = source if parts.path not in {"", "/"} else urljoin(source, "/openapi.json")
    text = _fetched(place)
    return (_document(text, place) if text is not None else None), base


def _file(source: str) -> str:
    try:
        return Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {source}: {error}") from error


def _fetched(url: str) -> str | None:
    """The text behind a URL; None where the service has no such page."""
    import httpx

    try:
        answer = httpx.get(url, timeout=10, follow_redirects=True)
    except httpx.HTTPError as error:
        raise UsageError(
            f"{url} does not answer: {error}", hint="start the service, or name its openapi.json"
        ) from error
    return answer.text if answer.status_code < 400 else None


def _document(text: str, place: str) -> dict[str, object] | None:
    """An OpenAPI document; None for a page that is no JSON at all (a service without a description)."""
    try:
        found = json.loads(text)
    except ValueError:
        if place.endswith(".json") and not place.startswith("http"):
            raise UsageError(f"{place} is not JSON", hint="YAML descriptions: convert them first") from None
        return None
    return found if isinstance(found, dict) and "paths" in found else None
