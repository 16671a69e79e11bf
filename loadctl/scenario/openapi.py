"""An OpenAPI document → the operations that a first scenario can send, and those that it should leave out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode, urlsplit

from loadctl.scenario.draft import Draft, draft
from loadctl.scenario.prng import text as as_text
from loadctl.scenario.sample import SOME_TEXT, Sampler, as_json, as_list, as_mapping, text

if TYPE_CHECKING:
    from loadctl.scenario.user_type import Json

_METHODS = ("get", "post", "put", "patch", "delete")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_READS = _words(
    "predict predictions infer inference score classify detect embed embeddings rank recommend search query graphql "
    "find lookup filter list get fetch read validate verify check calculate compute convert translate transform "
    "estimate simulate preview render chat completions generate summarize summarise explain echo login signin token"
)
_LOGINS = _words("login signin token")
_CHANGES = _words(
    "create add new insert update set put edit patch delete remove drop clear purge reset cancel retrain train "
    "register signup upload import send pay order buy book start stop restart run deploy approve reject logout "
    "signout revoke rotate refund publish enable disable ban invite"
)
_QUIET = _words("health healthz ready readyz live livez ping status version info metrics")
_MOST_BODY = 2500
_MOST_VALUE = 300
_MOST_PATH = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation, with example values filled in. `role`: where it stands in the scenario."""

    method: str
    path: str
    """As documented: /models/{id}."""
    url: str
    """What to send: parameters filled in, percent-encoded."""
    role: Literal["start", "task", "left out"]
    why: str = ""
    """Why it is left out."""
    weight: int = 1
    summary: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body_kind: Literal["json", "form", "body"] | None = None
    body: Json = None
    origin: str = ""
    """Where the body comes from."""
    guesses: Sequence[str] = ()
    """Parameters whose value nobody gave."""
    token: str | None = None
    """Field of the answer that holds a session's token."""


def scenario_text(document: Mapping[str, object] | None, base: str) -> Draft:
    """A first scenario for the service at `base`, from its OpenAPI document or from nothing; it is valid as it is."""
    address = urlsplit(base)
    host, below = f"{address.scheme}://{address.netloc}", address.path.rstrip("/")
    if document is None:
        return draft(host, below or "/", "", [])
    info = as_mapping(document.get("info"))
    title = " ".join(str(info[key]) for key in ("title", "version") if info.get(key))
    found = operations(document, below or _prefix(document))
    return draft(host, below or "/", title or "this API", found)


def operations(document: Mapping[str, object], prefix: str) -> list[Operation]:
    """All operations in the order of the document (3.x; the bodies of 2.0 too), their paths under `prefix`."""
    return [
        _Reader(document, entry, method, prefix + text(path)).operation()
        for path, item in as_mapping(document.get("paths")).items()
        for entry in [Sampler(document).resolve(item)]
        for method in _METHODS
        if isinstance(entry.get(method), Mapping) and path.startswith("/") and len(path) <= _MOST_PATH
    ]


def _prefix(document: Mapping[str, object]) -> str:
    """The path under which the service hangs: that of its first server, or the basePath of 2.0."""
    servers = as_list(document.get("servers"))
    url = str(as_mapping(servers[0]).get("url", "")) if servers else str(document.get("basePath", ""))
    try:
        path = urlsplit(url).path.rstrip("/")
    except ValueError:
        return ""
    return path if path.startswith("/") and "{" not in url else ""


