"""Who listens behind a host: real servers on loopback."""

from __future__ import annotations

import socket
import stat
import sys
from pathlib import Path

import pytest

from loadctl.monitors.process.port import FoundProcess, NotFound, is_forwarder, is_local, resolve
from loadctl.monitors.process.stat import children
from tests.monitors.conftest import Spawn

SERVER = """
    import socket, sys, time
    server = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((sys.argv[1], int(sys.argv[2])))
    server.listen()
    print("ready", flush=True)
    time.sleep(60)
"""
PREFORK = """
    import os, socket, sys, time
    server = socket.socket()
    server.bind(("127.0.0.1", int(sys.argv[1])))
    server.listen()
    for _ in range(3):
        if os.fork() == 0:
            time.sleep(60)
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "localhost"),
        ("::1", "[::1]"),
        ("::", "127.0.0.1"),
        ("127.0.0.1", "localhost"),
    ],
)
def test_a_server_is_found_on_its_address(spawn: Spawn, free_port: int, address: str, host: str) -> None:
    server = spawn(SERVER, address, free_port)
    found = resolve(f"http://{host}:{free_port}")
    assert isinstance(found, FoundProcess)
    assert found.pid == server.pid
    assert str(found) == f"{found.name} (pid {server.pid})"


def test_of_a_prefork_server_the_master_is_found_not_a_worker(spawn: Spawn, free_port: int) -> None:
    master = spawn(PREFORK, free_port)
    assert len(children(master.pid)) == 3
    assert resolve(f"http://localhost:{free_port}") == FoundProcess(master.pid, "python")


def test_a_program_that_only_forwards_is_not_the_system(spawn: Spawn, free_port: int, tmp_path: Path) -> None:
    proxy = tmp_path / "docker-proxy"
    body = SERVER.replace("\n    ", "\n")
    proxy.write_text(f"#!{sys.executable}\n{body}")
    proxy.chmod(stat.S_IRWXU)
    running = spawn("", "127.0.0.1", free_port, program=proxy)
    found = resolve(f"http://localhost:{free_port}")
    assert isinstance(found, NotFound)
    assert found.forwarder == "docker-proxy"
    assert (
        found.reason == f"docker-proxy pid {running.pid} only forwards port {free_port}; it is not the system"
    )
    assert "--pid" in found.hint


@pytest.mark.parametrize(
    "name",
    [
        "docker-proxy",
        "rootlessport",
        "com.docker.backend",
        "com.docker.back",
        "vpnkit",
        "vpnkit-bridge",
        "ssh",
        "kubectl",
        "kubectl.exe",
        "wslrelay.exe",
    ],
)
def test_forwarders_by_name(name: str) -> None:
    assert is_forwarder(name)


@pytest.mark.parametrize("name", ["uvicorn", "nginx", "python3", "sshfs-api", "node"])
def test_servers_are_no_forwarders(name: str) -> None:
    assert not is_forwarder(name)


def test_nobody_listens(free_port: int) -> None:
    found = resolve(f"http://localhost:{free_port}")
    assert isinstance(found, NotFound)
    assert found.reason == f"no process of this machine listens on port {free_port}"


def test_another_machine_cannot_be_looked_into() -> None:
    found = resolve("http://192.0.2.1:8080")  # TEST-NET-1: nobody has it
    assert found == NotFound(
        "192.0.2.1 is not this machine", "cpu and memory cannot be read there", remote=True
    )


def test_a_server_inside_loadctl_is_not_the_system() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = resolve(f"http://127.0.0.1:{server.getsockname()[1]}")
    assert isinstance(found, NotFound)
    assert "loadctl itself" in found.reason


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("http://localhost:80", True),
        ("https://127.0.0.1", True),
        ("http://[::1]:1", True),
        ("http://192.0.2.1", False),
    ],
)
def test_what_is_this_machine(host: str, local: bool) -> None:
    assert is_local(host) is local
