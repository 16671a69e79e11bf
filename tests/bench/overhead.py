"""What stands around a load: from the command to the first request, from the end of the load to the prompt, and what
loadctl's own process takes while the load runs."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.bench.comparison import spread, table

LOAD_S = 3
FIRST_RATIO, END_S, OWN_CPU_PCT = 1.6, 0.7, 3.0
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_SMALL = (
    f"think: 50ms\ntasks: [{{get: /x}}]\nload: [{{users: 2, for: {LOAD_S}s}}]\ntargets: {{error_rate: 5%}}\n"
)
_TASKS = "\n".join(f"  - {{get: '/models?page={n}', name: 'GET /models/{n}'}}" for n in range(20))
_WIDE = f"think: 50ms\ntasks:\n{_TASKS}\nload: [{{users: 40, for: 20s}}]\ntargets: {{error_rate: 5%}}\n"
_LOCUSTFILE = """
from locust import FastHttpUser, constant, task
class Small(FastHttpUser):
    wait_time = constant(0.05)
    @task
    def x(self):
        self.client.get("/x")
"""


@dataclass
class _Heard:
    """When requests that are no probes came, in monotonic seconds."""

    first: float | None = None
    last: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


def overhead(rounds: int) -> dict[str, object]:
    first: dict[str, list[float]] = {}
    end: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "small.yaml").write_text(_SMALL)
        (folder / "wide.yaml").write_text(_WIDE)
        (folder / "small.py").write_text(_LOCUSTFILE)
        for _ in range(rounds):
            for what, argv in _commands(folder).items():
                began_s, ended_s = _once(argv)
                first.setdefault(what, []).append(began_s)
                end.setdefault(what, []).append(ended_s)
        own = {engine: _own_cpu_pct(folder, engine) for engine in ("locust", "artillery")}
    rows = [[what, spread(first[what], 2), spread(end[what], 2)] for what in first]
    print(table(["a load of 3 s", "first request after s", "prompt after its end, s"], rows))
    pairs = zip(first["loadctl on Locust"], first["Locust alone"], strict=True)
    print(
        f"first request, loadctl on Locust / Locust alone: {spread([ours / bare for ours, bare in pairs], 2)} "
        f"(≤ {FIRST_RATIO}); prompt ≤ {END_S} s after the end of the load"
    )
    for engine, pct in own.items():
        print(
            f"loadctl's own process, 20 endpoints, 4 shards of {engine}: {pct:.1f} % of a core (≤ {OWN_CPU_PCT} %)"
        )
    return {"first_request_s": first, "prompt_s": end, "own_cpu_pct_of_one_core": own}


def _commands(folder: Path) -> Mapping[str, list[str]]:
    run = [sys.executable, "-m", "loadctl", "-C", str(folder), "run", "small.yaml", "-q"]
    locust = [sys.executable, "-m", "locust", "-f", str(folder / "small.py"), "--headless", "--only-summary"]
    return {
        "loadctl on Locust": [*run, "--engine", "locust"],
        "Locust alone": [*locust, "-u", "2", "-r", "10", "-t", f"{LOAD_S}s"],
        "loadctl on Artillery": [*run, "--engine", "artillery"],
    }


def _once(argv: list[str]) -> tuple[float, float]:
    """Seconds from the command to the first request, and from the end of the load, LOAD_S after it, to the prompt."""
    with _listening() as (url, heard):
        began = time.monotonic()
        done = subprocess.run([*argv, "-H", url], capture_output=True, text=True, check=False)
        ended = time.monotonic()
    if heard.first is None or done.returncode not in {0, 3}:
        raise RuntimeError(f"{argv} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return heard.first - began, ended - heard.first - LOAD_S


@contextlib.contextmanager
def _listening() -> Iterator[tuple[str, _Heard]]:
    heard = _Heard()

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            while data := connection.recv(65536):
                if b"loadctl-probe" not in data:
                    with heard.lock:
                        heard.last = time.monotonic()
                        heard.first = heard.first or heard.last
                connection.sendall(_ANSWER)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
        listener.shutdown(socket.SHUT_RDWR)


def _own_cpu_pct(folder: Path, engine: str) -> float:
    """The median of its readings, by the second."""
    argv = [sys.executable, "-m", "loadctl", "-C", str(folder), "run", "wide.yaml", "-q", "--demo"]
    argv += ["--engine", engine, "--workers", "4", "--out", f"wide-{engine}"]
    env = {key: value for key, value in os.environ.items() if not key.startswith("LOADCTL_")}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env)
    if done.returncode not in {0, 3}:
        raise RuntimeError(done.stdout + done.stderr)
    [readings] = folder.glob(f"wide-{engine}/*/readings.ndjson")
    found = [json.loads(line) for line in readings.read_text().splitlines()]
    own = [
        each["values"] for each in found if each["entity"].startswith("loadctl pid") and each.get("values")
    ]
    return median(float(each["cpu_pct_of_one_core"]) for each in own if "cpu_pct_of_one_core" in each)
