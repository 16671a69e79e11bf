"""The security schemes of an OpenAPI document, and the credentials that requests send for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from loadctl.scenario.openapi.sample import SchemaSampler, as_list, as_mapping, text
from loadctl.scenario.user_type import Json

_HEADER = re.compile(r"[A-Za-z0-9_-]{1,100}")
_OF_A_SESSION = re.compile(r"auth|token|jwt|session|bearer|access", re.IGNORECASE)
_KEY = re.compile(r"authorization|token|secret|api[-_]?key", re.IGNORECASE)

Place = Literal["header", "query", "cookie"]


class Reference(str):
    """Text that is written into the scenario as it is: `${NAME}` or `{{ name }}`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Scheme:
    """Where a credential stands, and what comes before it; `kind`: what it is, in words."""

    place: Place
    name: str
    prefix: str = ""
    kind: str = "a token"

    @property
    def is_of_session(self) -> bool:
        """Whether the token of a login fits here."""
        return self.prefix != "Basic " and _OF_A_SESSION.search(self.name) is not None


Alternatives: TypeAlias = Sequence[Sequence[Scheme]]
"""Each is enough; an empty one: nothing is needed. None at all: the same."""

BEARER = Scheme("header", "Authorization", "Bearer ", "a bearer token")


def alternatives(document: Mapping[str, object], operation: Mapping[str, object]) -> Alternatives:
    """What an operation asks for: its own `security`, else the document's."""
    listed = operation["security"] if "security" in operation else document.get("security")
    return [
        [scheme for name in as_mapping(one) if (scheme := _scheme(document, name)) is not None]
        for one in as_list(listed)
        if isinstance(one, Mapping)
    ]


def header_scheme(name: str) -> Scheme | None:
    """The scheme of a required header that is declared as a parameter, but whose name says it is a credential."""
    if name.lower() == "authorization":
        return BEARER
    return Scheme("header", name, "", name) if _KEY.search(name) else None


def token_urls(document: Mapping[str, object]) -> Iterator[str]:
    """Where a password is exchanged for a token, as OAuth2 has it."""
    for node in _schemes(document).values():
        scheme = SchemaSampler(document).resolve(node)
        flow = as_mapping(as_mapping(scheme.get("flows")).get("password"))
        found = scheme if scheme.get("flow") == "password" else flow
        if scheme.get("type") == "oauth2" and isinstance(url := found.get("tokenUrl"), str):
            yield url


def _schemes(document: Mapping[str, object]) -> Mapping[str, object]:
    components = as_mapping(document.get("components"))
    old = as_mapping(document.get("securityDefinitions"))
    return {**old, **as_mapping(components.get("securitySchemes"))}


def _scheme(document: Mapping[str, object], name: str) -> Scheme | None:
    """None: nothing in a request shows it (mutualTLS). One that is not declared is taken for a bearer token."""
    node = SchemaSampler(document).resolve(_schemes(document).get(name))
    kind, of_http = str(node.get("type", "")).lower(), str(node.get("scheme", "bearer")).lower()
    if kind == "mutualtls":
        return None
    if kind == "basic" or (kind == "http" and of_http == "basic"):
        return Scheme("header", "Authorization", "Basic ", "user:password in base64")
    if kind == "http" and of_http != "bearer" and _HEADER.fullmatch(of_http):
        return Scheme("header", "Authorization", f"{of_http.title()} ", f"credentials for {of_http}")
    if kind == "apikey":
        return _api_key(node)
    return BEARER


def _api_key(node: Mapping[str, object]) -> Scheme | None:
    name, place = text(str(node.get("name", ""))), node.get("in")
    if not _HEADER.fullmatch(name) and not (place == "query" and 0 < len(name) <= 100):
        return None
    says_bearer = "bearer" in str(node.get("description", "")).lower()
    match place:
        case "header":
            if says_bearer and name.lower() == "authorization":
                return Scheme("header", name, BEARER.prefix, BEARER.kind)
            return Scheme("header", name, "", "an API key")
        case "query":
            return Scheme("query", name, "", "an API key")
        case "cookie":
            return Scheme("cookie", name, "", "the cookie of a session")
    return None


