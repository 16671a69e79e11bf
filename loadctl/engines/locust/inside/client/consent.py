"""Which hosts requests may go to (scenario/consent.py); checked once per connection."""

from __future__ import annotations

import _socket
import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias, cast

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


class Consent:
    """`plan`: {agreed, private: patterns of names, networks}; `secret_headers`: names in lower case."""

    def __init__(self, plan: Mapping[str, object], secret_headers: Iterable[str] = ()) -> None:
        self._agreed = re.compile(str(plan["agreed"]))
        self._private = re.compile(str(plan["private"]))
        self._networks = [ipaddress.ip_network(each) for each in cast("list[str]", plan["networks"])]
        self.secret_headers = frozenset(name.encode() for name in secret_headers)
        """Headers that no other origin gets."""
        self.allows = lru_cache(maxsize=1024)(self._allows)

    def names(self, host: str) -> bool:
        """Whether this very host was explicitly allowed."""
        return self._agreed.fullmatch(_plain(host)) is not None

    def _allows(self, host: str, address: str | None = None) -> bool:
        """`address` None: only a proxy knows where the name leads."""
        if self.names(host):
            return True
        spelled = _spelled(host)
        if spelled is None and not self._private.fullmatch(_plain(host)):
            return False
        known = address if spelled is None else spelled
        return known is None or any(_parsed(known) in network for network in self._networks)


def complaint(host: str, address: str | None = None) -> str:
    spelled = _spelled(host) or address
    leads = f" ({spelled})" if spelled and spelled != host else ""
    listed = _plain(host) if _spelled(host) is None else _spelled(host)
    return f"nobody said that {host}{leads} may be loaded; if it may:  --allow-host {listed}"


def is_address(host: str) -> bool:
    return _spelled(host) is not None


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def _spelled(host: str) -> str | None:
    """The address that `host` spells in any notation; None if it is a name."""
    try:
        found = _socket.getaddrinfo(host, None, 0, _socket.SOCK_STREAM, 0, _socket.AI_NUMERICHOST)
    except (_socket.gaierror, UnicodeError):
        return None
    return str(found[0][4][0])


def _parsed(text: str) -> _Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
