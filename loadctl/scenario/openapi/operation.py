"""One operation of an OpenAPI document: what to send, with example values filled in, and its role in a scenario."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode

from loadctl.scenario.openapi import credentials
from loadctl.scenario.openapi.document import own_server
from loadctl.scenario.openapi.sample import SOME_TEXT, SchemaSampler, as_list, as_mapping, as_words, text
from loadctl.scenario.user_type import Json

_METHODS = ("get", "post", "put", "patch", "delete")
Role = Literal["start", "task", "left out"]
Kind = Literal["json", "form", "body"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_READS = _words(
    "predict predictions infer inference score classify detect embed embeddings rank recommend search query graphql "
    "find lookup filter list get fetch read validate verify check calculate compute convert translate transform "
    "estimate simulate preview render chat completions generate summarize summarise explain echo login signin token"
)
_LOGINS = _words("login signin logon")
_MAYBE_LOGINS = _words("token tokens auth authenticate authentication session sessions jwt authorize oauth")
_NO_LOGINS = _words(
    "logout signout register signup refresh revoke reset forgot change update delete verify confirm validate check "
    "introspect renew introspection"
)
_CHANGES = _words(
    "create add new insert update set put edit patch delete remove drop clear purge reset cancel retrain train "
    "register signup upload import send pay order buy book start stop restart run deploy approve reject logout "
    "signout revoke rotate refund publish enable disable ban invite refresh subscribe unsubscribe notify email "
    "execute trigger shutdown introspect"
)
_MONEY = _words(
    "pay payment payments charge charges checkout purchase purchases refund refunds transfer transfers buy withdraw "
    "deposit payout payouts donate"
)
_CHANGES_BY_GET = _words(
    "delete remove drop purge reset cancel logout signout restart shutdown unsubscribe revoke pay"
)
_QUIET = _words("health healthz ready readyz live livez ping status version info metrics")
_MOST_BODY = 2500
_MOST_VALUE = 300
_MOST_PATH = 300
_OF_JSON = ("application/json", "*/*", "application/*")

CHANGES, MONEY, FILE, XML = "changes data", "moves money", "needs a file", "needs XML"
ACCOUNT, STREAM, ELSEWHERE = "needs an account", "streams without end", "on another server"
EXAMPLE = "body from the schema's example"
_PARTLY = "body partly from the schema's examples"
_SMALLEST = "smallest body that the schema allows"
_ACCOUNT = "account from the environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation, with example values filled in. `role`: where it stands in the scenario."""

    method: str
    path: str
    """As documented: /models/{id}."""
    url: str
    """What to send: parameters filled in, percent-encoded."""
    role: Role
    why: str = ""
    """Why it is left out."""
    weight: int = 1
    summary: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    """Credentials; other parameters stand in the URL."""
    body_kind: Kind | None = None
    body: Json = None
    origin: str = ""
    """Where the body comes from."""
    guesses: Sequence[str] = ()
    """Parameters whose value nobody gave."""
    token: str | None = None
    """What captures a session's token from the answer, as in `capture:`."""
    has_account: bool = False
    """The account to log in with comes from the environment."""
    access: credentials.Alternatives = ()
    """The credentials that it asks for."""


