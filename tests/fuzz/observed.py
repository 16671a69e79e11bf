"""What is read of the system and its machine: metrics pages, Docker, pods, logs, /proc, profiles, HTTP answers.

What monitors make of it is told as a run tells it: written, read back, and shown.
"""

from __future__ import annotations

import json
import math
import socket
import tempfile
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from loadctl.cli.commands.init import described
from loadctl.errors import UsageError
from loadctl.monitors.answer import Malformed, framed_lines
from loadctl.monitors.background import Lost
from loadctl.monitors.containers import record
from loadctl.monitors.containers.engine import DockerEngine, Endpoint, container_named, endpoints
from loadctl.monitors.containers.incidents import ContainerTracker
from loadctl.monitors.containers.record import State, frame, use
from loadctl.monitors.generator import parse_file_nr, parse_memory, parse_pressure, parse_sockstat
from loadctl.monitors.kubernetes.pods import PodSample, measured
from loadctl.monitors.kubernetes.status import PodTracker, pods_in, uses_in
from loadctl.monitors.logs.file import FileFeed
from loadctl.monitors.logs.line import LogReader
from loadctl.monitors.logs.source import LogSource
from loadctl.monitors.process.cores import quota_of
from loadctl.monitors.process.port import parse_connections, parse_listening
from loadctl.monitors.process.stat import parse_stat
from loadctl.monitors.prometheus.exposition import ExpositionReader, NotAnExposition
from loadctl.monitors.prometheus.http import HttpPage
from loadctl.monitors.prometheus.page import PageValues
from loadctl.monitors.prometheus.server import answer, found_in
from loadctl.reports.terminal.live import plain, screen
from loadctl.results.live import Tally
from loadctl.results.profile import profile_use, profiles_of
from loadctl.results.readings import Latest
from loadctl.results.recording import Event, Reading
from loadctl.results.wire.record import MOST_S
from loadctl.run.journal import event_line, read_event, read_readings, reading_line
from loadctl.run.readiness import Probe
from loadctl.scenario.scenario import Tls
from tests.fuzz.harness import Reader
from tests.monitors import cluster

SEEDS = Path(__file__).parent / "seeds"
"""Answers as those who give them do: recorded, shortened."""
RUNS = State(id="a" * 64, name="api", status="running", running=True, cores=0.5, cores_of="its quota")


def _told(seen: Sequence[Reading | Event]) -> None:
    """A number that a monitor told is written as it is read back, and can be shown."""
    latest, tally = Latest(), Tally()
    for one in seen:
        latest.add(one)
        tally.see(one)
        if isinstance(one, Event):
            assert read_event(event_line(one).encode()) is not None
        else:
            (back,) = read_readings([reading_line(one).encode()])
            assert len(back.values) == len(one.values)  # half a pair in a name is read as a question mark
            assert all(map(math.isfinite, back.values.values()))
    plain(latest)
    screen(latest, "x")


def _page(data: bytes) -> None:
    """Scraped twice, so that there are rates."""
    reader, told = ExpositionReader(["*"]), PageValues(["db_pool_in_use"], "/metrics")
    for at, page in enumerate((data, _seed("metrics-page"), data)):
        with suppress(NotAnExposition):
            scraped = told.update(reader.read(page), at, 1.8e9 + at)
            _told([Reading(at, "system", "metrics", "x", scraped.values, scraped.notes)])


def _prometheus(data: bytes) -> None:
    with suppress(Lost):
        found = found_in("q", answer(200, data, "http://prometheus:9090"))
        _told([Reading(1, "system", "prometheus", "x", found.values, {"q": found.note or ""})])


@cache
def _seed(name: str) -> bytes:
    return min((SEEDS / name).iterdir()).read_bytes()


def _json(data: bytes) -> object:
    with suppress(ValueError, RecursionError):
        return json.loads(data)
    return None


def _docker_stats(data: bytes) -> None:
    before = None
    for line in data.split(b"\n"):
        now = frame(_json(line))
        if now is not None:
            for machine_cores in (2.0, None):
                _told([Reading(1, "system", "container", "x", *use(now, before, RUNS, machine_cores))])
        before = now


