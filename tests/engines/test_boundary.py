"""A script of one's own turns to a host that nobody agreed to: it is stopped before it gets there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadctl.engines import ENGINES
from tests.engines.scripted import Server

if TYPE_CHECKING:
    from tests.engines.conftest import Said, Shards
    from tests.engines.script_folder import Folder

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
AWAY = b"HTTP/1.1 302 Go\r\nLocation: http://134744072/\r\nContent-Length: 0\r\n\r\n"
EIGHT = "8.8.8.8"
LOCUST = """
import requests
class A({kind}):
    wait_time = constant(0.1)
    @task
    def t(self):
        self.client.get("/home")
        {act}
"""
ARTILLERY = """
config:
  target: {target}
  processor: ./own.js
  phases: [{{duration: 3, arrivalRate: 5}}]
scenarios:
  - flow:
      - get: {{url: /home}}
      - {act}
"""
PROCESSOR = "module.exports = { away: async () => { await fetch('http://%s/').catch(() => {}); } };\n"
BY_LOCUST = {
    "HttpUser": ("HttpUser", 'self.client.get("http://134744072/")'),
    "FastHttpUser": ("FastHttpUser", 'self.client.get("http://134744072/")'),
    "a client of its own": ("HttpUser", 'requests.get("http://134744072/")'),
    "a redirect": ("HttpUser", 'self.client.get("/away")'),
    "a redirect, fast": ("FastHttpUser", 'self.client.get("/away")'),
}
BY_ARTILLERY = {
    "a URL": 'get: {url: "http://134744072/"}',
    "a client of its own": "function: away",
    "a redirect": "get: {url: /away}",
}


def answers(_number: int, request: bytes) -> list[bytes]:
    return [AWAY if b"/away" in request else HELLO]


def told(said: Said, engine: str) -> str:
    """Why the run ends. What was measured by then is complete."""
    assert said.returncode is not None
    outcome = ENGINES[engine].outcome(said.returncode, said.stderr)
    assert outcome.kind == "beyond", said.stderr
    assert said.ended - said.t0 < 2.5
    assert said.ok("GET /home") >= 1
    assert said.bye
    return outcome.reason or ""


def locust(shards: Shards, host: str, kind: str, act: str) -> Said:
    script = shards.locustfile(LOCUST.format(kind=kind, act=act))
    return shards.run(host=host, script=script, load=shards.closed((1, 1, 3)))


@pytest.mark.parametrize("how", BY_LOCUST)
def test_a_locustfile_is_stopped_before_its_first_request_to_another_host(shards: Shards, how: str) -> None:
    with Server(answers) as system:
        said = locust(shards, system.url, *BY_LOCUST[how])
    reason = told(said, "locust")
    assert f"({EIGHT})" in reason or f"that {EIGHT} may" in reason
    assert f"--allow-host {EIGHT}" in reason
    if how != "a client of its own":
        name = "GET /away" if "redirect" in how else "GET /"
        assert said.errors(name) == {"host_not_allowed": 1}


@pytest.mark.parametrize("how", BY_ARTILLERY)
def test_an_artillery_script_is_stopped_before_its_first_request_to_another_host(
    folder: Folder, how: str
) -> None:
    with Server(answers) as system:
        text = ARTILLERY.format(target=system.url, act=BY_ARTILLERY[how])
        said = folder.write(script__yml=text, own__js=PROCESSOR % "134744072").run()
    assert f"--allow-host {EIGHT}" in told(said, "artillery")
    if how != "a client of its own":
        assert said.errors("GET /away" if "redirect" in how else "GET /")["host_not_allowed"] >= 1


@pytest.mark.parametrize("kind", ["HttpUser", "FastHttpUser"])
def test_behind_a_proxy_the_name_decides_for_a_locustfile(shards: Shards, kind: str) -> None:
    act = 'self.client.get("http://www.example.com/")'
    with Server(answers) as system, Server(answers) as proxy:
        if kind == "FastHttpUser":
            act = f"{act}\n    proxy_host, proxy_port = '127.0.0.1', {proxy.port}"
        else:
            act = act.replace(")", f", proxies={{'http': '{proxy.url}'}})")
        said = locust(shards, system.url, kind, act)
        assert not [request for request in proxy.requests if b"example.com" in request]
    assert "--allow-host www.example.com" in told(said, "locust")


def test_behind_a_proxy_the_name_decides_for_an_artillery_script(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(answers) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        text = ARTILLERY.format(target="http://www.example.com", act="think: 1")
        folder.write(script__yml=text, own__js=PROCESSOR % EIGHT)
        said = folder.run()
        assert proxy.requests == []
    assert said.returncode is not None
    reason = ENGINES["artillery"].outcome(said.returncode, said.stderr).reason
    assert reason == "this host is not allowed: www.example.com; to allow it:  --allow-host www.example.com"


def test_what_was_agreed_may_be_connected_to_by_every_name(shards: Shards) -> None:
    with Server(answers) as system:
        act = f'requests.get("http://localhost:{system.port}/"); requests.get("http://127.1:{system.port}/")'
        said = locust(shards, system.url, "HttpUser", act)
    assert said.returncode == 0, said.stderr
    assert len(system.requests) >= 3
