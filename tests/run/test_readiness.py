"""Readiness: told by answers, with a reason when it fails, against real sockets."""

import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice, pairwise

import pytest

from loadctl.engines.route import is_loopback
from loadctl.errors import RunError
from loadctl.run.readiness import Listener, backoff, listeners_hint, wait_until_ready
from tests.dripping import dripping, soon


class _Scripted(ThreadingHTTPServer):
    """Answers with the statuses in turn, the last one for ever."""

    daemon_threads = True

    def __init__(self, statuses: Sequence[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses = list(statuses)
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, _Scripted)
        server.asked.append((self.path, self.headers["User-Agent"]))
        status = server.statuses.pop(0) if len(server.statuses) > 1 else server.statuses[0]
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def serving(*statuses: int) -> Iterator[_Scripted]:
    with _Scripted(statuses) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def mute(*, answer: bytes = b"") -> Iterator[str]:
    """Accepts and, but for `answer`, says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    held.append(connection)
                    connection.sendall(answer)

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


@pytest.mark.parametrize(
    ("statuses", "asked"),
    [((200,), 2), ((404,), 2), ((302,), 2), ((503, 200), 3), ((200, 503, 200, 401), 4)],
)
def test_two_answers_below_500_in_a_row_are_ready(statuses: tuple[int, ...], asked: int) -> None:
    with serving(*statuses) as server:
        assert wait_until_ready(server.url, deadline_s=5) < 2
        assert len(server.asked) == asked
        path, agent = server.asked[0]
        assert path == "/"
        assert agent.startswith("loadctl-probe/0")


def test_a_health_path_must_answer_2xx() -> None:
    with serving(404, 204) as server:
        wait_until_ready(server.url, health="/health", deadline_s=5)
        assert [path for path, _ in server.asked] == ["/health"] * 3
    with (
        serving(302) as server,
        pytest.raises(RunError, match=r"was never ready on /health: it answers 302, not 2xx \(tried for 0 s"),
    ):
        wait_until_ready(server.url, health="/health", deadline_s=0.3)


def test_the_path_of_a_host_is_a_root() -> None:
    with serving(404) as server:
        wait_until_ready(f"{server.url}/api/v1", deadline_s=5, is_base=True)
        assert [path for path, _ in server.asked] == ["/api/v1"] * 2
    with serving(200) as server:
        wait_until_ready(f"{server.url}/api/v1", health="/health", deadline_s=5, is_base=True)
        assert [path for path, _ in server.asked] == ["/health"] * 2
    with serving(404) as server, pytest.raises(RunError, match="it answers 404, not 2xx"):
        wait_until_ready(f"{server.url}/api/v1", deadline_s=0.3)


def test_the_deadline_is_kept() -> None:
    with serving(500) as server:
        began = time.monotonic()
        with pytest.raises(RunError, match="it answers 500"):
            wait_until_ready(server.url, deadline_s=0.5)
        assert 0.5 <= time.monotonic() - began < 0.8


def test_a_system_that_is_gone_is_not_waited_for() -> None:
    with pytest.raises(RunError, match=r"localhost:9 is gone \(nothing was sent\): it exited with 3"):
        wait_until_ready("http://localhost:9", deadline_s=30, alive=lambda: "it exited with 3")


def test_a_system_that_hangs_is_told_from_one_that_is_not_there() -> None:
    with mute() as place, pytest.raises(RunError, match=r"it does not answer within 0\.25 s \(tried"):
        wait_until_ready(f"http://{place}", deadline_s=0.25)


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 \xff\r\n\r\n"])
def test_what_does_not_speak_http_is_an_error_not_a_traceback(answer: bytes) -> None:
    with mute(answer=answer) as place, pytest.raises(RunError, match="was never ready on /"):
        wait_until_ready(f"http://{place}", deadline_s=0.3)


def test_https_to_a_server_without_tls_says_tls() -> None:
    with mute(answer=b"HTTP/1.1 200 OK\r\n\r\n") as place, pytest.raises(RunError, match="TLS") as raised:
        wait_until_ready(f"https://{place}", deadline_s=0.3)
    assert raised.value.hint is not None
    assert "tls:" not in raised.value.hint  # the keys of a scenario are ca: and verify:
    assert "verify: false" in raised.value.hint
    assert isinstance(ssl.create_default_context(), ssl.SSLContext)


def test_a_wrong_port_is_told_with_the_servers_that_do_listen() -> None:
    with serving(200) as server, pytest.raises(RunError) as raised:
        wait_until_ready("http://localhost:9", deadline_s=0.2, elsewhere="loadctl run api -H {}".format)
    assert str(raised.value) == "nothing listens on localhost:9 (tried for 0 s, nothing was sent)."
    assert server.server_port


def test_a_proxy_has_no_business_with_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(200) as server:
        wait_until_ready(server.url, deadline_s=2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("localhost", True),
        ("api.localhost", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("example.com", False),
        ("localhost.example.com", False),
    ],
)
def test_names_that_can_only_be_this_machine(name: str, expected: bool) -> None:
    assert is_loopback(name) is expected


def test_pauses_grow_from_50_ms_to_a_second_and_are_spread() -> None:
    pauses = list(islice(backoff(random.Random(1)), 40))
    assert 0.04 <= pauses[0] <= 0.06
    assert all(0.8 <= pause <= 1.2 for pause in pauses[10:])
    assert len({round(pause, 3) for pause in pauses[10:]}) > 15
    assert all(b / a < 1.6 * 1.5 + 0.01 for a, b in pairwise(pauses))


def test_servers_are_told_from_other_listeners() -> None:
    assert Listener(9123, "uvicorn", 1).serves
    assert Listener(8000, "python", 1).serves
    assert not Listener(5432, "postgres", 1).serves
    assert not Listener(22, "sshd", 1).serves


def test_the_hint_names_a_listener_and_the_command_that_loads_it() -> None:
    import subprocess
    import sys

    script = (
        "import socket, time; s = socket.create_server(('127.0.0.1', PORT));"
        "print('on', flush=True); time.sleep(9)"
    )
    for port in range(8990, 9000):
        argv = [sys.executable, "-c", script.replace("PORT", str(port))]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
            try:
                assert server.stdout is not None
                if server.stdout.readline() == b"on\n":
                    hint = listeners_hint(9, "loadctl run api -H {}".format) or ""
                    assert (
                        f"(pid {server.pid}) listens on {port}:  loadctl run api -H http://localhost:{port}"
                        in hint
                    )
                    return
            finally:
                server.kill()
    raise AssertionError("no free port")


def test_a_server_that_drips_is_not_waited_for_longer_than_was_said() -> None:
    """Each read has its timeout, the answer as a whole had none: a wait for three seconds never ended."""
    began = time.monotonic()
    with dripping() as url, pytest.raises(RunError, match="was never ready on /: it does not answer within"):
        wait_until_ready(url, deadline_s=0.3)
    assert soon(began, 0.3 + 2 * 0.5)
