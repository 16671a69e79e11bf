"""`loadctl init`: a first scenario, from a running service, an OpenAPI document, or nothing."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urljoin, urlsplit

import typer

from loadctl.cli.output import write
from loadctl.cli.project import Project, address, read_text
from loadctl.engines.route import is_loopback
from loadctl.errors import UsageError
from loadctl.monitors.background import within
from loadctl.scenario.openapi.document import base_of_file, base_of_page, looks_like_openapi, read_openapi
from loadctl.scenario.openapi.scenario_text import scenario_text
from loadctl.scenario.reading.document import Text
from loadctl.scenario.reading.json_schema import SCHEMAS

_DEFAULT_HOST = "http://localhost:8080"
_FETCH_S = 10.0
_DOCUMENT_MAX = 20_000_000
_OF_DOCUMENTATION = re.compile(
    r"(/docs|/redoc|/swagger|/swagger-ui|/api-docs|/documentation|/rapidoc|/scalar)(/index\.html)?|/\w+\.html"
)
"""Pages for people; what they show lies elsewhere."""
_PLACES = (
    *("/openapi.json", "/openapi.yaml", "/v3/api-docs", "/swagger/v1/swagger.json", "/openapi/v1.json"),
    *("/swagger.json", "/swagger.yaml", "/swagger/doc.json", "/api-docs", "/api-docs.json", "/api-json"),
    *("/docs-json", "/docs/json", "/documentation/json", "/swagger/json", "/api-docs/v1/swagger.yaml"),
    *("/api/openapi.json", "/api/v1/openapi.json", "/api/schema/", "/v2/api-docs", "/q/openapi", "/openapi"),
)
"""FastAPI, springdoc, ASP.NET, Flask and Go, NestJS, Fastify, rswag, Django, springfox, Quarkus."""
_NAMES_A_DOCUMENT = re.compile(r"\.(json|ya?ml)$|api-docs|openapi|swagger", re.IGNORECASE)
_LINK = re.compile(r"""["']([^"'\s<>]{1,300}(?:\.json|\.ya?ml|api-docs(?:/[\w.-]+)?|-json))["']""")


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of a service: its OpenAPI document and where that was; None: there is none.

    `path`: below which its operations are; None where that is not known.
    """

    document: Mapping[str, object] | None
    base: str
    place: str = ""
    path: str | None = None
    remarks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Page:
    """`url`: after redirects."""

    url: str
    status: int
    text: str


def described(source: str | None, host: str | None) -> Description:
    """Raises: UsageError."""
    if source is None:
        guess = () if host else (f"host {_DEFAULT_HOST} is a guess: edit host:, or use -H URL",)
        return Description(None, host or _DEFAULT_HOST, remarks=guess)
    if source.startswith(("http://", "https://")):
        return _of_service(source, host)
    return _of_file(Path(source), host)


# -- files -----------------------------------------------------------------------------------------------------


def _of_file(path: Path, host: str | None) -> Description:
    if not os.path.lexists(path) and "/" not in str(path) and (":" in str(path) or str(path) == "localhost"):
        raise UsageError(f"there is no file {path}", hint=f"for a URL, write  loadctl init http://{path}")
    document = read_openapi(Text(str(path), read_text(path, streams=True)))
    if host:
        return Description(document, host, str(path))
    base = base_of_file(document)
    return Description(document, base.url, str(path), urlsplit(base.url).path, [base.remark])


# -- services --------------------------------------------------------------------------------------------------


def _of_service(source: str, host: str | None) -> Description:
    parts = urlsplit(address(source))
    root, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    with _Search(root) as search:
        page = search.page(source) if path else None
        for_people = _OF_DOCUMENTATION.fullmatch(path) is not None and not _is_data(page)
        document, is_named = search.document(page), True
        if document is None:
            named, is_named = page, False
            if named is not None and not for_people and _NAMES_A_DOCUMENT.search(path):
                _require_page(named, root)
            page, document = search.found(_places(root, "" if for_people else path, named))
            if document is None and named is not None and not for_people:
                _require_page(named, root)
        if document is None or page is None:
            return _undescribed(search, source, root, host, for_people=for_people)
    place = urlsplit(page.url)
    shown = place.path + (f"?{place.query}" if place.query else "")
    if host:
        return Description(document, host, shown)
    below = path if place.path.startswith(f"{path}/") else ""
    base = base_of_page(document, page.url, None if is_named else root + below)
    return Description(
        document, base.url, shown, urlsplit(base.url).path, [base.remark] if base.remark else ()
    )


def _require_page(page: _Page, root: str) -> None:
    """What was named must be there: a scenario of a page that is not would fail at once."""
    if page.status in {401, 403}:
        raise UsageError(
            f"{page.url} answers {page.status}: it asks for credentials",
            hint=f"save the document to a file:  loadctl init openapi.json -H {root}",
        )
    if page.status >= 400:
        raise UsageError(
            f"{page.url} answers {page.status}", hint=f"the service itself:  loadctl init {root}"
        )
    if _NAMES_A_DOCUMENT.search(urlsplit(page.url).path):
        raise UsageError(
            f"{page.url} is not an OpenAPI document", hint=f"the service itself:  loadctl init {root}"
        )


