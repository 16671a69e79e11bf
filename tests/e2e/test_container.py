"""Runs against a system in a container of a real Docker Engine: what is watched, and what its incidents lead to."""

from __future__ import annotations

import http.client
import shlex
import socket
import time

import pytest

from tests.e2e.shell import Shell, wait_for
from tests.monitors.docker import Docker, demo_command, python_mounts

pytestmark = pytest.mark.e2e

LOAD = """
think: 20ms..60ms
tasks: [{get: /models}]
load: [{users: 5, for: %s}]
timeout: 2s
drain: 1s
targets: {latency_p95: 2s, error_rate: 100%%, cpu: 100%%, memory: 120MB}
"""
INSIDE = 18080
HOG = """
import threading, time
def grow():
    time.sleep(8)
    kept = []
    while True: kept.append(bytearray(4_000_000))
threading.Thread(target=grow, daemon=True).start()
"""
LIMITS = ("--cpus=0.8", "--memory=128m")


def start(docker: Docker, *options: str, first: str = "") -> tuple[str, int]:
    """The demo system in a container, published; its name and its port on this machine, which answers."""
    port = free_port()
    # It listens on loopback, which in a container nobody else can reach.
    demo = shlex.join(demo_command(INSIDE, first=first))
    script = f"busybox nc -ll -p 8080 -e busybox nc 127.0.0.1 {INSIDE} & exec {demo}"
    published = f"--publish=127.0.0.1:{port}:8080"
    name = docker.run("sh", "-c", script, options=(published, *LIMITS, *python_mounts(), *options))
    wait_for(lambda: answers(port) or None, 40)
    return name, port


def test_the_container_behind_docker_proxy_is_watched(loadctl: Shell, docker: Docker) -> None:
    name, port = start(docker)
    loadctl.write("scenarios/small.yaml", LOAD % "6s")
    ended = loadctl("run", "-H", f"http://127.0.0.1:{port}", "--json", env=docker.variables)
    assert ended.code == 0, ended.err
    assert f"docker-proxy forwards port {port} into the container {name}, which is watched" in ended.err
    cpu, memory = ended.score("cpu"), ended.score("memory")
    assert (cpu["status"], cpu["judged"]) == ("PASS", True)
    assert 0 < cpu["value"] < 105
    assert (memory["status"], memory["judged"]) == ("PASS", True)
    assert 15e6 < memory["value"] < 120e6


def test_a_container_that_is_named_and_killed_fails_the_run(loadctl: Shell, docker: Docker) -> None:
    name, port = start(docker, "--restart=always")
    loadctl.write("scenarios/small.yaml", LOAD % "10s")
    host = f"http://127.0.0.1:{port}"
    going = loadctl.start("run", "-H", host, "--container", name, "--json", env=docker.variables)
    going.wait_for_seconds(3)
    docker.kill_main(name)
    ended = going.wait(60)
    assert (ended.code, ended.verdict) == (1, "FAIL"), ended.err
    restart = finding(ended.result, "service-restarted")
    assert f"{name} restarted: killed by SIGKILL (exit code 137)" in restart
    assert "service-crashed" not in ended.finding_ids()


def test_a_container_that_the_kernel_kills_fails_the_run(loadctl: Shell, docker: Docker) -> None:
    name, port = start(docker, "--restart=on-failure", first=HOG)
    loadctl.write("scenarios/small.yaml", LOAD % "14s")
    host = f"http://127.0.0.1:{port}"
    ended = loadctl("run", "-H", host, "--container", name, "--json", env=docker.variables)
    assert (ended.code, ended.verdict) == (1, "FAIL"), ended.err
    assert "killed by the kernel: out of memory" in finding(ended.result, "service-restarted")


def test_a_container_that_is_stopped_fails_the_run(loadctl: Shell, docker: Docker) -> None:
    name, port = start(docker)
    loadctl.write("scenarios/small.yaml", LOAD % "8s")
    host = f"http://127.0.0.1:{port}"
    going = loadctl.start("run", "-H", host, "--container", name, "--json", env=docker.variables)
    going.wait_for_seconds(3)
    docker("stop", "--time", "1", name)
    ended = going.wait(60)
    assert (ended.code, ended.verdict) == (1, "FAIL"), ended.err
    assert "stopped on request" in finding(ended.result, "service-crashed")


def test_a_container_that_is_not_there_is_said_before_anything_is_sent(
    loadctl: Shell, docker: Docker
) -> None:
    name, port = start(docker)
    loadctl.write("scenarios/small.yaml", LOAD % "3s")
    host = f"http://127.0.0.1:{port}"
    ended = loadctl("run", "-H", host, "--container", f"{name}x", env=docker.variables)
    assert ended.code == 2
    assert f"there is no container '{name}x'" in ended.err
    assert f"did you mean {name}" in ended.err
    assert all(not sent.read_text() for sent in loadctl.folder.glob("runs/*/intervals.ndjson"))


def test_a_container_that_dies_while_it_is_waited_for_ends_the_wait(loadctl: Shell, docker: Docker) -> None:
    name = docker.run("sh", "-c", "sleep 4; echo no database; exit 3")
    loadctl.write("scenarios/small.yaml", LOAD % "3s")
    began = time.monotonic()
    host = f"http://127.0.0.1:{free_port()}"
    ended = loadctl("run", "-H", host, "--container", name, "--ready-timeout", "60s", env=docker.variables)
    assert time.monotonic() - began < 40
    assert ended.code == 4, ended.err
    assert f"container {name} exited with 3" in ended.err
    assert "no database" in ended.err


def finding(result: dict[str, list[dict[str, object]]], identity: str) -> str:
    (message,) = [str(one["message"]) for one in result["findings"] if one["id"] == identity]
    return message


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_container_is_profiled_from_this_machine(loadctl: Shell, docker: Docker) -> None:
    name, port = start(docker, first="sys.argv += ['--fault', 'cpu=5ms']")
    loadctl.write("scenarios/inside.yaml", LOAD % "20s")
    options = ("--container", name, "--profile", "--json")
    ended = loadctl("run", "inside", "-H", f"http://127.0.0.1:{port}", *options, env=docker.variables)
    top = ended.result["profile"]["top"]
    assert top[0]["name"].startswith("burn_cpu (")
