"""Asking a real engine: containers by every way to name them, logs, ports, and engines that only the CLI can reach."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from loadctl.errors import UsageError
from loadctl.monitors.answer import AnswerStream
from loadctl.monitors.background import Lost
from loadctl.monitors.containers.engine import DockerEngine, NoContainer
from tests.monitors.docker import IMAGE, Docker, own_daemon

T = TypeVar("T")
SLEEP = ("sleep", "1000")


def test_it_answers(docker: Docker) -> None:
    docker.engine.ping()
    machine = docker.engine.machine()
    assert machine.cores == os.cpu_count()
    assert abs(machine.now_ns - time.time_ns()) < 5e9


def test_a_container_is_named_by_name_id_label_or_service(docker: Docker) -> None:
    labels = (
        "--label=role=db",
        "--label=com.docker.compose.service=store",
        "--label=com.docker.compose.project=p",
    )
    name = docker.run(*SLEEP, options=labels)
    found = docker.engine.resolve(name)
    assert (found.name, found.running, found.service) == (name, True, "store")
    for text in (found.id, found.id[:12], f"/{name}", "role=db", "store"):
        assert docker.engine.resolve(text) == found


def test_a_running_container_comes_before_one_that_has_ended(docker: Docker) -> None:
    docker.run("true", name="a-ended", options=("--label=role=both",))
    name = docker.run(*SLEEP, name="z-runs", options=("--label=role=both",))
    wait_for(lambda: not docker.engine.resolve("a-ended").running)
    assert docker.engine.resolve("role=both").name == name


def test_the_container_behind_a_port_of_the_host(docker: Docker) -> None:
    port = free_port()
    name = docker.run(*SLEEP, options=(f"--publish=127.0.0.1:{port}:8080",))
    assert docker.engine.behind_port(port) == name
    assert docker.engine.behind_port(1) is None


def test_a_log_is_followed_from_its_end_and_ends_when_it_is_closed(docker: Docker) -> None:
    script = "echo old; while ! cat /tmp/go >/dev/null 2>&1; do sleep 0.1; done; echo new; echo bad >&2; sleep 1000"
    name = docker.run("sh", "-c", script)
    wait_for(lambda: log(docker, name) == ["old"])
    stream = docker.engine.logs(name)
    seen, reader = read_in_a_thread(stream)
    docker("exec", name, "sh", "-c", "echo >/tmp/go")
    wait_for(lambda: len(seen) >= 2)
    stream.close()
    reader.join(10)
    assert not reader.is_alive()
    assert sorted(seen) == ["bad", "new"]
    assert len(log(docker, name, tail=1)) == 1
    assert log(docker, name, since_s=time.time() + 100) == []


def test_the_log_of_a_container_with_a_terminal_is_plain(docker: Docker) -> None:
    name = docker.run("sh", "-c", "echo one; echo two >&2", options=("--tty",))
    wait_for(lambda: len(log(docker, name)) == 2)
    assert log(docker, name) == ["one", "two"]


def test_what_is_not_there_is_said(docker: Docker) -> None:
    for ask in (docker.engine.inspect, docker.engine.stats, docker.engine.logs):
        with pytest.raises(NoContainer, match="No such container: nobody"):
            ask("nobody")


@pytest.mark.parametrize(
    ("host", "message", "hint"),
    [
        ("unix:///no/such.sock", "no container engine answers at unix:///no/such.sock: ", "docker version"),
        (
            "tcp://127.0.0.1:1",
            "no container engine answers at tcp://127.0.0.1:1: Connection refused",
            "DOCKER_HOST",
        ),
    ],
)
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)
def test_an_engine_that_does_not_answer(host: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        DockerEngine.find({"DOCKER_HOST": host})
    assert raised.value.message.startswith(message)
    assert hint in (raised.value.hint or "")


def test_no_engine_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadctl.monitors.containers.engine.endpoints", lambda _: ())
    with pytest.raises(UsageError, match="no container engine was found on this machine") as raised:
        DockerEngine.find({"HOME": str(tmp_path)})
    assert "podman system service" in (raised.value.hint or "")


def test_what_answers_may_be_no_engine() -> None:
    """A web server that says yes to everything."""
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n<ok>"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in range(2):
                connection = server.accept()[0]
                with connection:
                    connection.recv(9999)
                    connection.sendall(page)

        thread = threading.Thread(target=answer)
        thread.start()
        host = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        engine = DockerEngine.find({"DOCKER_HOST": host})
        with pytest.raises(Lost, match=f"{host} is not a container engine: /info is not JSON"):
            engine.machine()
        thread.join(10)
        engine.close()


@pytest.fixture
def secured(tmp_path: Path, docker: Docker) -> Iterator[tuple[Docker, dict[str, str]]]:
    """An engine that is reached over TLS alone, and the environment of a user who may."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    certificates(tmp_path)
    port = free_port()
    tls = ["--tlsverify", "--host", f"tcp://127.0.0.1:{port}"]
    tls += [
        f"--tls{kind}={tmp_path}/{name}.pem"
        for kind, name in (("cacert", "ca"), ("cert", "cert"), ("key", "key"))
    ]
    docker("save", "--output", str(tmp_path / "image"), IMAGE)
    with own_daemon(tmp_path, "--bridge=none", *tls) as (base, _):
        own = Docker(base, docker.engine)
        own("load", "--input", str(tmp_path / "image"))
        host = f"tcp://127.0.0.1:{port}"
        user = {"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
        yield own, {**os.environ, **user}


def test_an_engine_behind_tls_is_reached_through_the_docker_command_line(
    secured: tuple[Docker, dict[str, str]],
) -> None:
    docker, environment = secured
    name = docker.run("sh", "-c", "echo hello; sleep 1000", options=("--network=none",))
    engine = DockerEngine.find(environment)
    assert engine.resolve(name).running
    with engine.logs(name, tail=None, follow=False) as lines:
        assert list(lines) == ["hello"]
    stream = engine.stats(name)
    frames, reader = read_in_a_thread(stream)
    wait_for(lambda: len(frames) >= 2)
    stream.close()
    reader.join(10)
    assert not reader.is_alive()
    engine.close()
    stranger = {**environment, "DOCKER_CERT_PATH": "/nowhere"}
    with pytest.raises(UsageError, match=r"no container engine answers at tcp://.*/nowhere/ca\.pem"):
        DockerEngine.find(stranger)


def certificates(folder: Path) -> None:
    """An authority, and one certificate that serves as the server's and the client's."""
    made = folder / "extensions"
    made.write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout cakey.pem -out ca.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=engine -keyout key.pem -out request.pem",
        "x509 -req -in request.pem -CA ca.pem -CAkey cakey.pem -CAcreateserial -out cert.pem -extfile extensions",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, check=True)


def log(docker: Docker, name: str, *, tail: int | None = None, since_s: float | None = None) -> list[str]:
    with docker.engine.logs(name, tail=tail, since_s=since_s, follow=False) as lines:
        return list(lines)


def read_in_a_thread(stream: AnswerStream[T]) -> tuple[list[T], threading.Thread]:
    seen: list[T] = []

    def read() -> None:
        with stream:
            for one in stream:
                seen.append(one)  # noqa: PERF402  as they come

    thread = threading.Thread(target=read)
    thread.start()
    return seen, thread


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
