"""Which hosts may be loaded without `allow_hosts`: nobody should flood production with a typing mistake.

The rule, here and in `inside/consent` of both engines: a name that `allow_hosts` lists may be loaded wherever it leads.
Any other must look private and lead to a private address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from loadctl.scenario.scenario import Place, Scenario
from loadctl.scenario.template import Attribute, Variable, parse

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

PRIVATE_NAMES = (
    r"[^.:]+|.+\.(?:localhost|local|internal|test|lan|home\.arpa|svc|cluster\.local)"  # RFC 6761, 6762, 8375
)
"""A name without a dot is a machine or a container of the local network."""
PRIVATE_NETWORKS = (
    *("127.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15"),
    *("::1/128", "::/128", "fc00::/7"),
)
"""Without link-local addresses, where clouds keep the credentials of a machine."""
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|AUTH|SESSION|COOKIE|CREDENTIAL|JWT", re.IGNORECASE)
"""In the name of a header, of a variable or of a column."""
_SHORT = 3
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_AUTHORITY = re.compile(r"(?:http|ws)s?://[^/?#]*(?=[/?#])", re.IGNORECASE)
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Consent:
    """`agreed`: a pattern of names, those of `allow_hosts`; `networks`: private ones, and addresses that are named."""

    agreed: str
    networks: Sequence[str]

    def allows(self, name: str, addresses: Iterable[str] = ()) -> bool:
        """`addresses`: what the name leads to, as far as that is known."""
        if re.fullmatch(self.agreed, name):
            return True
        literal = address_of(name)
        if literal is not None:
            return self._holds(literal)
        known = (address_of(address) for address in addresses)
        is_private = re.fullmatch(PRIVATE_NAMES, name) is not None
        return is_private and all(address is not None and self._holds(address) for address in known)

    def _holds(self, address: _Address) -> bool:
        return any(address in ipaddress.ip_network(network) for network in self.networks)


def web_address(text: str) -> SplitResult:
    """An http(s) URL whose host can be looked up. Raises ValueError."""
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname or any(c.isspace() for c in text):
        raise ValueError("this is not an http:// or https:// URL")
    if "\\" in url.netloc:
        raise ValueError("a backslash in the host: programs read it differently; leave it out")
    if url.port == 0:
        raise ValueError("port 0 is not a port")
    if ":" not in url.hostname:
        try:
            valid = _HOST_NAME.fullmatch(url.hostname.encode("idna").decode())
        except UnicodeError:
            valid = None
        if not valid:
            raise ValueError(f"'{url.hostname[:80]}' is not a valid host name")
    return url


def host_name(url: str) -> str:
    """The host of a URL, in lower case, in ASCII, and without port or user-info."""
    return _ascii(urlsplit(url).hostname or "").rstrip(".")


def host_in(text: str) -> str:
    """The host of an absolute URL whose path has begun; empty for any other text."""
    authority = _AUTHORITY.match(text)
    try:
        return host_name(authority[0]) if authority is not None else ""
    except ValueError:  # nobody can connect to it
        return ""


def consent_of(scenario: Scenario) -> Consent:
    hosts = [address_of(host_name(url)) for url in hosts_of(scenario)]
    named = [str(address) for address in hosts if address is not None and address.is_link_local]
    return consent_to(scenario.allow_hosts, named)


def consent_to(allow_hosts: Iterable[str], addresses: Iterable[str] = ()) -> Consent:
    """An allowed host is a name, an address, a network or a pattern such as *.staging.example.com."""
    words = [_ascii(word.lower().strip("[]")).rstrip(".") for word in allow_hosts]
    networks = [network for word in words if (network := _network(word))]
    agreed = "|".join(map(_pattern, words)) or r"(?!)"
    return Consent(agreed, (*PRIVATE_NETWORKS, *addresses, *networks))


def hosts_of(scenario: Scenario) -> Sequence[str]:
    return [scenario.host, *(scenario.script.own_hosts if scenario.script is not None else ())]


def places_of(scenario: Scenario) -> Iterator[Place]:
    """All hosts that are known before the run."""
    yield from (Place(host_name(url)) for url in hosts_of(scenario))
    for request in scenario.requests():
        first = next(iter(parse(request.url).parts), "")
        known = f"{first}/" if first == request.url else first
        if isinstance(known, str) and (name := host_in(known)):
            yield Place(name, str(request.where))
    yield from scenario.script.places if scenario.script is not None else ()


def secret_headers(scenario: Scenario) -> set[str]:
    """Names, in lower case, of the headers that hold a secret: a redirect to another origin does without."""
    secrets = [secret for secret in scenario.secrets if len(secret) > _SHORT]
    mappings = [user_type.headers for user_type in scenario.user_types]
    mappings += [request.headers for request in scenario.requests()]
    return {"authorization", "cookie", "proxy-authorization"} | {
        name.lower()
        for headers in mappings
        for name, value in headers.items()
        if _SECRET.search(name) or any(secret in value for secret in secrets) or _fills_in_a_secret(value)
    }


def _fills_in_a_secret(value: str) -> bool:
    named = (each.name for each in parse(value).expressions() if isinstance(each, Variable | Attribute))
    return any(map(_SECRET.search, named))


def address_of(name: str) -> _Address | None:
    """The address that `name` spells, in any way that resolvers take: 134744072, 0x8.8.8.8, ::ffff:8.8.8.8."""
    try:
        address = ipaddress.ip_address(name.split("%", maxsplit=1)[0])
    except ValueError:
        return _numeric(name)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _numeric(name: str) -> ipaddress.IPv4Address | None:
    """As inet_aton: up to four numbers, the last of which fills what is left."""
    words = name.lower().split(".")
    if len(words) > 4 or not all(map(_NUMBER.fullmatch, words)):
        return None
    try:
        *first, last = [_number(word) for word in words]
        value = last + sum(byte << (24 - 8 * at) for at, byte in enumerate(first))
        fits = all(byte < 256 for byte in first) and last < 256 ** (5 - len(words))
        return ipaddress.IPv4Address(value) if fits else None
    except ValueError:
        return None


def _number(word: str) -> int:
    if word.startswith("0x"):
        return int(word[2:] or "0", 16)
    return int(word, 8 if word.startswith("0") else 10)


def _network(word: str) -> str | None:
    try:
        return str(ipaddress.ip_network(address_of(word) or word, strict=False))
    except ValueError:
        return None


def _pattern(word: str) -> str:
    """A regular expression that Python and JavaScript read alike."""
    return "".join({"*": ".*", "?": "."}.get(c, c if c.isalnum() or c in "-_" else f"\\{c}") for c in word)


def _ascii(name: str) -> str:
    with suppress(UnicodeError):
        return name if name.isascii() else name.encode("idna").decode()
    return name
