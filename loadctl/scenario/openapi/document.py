"""An OpenAPI document: read from JSON, or from YAML as scenarios are (keys are texts); and the base URL of its API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, urljoin, urlsplit

from loadctl.errors import InvalidInput, Mistake, UsageError, Where
from loadctl.scenario.openapi.sample import as_list, as_mapping, number, text
from loadctl.scenario.reading.document import Bounds, Node, Text, excerpt, lines_of, read_document

_BOUNDS = Bounds(characters=20_000_000, depth=100, nodes=1_000_000, quick=True)
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_MARK = re.compile(
    r"""(?:^|[{,])\s*["']?(?:(?:openapi|swagger)["']?\s*:\s*["']?\d|paths["']?\s*:\s*(?:[{\r\n]|$))""",
    re.MULTILINE,
)


def read_openapi(text: Text) -> Mapping[str, object]:
    """Raises: InvalidInput where it is neither YAML nor JSON, UsageError where it describes no API."""
    found = _json(text) if text.text.lstrip().startswith(("{", "[")) else _yaml(text)
    if isinstance(found, Mapping) and isinstance(found.get("paths"), Mapping):
        return found
    raise UsageError(f"{text.name} is not an OpenAPI document: it has no paths:")


def looks_like_openapi(text: str) -> bool:
    """Whether a page is meant to be one, though it may be broken."""
    return not text.lstrip().startswith("<") and _MARK.search(text) is not None


def _json(text: Text) -> object:
    if place := _too_deep(text):
        raise InvalidInput([Mistake(place, f"nested deeper than {_BOUNDS.depth} levels")])
    try:
        return json.loads(text.text)
    except json.JSONDecodeError as error:
        if not text.name.endswith(".json"):
            return _yaml(text)  # where a mapping may be written in braces, too
        line = excerpt(lines_of(text.text), error.lineno)
        where = Where(text.name, error.lineno, error.colno)
        raise InvalidInput([Mistake(where, f"this is not JSON: {error.msg}", None, _short(line))]) from error
    except ValueError as error:  # a number of thousands of digits
        raise UsageError(f"{text.name} is not JSON: {error}") from error


def _yaml(text: Text) -> object:
    node, mistakes = read_document(text, _BOUNDS)
    if mistakes:
        raise InvalidInput([replace(mistake, excerpt=_short(mistake.excerpt)) for mistake in mistakes[:10]])
    return None if node is None else _value(node, {})


def _value(node: Node, known: dict[int, object]) -> object:
    """What a node holds. What aliases point at is made once: expanded it could be much larger than the file."""
    if id(node) not in known:
        if node.entries is not None:
            known[id(node)] = {key.text: _value(item, known) for key, item in node.entries.items()}
        elif node.items is not None:
            known[id(node)] = [_value(item, known) for item in node.items]
        elif isinstance(node.value, int | float) and not isinstance(node.value, bool):
            known[id(node)] = number(node.value, node.text)
        else:
            known[id(node)] = node.value
    return known[id(node)]


def _too_deep(text: Text) -> Where | None:
    depth = 0
    for match in _BRACKETS.finditer(text.text):
        if match[0] in "[{":
            depth += 1
            if depth > _BOUNDS.depth:
                before = text.text[: match.start()]
                return Where(text.name, before.count("\n") + 1, match.start() - before.rfind("\n"))
        elif match[0] in "]}":
            depth -= 1
    return None


def _short(line: str | None) -> str | None:
    """None for a whole document in one line."""
    return line if line is None or len(line) <= 200 else None


DEFAULT_HOST = "http://localhost:8080"
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1|0\.0\.0\.0")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Base:
    """The URL before the documented paths, without a slash at its end; `remark`: what is to be said about it."""

    url: str
    remark: str = ""


def declared(node: Mapping[str, object]) -> Sequence[str]:
    """The servers of a document, a path or an operation, variables filled in; relative ones stay relative."""
    if node.get("host") or node.get("basePath"):
        return list(_of_version_2(node))
    found = []
    for server in map(as_mapping, as_list(node.get("servers"))):
        variables = as_mapping(server.get("variables"))
        url = re.sub(
            r"\{([^{}]*)\}",
            lambda match, known=variables: str(as_mapping(known.get(match[1])).get("default", match[0])),  # type: ignore[misc]
            text(str(server.get("url") or "")),
        )
        if "{" not in url and url.isprintable() and not re.search(r"\s", url):
            found.append(url)
    return found


def _of_version_2(node: Mapping[str, object]) -> Iterator[str]:
    host, path = text(str(node.get("host") or "")), text(str(node.get("basePath") or ""))
    path = path if path.startswith("/") or not path else f"/{path}"
    if re.search(r"[\s{]|[^\x21-\x7e]", host + path):
        return
    authority = f"//{host}" if host else ""
    for scheme in [str(s) for s in as_list(node.get("schemes")) if str(s) in _PORTS] or [""]:
        yield f"{scheme}:{authority}{path}" if scheme and host else authority + path


def path_of_first(document: Mapping[str, object]) -> str:
    """The path of the first server."""
    return next((parts.path.rstrip("/") for url in declared(document) if (parts := _parts(url))), "")


def base_of_file(document: Mapping[str, object]) -> Base:
    """Of a document that came from no service: its first server with a host."""
    for url in declared(document):
        parts = _parts(url)
        if parts is not None and parts.netloc:
            scheme = parts.scheme or ("http" if _is_loopback(parts) else "https")
            return _from_document(parts._replace(scheme=scheme))
    return Base(
        DEFAULT_HOST + path_of_first(document),
        f"host {DEFAULT_HOST} is a guess, because the document names no server; edit host: or use -H URL",
    )


def base_of_page(document: Mapping[str, object], page: str, service: str | None) -> Base:
    """Of a document at the URL `page`. `service`: the URL of the service, if that is what the user named.

    A server elsewhere is taken where the document was named and not its service, but never from a local page: nobody
    who names a service on this machine means the one in production.
    """
    own = urlsplit(service or page)
    candidates = [parts for url in declared(document) if (parts := _parts(joined(page, url))) is not None]
    for parts in candidates:
        if _same_origin(parts, own):
            return Base(_url(own._replace(path=parts.path)))
    if not candidates:
        return Base(_url(own._replace(path=_path_before(document, own) if service else "")))
    first = candidates[0]
    if service is None and (_is_loopback(first) or not _is_loopback(own)):
        return _from_document(first)
    return Base(
        _url(own._replace(path=first.path)),
        f"host {own.hostname}, as you named it; the document says {first.hostname}",
    )


def _path_before(document: Mapping[str, object], service: SplitResult) -> str:
    """The path that the user named, unless the documented paths begin with it themselves."""
    path = service.path.rstrip("/")
    paths = [str(key) for key in as_mapping(document.get("paths"))]
    return "" if path and paths and all(f"{key}/".startswith(f"{path}/") for key in paths) else path


def own_server(node: Mapping[str, object], base: str) -> tuple[str | None, bool]:
    """For a path or an operation: the path of its own server at the host of `base`, and whether it has others only."""
    here = urlsplit(base)
    found = [parts for url in declared(node) if (parts := _parts(joined(f"{base}/", url))) is not None]
    paths = [parts.path.rstrip("/") for parts in found if _same_origin(parts, here)]
    return (paths[0] if paths else None), bool(found) and not paths


def _from_document(parts: SplitResult) -> Base:
    return Base(_url(parts), f"host {parts.scheme}://{parts.netloc.rpartition('@')[2]}: from the document")


def _url(parts: SplitResult) -> str:
    return parts._replace(path=parts.path.rstrip("/"), query="", fragment="").geturl()


def joined(page: str, url: str) -> str:
    """Empty where no address comes of it."""
    try:
        return urljoin(page, url)
    except ValueError:
        return ""


def _parts(url: str) -> SplitResult | None:
    """None for what is no address of HTTP."""
    try:
        parts = urlsplit(url)
        usable = not parts.netloc or (parts.hostname and parts.port != 0)
    except ValueError:
        return None
    path_is_one = parts.path.startswith("/") or not parts.path
    return parts if usable and parts.scheme in {"", "http", "https"} and path_is_one else None


def _same_origin(one: SplitResult, other: SplitResult) -> bool:
    same_host = one.hostname == other.hostname or (_is_loopback(one) and _is_loopback(other))
    return same_host and _port(one) == _port(other)


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS.get(parts.scheme, 80)


def _is_loopback(parts: SplitResult) -> bool:
    return _LOOPBACK.fullmatch(parts.hostname or "") is not None
