"""One probe: what is wrong in a sentence, asked the way the load will ask."""

import base64
import socket

import pytest

from loadctl.errors import RunError
from loadctl.run.readiness import REFUSED, Probe
from loadctl.scenario.scenario import Tls
from tests.engines.scripted import CLOSE, Act, Server
from tests.engines.test_client_connect import Papers, papers, served
from tests.engines.test_client_proxy import Tunnel, tunnel

__all__ = ["papers", "tunnel"]  # fixtures

WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
BASIC = base64.b64encode("me:sö".encode())


def trouble(url: str, path: str = "/", *, try_s: float = 5.0, **tls: object) -> str | None:
    return Probe(url, path, Tls(**tls), lenient=path == "/").trouble(try_s)  # type: ignore[arg-type]


def answering(*acts: Act) -> Server:
    return Server(lambda _n, _r: acts)


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("/", 200, None),
        ("/", 404, None),
        ("/", 301, None),
        ("/", 500, "it answers 500"),
        ("/health", 204, None),
        ("/health", 301, "it answers 301, not 2xx"),
        ("/health", 404, "it answers 404, not 2xx"),
    ],
)
def test_the_root_may_answer_anything_but_a_path_must_be_well(
    path: str, status: int, expected: str | None
) -> None:
    with answering(
        f"HTTP/1.1 {status} X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".encode()
    ) as server:
        assert trouble(server.url, path) == expected
        assert [request.split(b" ")[1] for request in server.requests] == [path.encode()], (
            "nothing is followed"
        )


def test_only_the_head_is_waited_for() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", 5.0) as server:
        assert trouble(server.url) is None


@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], "it does not speak HTTP: BadStatusLine SSH-2.0-OpenSSH_9.6"),
        ([b"HTTP/1.1 \xff\r\n\r\n"], "it does not speak HTTP: BadStatusLine HTTP/1.1 \xff"),
        ([b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n"], "it does not speak HTTP: HTTPException got more"),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000], "it does not speak HTTP: LineTooLong"),
        ([CLOSE], "it cannot be reached: Remote end closed connection without response"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_told(acts: list[Act], expected: str) -> None:
    with answering(*acts) as server:
        assert (trouble(server.url) or "").startswith(expected)


def test_who_is_silent_does_not_answer() -> None:
    with answering(5.0) as server:
        assert trouble(server.url, try_s=0.5) == "it does not answer within 0.5 s"


def test_nobody_listens_and_nobody_accepts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert trouble(f"http://127.0.0.1:{port}") == REFUSED
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):
            assert trouble(f"http://127.0.0.1:{full.getsockname()[1]}", try_s=0.5) in {
                "it accepts no connection within 0.5 s",
                "it does not answer within 0.5 s",  # a kernel that lets one more in
            }


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://no-such-host.invalid", "its name is not known"),
        (f"http://{'a' * 70}.example", "it is not a URL: "),
    ],
)
def test_names_that_lead_nowhere(url: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    said = Probe(url, "/", Tls(), lenient=True).trouble(5.0) or ""
    assert said.startswith(expected) or said == "it does not answer within 5 s"


def test_a_path_that_cannot_be_sent_is_no_url() -> None:
    with answering(WELL) as server:
        assert (trouble(server.url, "/a b") or "").startswith("it is not a URL: ")


def test_ipv6_and_credentials() -> None:
    with Server(lambda _n, _r: [WELL], family=socket.AF_INET6) as server:
        assert trouble(server.url.replace("//", "//me:s%C3%B6@")) is None
        [request] = server.requests
        assert b"Authorization: Basic " + BASIC in request
        assert f"Host: [::1]:{server.port}\r\n".encode() in request
        assert b"me:" not in request


def test_tls_is_trusted_as_the_scenario_says(papers: Papers) -> None:
    with Server(lambda _n, _r: [WELL], tls=served(papers)) as server:
        assert trouble(server.url, ca=papers.ca) is None
        assert trouble(server.url, verify=False) is None
        assert (trouble(server.url) or "").startswith("its TLS certificate or protocol is not accepted: ")
    with Server(lambda _n, _r: [WELL], tls=served(papers, asks_for_client=True)) as server:
        assert trouble(server.url, ca=papers.ca, cert=papers.client) is None
        assert trouble(server.url, ca=papers.ca) is not None
    with pytest.raises(RunError, match=r"tls: /no/such\.pem: "):
        trouble("https://localhost", ca="/no/such.pem")


def test_a_proxy_is_asked_as_the_load_asks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(WELL) as proxy:
        monkeypatch.setenv("all_proxy", proxy.url.replace("//", "//me:s%C3%B6@"))
        assert trouble("http://system.example", "/health?a=1") is None
        [request] = proxy.requests
        assert request.startswith(
            b"GET http://system.example/health?a=1 HTTP/1.1\r\nHost: system.example\r\n"
        )
        assert b"Proxy-Authorization: Basic " + BASIC in request
    assert trouble("http://system.example") == f"the proxy 127.0.0.1:{proxy.port} refuses connections"
    monkeypatch.setenv("all_proxy", f"http://{'a' * 60}.invalid:3128")
    assert (trouble("http://system.example") or "").startswith(
        ("the name of the proxy aaa", "it does not answer")
    )
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")
    assert trouble("http://system.example") == (
        "all_proxy names no proxy that can be used; write http://HOST:PORT"
    )


def test_a_tunnel_is_asked_for_tls(papers: Papers, tunnel: Tunnel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", tunnel.url)
    assert trouble("https://system.example", ca=papers.ca) is None
    assert tunnel.asked[0].startswith(b"CONNECT system.example:443 HTTP/1.")
    assert b"Proxy-Authorization: Basic " + BASIC in tunnel.asked[0]
    assert "not accepted" in (trouble("https://other.example", ca=papers.ca) or "")
    tunnel.answer = [b"HTTP/1.1 407 Who are you\r\n\r\n"]
    assert "407" in (trouble("https://system.example", ca=papers.ca) or "")
