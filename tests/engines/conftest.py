"""A server whose latencies and counts are known, and shards as the runner starts them."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from loadctl.engines.locust.engine import LocustEngine
from loadctl.results.wire import frame
from loadctl.run.process import environment, write_files
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import Scenario, Script
from tests.engines.script_folder import Folder
from tests.engines.scripted import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from loadctl.engines.artillery.locate import Artillery
    from loadctl.engines.base import Engine

HELLO_DEADLINE_S = 45.0
"""Several engines start at once, on two cores that other tests use too."""


class KnownServer:
    """HTTP/1.1 with keep-alive, in a thread. The path says what happens; `count` what came, by METHOD + path.

    /sleep/MS · /status/NNN · /reset (closed after the request) · /hang · /echo (head and body) · /gzip · /late-body/MS.
    """

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.at: dict[str, list[float]] = {}
        self._stalled_until = 0.0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stall(self, seconds: float) -> None:
        """Answer nothing for so long; what was asked meanwhile is answered then."""
        self._stalled_until = time.monotonic() + seconds

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512))
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
                body = b""
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        body = await reader.readexactly(int(line.split(b":")[1]))
                path = target.partition("?")[0]
                self.count[f"{method} {path}"] += 1
                self.at.setdefault(path, []).append(time.monotonic())
                _, verb, *rest = path.split("/")
                if verb == "reset":
                    break
                if verb == "hang":
                    await asyncio.sleep(60)
                if verb == "sleep":
                    await asyncio.sleep(int(rest[0]) / 1000)
                while (left := self._stalled_until - time.monotonic()) > 0:
                    await asyncio.sleep(left)
                status = rest[0] if verb == "status" else "200"
                answer = head + body if verb == "echo" else b"" if status == "304" else b'{"ok":true}'
                coding = b""
                if verb == "gzip":
                    answer, coding = gzip.compress(answer), b"content-encoding: gzip\r\n"
                head = b"content-length: " + str(len(answer)).encode() + b"\r\n" + coding + b"\r\n"
                writer.write(b"HTTP/1.1 " + status.encode() + b" X\r\n" + head)
                if verb == "late-body":
                    await asyncio.sleep(int(rest[0]) / 1000)
                writer.write(answer)
        writer.close()


@dataclass
class Said:
    """What a shard wrote, by kind, and how it ended."""

    returncode: int | None
    lines: list[dict[str, Any]]
    stdout: str
    stderr: str
    hello_s: float
    t0: float
    ended: float
    """Monotonic seconds; `hello_s` since the process was started."""

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["kind"] == kind]

    @property
    def frames(self) -> list[dict[str, Any]]:
        return self.of("frame")

    @property
    def bye(self) -> dict[str, Any]:
        (bye,) = self.of("bye")
        return bye

    @property
    def totals(self) -> dict[str, int]:
        totals: dict[str, int] = self.bye["totals"]
        return totals

    @property
    def notes(self) -> str:
        return " ".join(line["message"] for line in self.of("note"))

    def sum(self, key: str) -> int:
        return sum(line[key] for line in self.frames)

    def cells(self, endpoint: str) -> list[dict[str, Any]]:
        return [line["cells"][endpoint] for line in self.frames if endpoint in line["cells"]]

    def ok(self, endpoint: str) -> int:
        return sum(cell["ok"]["n"] for cell in self.cells(endpoint) if "ok" in cell)

    def errors(self, endpoint: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for cell in self.cells(endpoint):
            found.update(cell.get("errors", {}))
        return found


@dataclass
class Shard:
    process: subprocess.Popen[bytes]
    frames: Path
    stderr: Path
    started: float
    hello_s: float = 0.0
    t0: float = 0.0
    others: list[int] = field(default_factory=list)

    def wait_for_hello(self) -> None:
        while time.monotonic() < self.started + HELLO_DEADLINE_S:
            if self.frames.exists() and b'"hello"' in self.frames.read_bytes():
                self.hello_s = time.monotonic() - self.started
                return
            if self.process.poll() is not None:
                return
            time.sleep(0.005)
        raise AssertionError(f"no hello: {self.stderr.read_text()}")

    def start(self, lead_s: float = 0.1) -> float:
        self.start_at(time.monotonic() + lead_s)
        return self.t0

    def start_at(self, t0: float) -> None:
        self.t0 = t0
        self.say(f"start {t0}")

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended already: result() says how
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()

    def sleep_until(self, t: float) -> None:
        time.sleep(max(0.0, self.t0 + t - time.monotonic()))

    def result(self, timeout_s: float = 20.0) -> Said:
        self.process.wait(timeout_s)
        ended = time.monotonic()
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        text = self.frames.read_bytes() if self.frames.exists() else b""
        complete = text.split(b"\n")[:-1]
        assert all(frame.parse(line) is not None for line in complete), (
            "results/wire/frame.py reads every line"
        )
        lines = [json.loads(line) for line in complete]
        printed, errors = self.stderr.with_suffix(".stdout"), self.stderr.read_text()
        output = printed.read_text() if printed.exists() else ""
        return Said(self.process.returncode, lines, output, errors, self.hello_s, self.t0, ended)


def closed(*stages: tuple[float, float, float]) -> Load:
    return Load(
        "closed", [Stage(start, end, duration, f"s{i}") for i, (start, end, duration) in enumerate(stages)]
    )


def opened(*stages: tuple[float, float, float]) -> Load:
    return Load(
        "open", [Stage(start, end, duration, f"s{i}") for i, (start, end, duration) in enumerate(stages)]
    )


class Shards:
    """Starts shards in directories of their own; whatever is still alive at the end is killed by its pid."""

    closed = staticmethod(closed)
    opened = staticmethod(opened)

    def __init__(self, directory: Path, server: KnownServer, engine: Engine | None = None) -> None:
        self._engine = engine
        self._directory = directory
        self._server = server
        self._started: list[Shard] = []
        self._files = 0

    def locustfile(self, text: str, name: str = "") -> Script:
        self._files += 1
        folder = self._directory / f"script-{self._files}"
        folder.mkdir()
        path = folder / (name or "locustfile.py")
        path.write_text("from locust import *\n" + text)
        return Script("locustfile", str(path))

    def spawn(
        self,
        *,
        shard: int = 0,
        shards: int = 1,
        env: Mapping[str, str] | None = None,
        python: str | None = None,
        **fields: Any,
    ) -> Shard:
        scenario = Scenario(
            **{"name": "x", "host": self._server.url, "timeout_s": 5.0, "drain_s": 2.0, **fields}
        )
        out = self._directory / f"run-{len(self._started)}"
        for folder in ("frames", "engine"):
            (out / folder).mkdir(parents=True)
        engine = self._engine or LocustEngine(python)
        command = engine.plan(scenario, out, shards)[shard]
        write_files(command.files, out)
        stderr = out / "engine" / f"{shard}.stderr"
        started = time.monotonic()
        with stderr.open("ab") as errors:
            process = subprocess.Popen(
                list(command.argv),
                stdin=subprocess.PIPE,
                stdout=errors,
                stderr=errors,
                cwd=command.cwd,
                env=environment({**os.environ, **(env or {})}, command.env),
                start_new_session=True,
            )
        mine = Shard(process, out / "frames" / f"{shard}.ndjson", stderr, started)
        self._started.append(mine)
        assert process.stdin is not None
        process.stdin.write(command.stdin.encode())
        process.stdin.flush()
        return mine

    def begin(self, **fields: Any) -> Shard:
        """Started, greeted, and told to begin."""
        shard = self.spawn(**fields)
        shard.wait_for_hello()
        shard.start()
        return shard

    def run(self, **fields: Any) -> Said:
        return self.begin(**fields).result()

    def close(self) -> None:
        for shard in self._started:
            if shard.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(shard.process.pid, signal.SIGKILL)
                shard.process.wait(5)
            if shard.process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    shard.process.stdin.close()


@pytest.fixture(scope="session", params=["locust", "artillery"])
def runtime(request: pytest.FixtureRequest) -> Runtime:
    """Where users run: every test that asks for it holds on both."""
    if request.param == "locust":
        return Runtime("locust")
    artillery: Artillery = request.getfixturevalue("artillery")
    return Runtime("artillery", artillery)


@pytest.fixture(scope="module")
def start_server() -> Iterator[Callable[[], KnownServer]]:
    """Makes servers that live as long as the module."""
    with contextlib.ExitStack() as stack:

        def start() -> KnownServer:
            known = KnownServer()
            stack.callback(known.close)
            return known

        yield start


@pytest.fixture(scope="module")
def start_shards() -> Iterator[Callable[[Path, KnownServer], Shards]]:
    with contextlib.ExitStack() as stack:

        def start(directory: Path, server: KnownServer) -> Shards:
            shards = Shards(directory, server)
            stack.callback(shards.close)
            return shards

        yield start


@pytest.fixture
def server() -> Iterator[KnownServer]:
    known = KnownServer()
    yield known
    known.close()


@pytest.fixture
def shards(tmp_path: Path, server: KnownServer) -> Iterator[Shards]:
    started = Shards(tmp_path, server)
    yield started
    started.close()


@pytest.fixture
def both(tmp_path: Path, server: KnownServer, runtime: Runtime) -> Iterator[Shards]:
    """Shards on either engine, for what has to hold on both."""
    started = Shards(tmp_path, server, runtime.engine)
    yield started
    started.close()


@pytest.fixture
def folder(tmp_path: Path, server: KnownServer, artillery: Artillery) -> Iterator[Folder]:
    """For an Artillery script of one's own."""
    path = tmp_path / "own"
    path.mkdir()
    started = Shards(tmp_path, server, Runtime("artillery", artillery).engine)
    yield Folder(path, server, started)
    started.close()
