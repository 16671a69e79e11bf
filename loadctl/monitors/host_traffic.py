"""What the machine has read, written, received and sent since it was started, and the files it has open.

Every byte once: partitions and mapped devices lie on disks that are counted already, bridges and the machine's ends of
containers on network cards. On Linux a file is read for each, a third of the cost of psutil.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import psutil

from loadctl.monitors.process_stat import LINUX, slurp

_SECTOR = 512
_STACKED = ("loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd")
_LOOPBACK = ("lo", "lo0", "Loopback Pseudo-Interface 1")


def disk_bytes() -> Mapping[str, int]:
    """disk_read_bytes and disk_write_bytes of all disks; empty where there is none. Raises OSError."""
    if LINUX:
        return parse_disks(slurp("/proc/diskstats"), _is_disk)
    counters = psutil.disk_io_counters()
    if counters is None:
        return {}
    return {"disk_read_bytes": counters.read_bytes, "disk_write_bytes": counters.write_bytes}


def network_bytes() -> Mapping[str, int]:
    """network_rx_bytes and network_tx_bytes of the cards, loopback_bytes by itself. Raises OSError."""
    if LINUX:
        return parse_network(slurp("/proc/net/dev"), _is_card)
    cards = psutil.net_io_counters(pernic=True)
    return _by_card(
        {name: (card.bytes_recv, card.bytes_sent) for name, card in cards.items()}, lambda _: True
    )


def open_files() -> Mapping[str, int]:
    """open_files of all processes, and open_files_limit where there is one. Raises OSError; empty but on Linux."""
    return parse_file_nr(slurp("/proc/sys/fs/file-nr")) if LINUX else {}


def parse_disks(content: bytes, is_disk: Callable[[str], bool]) -> Mapping[str, int]:
    """/proc/diskstats: device numbers, name, reads, merged, sectors read, ms, writes, merged, sectors written, …"""
    read = written = 0
    found = False
    for line in content.splitlines():
        fields = line.split()
        if len(fields) >= 10 and is_disk(fields[2].decode(errors="replace")):
            found = True
            read += int(fields[5])
            written += int(fields[9])
    return {"disk_read_bytes": read * _SECTOR, "disk_write_bytes": written * _SECTOR} if found else {}


def parse_network(content: bytes, is_card: Callable[[str], bool]) -> Mapping[str, int]:
    """/proc/net/dev: two lines of heads, then NAME: eight columns received (bytes first), eight sent."""
    cards = {}
    for line in content.splitlines()[2:]:
        name, colon, figures = line.rpartition(b":")
        fields = figures.split()
        if colon and len(fields) >= 9:
            cards[name.strip().decode(errors="replace")] = (int(fields[0]), int(fields[8]))
    return _by_card(cards, is_card)


def parse_file_nr(content: bytes) -> Mapping[str, int]:
    """/proc/sys/fs/file-nr: allocated, free among these, the most there may be (2⁶³ − 1: no limit)."""
    allocated, free, most = map(int, content.split())
    limit = {"open_files_limit": most} if most < 1 << 53 else {}
    return {"open_files": allocated - free, **limit}


def _by_card(cards: Mapping[str, tuple[int, int]], is_card: Callable[[str], bool]) -> Mapping[str, int]:
    """Where no card is real, as within a container, all interfaces are."""
    outside = {name: bytes_ for name, bytes_ in cards.items() if name not in _LOOPBACK}
    real = {name: bytes_ for name, bytes_ in outside.items() if is_card(name)} or outside
    values = {}
    if real:
        values["network_rx_bytes"] = sum(received for received, _ in real.values())
        values["network_tx_bytes"] = sum(sent for _, sent in real.values())
    loopback = [received for name, (received, _) in cards.items() if name in _LOOPBACK]
    return {**values, "loopback_bytes": loopback[0]} if loopback else values


@cache
def _is_disk(name: str) -> bool:
    with contextlib.suppress(OSError):
        return not name.startswith(_STACKED) and Path(f"/sys/block/{name}").exists()
    return False


@cache
def _is_card(name: str) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/sys/class/net/{name}/device").exists()
    return False