@dataclass(slots=True)
class Access:
    """Decides what is sent. `logs_in`: users begin with a login; `token`: which captures one."""

    logs_in: bool = False
    token: bool = False
    is_whole: bool = False
    """The captured token is the header's whole value."""
    variables: dict[Scheme, str] = field(default_factory=dict)
    """Credentials that only the environment can give."""

    def credentials(self, wanted: Alternatives) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """The headers and the query that a request carries."""
        headers: dict[str, str] = {}
        query: dict[str, str] = {}
        cookies: list[str] = []
        for scheme in self._chosen(wanted):
            match scheme.place:
                case "header":
                    headers[scheme.name] = self._value(scheme)
                case "query":
                    query[scheme.name] = self._value(scheme)
                case "cookie" if not self.logs_in:  # else the login sets it
                    cookies.append(f"{scheme.name}={self._value(scheme)}")
        if cookies:
            headers["Cookie"] = Reference("; ".join(cookies))
        return headers, query

    def is_met(self, scheme: Scheme) -> bool:
        """Whether the login gives it."""
        return self.logs_in if scheme.place == "cookie" else self.token and scheme.is_of_session

    def _chosen(self, wanted: Alternatives) -> Sequence[Scheme]:
        if not wanted:
            return ()
        of_login = [one for one in wanted if one and all(map(self.is_met, one))]
        if of_login:
            return of_login[0]
        return min(wanted, key=lambda one: (bool(one), sum(not self.is_met(s) for s in one), _trouble(one)))

    def _value(self, scheme: Scheme) -> Reference:
        if self.is_met(scheme):
            bare = scheme.name.lower() == "authorization" and not scheme.prefix and not self.is_whole
            prefix = "Bearer " if bare else "" if self.is_whole else scheme.prefix
            return Reference(prefix + "{{ token }}")
        number = len(self.variables) + 1
        name = self.variables.setdefault(scheme, "API_TOKEN" if number == 1 else f"API_TOKEN_{number}")
        return Reference(f"{scheme.prefix}${{{name}}}")


def _trouble(schemes: Sequence[Scheme]) -> int:
    """How hard such credentials are to obtain; bearer tokens and keys are easy."""
    return sum(scheme.prefix not in {"", "Bearer "} or scheme.place == "cookie" for scheme in schemes)


USER, PASSWORD = "API_USER", "API_PASSWORD"
_TOKENS = (
    *("accesstoken", "token", "jwt", "idtoken", "authtoken", "bearertoken", "jwttoken", "sessiontoken"),
    *("authenticationtoken", "apitoken", "usertoken", "bearer", "access", "sessionid", "key"),
)
_PASSWORD = re.compile(r"pass(word|wd|phrase|code)?$|pwd$|secret$|^pin$", re.IGNORECASE)
_USER = re.compile(r"user(_?name|_?id)?$|login$|e?mail$|account$|identifier$|^name$", re.IGNORECASE)
_DEEPEST = 3


def has_password(sampler: SchemaSampler, schema: object, depth: int = 0) -> bool:
    return any(
        _PASSWORD.search(name) or (depth < 1 and has_password(sampler, item, depth + 1))
        for name, item in sampler.properties(schema).items()
    )


