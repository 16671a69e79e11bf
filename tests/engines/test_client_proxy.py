"""The journey client and proxies of the environment. Names here cannot be looked up: only a proxy knows the system."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from loadctl.scenario.user_type import Request, Task, UserType
from tests.engines.scripted import CLOSE, Server, fields
from tests.engines.test_client_connect import Ask, Papers, ask, papers, served

if TYPE_CHECKING:
    from tests.engines.conftest import Shards

__all__ = ["ask", "papers"]  # fixtures

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
BASIC = b"Proxy-Authorization: Basic bWU6c8O2"
"""me:sö"""


@dataclass
class Tunnel:
    """A proxy that leads every CONNECT to one port of this machine, after `answer`."""

    port_behind: int
    answer: Sequence[bytes] = (b"HTTP/1.1 200 Connection established\r\n\r\n",)
    asked: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://me:s%C3%B6@127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            self.asked.append(client.recv(65536))
            for piece in self.answer:
                client.sendall(piece)
            if b" 200 " not in self.answer[0]:
                return
            with socket.create_connection(("127.0.0.1", self.port_behind)) as behind:
                threading.Thread(target=_pass_on, args=(behind, client), daemon=True).start()
                _pass_on(client, behind)


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


@pytest.fixture
def tunnel(papers: Papers) -> Iterator[Tunnel]:
    with Server(lambda _n, _r: [HELLO], tls=served(papers)) as server:
        tunnel = Tunnel(server.port)
        yield tunnel
        tunnel.close()


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_proxy_is_asked_for_the_whole_url_on_a_kept_connection(ask: Ask, name: str) -> None:
    with Server(lambda _n, _r: [b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"]) as proxy:
        url = proxy.url.replace("//", "//me:s%C3%B6@")
        answers = ask("http://system.example/x?y=1", times=2, environ={name: url})
    assert [answer.get("status") for answer in answers] == [200, 200], answers
    assert proxy.connections == 1
    assert {request.split(b"\r\n")[0] for request in proxy.requests} == {
        b"GET http://system.example/x?y=1 HTTP/1.1"
    }
    first, second = (dict(fields(request)) for request in proxy.requests)
    assert first["host"] == second["host"] == "system.example"
    assert first["proxy-authorization"] == second["proxy-authorization"] == "Basic bWU6c8O2"
    assert ("cookie" in first, second["cookie"]) == (False, "a=1")


def test_tls_goes_through_a_tunnel_and_is_verified_behind_it(
    ask: Ask, papers: Papers, tunnel: Tunnel
) -> None:
    environ = {"https_proxy": tunnel.url}
    answers = ask("https://system.example/x", times=2, tls={"ca": papers.ca}, environ=environ)
    assert [answer.get("status") for answer in answers] == [200, 200], answers
    [asked] = tunnel.asked
    assert asked.startswith(b"CONNECT system.example:443 HTTP/1.1\r\nHost: system.example:443\r\n")
    assert BASIC in asked
    [answer] = ask("https://other.example/", tls={"ca": papers.ca}, environ=environ)
    assert answer["error"] == "tls", "the certificate is not for this name"


def test_the_head_of_a_tunnel_may_come_in_pieces(ask: Ask, papers: Papers, tunnel: Tunnel) -> None:
    tunnel.answer = [b"HTTP/1.1 200 ", b"Fine\r\nVia: x\r\n", b"\r\n"]
    [answer] = ask("https://system.example/", tls={"ca": papers.ca}, environ={"https_proxy": tunnel.url})
    assert answer.get("status") == 200, answer


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (b"HTTP/1.1 407 Who are you\r\n\r\n", "other", "answered 407 to CONNECT system.example:443"),
        (b"SSH-2.0\r\n\r\n", "protocol", "gave no valid HTTP/1.1 response"),
        (b"HTTP/1.1 2", "reset", "the proxy 127.0.0.1"),
    ],
)
def test_a_proxy_that_refuses_is_named(
    ask: Ask, tunnel: Tunnel, answer: bytes, error: str, words: str
) -> None:
    tunnel.answer = [answer]
    [got] = ask("https://system.example/", environ={"https_proxy": tunnel.url})
    assert got["error"] == error, got
    assert words in got["message"]


def test_a_proxy_that_is_not_there_is_named(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        place = f"127.0.0.1:{gone.getsockname()[1]}"
    [answer] = ask("http://system.example/", environ={"http_proxy": place})
    assert (answer["error"], answer["message"]) == (
        "connect_refused",
        f"the proxy {place} refused the connection",
    )


@pytest.mark.parametrize("url", ["socks5://127.0.0.1:1", "https://127.0.0.1:1", "http://", "http://x:99999"])
def test_other_kinds_of_proxy_are_the_generators_fault(ask: Ask, url: str) -> None:
    [answer] = ask("http://system.example/", environ={"http_proxy": url})
    assert answer["error"] == "generator"
    assert answer["message"] == "http_proxy names no proxy that can be used; write http://HOST:PORT"


@pytest.mark.parametrize(
    ("host", "exceptions", "is_direct"),
    [
        ("system.example", "*", True),
        ("system.example", "other.example, .example", True),
        ("a.system.example", "system.example", True),
        ("system.example", "system.example:80", True),
        ("system.example", "system.example:81", False),
        ("notsystem.example", "system.example", False),
        ("127.0.0.1", "", True),
        ("localhost", "", True),
    ],
)
def test_exceptions_and_this_machine_are_reached_directly(
    ask: Ask, host: str, exceptions: str, is_direct: bool
) -> None:
    with Server(lambda _n, _r: [HELLO, CLOSE]) as proxy:
        [answer] = ask(f"http://{host}/", environ={"http_proxy": proxy.url, "no_proxy": exceptions})
        assert (proxy.requests == []) == is_direct
    assert answer.get("status") == (None if is_direct else 200)


def test_a_run_through_a_proxy_says_so(both: Shards) -> None:
    get = Request(method="GET", url="/x", endpoint="GET /x", timeout_s=5.0)
    with Server(lambda _n, _r: [HELLO]) as proxy:
        said = both.run(
            host="http://system.test",
            user_types=[UserType(name="A", weight=1, tasks=[Task("t", 1, [get])], pace_s=0.1)],
            load=both.closed((1, 1, 1)),
            env={"http_proxy": proxy.url.replace("//", "//me:secret@")},
        )
        assert said.ok("GET /x") == len(proxy.requests) > 5
    [note] = [line["message"] for line in said.of("note")]
    assert note == f"requests go through the proxy 127.0.0.1:{proxy.port}, as the environment says"
    assert "secret" not in str(said.lines)
