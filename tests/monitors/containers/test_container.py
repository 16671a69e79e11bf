"""Real containers in a real engine, watched: what they use, and what becomes of them."""

from __future__ import annotations

import contextlib
import gc
import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadctl.errors import UsageError
from loadctl.monitors.containers.container import ContainerSource
from loadctl.monitors.containers.engine import DockerEngine
from loadctl.monitors.sampler import Sampler
from loadctl.monitors.source import Observation
from loadctl.results.recording import Event, Reading
from tests.monitors.docker import IMAGE, Docker, demo_command, own_daemon, python_mounts, start_daemon

INCIDENTS = {"service_restarted", "service_crashed", "service_down", "service_up"}
SLEEP = ("sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait")
ALWAYS = ("--restart=always",)


class Watched:
    """A container under a sampler, and all that was seen; times are seconds after t0."""

    def __init__(self, engine: DockerEngine, name: str) -> None:
        self.source = ContainerSource(engine, name)
        self.seen: list[Observation] = []
        self.sampler = Sampler([self.source])
        self.t0 = time.monotonic()
        self.sampler.start(self.t0)
        self.until(lambda: any(reading.values for reading in self.readings()))

    def now(self) -> float:
        return time.monotonic() - self.t0

    def until(self, happened: Callable[[], bool], timeout_s: float = 40) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            self.seen += self.sampler.drain()
            if happened():
                return
            assert time.monotonic() < deadline, self.seen[-10:]
            time.sleep(0.02)

    def stop(self) -> None:
        self.sampler.stop()
        self.seen += self.sampler.drain()

    def readings(self) -> list[Reading]:
        return [one for one in self.seen if isinstance(one, Reading) and one.source == "container"]

    def events(self, *kinds: str) -> list[Event]:
        return [one for one in self.seen if isinstance(one, Event) and one.kind in (kinds or INCIDENTS)]

    def event(self, kind: str) -> Event:
        """The one event of this kind; waits for it."""
        self.until(lambda: bool(self.events(kind)))
        (only,) = self.events(kind)
        return only


@contextlib.contextmanager
def watching(engine: DockerEngine, name: str) -> Iterator[Watched]:
    watched = Watched(engine, name)
    try:
        yield watched
    finally:
        watched.stop()


def test_a_container_without_limits_is_measured_against_its_machine(docker: Docker) -> None:
    name = docker.run("sh", "-c", "yes >/dev/null")
    with watching(docker.engine, name) as watched:
        watched.until(lambda: any("cpu_pct" in one.values for one in watched.readings()))
        reading = watched.readings()[-1]
    assert reading.entity == name
    assert reading.values["cpu_pct"] == pytest.approx(
        100 * reading.values["cpu_cores"] / reading.values["cores_available"], abs=0.05
    )
    assert reading.values["memory_bytes"] > 0
    assert reading.notes["memory_pct"] == "the container has no memory limit"
    assert reading.notes["memory_kind"] == "working set"
    assert not watched.events()


@pytest.mark.quiet
def test_cpu_and_memory_agree_with_docker_stats(docker: Docker) -> None:
    """The demo system on half a core and 128 MB, burning CPU for every request: full, and throttled."""
    limits = ("--cpus=0.5", "--memory=128m", "--network=host", *python_mounts())
    port = 18432
    name = docker.run(*demo_command(port, "--fault", "cpu=5ms"), options=limits)
    with loaded(port), watching(docker.engine, name) as watched:
        time.sleep(3)
        began = watched.now()
        shares, sizes = [], []
        for _ in range(4):
            said = json.loads(docker("stats", "--no-stream", "--format", "{{json .}}", name))
            shares.append(float(said["CPUPerc"].rstrip("%")))
            sizes.append(mebibytes(said["MemUsage"]))
        ended = watched.now()
        watched.until(lambda: watched.readings()[-1].t > ended)
    during = [one.values for one in watched.readings() if began < one.t <= ended]
    assert mean(shares) > 40
    assert 100 * mean([one["cpu_cores"] for one in during]) == pytest.approx(mean(shares), rel=0.05)
    assert mean([one["cpu_pct"] for one in during]) == pytest.approx(2 * mean(shares), rel=0.05)
    assert mean([one["memory_bytes"] for one in during]) / 2**20 == pytest.approx(mean(sizes), rel=0.05)
    assert all(one["memory_limit_bytes"] == 128 * 2**20 for one in during)
    assert mean([one["throttled_pct"] for one in during]) > 30


