"""How the journey client opens connections: addresses, refusals, TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engines.scripted import CLOSE, Runtime, Server, fields

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
GOODBYE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
SOON_S = 0.3
NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"


@dataclass(frozen=True)
class Papers:
    """Files in PEM: what is trusted, and certificate with key of server and client."""

    ca: str
    server: str
    client: str


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("papers")
    _openssl(
        folder,
        f"req -x509 {NEW_KEY} -days 2 -subj /CN=ca -keyout ca.key -out ca.pem",
    )
    (folder / "names").write_text("subjectAltName=DNS:localhost,DNS:system.example,IP:127.0.0.1")
    for name in ("server", "client"):
        _openssl(
            folder,
            f"req {NEW_KEY} -subj /CN={name} -keyout {name}.key -out {name}.csr",
        )
        _openssl(
            folder,
            f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out {name}.crt",
        )
        (folder / f"{name}.pem").write_text(
            (folder / f"{name}.crt").read_text() + (folder / f"{name}.key").read_text()
        )
    return Papers(*(str(folder / f"{name}.pem") for name in ("ca", "server", "client")))


def _openssl(folder: Path, arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)


def served(papers: Papers, *, asks_for_client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers.server)
    if asks_for_client:
        context.load_verify_locations(papers.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


Answers = list[dict[str, Any]]
Ask = Callable[..., Answers]


@pytest.fixture
def ask(runtime: Runtime) -> Ask:
    def asked(
        url: str,
        times: int = 1,
        tls: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
        **request: Any,
    ) -> Answers:
        requests = [{"url": url, "timeout_s": 2.0, **request}] * times
        return runtime.clients([{"tls": tls or {}, "environ": environ or {}, "requests": requests}])[0]

    return asked


def test_tls_with_the_right_ca_keeps_its_connection(ask: Ask, papers: Papers) -> None:
    with Server(lambda _n, _r: [HELLO], tls=served(papers)) as server:
        answers = ask(server.url, times=3, tls={"ca": papers.ca})
        assert [answer.get("status") for answer in answers] == [200] * 3, answers
        assert server.connections == 1


def test_tls_sends_large_bodies_and_reads_large_answers(ask: Ask, papers: Papers) -> None:
    large = b"x" * 3_000_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(large) + large
    with Server(
        lambda _n, request: [answer] if len(request) > len(large) else [CLOSE], tls=served(papers)
    ) as server:
        [got] = ask(server.url, tls={"ca": papers.ca}, method="POST", body="x" * len(large))
        assert (got.get("status"), got.get("size")) == (200, len(large)), got.get("message")


def test_tls_without_its_ca_is_refused_before_anything_is_sent(ask: Ask, papers: Papers) -> None:
    with Server(lambda _n, _r: [HELLO], tls=served(papers)) as server:
        [answer] = ask(server.url)
        assert answer["error"] == "tls"
        assert "certificate" in answer["message"]
        assert server.requests == []


def test_tls_checks_the_name(ask: Ask, papers: Papers) -> None:
    with Server(lambda _n, _r: [HELLO], tls=served(papers)) as server:
        [answer] = ask(server.url.replace("127.0.0.1", "127.0.0.2"), tls={"ca": papers.ca})
    assert answer["error"] in {"tls", "connect_refused"}


def test_tls_unverified_when_it_was_asked_for(ask: Ask, papers: Papers) -> None:
    with Server(lambda _n, _r: [HELLO], tls=served(papers)) as server:
        [answer] = ask(server.url, tls={"verify": False})
    assert answer.get("status") == 200, answer


@pytest.mark.parametrize("brings_one", [True, False])
def test_tls_with_a_client_certificate(ask: Ask, papers: Papers, brings_one: bool) -> None:
    with Server(lambda _n, _r: [HELLO], tls=served(papers, asks_for_client=True)) as server:
        [answer] = ask(server.url, tls={"ca": papers.ca, "cert": papers.client if brings_one else None})
    assert answer.get("status" if brings_one else "error") in {200, "tls", "reset"}, answer
    assert ("error" in answer) != brings_one


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
def test_tls_sessions_are_taken_up_again(ask: Ask, papers: Papers, version: ssl.TLSVersion) -> None:
    context = served(papers)
    context.maximum_version = version
    with Server(lambda _n, _r: [GOODBYE, CLOSE], tls=context) as server:
        answers = ask(server.url, times=3, tls={"ca": papers.ca})
        assert [answer.get("status") for answer in answers] == [200] * 3, answers
        assert server.connections == 3
    assert context.session_stats()["hits"] == 2


def test_tls_against_a_server_without_it(ask: Ask) -> None:
    with Server(lambda _n, _r: [HELLO]) as server:
        [answer] = ask(server.url.replace("http:", "https:"), timeout_s=SOON_S)
    assert answer["error"] in {"tls", "connect_timeout"}


def test_tls_closed_while_idle_is_noticed(ask: Ask, papers: Papers) -> None:
    with Server(lambda _n, _r: [HELLO, CLOSE], tls=served(papers)) as server:
        answers = ask(server.url, times=2, tls={"ca": papers.ca}, pause_s=0.1)
        assert [answer.get("status") for answer in answers] == [200, 200], answers
        assert (server.connections, len(server.requests)) == (2, 2)


def test_a_handshake_that_never_ends_is_a_connect_timeout(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        [answer] = ask(f"https://127.0.0.1:{silent.getsockname()[1]}/", timeout_s=SOON_S)
    assert answer["error"] == "connect_timeout"
    assert SOON_S <= answer["took_s"] < SOON_S + 0.4


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose queue of connections is full, so that a further one waits for ever."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_a_connection_that_never_comes_is_a_connect_timeout(ask: Ask) -> None:
    with full_backlog() as port:
        [answer] = ask(f"http://127.0.0.1:{port}/", timeout_s=SOON_S)
    assert answer["error"] == "connect_timeout"
    assert SOON_S <= answer["took_s"] < SOON_S + 0.4


def test_nobody_listens(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert ask(f"http://127.0.0.1:{port}/")[0]["error"] == "connect_refused"


def test_a_name_that_nobody_knows(ask: Ask) -> None:
    assert ask("http://nobody.invalid/")[0]["error"] == "dns"


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6 loopback")
def test_an_address_in_brackets(ask: Ask) -> None:
    with Server(lambda _n, _r: [HELLO], family=socket.AF_INET6) as server:
        assert ask(server.url)[0].get("status") == 200
        assert ("host", f"[::1]:{server.port}") in fields(server.requests[0])


def test_the_second_address_is_tried_when_the_first_refuses(ask: Ask) -> None:
    """localhost is ::1 and 127.0.0.1 on most machines; the server listens on one of them."""
    with Server(lambda _n, _r: [GOODBYE, CLOSE]) as server:
        answers = ask(f"http://localhost:{server.port}/", times=2)
        assert [answer.get("status") for answer in answers] == [200, 200], answers


def test_descriptors_used_up_are_the_generators_own_fault(runtime: Runtime) -> None:
    with Server(lambda _n, _r: [HELLO]) as server:
        [[answer]] = runtime.clients(
            [{"no_descriptors": True, "requests": [{"url": server.url}]}], few_descriptors=True
        )
    assert answer["error"] == "generator"
