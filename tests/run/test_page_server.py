"""A page over HTTP, and clients that are slow, many, rude or gone."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from loadctl.errors import UsageError
from loadctl.run.page_server import PageServer

BODY = b"x" * 100_000


def page(accept: str) -> tuple[bytes, str]:
    return BODY, accept or "text/plain"


@pytest.fixture
def server() -> Iterator[PageServer]:
    served = PageServer("127.0.0.1", 0, page)
    yield served
    served.close()


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False, timeout=10)


def connected(server: PageServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", httpx.URL(server.url).port or 0))


def test_the_page_in_the_form_that_is_asked_for(server: PageServer) -> None:
    answer = get(server.url, Accept="application/openmetrics-text")
    assert (answer.status_code, answer.content) == (200, BODY)
    assert answer.headers["content-type"] == "application/openmetrics-text"
    assert get(server.url.replace("/metrics", "/")).content == BODY
    assert httpx.head(server.url, trust_env=False).headers["content-length"] == str(len(BODY))


@pytest.mark.parametrize(("path", "status"), [("/favicon.ico", 404), ("/metrics/../etc", 404)])
def test_other_pages_do_not_exist(server: PageServer, path: str, status: int) -> None:
    assert get(server.url.replace("/metrics", path)).status_code == status


def test_nothing_can_be_sent_to_it(server: PageServer) -> None:
    assert httpx.post(server.url, trust_env=False, content=b"x").status_code == 501


def test_clients_that_say_nothing_or_nonsense_or_do_not_read_keep_nobody_waiting(server: PageServer) -> None:
    with contextlib.ExitStack() as stack:
        rude = [stack.enter_context(connected(server)) for _ in range(10)]
        rude[0].sendall(b"\x00\xff\r\n\r\n")
        rude[1].sendall(b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 500)
        rude[2].sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        rude[3].sendall(b"GET /metrics HTTP/1.1\r\nAccept: " + b"x" * 60_000)
        rude[4].close()
        began = time.monotonic()
        assert get(server.url).content == BODY
        assert time.monotonic() - began < 2


def test_more_clients_than_it_has_room_for_are_turned_away_and_it_recovers(server: PageServer) -> None:
    before = threading.active_count()
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connected(server)) for _ in range(100)]
        idle[-1].settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert idle[-1].recv(1) == b""
        assert threading.active_count() - before < 40
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            assert get(server.url).content == BODY
            return
        time.sleep(0.05)
    raise AssertionError("it serves nobody any more")


def test_it_ends_at_once_whoever_is_there() -> None:
    server = PageServer("127.0.0.1", 0, page)
    with connected(server) as idle:
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 1
        idle.close()
    with pytest.raises(OSError):  # noqa: PT011  refused, on every platform in its own words
        connected(server)


def test_the_reader_who_is_waited_for_has_asked_after_that(server: PageServer) -> None:
    get(server.url)
    assert not server.wait_for_reader(0.1)
    threading.Timer(0.1, get, [server.url]).start()
    assert server.wait_for_reader(10)


@pytest.mark.parametrize(
    ("host", "reason"), [("127.0.0.1", "Address already in use"), ("no.such.host.invalid", "")]
)
def test_where_it_cannot_listen(server: PageServer, host: str, reason: str) -> None:
    port = httpx.URL(server.url).port or 0
    with pytest.raises(UsageError) as caught:
        PageServer(host, port, page)
    assert f"cannot listen on {host}:{port} for --metrics-port: {reason}" in caught.value.message
    assert "nothing was sent" in caught.value.message


def test_it_listens_where_it_is_told(server: PageServer) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    try:
        everywhere = PageServer("::1", 0, page)
    except UsageError:
        return  # a machine without IPv6
    try:
        assert everywhere.url.startswith("http://[::1]:")
        assert get(everywhere.url).content == BODY
    finally:
        everywhere.close()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:9464", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:1", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost@evil.example", 403),
        ("[", 403),
    ],
)
def test_a_page_for_this_machine_has_no_other_name(server: PageServer, host: str, status: int) -> None:
    assert get(server.url, Host=host).status_code == status


def test_a_page_for_others_has_any_name() -> None:
    served = PageServer("0.0.0.0", 0, page)
    try:
        assert get(served.url.replace("0.0.0.0", "127.0.0.1"), Host="load.example").status_code == 200
    finally:
        served.close()
