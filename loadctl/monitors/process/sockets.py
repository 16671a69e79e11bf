"""TCP sockets as Linux lists them in /proc/net. Pure: text in, records out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

_LISTEN = "0A"
_FIELDS = 10
"""Of a line, up to the inode."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A listening socket: its address (0.0.0.0 and :: mean any), its owner's user id and its inode."""

    address: Address
    port: int
    uid: int
    inode: int


def parse_listening(text: str) -> list[Listening]:
    """The listening sockets of /proc/net/tcp or tcp6."""
    found = []
    for fields in _rows(text):
        if fields[3] == _LISTEN:
            address, port = _endpoint(fields[1])
            found.append(Listening(address, port, int(fields[7]), int(fields[9])))
    return found


def parse_connections(text: str) -> Iterator[tuple[int, str]]:
    """Every connection, closing ones included: (local port, remote address and port as one text)."""
    for fields in _rows(text):
        if fields[3] != _LISTEN:
            yield int(fields[1].rpartition(":")[2], 16), fields[2]


def serving(sockets: Iterable[Listening], addresses: Iterable[Address], port: int) -> list[Listening]:
    """The sockets behind the first of `addresses` that anyone serves; an exact address goes before any."""
    on_port = [socket for socket in sockets if socket.port == port]
    for address in addresses:
        exact = [socket for socket in on_port if _plain(socket.address) == _plain(address)]
        unspecified = [socket for socket in on_port if socket.address.is_unspecified]
        same_family = [socket for socket in unspecified if socket.address.version == address.version]
        # A socket on :: takes IPv4 as well unless it was told not to, which /proc does not show.
        dual_stack = [socket for socket in unspecified if socket.address.version == 6]
        if found := exact or same_family or dual_stack:
            return found
    return []


def _plain(address: Address) -> Address:
    """::ffff:127.0.0.1 is 127.0.0.1."""
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines()[1:]:
        if len(fields := line.split()) >= _FIELDS:
            yield fields


def _endpoint(text: str) -> tuple[Address, int]:
    """ "0100007F:1F90" → 127.0.0.1, 8080: four-byte words, each in the machine's (little-endian) order."""
    host, _, port = text.partition(":")
    raw = bytes.fromhex(host)
    return ip_address(b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))), int(port, 16)
