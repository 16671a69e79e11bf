"""Where an engine is looked for: the same as the docker command line does."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from loadctl.errors import UsageError
from loadctl.monitors.containers.engine import Endpoint, endpoints


def only(environment: dict[str, str]) -> Endpoint:
    (endpoint,) = endpoints(environment)
    return endpoint


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("unix:///run/d.sock", Endpoint("unix:///run/d.sock", socket=Path("/run/d.sock"))),
        ("tcp://10.0.0.1:2375", Endpoint("tcp://10.0.0.1:2375", url="http://10.0.0.1:2375")),
        ("tcp://builder", Endpoint("tcp://builder", url="http://builder:2375")),
        ("10.0.0.1:99", Endpoint("tcp://10.0.0.1:99", url="http://10.0.0.1:99")),
        ("ssh://me:secret@far", Endpoint("ssh://far", options=("--host", "ssh://me:secret@far"))),
        ("npipe:////./pipe/d", Endpoint("npipe:////./pipe/d", options=("--host", "npipe:////./pipe/d"))),
        ("https://far:1", Endpoint("https://far:1", options=("--host", "https://far:1"))),
    ],
)
def test_docker_host(host: str, expected: Endpoint) -> None:
    assert only({"DOCKER_HOST": host}) == expected


def test_tls_is_left_to_the_docker_command_line() -> None:
    host = "tcp://10.0.0.1:2376"
    expected = Endpoint(host, options=("--host", host))
    assert only({"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1"}) == expected


def test_the_current_context_and_one_that_is_named(tmp_path: Path) -> None:
    context(tmp_path, "near", "unix:///near.sock")
    context(tmp_path, "far", "tcp://far:2376", tls=True)
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "near"}')
    home = {"HOME": str(tmp_path)}
    assert only(home).socket == Path("/near.sock")
    assert only({**home, "DOCKER_CONTEXT": "far"}).options == ("--context", "far")
    assert only({**home, "DOCKER_CONTEXT": "far", "DOCKER_HOST": "unix:///x"}).socket == Path("/x")
    moved = {"HOME": "/nowhere", "DOCKER_CONFIG": str(tmp_path / ".docker")}
    assert only(moved).socket == Path("/near.sock")


@pytest.mark.parametrize(
    "text", ["", "[]", '{"Endpoints": 3}', '{"Endpoints": {"docker": {"Host": ""}}}', "\0"]
)
def test_a_context_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    context(tmp_path, "broken", "").write_text(text)
    with pytest.raises(UsageError, match="the docker context 'broken' has no endpoint in ") as raised:
        endpoints({"HOME": str(tmp_path), "DOCKER_CONTEXT": "broken"})
    assert "docker context ls" in (raised.value.hint or "")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"currentContext": 3}', '{"currentContext": "default"}'])
def test_without_a_context_the_usual_sockets_are_tried(tmp_path: Path, text: str) -> None:
    desktop = tmp_path / ".docker" / "run" / "docker.sock"
    podman = tmp_path / "run" / "podman" / "podman.sock"
    for path in (desktop, podman):
        path.parent.mkdir(parents=True)
        path.touch()
    (tmp_path / ".docker" / "config.json").write_text(text)
    found = endpoints({"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")})
    assert [one.socket for one in found if str(tmp_path) in str(one.socket)] == [desktop, podman]


def context(home: Path, name: str, host: str, *, tls: bool = False) -> Path:
    digest = hashlib.sha256(name.encode()).hexdigest()
    folder = home / ".docker" / "contexts"
    (folder / "meta" / digest).mkdir(parents=True)
    if tls:
        (folder / "tls" / digest / "docker").mkdir(parents=True)
    meta = folder / "meta" / digest / "meta.json"
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))
    return meta
