"""Nobody is loaded who was not agreed to: the clients of both engines, whatever brings a request there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from loadctl.engines.shard_plan import secret_headers
from loadctl.scenario.consent import consent_of
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.user_type import Request, Task, UserType
from tests.engines.scripted import Act, Server, fields

if TYPE_CHECKING:
    from loadctl.scenario.user_type import Json
    from tests.engines.conftest import Shards
    from tests.engines.scripted import Runtime

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
Script = Callable[[int, bytes], Sequence[Act]]
Send = Callable[..., Mapping[str, Any]]


def redirect(status: int, location: str) -> bytes:
    return f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.fixture
def system() -> Iterator[Server]:
    with Server(lambda _n, _r: [HELLO]) as system:
        yield system


@pytest.fixture
def send(runtime: Runtime) -> Send:
    """One request. `networks`: what counts as private, where loopback must stand for a public address."""

    def sent(
        host: str,
        allow_hosts: Sequence[str] = (),
        networks: Sequence[str] | None = None,
        environ: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        url: str = "",
        **request: Any,
    ) -> Mapping[str, Any]:
        types = [UserType(name="U", weight=1, tasks=[], headers=headers or {})]
        scenario = Scenario(
            name="x",
            host=host,
            load=Load("closed", ()),
            user_types=types,
            allow_hosts=allow_hosts,
            secrets={"hunter22": "${KEY}"},
        )
        consent: dict[str, Json] = dict(consent_of(scenario).plan)
        if networks is not None:
            consent["networks"] = networks
        known = {"consent": consent, "secret_headers": sorted(secret_headers(scenario))}
        requests = [{"url": url or host, "headers": headers or {}, "timeout_s": 2.0, **request}]
        [[answer]] = runtime.clients([{**known, "environ": environ or {}, "requests": requests}])
        return answer

    return sent


SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0X7F.0.0.1",
    "017700000001",
    "[::ffff:127.0.0.1]",
]


@pytest.mark.parametrize("host", [*SPELLINGS, "localhost"])
def test_an_address_that_nobody_agreed_to_gets_no_connection(send: Send, system: Server, host: str) -> None:
    answer = send(f"http://{host}:{system.port}/", networks=["10.0.0.0/8"])
    assert answer["error"] == "host_not_allowed"
    assert "--allow-host" in answer["message"]
    assert system.connections == 0


@pytest.mark.parametrize("host", [*SPELLINGS, "localhost", "LocalHost"])
def test_private_addresses_need_no_word(send: Send, system: Server, host: str) -> None:
    assert send(f"http://{host}:{system.port}/").get("status") == 200


@pytest.mark.parametrize(
    "host", ["http://134744072", "http://169.254.169.254", "https://8.526344", "http://[fe80::1]"]
)
def test_public_and_link_local_addresses_do(send: Send, host: str) -> None:
    assert send("http://x", url=f"{host}/")["error"] == "host_not_allowed"


def test_a_listed_name_may_lead_anywhere(send: Send, system: Server) -> None:
    assert send(f"http://localhost:{system.port}/", ["LOCALHOST"], [])["status"] == 200
    assert send(f"http://localhost:{system.port}/", ["l*st"], [])["status"] == 200
    assert send(f"http://127.1:{system.port}/", ["127.0.0.0/8"])["status"] == 200


def test_a_backslash_hides_no_host(send: Send, system: Server) -> None:
    answer = send("http://x", url=f"http://localhost:80\\@127.0.0.1:{system.port}/")
    assert answer["error"] == "other"
    assert system.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_to_no_other_host(send: Send, system: Server, status: int) -> None:
    there = f"http://127.0.0.1:{system.port}/"
    with Server(lambda _n, _r: [redirect(status, there)]) as first:
        answer = send(f"http://localhost:{first.port}/", ["localhost"], [])
    assert answer["error"] == "host_not_allowed"
    assert answer["message"] == "this host is not allowed: 127.0.0.1; to allow it:  --allow-host 127.0.0.1"
    assert (len(first.requests), system.connections) == (1, 0)


def test_the_same_host_is_agreed_on_another_port(send: Send, system: Server) -> None:
    with Server(lambda _n, _r: [redirect(302, f"http://localhost:{system.port}/")]) as first:
        assert send(f"http://localhost:{first.port}/", ["localhost"], [])["status"] == 200


def test_behind_a_proxy_the_name_decides(send: Send) -> None:
    go = [redirect(302, "http://www.example.com/")]
    with Server(lambda _n, r: go if b" http://example.com/ " in r else [HELLO]) as proxy:
        environ = {"http_proxy": proxy.url, "https_proxy": proxy.url}
        answer = send("http://example.com/", ["example.com"], environ=environ)
        assert answer["error"] == "host_not_allowed"
        assert "--allow-host www.example.com" in answer["message"]
        assert len(proxy.requests) == 1
        both = ["example.com", "www.example.com"]
        assert send("http://example.com/", both, environ=environ)["status"] == 200
        assert send("http://api.internal/", environ=environ)["status"] == 200
        sent = len(proxy.requests)
        for url in ("https://www.example.com/", "http://134744072/", "http://169.254.169.254/"):
            assert send("http://x", url=url, environ=environ)["error"] == "host_not_allowed"
        assert len(proxy.requests) == sent == 4


def test_secrets_stay_with_their_origin(send: Send, system: Server) -> None:
    headers = {
        "Authorization": "Bearer t",
        "X-Api-Key": "k",
        "X-Signed": "by hunter22",
        "X-Mine": "kept",
    }
    with Server(lambda _n, _r: [redirect(302, f"http://127.0.0.1:{system.port}/")]) as first:
        assert send(f"{first.url}/", headers=headers)["status"] == 200
    got = dict(fields(system.requests[0]))
    assert got["x-mine"] == "kept"
    assert not got.keys() & {"authorization", "x-api-key", "x-signed"}
    assert dict(fields(first.requests[0]))["x-signed"] == "by hunter22"


@pytest.mark.parametrize(("status", "method"), [(307, "POST"), (308, "PUT"), (302, "PUT")])
def test_a_body_goes_to_another_origin_only_where_that_is_listed(
    send: Send, system: Server, status: int, method: str
) -> None:
    with Server(lambda _n, _r: [redirect(status, f"http://127.0.0.1:{system.port}/")]) as first:
        answer = send(f"{first.url}/", method=method, body="mine")
        assert answer["error"] == "host_not_allowed"
        assert f"a redirect would take the body to 127.0.0.1:{system.port}" in answer["message"]
        assert system.connections == 0
        assert send(f"{first.url}/", ["127.0.0.1"], method=method, body="mine")["status"] == 200
    assert system.requests[0].endswith(b"\r\n\r\nmine")


def test_a_body_goes_anywhere_within_its_origin(send: Send) -> None:
    with Server(lambda n, _r: [HELLO] if n else [redirect(307, "/there")]) as system:
        assert send(f"{system.url}/", method="POST", body="mine")["status"] == 200


def test_requests_that_were_not_allowed_have_failed(both: Shards) -> None:
    steps = [
        Request(method="GET", url="/away", endpoint="GET /away"),
        Request(method="GET", url="http://{{ '8.8.8.8' }}/", endpoint="GET 8"),
        Request(method="GET", url="/", endpoint="GET /"),
    ]
    user = UserType(name="A", weight=1, tasks=[Task("t", 1, steps)], pace_s=0.2)
    away = redirect(302, "http://134744072/")
    with Server(lambda _n, r: [away if b"/away" in r else HELLO]) as server:
        said = both.run(host=server.url, user_types=[user], load=both.closed((1, 1, 1)))
    assert said.ok("GET /") > 0
    assert said.errors("GET /away") == {"host_not_allowed": said.ok("GET /")}
    assert said.errors("GET 8") == {"host_not_allowed": said.ok("GET /")}
