"""Faults, the truth file and the end of the demo system, each on a real process over loopback."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

PROBE = {"user-agent": "loadctl-probe/1"}


@dataclass(frozen=True)
class Demo:
    process: subprocess.Popen[str]
    url: str
    truth_file: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def client(self, timeout_s: float = 5.0) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=timeout_s, trust_env=False)

    def listening(self) -> psutil.Process:
        """The process behind the port: the demo system itself, or the one it started."""
        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children()]
        return next(
            one for one in family if any(c.status == psutil.CONN_LISTEN for c in one.net_connections())
        )

    def truth(self) -> dict[str, Any]:
        """Stop it, which must succeed, and read what it really did."""
        self.process.terminate()
        assert self.process.wait(5) == 0
        return self.written()

    def written(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.truth_file.read_text())
        return read


Start = Callable[..., Demo]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start("errors=5%", service="constant:5ms")`: a demo system that listens, with these faults."""
    started: list[subprocess.Popen[str]] = []

    def begin(*faults: str, service: str | None = None) -> Demo:
        truth_file = tmp_path / "truth.json"
        argv = [
            sys.executable,
            "-m",
            "loadctl.demo",
            "--port=0",
            "--exit-with-parent",
            f"--truth={truth_file}",
        ]
        argv += [f"--fault={fault}" for fault in faults] + ([f"--service={service}"] if service else [])
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("loadctl demo on http://127.0.0.1:"), "it ended before it listened"
        return Demo(process, line.split()[-1], truth_file)

    yield begin
    for process in started:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(5)
        assert process.stdout.read() == "", "more than one line of output"
        process.stdout.close()


def until(true: Callable[[], object], deadline_s: float = 5) -> None:
    end_s = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.02)