def _since(ns: int) -> float:
    """As the clock of a source and the background have it: nothing later than now, nothing before all runs."""
    return max(-MOST_S, min(0.0, (ns - 1_795_522_305 * 10**9) / 1e9))


def _docker_events(data: bytes) -> None:
    life = ContainerTracker(RUNS, _since)
    for line in data.split(b"\n"):
        if (happened := record.event(_json(line))) is not None:
            _told([*life.see(happened), *life.tick(1e9)])
    _told(life.end())


def _docker_inspection(data: bytes) -> None:
    with suppress(Malformed):
        state = record.state(_json(data))
        before, after = (frame(_json(line)) for line in _seed("docker-stats").splitlines())
        assert after is not None
        _told([Reading(1, "system", "container", "x", *use(after, before, state, 2.0))])
        life = ContainerTracker(state, _since)
        _told([*life.check(RUNS), *life.check(RUNS), *life.check(state), *life.check(state), *life.end()])


def _docker_list(data: bytes) -> None:
    known = record.containers(_json(data))
    for text in ("api", "48a4", "a=b"):
        container_named(known, text)


def _docker_log(data: bytes) -> None:
    for _ in framed_lines([data[:7], data[7:]]):
        pass


def _docker_context(data: bytes) -> None:
    """What the docker command line keeps in the user's folder."""
    folder = Path(_folder().name)
    (folder / "config.json").write_bytes(data)
    for environment in ({}, {"DOCKER_CONTEXT": "x"}):
        with suppress(UsageError):
            endpoints({"DOCKER_CONFIG": str(folder), "HOME": str(folder), **environment})


def _pods(data: bytes) -> None:
    """Two looks: at pods that fare well, and at these."""
    life = PodTracker()
    life.see(pods_in({"items": [cluster.pod("api-1"), cluster.pod("api-2")]}), 1)
    for _ in range(2):
        with suppress(Malformed):
            pods = pods_in(_json(data))
            _told([Event(1, c.kind, c.message, dict(c.detail)) for c in life.see(pods, 10**18)])
            uses = uses_in({"items": [cluster.use(pod.name, "250m", "64Mi") for pod in pods.values()]})
            _of_pods(pods, uses)


def _pod_uses(data: bytes) -> None:
    with suppress(Malformed):
        uses = uses_in(_json(data))
        _of_pods(pods_in({"items": [cluster.pod(name) for name in uses]}), uses)


def _of_pods(pods: Mapping[str, Any], uses: Mapping[str, Any]) -> None:
    seen = [PodSample(pod, uses[pod.name]) for pod in pods.values() if pod.name in uses]
    if seen:
        _told([Reading(1, "system", "pods", "x", *measured(seen))])
    restarts = sum(pod.restarts for pod in pods.values())
    _told([Reading(1, "system", "pods", "x", {"restarts": restarts})])


def _log(data: bytes) -> None:
    path = Path(_folder().name) / "system.log"
    for reader in (LogReader(), LogReader(level="log.level"), LogReader(errors="ERROR")):
        path.write_bytes(b"")
        source = LogSource(FileFeed(path), reader)
        seen = list(source.sample(0.0))
        path.write_bytes(data)
        _told([*seen, *source.sample(1.0), *source.close(2.0)])


def _proc(data: bytes) -> None:
    """The kernel's own files. Of one that is not as the kernel writes it, the sampler makes a gap with its reason."""
    text = data.decode("utf-8", "replace")
    parsers: Sequence[Callable[[], object]] = (
        *(lambda: parse_stat(data), lambda: parse_memory(data), lambda: parse_pressure(text)),
        *(lambda: parse_file_nr(data), lambda: parse_sockstat(text)),
        *(lambda: parse_listening(text), lambda: list(parse_connections(text))),
    )
    for parse in parsers:
        with suppress(ValueError, OSError, ArithmeticError):
            parse()


