"""Which hosts may be loaded without `allow_hosts`: nobody should flood production with a typing mistake.

The rule, here and in Artillery's process (`inside/client/consent.mjs`): a name that `allow_hosts` lists may be loaded
wherever it leads. Any other must look private and lead to a private address. Locust's process uses this file under
another name, so nothing of loadctl is imported at its top.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from loadctl.scenario.scenario import Place, Scenario

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
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_AUTHORITY = re.compile(r"(?:http|ws)s?://[^/?#]*(?=[/?#])", re.IGNORECASE)
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+")


class Consent:
    """`agreed`: a pattern of names, those of `allow_hosts`; `networks`: private ones, and addresses that are named.

    `secret_headers`: names in lower case, of headers that no other origin gets.
    """

    def __init__(
        self,
        agreed: str,
        networks: Iterable[str],
        private: str = PRIVATE_NAMES,
        secret_headers: Iterable[str] = (),
    ) -> None:
        self.plan = {"agreed": agreed, "private": private, "networks": list(networks)}
        """As JSON: what an engine's own process needs."""
        self._agreed = re.compile(agreed)
        self._private = re.compile(private)
        self._networks = [ipaddress.ip_network(network) for network in networks]
        self.secret_headers = frozenset(name.encode() for name in secret_headers)
        self.allows = lru_cache(maxsize=1024)(self._allows)

    def names(self, host: str) -> bool:
        """Whether this very host was explicitly allowed."""
        return self._agreed.fullmatch(_plain(host)) is not None

    def _allows(self, host: str, address: str | None = None) -> bool:
        """`address`: where the name leads; None: not known, or only to a proxy."""
        if self.names(host):
            return True
        found = address_of(host)
        if found is None:
            if not self._private.fullmatch(_plain(host)):
                return False
            if address is None:
                return True
            found = address_of(address)
        return found is not None and any(found in network for network in self._networks)


def complaint(host: str, address: str | None = None) -> str:
    spelled = address_of(host)
    known = address if spelled is None else str(spelled)
    leads = f" ({known})" if known and known != host else ""
    return f"this host is not allowed: {host}{leads}; to allow it:  --allow-host {spelled or _plain(host)}"


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
    hosts = [address_of(host_name(url)) for url in scenario.hosts]
    named = [str(address) for address in hosts if address is not None and address.is_link_local]
    return consent_to(scenario.allow_hosts, named)


def consent_to(allow_hosts: Iterable[str], addresses: Iterable[str] = ()) -> Consent:
    """An allowed host is a name, an address, a network or a pattern such as *.staging.example.com."""
    words = [_ascii(word.lower().strip("[]")).rstrip(".") for word in allow_hosts]
    networks = [network for word in words if (network := _network(word))]
    agreed = "|".join(map(_pattern, words)) or r"(?!)"
    return Consent(agreed, (*PRIVATE_NETWORKS, *addresses, *networks))


def places_of(scenario: Scenario) -> Iterator[Place]:
    """All hosts that are known before the run."""
    from loadctl.scenario.scenario import Place
    from loadctl.scenario.template import parse

    yield from (Place(host_name(url)) for url in scenario.hosts)
    for request in scenario.requests():
        first = next(iter(parse(request.url).parts), "")
        known = f"{first}/" if first == request.url else first
        if isinstance(known, str) and (name := host_in(known)):
            yield Place(name, str(request.where))
    yield from scenario.script.places if scenario.script is not None else ()


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


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def _ascii(name: str) -> str:
    with suppress(UnicodeError):
        return name if name.isascii() else name.encode("idna").decode()
    return name