def test_a_kill_by_the_kernel_is_a_restart_for_lack_of_memory(docker: Docker) -> None:
    script = "sleep 4; tail /dev/zero"
    name = docker.run("sh", "-c", f"exec sh -c '{script}'", options=("--restart=on-failure", "--memory=16m"))
    with watching(docker.engine, name) as watched:
        restart = watched.event("service_restarted")
    assert restart.detail["cause"] == "killed by the kernel: out of memory"
    assert restart.detail["exit_code"] == 137
    assert restart.t == pytest.approx(ended_at(docker, name, watched), abs=1)
    assert [event.kind for event in watched.events()] == ["service_restarted"]
    assert not watched.events("oom_kill")


def test_a_process_inside_that_the_kernel_kills_is_no_restart(docker: Docker) -> None:
    name = docker.run("sleep", "1000", options=("--memory=16m",))
    with watching(docker.engine, name) as watched:
        at = watched.now()
        docker("exec", "--detach", name, "sh", "-c", "exec tail /dev/zero")
        killed = watched.event("oom_kill")
        docker("stop", "--time", "0", name)
        watched.until(lambda: any(one.gap for one in watched.readings()))
    assert killed.t == pytest.approx(at, abs=2)
    assert "is still running" in killed.message
    (down,) = watched.events()
    assert (down.kind, down.detail["cause"]) == ("service_down", "stopped on request")


def test_a_kill_9_that_a_restart_policy_undoes(docker: Docker) -> None:
    name = docker.run(*SLEEP, options=ALWAYS)
    with watching(docker.engine, name) as watched:
        at = watched.now()
        docker.kill_main(name)
        restart = watched.event("service_restarted")
        watched.until(lambda: watched.readings()[-1].values.get("pids", 0) > 0)
    assert restart.t == pytest.approx(at, abs=1)
    assert restart.detail["cause"] == "killed by SIGKILL (exit code 137)"
    assert float(restart.detail["down_s"] or 0) > 0
    assert [event.kind for event in watched.events()] == ["service_restarted"]
    assert all(one.gap or one.values["memory_bytes"] > 0 for one in watched.readings())


def test_docker_restart(docker: Docker) -> None:
    name = docker.run(*SLEEP)
    with watching(docker.engine, name) as watched:
        at = watched.now()
        docker("restart", "--time", "1", name)
        restart = watched.event("service_restarted")
    assert at <= restart.t <= at + 2.5
    assert restart.t == pytest.approx(ended_at(docker, name, watched), abs=1)
    assert restart.detail["cause"] == "stopped on request"
    assert [event.kind for event in watched.events()] == ["service_restarted"]


def test_a_container_that_is_made_anew_is_followed(docker: Docker) -> None:
    name = docker.run(*SLEEP)
    with watching(docker.engine, name) as watched:
        at = watched.now()
        docker("rm", "--force", name)
        docker.run(*SLEEP, name=name, options=("--memory=64m",))
        restart = watched.event("service_restarted")
        watched.until(lambda: watched.readings()[-1].values.get("memory_limit_bytes") == 64 * 2**20)
    assert restart.t == pytest.approx(at, abs=1)
    assert restart.detail["cause"] == "replaced by another container"
    assert [event.kind for event in watched.events()] == ["service_restarted"]


def test_a_compose_service_is_followed_under_another_name(docker: Docker) -> None:
    labels = ("--label=com.docker.compose.project=shop", "--label=com.docker.compose.service=api")
    old = docker.run(*SLEEP, options=labels)
    with watching(docker.engine, "api") as watched:
        assert watched.source.name == f"container {old}"
        docker("rm", "--force", old)
        docker.run(*SLEEP, options=labels)
        assert watched.event("service_restarted").detail["cause"] == "replaced by another container"
        here = watched.now()
        watched.until(lambda: any(one.values and one.t > here for one in watched.readings()))


def test_a_stop_that_nobody_undoes(docker: Docker) -> None:
    name = docker.run(*SLEEP)
    with watching(docker.engine, name) as watched:
        at = watched.now()
        docker("stop", name)
        down = watched.event("service_down")
        docker("start", name)
        up = watched.event("service_up")
    assert down.t == pytest.approx(at, abs=1)
    assert "had not come back after 10 s" in down.message
    assert up.t > down.t + 9
    assert [event.kind for event in watched.events()] == ["service_down", "service_up"]
    gaps = [one for one in watched.readings() if one.gap]
    assert len(gaps) > 5
    assert {one.gap for one in gaps} == {f"{name} is not running: stopped on request"}


def test_an_end_with_an_exit_code_is_a_crash(docker: Docker) -> None:
    name = docker.run("sh", "-c", "sleep 3; exit 3")
    with watching(docker.engine, name) as watched:
        watched.until(lambda: any(one.gap for one in watched.readings()))
        ended = ended_at(docker, name, watched)
    (crash,) = watched.events()
    assert crash.kind == "service_crashed"
    assert crash.t == pytest.approx(ended, abs=1)
    assert crash.detail["exit_code"] == 3
    assert "it exited with 3" in crash.message
    assert "had not come back by the end" in crash.message