def _undescribed(
    search: _Search, source: str, root: str, host: str | None, *, for_people: bool
) -> Description:
    base = root if for_people else source
    looked = f"looked for it at {', '.join(_PLACES[:3])} and {len(_PLACES) - 3} more places"
    remarks = [looked, "  if it is elsewhere, name it:  loadctl init URL-OF-THE-DOCUMENT"]
    status = search.page(base if urlsplit(base).path else f"{root}/").status
    if status >= 400:
        remarks.append(f"GET {urlsplit(base).path or '/'} answers {status}: put a path of yours there")
    return Description(None, host or base, remarks=remarks)


def _is_data(page: _Page | None) -> bool:
    return page is not None and page.status < 400 and not page.text.lstrip().startswith("<")


def _places(root: str, path: str, page: _Page | None) -> Iterator[str]:
    """Where the description may be, the likeliest first."""
    if page is not None and page.status < 400 and page.text.lstrip().startswith("<"):
        links = [urljoin(page.url, link) for link in _LINK.findall(page.text)[:50]]
        yield from dict.fromkeys(url for url in links if url.startswith(f"{root}/"))
    for below in dict.fromkeys((path, "")):
        yield from (f"{root}{below}{place}" for place in _PLACES)


class _Search:
    """Reads pages of one service; all of them together take no longer than one may."""

    def __init__(self, root: str) -> None:
        import httpx

        own = is_loopback(urlsplit(root).hostname or "")
        self._end = time.monotonic() + _FETCH_S
        self._client = httpx.Client(timeout=_FETCH_S, follow_redirects=True, trust_env=not own)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def found(self, urls: Iterator[str]) -> tuple[_Page | None, Mapping[str, object] | None]:
        for url in urls:
            page = self.page(url)
            document = self.document(page)
            if document is not None:
                return page, document
        return None, None

    def document(self, page: _Page | None) -> Mapping[str, object] | None:
        """None where the page is none. Raises: UsageError where it means to be one and is broken."""
        if page is None or page.status >= 400 or not looks_like_openapi(page.text):
            return None
        return read_openapi(Text(page.url, page.text))

    def page(self, url: str) -> _Page:
        """Raises: UsageError where there is no answer."""
        import httpx

        left = max(0.1, self._end - time.monotonic())
        try:
            return within(left, lambda: self._fetched(url))
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
            timeout = isinstance(error, httpx.TimeoutException)
            what = f"no answer within {_FETCH_S:.0f} s" if timeout else str(error)
            raise UsageError(f"{url} cannot be read: {what}") from error

    def _fetched(self, url: str) -> _Page:
        parts, size = [], 0
        with self._client.stream("GET", url) as answer:
            for part in answer.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > _DOCUMENT_MAX:
                    raise UsageError(f"{url} is too large: more than {_DOCUMENT_MAX // 1_000_000} MB")
            return _Page(str(answer.url), answer.status_code, b"".join(parts).decode("utf-8-sig", "replace"))


_SCHEMA = ".scenario.schema.json"
"""Beside the scenario: what editors complete and check it by."""


def init(
    source: Annotated[
        str | None, typer.Argument(metavar="[URL|FILE]", help="A running service, or its OpenAPI document.")
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", "-H", metavar="URL", help="The system, when SOURCE is a file.")
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the scenario.")] = "api",
) -> None:
    """Write a first scenario, ready to `loadctl try`."""
    path = _new_file(name)
    if host is not None:
        address(host)
    found = described(source, host)
    draft = scenario_text(found.document, found.base, path=found.path, remarks=found.remarks)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(f"# yaml-language-server: $schema={_SCHEMA}\n{draft.text}")
        (path.parent / _SCHEMA).write_text(
            json.dumps(SCHEMAS["scenario"](), indent=1) + "\n", encoding="utf-8"
        )
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    what, _, load = draft.summary[0].replace("; ", ", ").rpartition(", ")
    lines = [f"Read {found.place}: {what}" if found.document else what[:1].upper() + what[1:]]
    lines += [f"Wrote {path}: {load}", *draft.summary[1:]]
    unset = [variable for variable in draft.variables if variable not in os.environ]
    lines += [f"First: export {' '.join(f'{variable}=…' for variable in unset)}"] if unset else []
    own = [entry for entry in Project().entries() if not entry.packaged]
    command = "loadctl try" if len(own) == 1 else f"loadctl try {name}"
    lines.append(f"Next: {command}        each request once, no load")
    write("\n".join(lines))


def _new_file(name: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) or name == "users":
        raise UsageError(f"'{name}' cannot be the name of a scenario", hint="write for example  --name api")
    path = Path("scenarios") / f"{name}.yaml"
    if path.exists():
        raise UsageError(f"{path} is already there", hint="--name NAME writes another one beside it")
    return path