def operations(document: Mapping[str, object], base: str, prefix: str) -> list[Operation]:
    """All operations in the order of the document (2.0 and 3.x), their paths under `prefix`, on the host of `base`."""
    found = []
    for path, item in as_mapping(document.get("paths")).items():
        entry = SchemaSampler(document).resolve(item)
        if not path.startswith("/") or len(path) > _MOST_PATH:
            continue
        for method in _METHODS:
            if not isinstance(entry.get(method), Mapping):
                continue
            own = as_mapping(entry[method])
            servers = own if own.get("servers") else entry
            below, elsewhere = own_server(servers, base)
            where = (prefix if below is None else below) + text(path)
            found.append(_Reader(document, entry, method, where).operation(elsewhere=elsewhere))
    return found


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
        found = [SchemaSampler(document).resolve(parameter) for parameter in both]
        self._parameters = {(str(p.get("in")), str(p.get("name"))): p for p in found}
        self._guesses: list[str] = []
        self._access = list(credentials.alternatives(document, self._operation))

    def operation(self, *, elsewhere: bool) -> Operation:
        kind, schema, body, origin = self._body()
        login = self._is_login(schema)
        token = credentials.token_source(SchemaSampler(self._document), self._operation) if login else None
        if login and kind is None and self._is_token_url():
            kind, body, token = "form", credentials.OAUTH2_BODY, token or credentials.OAUTH2_TOKEN
        has_account = login and origin != EXAMPLE and kind is not None
        if has_account:
            body, origin = credentials.account_body(SchemaSampler(self._document), schema, body), _ACCOUNT
        role, why = self._role(origin, login=login, token=token)
        if elsewhere:
            role, why = "left out", ELSEWHERE
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
            origin=origin if kind else "",
            guesses=tuple(self._guesses),
            token=token,
            has_account=has_account,
            access=self._access,
        )

    # -- role ------------------------------------------------------------------------------------------------

    def _called(self) -> set[str]:
        """What the operation calls itself: the last fixed part of its path, and its operationId."""
        return _split(self._last_part()) | (_split(self._id()) - {"put", "patch"})

    def _first_words(self) -> set[str]:
        """The same without nouns: of `getOrderCancellations` only `get`."""
        first = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", self._id())[:40].split(" ")[0]
        return _split(self._last_part()) | _split(first)

    def _last_part(self) -> str:
        fixed = [part for part in re.split(r"[/?#]", self._path) if part and not re.search(r"[{=]", part)]
        return fixed[-1] if fixed else ""

    def _id(self) -> str:
        return str(self._operation.get("operationId") or "")

    def _is_login(self, schema: object) -> bool:
        if self._method != "post":
            return False
        if self._is_token_url():
            return True
        words = self._called()
        if words & _NO_LOGINS:
            return False
        sampler = SchemaSampler(self._document)
        return bool(words & _LOGINS) or (
            bool(words & _MAYBE_LOGINS)
            and credentials.has_password(sampler, schema)
            and credentials.token_source(sampler, self._operation) is not None
        )

    def _is_token_url(self) -> bool:
        urls = credentials.token_urls(self._document)
        return any(credentials.is_token_url(url, self._path) for url in urls)

    def _role(self, origin: str, *, login: bool, token: str | None) -> tuple[Role, str]:
        words = self._called() - {self._method}
        if self._operation.get("deprecated") is True:
            return "left out", "deprecated"
        if self._streams():
            return "left out", STREAM
        if self._method == "get":
            return ("left out", CHANGES) if self._first_words() & _CHANGES_BY_GET else ("task", "")
        if login:
            usable = origin == EXAMPLE or (origin == _ACCOUNT and token is not None)
            return ("start", "") if usable else ("left out", ACCOUNT)
        if self._method == "post" and words & _MONEY and not words & _READS:
            return "left out", MONEY
        if self._method != "post" or not words & _READS or words & _CHANGES:
            return "left out", CHANGES
        return ("left out", origin) if origin in {FILE, XML} else ("task", "")

    def _streams(self) -> bool:
        """Whether its only kind of answer is a stream of events."""
        responses = as_mapping(self._operation.get("responses"))
        answer = SchemaSampler(self._document).resolve(responses.get("200"))
        kinds = [*as_mapping(answer.get("content")), *map(str, as_list(self._operation.get("produces")))]
        return bool(kinds) and all(kind.split(";")[0] == "text/event-stream" for kind in kinds)

    def _weight(self) -> int:
        if self._method != "get":
            return 10
        return 1 if self._called() & _QUIET or self._path == "/" else 2

    # -- parameters ------------------------------------------------------------------------------------------

    def _url(self) -> str:
        """A key may hold a query (`/items?kind=a`), and a fragment that only tells it from others."""
        without_optional = re.sub(r"\{[?&#][^{}]*\}", "", self._path)  # as RFC 6570 writes it: /items{?page}
        fixed, _, given = without_optional.partition("#")[0].partition("?")
        there = {name for name, _ in parse_qsl(given, keep_blank_values=True)}
        query = [self._encoded(given)] if given else []
        query += [
            urlencode(self._pairs(parameter, name))
            for (place, name), parameter in self._parameters.items()
            if place == "query" and len(name) <= 100 and parameter.get("required") is True
            if name not in there
        ]
        path = self._encoded(fixed)
        return "?".join([path, *filter(None, ["&".join(filter(None, query))])])

    def _encoded(self, template: str) -> str:
        quoted = quote(template, safe="/{}:@!$&'()*+,;=~%?")
        filled = re.sub(r"\{([^{}]*)\}", lambda match: self._filled(match[1]), quoted)
        return filled.replace("{", "%7B").replace("}", "%7D")

    def _filled(self, name: str) -> str:
        parameter = self._parameters.get(("path", name))
        bare = name if parameter is not None else name.strip("+/.;*").partition(":")[0]
        return quote(self._parameter(self._parameters.get(("path", bare), {}), bare), safe="")

    def _headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        cookies = []
        for (place, name), parameter in self._parameters.items():
            if parameter.get("required") is not True or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
                continue
            scheme = credentials.header_scheme(name) if place == "header" else None
            if scheme and not self._is_given(parameter):
                self._ask_for(scheme)
            elif place == "header":
                found[name] = self._parameter(parameter, name)
            elif place == "cookie":
                cookies.append(f"{name}={quote(self._parameter(parameter, name), safe='')}")
        return {**found, "Cookie": "; ".join(cookies)} if cookies else found

    def _ask_for(self, scheme: credentials.Scheme) -> None:
        known = [credentials.BEARER, *(one for schemes in self._access for one in schemes)]
        if scheme not in known or not any(self._access):
            self._access = [[*schemes, scheme] for schemes in self._access or [[]]]

    def _is_given(self, parameter: Mapping[str, object]) -> bool:
        sampler = SchemaSampler(self._document)
        if _given(parameter, sampler) is not None:
            return True
        sampler.value(_schema_of(parameter))
        return not sampler.guessed

    def _pairs(self, parameter: Mapping[str, object], name: str) -> list[tuple[str, str]]:
        """A query parameter; lists and objects as its style writes them."""
        sampler = SchemaSampler(self._document)
        value = _given(parameter, sampler)
        if value is None:
            value = sampler.value(_schema_of(parameter))
        if isinstance(value, Mapping) and "content" not in parameter:
            deep = parameter.get("style") == "deepObject"
            if sampler.guessed:
                self._guesses.append(text(name))
            return [(f"{name}[{key}]" if deep else key, as_words(item)) for key, item in value.items()]
        if isinstance(value, list) and len(value) > 1 and _is_repeated(parameter):
            return [(text(name), as_words(item)) for item in value]
        return [(text(name), self._parameter(parameter, name))]

    def _parameter(self, parameter: Mapping[str, object], name: str) -> str:
        """Its example as one short line of text; without one a guess, which is noted."""
        sampler = SchemaSampler(self._document)
        value = _given(parameter, sampler)
        schema = sampler.resolve(_schema_of(parameter))
        if value is None:
            value = sampler.value(schema)
        if isinstance(value, list):
            value = ",".join(map(as_words, value or [sampler.value(schema.get("items"))]))
        value = as_words(value)
        usable = value.isprintable() and 0 < len(value) <= _MOST_VALUE
        if sampler.guessed or not usable:
            self._guesses.append(text(name))
        return value if usable and value != SOME_TEXT else "1"

    # -- body ------------------------------------------------------------------------------------------------

    def _body(self) -> tuple[Kind | None, object, Json, str]:
        """Kind, schema, value and origin of the body."""
        body = SchemaSampler(self._document).resolve(self._operation.get("requestBody"))
        content = as_mapping(body.get("content")) or self._content_of_version_2()
        for media, kind in _media(self._document, content):
            entry = as_mapping(content[media])
            schema = entry.get("schema")
            if kind is None:
                return None, schema, None, XML if "xml" in media else FILE
            sampler = SchemaSampler(self._document)
            value = _given(entry, sampler)
            given = value is not None
            if not given:
                value = sampler.value(schema)
            if kind == "form":
                value = {name: as_words(item) for name, item in as_mapping(value).items()}
            elif kind == "body":
                value = as_words(value)
            if len(json.dumps(value)) <= _MOST_BODY:
                return kind, schema, value, EXAMPLE if given else _origin(sampler)
        return None, None, None, ""

    def _content_of_version_2(self) -> Mapping[str, object]:
        """The body of OpenAPI 2.0 in the words of 3.0."""
        consumes = as_list(self._operation.get("consumes")) or as_list(self._document.get("consumes"))
        kinds = [str(kind) for kind in consumes]
        bodies = [p for (place, _), p in self._parameters.items() if place == "body"]
        if bodies:
            return dict.fromkeys(kinds, bodies[0]) or {"application/json": bodies[0]}
        fields = {name: p for (place, name), p in self._parameters.items() if place == "formData"}
        if not fields:
            return {}
        required = [name for name, p in fields.items() if p.get("required") is True]
        properties = {name: {**p, "required": None} for name, p in fields.items()}
        schema = {"type": "object", "required": required, "properties": properties}
        multipart = any(kind.startswith("multipart/") for kind in kinds)
        media = "multipart/form-data" if multipart else "application/x-www-form-urlencoded"
        return {media: {"schema": schema}}