class _Reader:
    """One operation of the document."""

    def __init__(
        self, document: Mapping[str, object], item: Mapping[str, object], method: str, path: str
    ) -> None:
        self._document = document
        self._operation = as_mapping(item[method])
        self._method = method
        self._path = path
        both = [*as_list(item.get("parameters")), *as_list(self._operation.get("parameters"))]
        found = [Sampler(document).resolve(parameter) for parameter in both]
        self._parameters = {(str(p.get("in")), str(p.get("name"))): p for p in found}
        self._guesses: list[str] = []

    def operation(self) -> Operation:
        kind, body, origin = self._body()
        role, why = self._role(origin)
        return Operation(
            method=self._method,
            path=self._path,
            url=self._url(),
            role=role,
            why=why,
            weight=self._weight(),
            summary=text(str(self._operation.get("summary") or "")),
            headers=self._headers(),
            body_kind=kind,
            body=body,
            origin=origin,
            guesses=tuple(self._guesses),
            token=self._token() if role == "start" else None,
        )

    def _called(self) -> set[str]:
        """What the operation calls itself: the last fixed part of its path, and its operationId."""
        fixed = [part for part in self._path.split("/") if part and "{" not in part]
        return _split(fixed[-1] if fixed else "") | _split(str(self._operation.get("operationId") or "")) - {
            "put",
            "patch",
        }

    def _role(self, origin: str) -> tuple[Literal["start", "task", "left out"], str]:
        words = self._called() - {self._method}
        if self._operation.get("deprecated") is True:
            return "left out", "deprecated"
        if self._method == "get":
            return ("left out", "changes data") if words & {"logout", "signout"} else ("task", "")
        if self._method != "post" or not words & _READS or words & _CHANGES:
            return "left out", "changes data"
        if origin == _FILES:
            return "left out", "needs a file"
        if words & _LOGINS:
            return ("start", "") if origin == _EXAMPLE else ("left out", "needs an account")
        return "task", ""

    def _weight(self) -> int:
        if self._method != "get":
            return 10
        return 1 if self._called() & _QUIET or self._path == "/" else 2

    def _url(self) -> str:
        path = re.sub(
            r"\{([^{}]*)\}",
            lambda match: self._filled(match[1]),
            quote(self._path, safe="/{}:@!$&'()*+,;=~%"),
        )
        path = path.replace("{", "%7B").replace("}", "%7D")
        query = [
            (text(name), self._parameter(parameter, name))
            for (place, name), parameter in self._parameters.items()
            if place == "query" and len(name) <= 100 and parameter.get("required") is True
        ]
        return f"{path}?{urlencode(query)}" if query else path

    def _filled(self, name: str) -> str:
        return quote(self._parameter(self._parameters.get(("path", name), {}), name), safe="")

    def _headers(self) -> dict[str, str]:
        return {
            name: self._parameter(parameter, name)
            for (place, name), parameter in self._parameters.items()
            if place == "header"
            and parameter.get("required") is True
            and re.fullmatch(r"[A-Za-z0-9-]+", name)
        }

    def _parameter(self, parameter: Mapping[str, object], name: str) -> str:
        """Its example as one short line of text; without one a guess, which is noted."""
        sampler = Sampler(self._document)
        value = _given(parameter, sampler)
        if value is None:
            value = sampler.value(parameter.get("schema", {**parameter, "in": None}))
        value = as_text(value)
        usable = value.isprintable() and 0 < len(value) <= _MOST_VALUE
        if sampler.guessed or not usable:
            self._guesses.append(text(name))
        return value if usable and value != SOME_TEXT else "1"

    def _body(self) -> tuple[Literal["json", "form", "body"] | None, Json, str]:
        """Kind, value and origin of the body."""
        sampler = Sampler(self._document)
        content = as_mapping(sampler.resolve(self._operation.get("requestBody")).get("content"))
        if ("body", "body") in self._parameters:  # OpenAPI 2.0
            content = {"application/json": self._parameters["body", "body"]}
        for media, kind in _media(content):
            entry = as_mapping(content[media])
            if kind is None:
                return None, None, _FILES
            value, given = _given(entry, sampler), True
            if value is None:
                value = sampler.value(entry.get("schema"))
                given = not sampler.guessed
            if kind == "form":
                value = (
                    {name: as_text(item) for name, item in value.items()}
                    if isinstance(value, Mapping)
                    else {}
                )
            elif kind == "body":
                value = as_text(value)
            if len(json.dumps(value)) <= _MOST_BODY:
                return kind, value, _EXAMPLE if given else _SMALLEST
        return None, None, ""

    def _token(self) -> str | None:
        responses = as_mapping(self._operation.get("responses"))
        sampler = Sampler(self._document)
        for status in ("200", "201"):
            content = as_mapping(sampler.resolve(responses.get(status)).get("content"))
            schema = sampler.resolve(as_mapping(content.get("application/json")).get("schema"))
            for name in ("access_token", "token"):
                if name in as_mapping(schema.get("properties")):
                    return name
        return None


_EXAMPLE = "body from the schema's example"
_SMALLEST = "smallest body that the schema allows"
_FILES = "files"


def _media(content: Mapping[str, object]) -> list[tuple[str, Literal["json", "form", "body"] | None]]:
    """Media types with how to send them (None: multipart, with files), the simplest first."""
    kinds: list[tuple[str, Literal["json", "form", "body"] | None]] = []
    for media in content:
        plain = media.split(";")[0].strip().lower()
        if plain == "application/json" or plain.endswith("+json"):
            kinds.insert(0, (media, "json"))
        elif plain == "application/x-www-form-urlencoded":
            kinds.append((media, "form"))
        elif plain.startswith("text/"):
            kinds.append((media, "body"))
    return kinds or [(media, None) for media in content]


def _given(entry: Mapping[str, object], sampler: Sampler) -> Json:
    """The example that stands beside a schema; None: there is none."""
    if entry.get("example") is not None:
        return as_json(entry["example"])
    for named in as_mapping(entry.get("examples")).values():
        value = sampler.resolve(named).get("value")
        if value is not None:
            return as_json(value)
    return None


def _split(name: str) -> set[str]:
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return {word.lower() for word in re.split(r"[^A-Za-z]+", spaced) if word}
