"""How the operations of an OpenAPI document prove who calls: its security schemes, and what is sent for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from loadctl.scenario.sample import Sampler, as_list, as_mapping, text

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
    """A required header whose name says that it is a credential, declared as a parameter only."""
    if name.lower() == "authorization":
        return BEARER
    return Scheme("header", name, "", name) if _KEY.search(name) else None


def token_urls(document: Mapping[str, object]) -> Iterator[str]:
    """Where a password is exchanged for a token, as OAuth2 has it."""
    for node in _schemes(document).values():
        scheme = Sampler(document).resolve(node)
        flow = as_mapping(as_mapping(scheme.get("flows")).get("password"))
        found = scheme if scheme.get("flow") == "password" else flow
        if scheme.get("type") == "oauth2" and isinstance(url := found.get("tokenUrl"), str):
            yield url


def _schemes(document: Mapping[str, object]) -> Mapping[str, object]:
    components = as_mapping(document.get("components"))
    return {
        **as_mapping(document.get("securityDefinitions")),
        **as_mapping(components.get("securitySchemes")),
    }


def _scheme(document: Mapping[str, object], name: str) -> Scheme | None:
    """None: nothing in a request shows it (mutualTLS). One that is not declared is taken for a bearer token."""
    node = Sampler(document).resolve(_schemes(document).get(name))
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
            is_bearer = says_bearer and name.lower() == "authorization"
            return (
                Scheme("header", name, BEARER.prefix, BEARER.kind)
                if is_bearer
                else Scheme("header", name, "", "an API key")
            )
        case "query":
            return Scheme("query", name, "", "an API key")
        case "cookie":
            return Scheme("cookie", name, "", "the cookie of a session")
    return None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request carries."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Access:
    """Decides what is sent. `logs_in`: users begin with a login; `token`: which captures one."""

    logs_in: bool = False
    token: bool = False
    is_whole: bool = False
    """The captured token is the header's whole value."""
    variables: dict[Scheme, str] = field(default_factory=dict)
    """Credentials that only the environment can give."""

    def credentials(self, wanted: Alternatives) -> Credentials:
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
        return Credentials(headers, query)

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
    """How hard it is to have such credentials at hand; bearer tokens and keys are easy."""
    return sum(scheme.prefix not in {"", "Bearer "} or scheme.place == "cookie" for scheme in schemes)
