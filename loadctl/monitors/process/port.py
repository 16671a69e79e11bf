"""Which process is meant: the root of those that listen behind a host, or one by its pid or name."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path, PurePath
from typing import TypeAlias
from urllib.parse import urlsplit

import psutil

from loadctl.monitors.process.stat import LINUX, ProcessStat, read_stat

Address: TypeAlias = IPv4Address | IPv6Address

_LISTEN = "0A"
_FIELDS = 10
"""Of a line, up to the inode."""
_FORWARDERS = re.compile(
    r"docker-proxy|rootlessport|rootlesskit|com\.docker\..*|vpnkit.*|gvproxy.*|pasta.*|passt|slirp4netns|"
    r"ssh|sshd.*|kubectl|wslrelay.*|limactl|socat",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class FoundProcess:
    """The process to watch; `note` says which was chosen when several could be meant."""

    pid: int
    name: str
    note: str | None = None

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


@dataclass(frozen=True, slots=True)
class NotFound:
    """Why there is no process to watch, and what can be done; `remote`: the host is another machine."""

    reason: str
    hint: str
    remote: bool = False
    forwarder: str = ""
    """Name of what listens, if it only hands connections on: its CPU and memory say nothing about the system."""


Resolved: TypeAlias = FoundProcess | NotFound


def resolve(host_url: str) -> Resolved:
    """The process behind a host such as "http://localhost:8080", when it runs on this machine."""
    host, port = host_and_port(host_url)
    addresses = _addresses(host)
    if not any(is_local_address(address) for address in addresses):
        return NotFound(f"{host} is not this machine", "cpu and memory cannot be read there", remote=True)
    sockets = serving(_listening(), addresses, port)
    if not sockets:
        return NotFound(
            f"no process of this machine listens on port {port}",
            "what answers there runs in a container or a virtual machine; if its process is "
            "visible, name it with --pid or --process",
        )
    owners = _owners({listening.inode for listening in sockets})
    if not owners:
        uid = sockets[0].uid
        return NotFound(
            f"the process on port {port} belongs to another user" + (f" (uid {uid})" if uid >= 0 else ""),
            "run loadctl as that user, or name the process with --pid or --process",
        )
    return _process_of(owners, port)


def by_pid(pid: int) -> Resolved:
    stat = read_stat(pid)
    if stat is None or stat.zombie:
        return NotFound(f"no process has pid {pid}", "give the pid of a running process with --pid")
    return FoundProcess(pid, stat.name)


def by_name(name: str, host_url: str) -> Resolved:
    """The one process called `name` that is no child of another; of several, the one behind the host."""
    named = _named(name)
    pids = {stat.pid for stat in named}
    roots = [stat for stat in named if stat.parent not in pids]
    if not roots:
        return NotFound(f"no process is called {name}", "see the names with  ps -e -o comm , or give --pid")
    if len(roots) == 1:
        return FoundProcess(roots[0].pid, roots[0].name)
    behind = resolve(host_url)
    if isinstance(behind, FoundProcess) and behind.pid in pids:
        return FoundProcess(behind.pid, behind.name, f"{len(roots)} processes are called {name}")
    pids_shown = ", ".join(str(stat.pid) for stat in roots[:5])
    return NotFound(f"{len(roots)} processes are called {name}: pid {pids_shown}", "choose one with --pid")


def _named(name: str) -> list[ProcessStat]:
    """By the name of the program, or of the script or module that an interpreter runs; never loadctl or its parents."""
    wanted = name.removesuffix(".exe").lower()
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter(["name", "cmdline"]):
        names = _names(process.info["name"] or "", process.info["cmdline"] or [])
        if wanted in names and process.pid not in own:
            stat = read_stat(process.pid)
            if stat is not None and not stat.zombie:
                found.append(stat)
    return found


def _names(name: str, argv: list[str]) -> set[str]:
    """ "python /usr/bin/gunicorn app:api" goes by python and gunicorn, "python -m uvicorn app" by uvicorn."""
    program = argv[2:3] if argv[1:2] == ["-m"] else argv[1:2]
    interpreter = name.lower().startswith(("python", "node", "ruby", "java", "perl", "php"))
    texts = [name, *argv[:1], *(program if interpreter else [])]
    return {PurePath(text).name.removesuffix(".exe").lower() for text in texts if text}


def host_and_port(host_url: str) -> tuple[str, int]:
    parts = urlsplit(host_url if "//" in host_url else f"//{host_url}")
    return parts.hostname or "localhost", parts.port or (443 if parts.scheme == "https" else 80)


def is_local(host_url: str) -> bool:
    """Whether the host is this machine."""
    return any(is_local_address(address) for address in _addresses(host_and_port(host_url)[0]))


def is_local_address(address: Address) -> bool:
    if address.is_loopback or address.is_unspecified:
        return True
    own = {item.address.partition("%")[0] for items in psutil.net_if_addrs().values() for item in items}
    return str(address) in own


def is_forwarder(name: str) -> bool:
    """Programs that hand connections on to a container, a virtual machine, a cluster or another host."""
    return _FORWARDERS.fullmatch(name.removesuffix(".exe")) is not None


def _addresses(host: str) -> list[Address]:
    """All addresses of a name, in the order in which clients try them; none when it cannot be looked up."""
    with contextlib.suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(ip_address(str(info[4][0]).partition("%")[0]) for info in found))
    return []


def _listening() -> list[Listening]:
    """All listening sockets; without inodes (not Linux) the pid of the process stands for it."""
    if not LINUX:
        return _listening_by_psutil()
    found = []
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            found += parse_listening(Path(f"/proc/net/{name}").read_text())
    return found


def _listening_by_psutil() -> list[Listening]:
    try:
        connections = [(c.pid, c.laddr, c.status) for c in psutil.net_connections("tcp")]
    except psutil.AccessDenied:
        connections = []  # macOS: the whole list is root's; one's own processes can be asked one by one
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                connections += [(process.pid, c.laddr, c.status) for c in process.net_connections("tcp")]
    return [
        Listening(ip_address(local.ip.partition("%")[0]), local.port, -1, pid)
        for pid, local, status in connections
        if status == psutil.CONN_LISTEN and pid and local
    ]


def _owners(inodes: set[int]) -> list[ProcessStat]:
    """Every process that holds one of the sockets: of a pre-fork server, the master and all its workers."""
    owners = [stat for pid in _holders(inodes) if (stat := read_stat(pid)) is not None and not stat.zombie]
    if LINUX:
        return owners
    for owner in list(owners):
        # psutil names one process a socket, often a forked worker: its master was started with the same arguments.
        argv, current = _argv(owner.pid), owner
        while argv and _argv(current.parent) == argv and (parent := read_stat(current.parent)) is not None:
            owners.append(parent)
            current = parent
    return owners


def _argv(pid: int) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).cmdline()
    return []


def _holders(inodes: set[int]) -> set[int]:
    """Processes with these sockets open; those of other users stay unseen without root."""
    if not LINUX:
        return inodes
    wanted = {f"socket:[{inode}]" for inode in inodes}
    found: set[int] = set()
    for pid in os.listdir("/proc"):  # noqa: PTH208  plain names, thousands of them
        with contextlib.suppress(OSError, ValueError):
            for fd in os.listdir(f"/proc/{int(pid)}/fd"):  # noqa: PTH208
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{pid}/fd/{fd}") in wanted:  # noqa: PTH115
                        found.add(int(pid))
    return found


def _process_of(owners: list[ProcessStat], port: int) -> Resolved:
    root, note = _root(owners)
    if root.pid == os.getpid():
        return NotFound(f"loadctl itself listens on port {port}", "start the system as a process of its own")
    if is_forwarder(root.name):
        return NotFound(
            f"{root} only forwards port {port}; it is not the system",
            "name the process that does the work with --pid or --process (a container's processes can be "
            "seen from its Linux host, those in a virtual machine or on another host cannot)",
            forwarder=root.name,
        )
    return FoundProcess(root.pid, root.name, note)


def _root(owners: list[ProcessStat]) -> tuple[ProcessStat, str | None]:
    """The owner whose parent is no owner; of several, their common master, else the oldest."""
    pids = {owner.pid for owner in owners}
    roots = sorted((o for o in owners if o.parent not in pids), key=lambda o: (o.started, o.pid)) or owners
    if len(roots) == 1:
        return roots[0], None
    master = read_stat(roots[0].parent) if len({root.parent for root in roots}) == 1 else None
    if master is not None and master.name == roots[0].name:
        return master, None
    others = ", ".join(str(root.pid) for root in roots[1:])
    return roots[0], f"{len(roots)} processes share the port; the oldest is watched, not pid {others}"


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
        # A socket on :: takes IPv4 as well unless it is restricted to IPv6, which /proc does not show.
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
