"""Who serves a port, from the text of /proc/net/tcp and tcp6."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from loadctl.monitors.generator import parse_pressure, parse_sockstat
from loadctl.monitors.process.port import Listening, parse_connections, parse_listening, serving

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
   3: 0100007F:C351 0100007F:1F90 06 00000000:00000000 03:00000F00 00000000     0        0 0 3 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0  33  0 5001 1 0
   1: 0000000000000000FFFF00000100007F:1F91 00000000000000000000000000000000:0000 0A 0:0 00:0 0  33  0 5002 1 0
"""


def test_listening_sockets_are_read_with_owner_and_inode() -> None:
    assert parse_listening(TCP) == [
        Listening(ip_address("127.0.0.1"), 8080, 1000, 4711),
        Listening(ip_address("0.0.0.0"), 8080, 0, 4712),
    ]
    assert parse_listening(TCP6) == [
        Listening(ip_address("::1"), 8080, 33, 5001),
        Listening(ip_address("::ffff:127.0.0.1"), 8081, 33, 5002),
    ]


def test_connections_include_those_that_linger() -> None:
    assert list(parse_connections(TCP)) == [(50000, "0100007F:1F90"), (50001, "0100007F:1F90")]


def listening(*addresses: str) -> list[Listening]:
    return [Listening(ip_address(address), 80, 0, inode) for inode, address in enumerate(addresses)]


CASES = {
    "the exact address before any address": (["0.0.0.0", "127.0.0.1"], ["127.0.0.1"], {1}),
    "any address serves loopback": (["0.0.0.0"], ["127.0.0.1"], {0}),
    "another address of the machine does not": (["192.168.1.5"], ["127.0.0.1"], set()),
    ":: takes IPv4 as well": (["::"], ["127.0.0.1"], {0}),
    "0.0.0.0 does not take IPv6": (["0.0.0.0"], ["::1"], set()),
    "a mapped address is its IPv4 address": (["::ffff:127.0.0.1"], ["127.0.0.1"], {0}),
    "the first address that anyone serves": (["127.0.0.1"], ["::1", "127.0.0.1"], {0}),
    "all sockets that share a port": (["0.0.0.0", "0.0.0.0"], ["127.0.0.1"], {0, 1}),
}


@pytest.mark.parametrize(("sockets", "addresses", "expected"), CASES.values(), ids=CASES.keys())
def test_which_sockets_serve_an_address(sockets: list[str], addresses: list[str], expected: set[int]) -> None:
    found = serving(listening(*sockets), [ip_address(address) for address in addresses], 80)
    assert {socket.inode for socket in found} == expected


def test_the_kernels_totals_of_sockets() -> None:
    assert (
        parse_sockstat("sockets: used 17\nTCP: inuse 12 orphan 0 tw 30 alloc 1 mem 18\nUDP: inuse 4 mem 0\n")
        == 42
    )
    assert parse_sockstat("TCP6: inuse 3\n") == 3


def test_the_time_that_tasks_waited_for_a_core() -> None:
    text = "some avg10=0.09 avg60=0.42 avg300=0.31 total=4794468\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    assert parse_pressure(text) == 4_794_468