def _origin(sampler: SchemaSampler) -> str:
    if not sampler.exampled:
        return _SMALLEST
    return _PARTLY if sampler.guessed else EXAMPLE


def _schema_of(parameter: Mapping[str, object]) -> object:
    """The schema of a parameter; in 2.0 the parameter is one itself."""
    for entry in as_mapping(parameter.get("content")).values():
        return as_mapping(entry).get("schema")
    return parameter.get("schema", {**parameter, "in": None, "required": None})


def _is_repeated(parameter: Mapping[str, object]) -> bool:
    """Whether a list is written as one pair an item; in 2.0 it is not, unless the parameter says so."""
    if "schema" in parameter:
        return parameter.get("explode") is not False and parameter.get("style", "form") == "form"
    return parameter.get("collectionFormat") == "multi"


def _media(document: Mapping[str, object], content: Mapping[str, object]) -> list[tuple[str, Kind | None]]:
    """Media types with how to send them (None: files, or XML), the simplest first."""
    first: list[tuple[str, Kind | None]] = []
    kinds: list[tuple[str, Kind | None]] = []
    for media in content:
        plain = media.split(";")[0].strip().lower()
        if plain in _OF_JSON:
            first.append((media, "json"))
        elif plain.endswith(("+json", "/json")):
            kinds.insert(0, (media, "json"))
        elif plain == "application/x-www-form-urlencoded" or (
            plain == "multipart/form-data" and not _has_file(document, as_mapping(content[media]))
        ):
            kinds.append((media, "form"))
        elif plain.startswith("text/") and plain != "text/xml":
            kinds.append((media, "body"))
    return [*first, *kinds] or [(media, None) for media in content]


def _has_file(document: Mapping[str, object], entry: Mapping[str, object]) -> bool:
    sampler = SchemaSampler(document)
    found = [sampler.resolve(item) for item in sampler.properties(entry.get("schema")).values()]
    items = [sampler.resolve(one.get("items")) for one in found]
    return not found or any(
        one.get("format") == "binary" or one.get("type") == "file" or "contentMediaType" in one
        for one in [*found, *items]
    )


def _given(entry: Mapping[str, object], sampler: SchemaSampler) -> Json:
    """The example that stands beside a schema; None: there is none."""
    named = as_mapping(entry.get("examples")).values()
    beside = [entry.get("example"), entry.get("x-example")]
    values = [*beside, *(sampler.resolve(one).get("value") for one in named)]
    found = next((value for value in values if value is not None), None)
    return None if found is None else sampler.fitted(found, _schema_of(entry))


def _split(name: str) -> set[str]:
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    found = {word.lower() for word in re.split(r"[^A-Za-z]+", spaced) if word}
    for first, second in (("sign", "in"), ("log", "in"), ("log", "out"), ("sign", "out"), ("sign", "up")):
        if {first, second} <= found:
            found.add(first + second)
    return found
