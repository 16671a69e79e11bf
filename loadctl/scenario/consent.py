"""Which hosts may be loaded without a word: nobody should flood production by a slip of the keyboard."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from fnmatch import fnmatch
from urllib.parse import urlsplit

_PRIVATE_SUFFIXES = (
    ".localhost",
    ".local",
    ".internal",
    ".test",
    ".lan",
    ".home.arpa",
    ".svc",
    ".cluster.local",
)


def host_name(url: str) -> str:
    """The host of a URL, in lower case and without port or user-info."""
    return (urlsplit(url).hostname or "").rstrip(".")


def is_private(name: str) -> bool:
    """Loopback or private by its very name or address; nothing is looked up.

    A name without a dot is a machine or a container of the local network (suffixes: RFC 6761, 6762, 8375).
    """
    try:
        address = ipaddress.ip_address(name.split("%", maxsplit=1)[0])
    except ValueError:
        return "." not in name or name.endswith(_PRIVATE_SUFFIXES)
    return address.is_loopback or address.is_private or address.is_link_local


def may_load(url: str, allow_hosts: Iterable[str]) -> bool:
    """Private, or listed: an allowed host is a name or a pattern such as *.staging.example.com."""
    name = host_name(url)
    return is_private(name) or any(fnmatch(name, pattern.lower()) for pattern in allow_hosts)
