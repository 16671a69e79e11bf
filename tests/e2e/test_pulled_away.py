"""Every source is pulled away in the middle of one run: it goes on, each gap is told, and nothing is called zero."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.shell import Shell, wait_for
from tests.monitors.docker import Docker

pytestmark = pytest.mark.e2e
SCENARIO = """
think: 50ms
tasks: [{get: /models}]
load: [{users: 5, for: 16s}]
watch:
  container: %s
  metrics: {page: "%s/metrics", series: [db_pool_in_use]}
  logs: api.log
targets: {error_rate: 1%%, memory: 1GB, log_errors: 5, metrics: {db_pool_in_use: 50}}
"""


@dataclass
class Relay:
    """A unix socket that stands for the engine's, until it is closed with all its connections."""

    path: Path
    real: Path
    connections: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(20)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.path.unlink()
        for one in (self._listener, *self.connections):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(str(self.real))
                self.connections += [client, engine]
                for pair in ((client, engine), (engine, client)):
                    threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@dataclass
class Page:
    """A metrics page that answers until `broken`."""

    broken: bool = False

    def __post_init__(self) -> None:
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = b"# TYPE db_pool_in_use gauge\ndb_pool_in_use 7\n"
                self.send_response(500 if page.broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def page() -> Iterator[Page]:
    found = Page()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_a_run_outlives_all_that_it_watches(
    loadctl: Shell, docker: Docker, page: Page, tmp_path: Path
) -> None:
    container = docker.run("sleep", "600")
    relay = Relay(docker.folder / "relay.sock", docker.folder / "docker.sock")
    log = tmp_path / "scenarios" / "api.log"
    loadctl.write("scenarios/pulled.yaml", SCENARIO % (container, page.url))
    log.write_text("")
    system = loadctl.start("demo", "--port", "0")
    assert system.popen.stdout is not None
    url = system.popen.stdout.readline().split()[-1]
    going = loadctl.start("run", "pulled", "-H", url, "--json", env={"DOCKER_HOST": f"unix://{relay.path}"})
    wait_for(lambda: next(tmp_path.glob("runs/*/readings.ndjson"), None), 30)
    time.sleep(4)
    relay.close()
    page.broken = True
    log.unlink()
    ended = going.wait()
    system.popen.terminate()
    lost = next(one for one in ended.result["findings"] if one["id"] == "monitor-lost")
    told = [event["message"] for event in ended.result["events"] if event["kind"] == "monitor_lost"]
    assert ended.result["summary"]["total"]["completed"] > 500
    assert ended.result["summary"]["total"]["error_rate"] == 0
    for source in (container, "/metrics", "api.log"):
        assert [message for message in told if source in message], told
    assert "500" in next(message for message in told if "/metrics" in message)
    assert lost["evidence"]
    assert '"gap":"' in (tmp_path / ended.result["run_dir"] / "readings.ndjson").read_text()
    assert not [event for event in ended.result["events"] if event["kind"] == "monitor_back"]
    statuses = {one["scope"]["name"] or one["metric"]: one["status"] for one in ended.result["scores"]}
    assert statuses == {
        "error_rate": "PASS",
        "memory": "NO_DATA",
        "log_errors": "NO_DATA",
        "db_pool_in_use": "NO_DATA",
    }
    assert ended.verdict == "INCONCLUSIVE"