def _cgroup(data: bytes) -> None:
    """/proc/1/cgroup, /proc/self/mountinfo and cpu.max, with a blank line between them."""
    groups, mounts, quota = [*data.split(b"\n\n", 2), b"", b""][:3]
    proc = Path(_folder().name) / "proc"
    for name, content in (("1/cgroup", groups), ("self/mountinfo", mounts), ("group/cpu.max", quota)):
        path = proc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.replace(b"/GROUP", str(proc / "group").encode()))
    for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us"):
        (proc / "group" / name).write_bytes(quota)
    found = quota_of(1, proc)
    assert found is None or (math.isfinite(found) and found > 0), found


def _profile(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    events = [
        Event(
            t,
            "profile_stopped",
            "x",
            {"mode": "sample", "label": label, "file": label, "seconds": 2, "why": "x"},
        )
        for t, label in ((5, "calm"), (9, "bad-1"))
    ]
    made = profile_use(profiles_of(events, {"calm": text, "bad-1": text}), [])
    assert made is not None
    assert all(0 <= one.self_pct <= 100 and 0 <= one.total_pct <= 100 for one in made.top)


class _Server:
    """Answers every request with the same bytes, and hangs up."""

    def __init__(self) -> None:
        self.answer = b""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection, suppress(OSError):
                connection.recv(1 << 16)
                connection.sendall(self.answer)


@cache
def _server() -> _Server:
    return _Server()


def _http(data: bytes) -> None:
    """What one of those who ask is told by any server: the readiness probe, a page, Docker, `init URL`."""
    server = _server()
    server.answer = data
    page = HttpPage(f"{server.url}/metrics", {})
    engine = DockerEngine(Endpoint("docker", url=server.url), {})
    asks: Sequence[Callable[[], object]] = (
        lambda: Probe(server.url, "/health", Tls(), lenient=True).trouble(2.0),
        page.get,
        lambda: engine.inspect("x"),
        lambda: next(iter(engine.stats("x")), None),
        lambda: described(f"{server.url}/openapi.json", None),
    )
    with suppress(Lost, UsageError):
        asks[zlib.crc32(data) % len(asks)]()
    page.close()
    engine.close()


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Of this process; gone with it."""
    return tempfile.TemporaryDirectory(prefix="loadctl-fuzz-")


_NUMBERS = (b"400.5", b"1e3", b"9" * 400, b"1" + b"0" * 320, b"-5", b"9223372036854775808", b'"9"', b'"1e99"')
_HTTP = (
    *(b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"Content-Length: ", b"\r\n\r\n"),
    *(b"HTTP/1.1 302 Found\r\nLocation: ", b"Location: http://[x\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
)
_READ: Sequence[tuple[str, Callable[[bytes], object], Sequence[bytes]]] = (
    ("metrics-page", _page, (*_NUMBERS, b'{le="NaN"}', b"# TYPE a counter\n", b"_total")),
    ("prometheus", _prometheus, (*_NUMBERS, b'"matrix"')),
    ("docker-stats", _docker_stats, _NUMBERS),
    ("docker-events", _docker_events, _NUMBERS),
    ("docker-inspection", _docker_inspection, _NUMBERS),
    ("docker-list", _docker_list, _NUMBERS),
    ("docker-log", _docker_log, (b"\1\0\0\0", b"\2\0\0\0\xff\xff\xff\xff")),
    ("docker-context", _docker_context, ()),
    ("pods", _pods, (*_NUMBERS, b'"500m"', b'"1Ei"')),
    ("pod-uses", _pod_uses, (*_NUMBERS, b'"500m"', b'"9999999999999999999999Ei"')),
    ("log", _log, ()),
    ("proc", _proc, _NUMBERS),
    ("cgroup", _cgroup, (*_NUMBERS, b"max", b"0 0", b"/../..", b"cgroup2")),
    ("profile", _profile, (*_NUMBERS, b" 20\n", b";")),
    ("http", _http, _HTTP),
)
OBSERVED: Sequence[Reader] = tuple(
    Reader(name, read, [path.read_bytes() for path in sorted((SEEDS / name).iterdir())], words)
    for name, read, words in _READ
)