def test_health_is_told_when_it_changes(docker: Docker) -> None:
    check = ("--health-cmd=cat /tmp/well", "--health-interval=1s", "--health-retries=1")
    name = docker.run("sh", "-c", "echo >/tmp/well; sleep 1000", options=check)
    with watching(docker.engine, name) as watched:
        watched.until(lambda: docker("inspect", "--format", "{{.State.Health.Status}}", name) == "healthy")
        docker("exec", name, "sh", "-c", "kill -0 1; busybox rm /tmp/well")
        watched.until(lambda: any("unhealthy" in event.message for event in watched.events("health_changed")))
    assert watched.events("health_changed")[-1].message == f"{name} is unhealthy (was healthy)"
    assert not watched.events()


# httpcore leaves a unix socket that refused it to the garbage collector.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)
def test_the_engine_goes_away_and_comes_back(tmp_path: Path, docker: Docker) -> None:
    """An engine of this test's own ends in mid-watch, its container lives: a gap with a reason, and readings again."""
    options = ("--bridge=none", "--live-restore")
    docker("save", "--output", str(tmp_path / "image"), IMAGE)
    with own_daemon(tmp_path, *options) as (base, daemon):
        own = Docker(base, DockerEngine.find({"DOCKER_HOST": f"unix://{base}/docker.sock"}))
        own("load", "--input", str(tmp_path / "image"))
        name = own.run(*SLEEP, options=("--network=none",))
        with watching(own.engine, name) as watched:
            daemon.terminate()
            daemon.wait(30)
            lost = watched.event("monitor_lost")
            assert watched.readings()[-1].gap
            start_daemon(base, *options)
            watched.event("monitor_back")
            here = watched.now()
            watched.until(lambda: any(one.values and one.t > here for one in watched.readings()))
        own.engine.close()
    assert lost.detail["source"] == f"container {name}"
    assert re.search(r"broke off|no container engine answers", lost.message)
    assert not watched.events()
    gc.collect()  # here, where they are expected, and not in whatever test comes next


def test_why_a_container_will_never_be_ready(docker: Docker) -> None:
    name = docker.run("sh", "-c", "echo no database; echo giving up >&2; exit 3")
    source = ContainerSource(docker.engine, name)
    wait_for(lambda: source.why_dead() is not None)
    dead = source.why_dead() or ""
    assert re.match(rf"container {name} exited with 3 \(\d+\.\d s ago\): ", dead)
    assert {"no database", "giving up"} == set(dead.partition("): ")[2].split(" | "))
    docker("rm", name)
    assert source.why_dead() == f"container {name} was removed"


def test_a_container_that_runs_may_become_ready(docker: Docker) -> None:
    assert ContainerSource(docker.engine, docker.run(*SLEEP)).why_dead() is None


def test_one_that_its_policy_starts_again_and_again_will_not(docker: Docker) -> None:
    name = docker.run("sh", "-c", "echo no database; exit 3", options=ALWAYS)
    source = ContainerSource(docker.engine, name)
    wait_for(lambda: source.why_dead() is not None)
    assert re.search(r"ended 3 times, exited with \d .*no database", source.why_dead() or "")


def test_a_container_that_is_not_there_names_those_that_are(docker: Docker) -> None:
    name = docker.run(*SLEEP, name="ml-platform-api")
    with pytest.raises(UsageError, match="there is no container 'ml-plattform-api' in unix://") as raised:
        ContainerSource(docker.engine, "ml-plattform-api")
    assert (raised.value.hint or "").startswith(f"did you mean {name}")


def test_the_threads_end_with_the_watch(docker: Docker) -> None:
    with watching(docker.engine, docker.run(*SLEEP)) as watched:
        entity = watched.source.name.partition(" ")[2]
        assert len([t for t in threading.enumerate() if entity in t.name]) == 2
    assert [t for t in threading.enumerate() if entity in t.name] == []


def ended_at(docker: Docker, name: str, watched: Watched) -> float:
    """When the engine says that it last ended, in seconds after t0."""
    finished_ns = docker.engine.inspect(name).finished_ns
    return watched.now() - (time.time_ns() - finished_ns) / 1e9


def mebibytes(usage: str) -> float:
    """ "36.8MiB / 128MiB" → 36.8"""
    match = re.match(r"([\d.]+)([KMG])iB", usage)
    assert match is not None
    return float(match[1]) * {"K": 1 / 1024, "M": 1, "G": 1024}[match[2]]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@contextlib.contextmanager
def loaded(port: int) -> Iterator[None]:
    """Requests one after the other, from two threads; waits for the first answer."""
    stop = threading.Event()
    wait_for(lambda: answers(port))

    def ask() -> None:
        while not stop.is_set():
            answers(port)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