def account_body(sampler: SchemaSampler, schema: object, value: Json, depth: int = 0) -> Json:
    """`value` with the account from the environment wherever the document gives no example of it."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return value
    known = sampler.properties(schema)
    body = dict(value)
    for pattern in (_USER, _PASSWORD) if has_password(sampler, schema) else ():
        missing = [name for name, item in known.items() if pattern.search(name) and _is_text(sampler, item)]
        if missing and not any(pattern.search(name) for name in body):
            body[missing[0]] = ""
    for name, item in body.items():
        given = sampler.resolve(known.get(name))
        if isinstance(item, Mapping):
            body[name] = account_body(sampler, given, item, depth + 1)
        elif given.keys() & {"example", "x-example", "examples", "default", "const", "enum"}:
            continue
        elif _PASSWORD.search(name):
            body[name] = Reference(f"${{{PASSWORD}}}")
        elif _USER.search(name):
            body[name] = Reference(f"${{{USER}}}")
    if "grant_type" in known:
        body["grant_type"] = "password"
    return body


OAUTH2_BODY: Mapping[str, Json] = {
    "grant_type": "password",
    "username": Reference(f"${{{USER}}}"),
    "password": Reference(f"${{{PASSWORD}}}"),
}
OAUTH2_TOKEN = "$.access_token"


def is_token_url(url: str, path: str) -> bool:
    """Whether an OAuth2 tokenUrl, often relative to nothing in particular, means this path."""
    try:
        wanted = "/" + urlsplit(url).path.lstrip("./")
    except ValueError:
        return False
    return wanted != "/" and f"{path.rstrip('/')}".endswith(wanted.rstrip("/"))


def token_source(sampler: SchemaSampler, operation: Mapping[str, object]) -> str | None:
    """The capture for the token in the answer to a login; None: none is known."""
    responses = as_mapping(operation.get("responses"))
    named = [status for status in ("200", "201", "2XX", "2xx", "default") if status in responses]
    for response in [sampler.resolve(responses[status]) for status in named]:
        content = as_mapping(response.get("content"))
        for entry in [*map(as_mapping, content.values()), response]:
            schema = sampler.resolve(entry.get("schema"))
            if schema.get("type") == "string":
                return r"regex ([\w.~+/=-]+)"
            if steps := _in_schema(sampler, schema) or _in_examples(sampler, entry):
                return "$" + "".join(_step(step) for step in steps)
        for name in as_mapping(response.get("headers")):
            if re.fullmatch(r"(x-)?(auth[a-z]*|access|jwt)?-?(token|authorization)", name, re.IGNORECASE):
                return f"header {name}"
    return None


def _in_schema(sampler: SchemaSampler, schema: object) -> Sequence[str]:
    level: list[tuple[tuple[str, ...], object]] = [((), schema)]
    for _ in range(_DEEPEST):
        nodes = ((steps, sampler.properties(node)) for steps, node in level)
        below = [((*steps, name), item) for steps, items in nodes for name, item in items.items()]
        texts = [steps for steps, item in below if _is_text(sampler, item)]
        if best := _best(texts):
            return best
        level = below[:200]
    return ()


def _in_examples(sampler: SchemaSampler, entry: Mapping[str, object]) -> Sequence[str]:
    named = as_mapping(entry.get("examples")).values()
    found = [entry.get("example"), *named, *(sampler.resolve(one).get("value") for one in named)]
    for example in [*found, sampler.resolve(entry.get("schema")).get("example")]:
        if best := _best(list(_texts(example, ()))):
            return best
    return ()


def _texts(value: object, steps: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, str) and steps:
        yield steps
    elif len(steps) < _DEEPEST:
        for name, item in as_mapping(value).items():
            yield from _texts(item, (*steps, name))


def _best(texts: Sequence[tuple[str, ...]]) -> Sequence[str]:
    ranked = {
        name: steps
        for steps in sorted(texts, key=len, reverse=True)
        for name in [re.sub(r"[^a-z]", "", steps[-1].lower())]
    }
    return next((ranked[name] for name in _TOKENS if name in ranked), ())


def _is_text(sampler: SchemaSampler, schema: object, depth: int = 0) -> bool:
    found = sampler.resolve(schema)
    kind = found.get("type")
    if kind is None:
        variants = [*as_list(found.get("anyOf")), *as_list(found.get("oneOf"))]
        if variants and depth < _DEEPEST:
            return any(_is_text(sampler, one, depth + 1) for one in variants[:20])
        return not sampler.properties(found)
    return kind == "string" or "string" in as_list(kind)


def _step(name: str) -> str:
    if re.fullmatch(r"[^.\[\]\s*'\"]+", name):
        return f".{name}"
    return f"['{name}']" if "'" not in name else f'["{name}"]'