def refused(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def test_the_truth_counts_every_request_but_neither_probes_nor_scrapes(start: Start) -> None:
    demo = start(service="constant:20ms")
    with demo.client() as client:
        for _ in range(3):
            client.get("/health", headers=PROBE)
            client.get("/metrics")
        for _ in range(5):
            client.get("/models")
        client.get("/models/none")
        client.get("/nowhere")
    with demo.client() as client:
        client.post("/login", json={"user": "ann"})
    truth = demo.truth()
    assert (truth["requests"], truth["probes"], truth["scrapes"]) == (8, 3, 3)
    assert {name: one["status"] for name, one in truth["by_endpoint"].items()} == {
        "GET /models": {"200": 5},
        "GET /models/{id}": {"404": 1},
        "GET (unknown)": {"404": 1},
        "POST /login": {"200": 1},
    }
    assert truth["latency_ms"]["n"] == 6
    assert truth["latency_ms"]["p50"] >= 20
    assert truth["connections"] == 2
    assert truth["peak_concurrency"] == 1


def test_answers_leave_at_once_because_nagle_is_off(start: Start) -> None:
    demo = start()
    with demo.client() as client:
        client.get("/models")
        begun_s = time.monotonic()
        for _ in range(50):
            client.get("/models")
        assert time.monotonic() - begun_s < 50 * 0.040  # what delayed ACKs alone would take


def test_every_error_is_a_500_in_json_and_probes_see_none(start: Start) -> None:
    demo = start("errors=100%", "latency=100ms")
    with demo.client() as client:
        begun_s = time.monotonic()
        answer = client.get("/models")
        assert time.monotonic() - begun_s >= 0.1
        assert (answer.status_code, "detail" in answer.json()) == (500, True)
        assert client.get("/health", headers=PROBE).status_code == 200
        assert client.get("/metrics").status_code == 200
    truth = demo.truth()
    assert truth["by_endpoint"] == {
        "GET /models": {
            "requests": 1,
            "status": {"500": 1},
            "latency_ms": {"n": 0, "p50": None, "p95": None, "p99": None, "max": None, "exact": True},
        }
    }


def test_a_reset_is_a_real_one_and_is_counted(start: Start) -> None:
    demo = start("reset=100%")
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", demo.port), timeout=5) as client:
            client.sendall(b"GET /models HTTP/1.1\r\nhost: x\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                client.recv(100)
    truth = demo.truth()
    assert (truth["requests"], truth["resets"], truth["connections"]) == (3, 3, 3)
    assert truth["by_endpoint"]["GET /models"]["status"] == {}


def test_a_hang_of_all_hangs_probes_and_scrapes_too_and_still_stops_at_once(start: Start) -> None:
    demo = start("hang=100%")
    with demo.client(timeout_s=0.2) as client:
        for path, headers in (("/models", {}), ("/health", PROBE), ("/metrics", {})):
            with pytest.raises(httpx.ReadTimeout):
                client.get(path, headers=headers)
    with socket.create_connection(("127.0.0.1", demo.port), timeout=5) as waiting:
        waiting.sendall(b"GET /models HTTP/1.1\r\nhost: x\r\n\r\n")
        time.sleep(0.1)
        truth = demo.truth()
    assert (truth["requests"], truth["hangs"], truth["probes"], truth["scrapes"]) == (2, 2, 1, 1)


def test_a_partial_hang_leaves_probes_alone(start: Start) -> None:
    demo = start("hang=99.9%")
    with demo.client() as client:
        assert client.get("/health", headers=PROBE).status_code == 200
    with demo.client(timeout_s=0.2) as client, pytest.raises(httpx.ReadTimeout):
        client.get("/models")


def test_a_slow_body_comes_after_its_headers(start: Start) -> None:
    demo = start("slow-body=300ms")
    with demo.client() as client, client.stream("GET", "/models") as answer:
        begun_s = time.monotonic()
        assert answer.read().startswith(b'{"items"')
        assert time.monotonic() - begun_s > 0.2
    assert demo.truth()["latency_ms"]["max"] >= 300


def test_beyond_its_capacity_requests_queue(start: Start) -> None:
    demo = start("capacity=20/s")
    connections = [socket.create_connection(("127.0.0.1", demo.port), timeout=5) for _ in range(6)]
    for connection in connections:
        connection.sendall(b"GET /models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    for connection in connections:
        with connection:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
    truth = demo.truth()
    assert truth["peak_concurrency"] == 6
    assert truth["latency_ms"]["max"] >= 250


def test_cpu_is_burnt(start: Start) -> None:
    demo = start("cpu=100ms")
    process = psutil.Process(demo.process.pid)
    before_s = sum(process.cpu_times()[:2])
    with demo.client() as client:
        for _ in range(3):
            client.get("/models")
    assert sum(process.cpu_times()[:2]) - before_s >= 0.28


def test_a_stall_freezes_requests_and_spares_probes(start: Start) -> None:
    demo = start("stall=1s/60s@1ms")
    with demo.client() as client:
        assert client.get("/health", headers=PROBE).elapsed.total_seconds() < 0.5
        assert client.get("/models").elapsed.total_seconds() > 0.3
        assert client.get("/models").elapsed.total_seconds() < 0.5


def test_a_request_whose_client_left_is_counted_as_abandoned(start: Start) -> None:
    demo = start("latency=300ms")
    with demo.client(timeout_s=0.1) as client, pytest.raises(httpx.ReadTimeout):
        client.get("/models")
    time.sleep(0.4)
    truth = demo.truth()
    assert (truth["requests"], truth["abandoned"], truth["latency_ms"]["n"]) == (1, 1, 0)


def test_after_a_crash_the_process_is_gone_and_its_truth_written(start: Start) -> None:
    demo = start("crash@500ms")
    with demo.client() as client:
        client.get("/models")
    assert demo.process.wait(5) == 1
    assert refused(demo.port)
    assert demo.written()["requests"] == 1


def test_a_restart_is_a_new_process_on_the_same_port_and_the_truth_goes_on(start: Start) -> None:
    demo = start("restart@500ms+700ms")
    first = demo.listening()
    with demo.client() as client:
        client.get("/models")
        until(lambda: refused(demo.port))
        down_s = time.monotonic()
        until(lambda: not refused(demo.port))
        assert time.monotonic() - down_s > 0.4
        second = demo.listening()
        assert client.get("/models").status_code == 200
    assert second.pid != first.pid
    assert second.create_time() > first.create_time()
    truth = demo.truth()
    assert truth["by_endpoint"]["GET /models"]["status"] == {"200": 2}
    assert not second.is_running()


def test_stopped_while_it_is_down_it_still_writes_its_truth(start: Start) -> None:
    demo = start("restart@300ms+60s")
    with demo.client() as client:
        client.get("/models")
    until(lambda: refused(demo.port))
    assert demo.truth()["requests"] == 1


def test_a_crash_after_a_restart_is_a_crash(start: Start) -> None:
    demo = start("restart@200ms+100ms", "crash@600ms")
    assert demo.process.wait(5) == 1
    assert demo.written()["requests"] == 0


@pytest.mark.parametrize("fault", ["restart@60s+1s", "worker-crash@60s"])
def test_killed_with_processes_of_its_own_it_leaves_none_behind(start: Start, fault: str) -> None:
    demo = start(fault)
    serving = psutil.Process(demo.process.pid).children()
    assert serving
    demo.process.kill()
    demo.process.wait(5)
    _, alive = psutil.wait_procs(serving, timeout=5)
    for orphan in alive:
        orphan.kill()  # it would hold our pipe open for ever
    assert alive == []


def test_one_of_three_workers_dies_and_another_takes_its_place(start: Start) -> None:
    demo = start("worker-crash@700ms+500ms", "latency=1ms")
    parent = psutil.Process(demo.process.pid)
    first = set(parent.children())
    assert len(first) == 3
    answers = 0
    until(lambda: len(parent.children()) == 2)
    for _ in range(5):
        with demo.client() as client:
            answers += client.get("/models").status_code == 200
    until(lambda: len(parent.children()) == 3)
    second = set(parent.children())
    assert len(first & second) == 2
    with demo.client() as client:
        answers += client.get("/models").status_code == 200
    truth = demo.truth()
    assert truth["requests"] == answers == 6
    assert truth["by_endpoint"]["GET /models"]["status"] == {"200": 6}
    assert not any(worker.is_running() for worker in first | second)


def test_a_dead_worker_takes_its_connections_with_it_and_its_truth_counts(start: Start) -> None:
    demo = start("worker-crash@1s", "latency=60s")
    lost = 0
    connections = [socket.create_connection(("127.0.0.1", demo.port), timeout=5) for _ in range(20)]
    for connection in connections:
        connection.sendall(b"GET /models HTTP/1.1\r\nhost: x\r\n\r\n")
    until(lambda: len(psutil.Process(demo.process.pid).children()) == 2)
    for connection in connections:
        with connection:
            connection.setblocking(False)
            try:
                lost += connection.recv(1) == b""
            except BlockingIOError:
                pass
            except ConnectionResetError:
                lost += 1
    assert 0 < lost < 20
    assert demo.truth()["requests"] == 20


def test_when_every_worker_is_gone_it_has_crashed(start: Start) -> None:
    demo = start("worker-crash@200ms", "crash@400ms")
    assert demo.process.wait(5) == 1
    assert demo.written()["requests"] == 0


@pytest.mark.parametrize(
    "faults", [[], ["restart@60s+1s"], ["restart@1ms+60s"], ["worker-crash@60s"], ["worker-crash@1ms"]]
)
def test_it_leaves_when_its_parent_does(start: Start, faults: list[str]) -> None:
    demo = start(*faults)
    assert demo.process.stdin is not None
    demo.process.stdin.close()
    assert demo.process.wait(2) == 0
    assert demo.written()["requests"] == 0


def test_ctrl_c_is_a_clean_end(start: Start) -> None:
    demo = start()
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(2) == 0
    assert demo.written()["requests"] == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["--fault=latncy=1s"],
            "error: --fault latncy=1s: there is no fault named 'latncy'\n  known faults: latency=",
        ),
        (
            ["--fault=restart@1s+1s", "--fault=worker-crash@1s"],
            "error: there can be only one worker-crash, and no restart beside it\n  leave one out",
        ),
        (["--service=slow"], "error: --service slow: there is no service time 'slow'"),
        (["--truth=/nowhere/at/all.json"], "error: --truth /nowhere/at/all.json: its folder does not exist"),
        (["--port=99999"], "error: the demo system cannot listen on 127.0.0.1:99999"),
    ],
)
def test_what_it_cannot_do_is_said_before_it_listens(argv: list[str], message: str) -> None:
    command = [sys.executable, "-m", "loadctl.demo", *argv]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(message)


def test_a_busy_port_is_an_error(start: Start) -> None:
    demo = start()
    command = [sys.executable, "-m", "loadctl.demo", f"--port={demo.port}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    assert ended.returncode == 2
    assert "Address already in use" in ended.stderr
