"""A run beside pods: the real kubectl, a recorded API, and what happened to the pods in result and verdict."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.shell import Going, Shell
from tests.monitors.cluster import TOKEN, Cluster, ended, pod, use

pytestmark = pytest.mark.e2e
RUN = (
    "run",
    "baseline",
    "--demo",
    "--users",
    "5",
    "--duration",
    "12s",
    "--pods",
    "ml-platform/app=api",
    "--json",
)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    found = Cluster(
        [pod("api-1"), pod("api-2")], [use("api-1", "250m", "100Mi"), use("api-2", "500m", "200Mi")]
    )
    yield found
    found.close()


def fresh(cluster: Cluster, stop: threading.Event) -> None:
    """A new sample every second, as a metrics-server of a very fine resolution would have it."""
    while not stop.wait(1.0):
        cluster.uses = [use("api-1", "250m", "100Mi"), use("api-2", "500m", "200Mi")]


@pytest.fixture
def alive(cluster: Cluster) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=fresh, args=(cluster, stop))
    thread.start()
    yield
    stop.set()
    thread.join()


def start(cluster: Cluster, folder: Path) -> Going:
    environment = cluster.environment(folder)
    return Shell(folder).start(*RUN, env={name: environment[name] for name in ("PATH", "KUBECONFIG")})


@pytest.mark.usefixtures("alive")
def test_pods_are_judged_and_stand_in_the_result(tmp_path: Path, cluster: Cluster) -> None:
    ended_run = start(cluster, tmp_path).wait()
    system = ended_run.result["resources"]["system"]
    assert system["watched"] == "ml-platform/app=api"
    assert system["cpu_pct"] == pytest.approx(18.75)
    assert system["memory_bytes"] == 300 * 2**20
    assert {one["watched"] for one in ended_run.result["resources"]["companions"]} == {"api-1", "api-2"}
    assert ended_run.score("cpu")["status"] == "PASS"
    assert "watching pods ml-platform/app=api (2 pods)" in ended_run.err
    assert "cpu and memory of pods are averages over 15 s" in ended_run.err
    for file in tmp_path.rglob("runs/**/*"):
        assert file.is_dir() or TOKEN.encode() not in file.read_bytes(), file


@pytest.mark.usefixtures("alive")
def test_a_pod_that_restarts_under_load_is_a_failure(tmp_path: Path, cluster: Cluster) -> None:
    def restart() -> None:
        cluster.pods[0] = pod("api-1", restarts=1, status={"lastState": ended(137, "OOMKilled")})

    going = start(cluster, tmp_path)
    _when_watched(cluster)
    timer = threading.Timer(6.0, restart)
    timer.start()
    ended_run = going.wait()
    timer.join()
    assert ended_run.verdict == "FAIL"
    finding = next(one for one in ended_run.result["findings"] if one["id"] == "service-restarted")
    assert "container api of pod api-1 restarted: killed by the kernel: out of memory" in finding["message"]


@pytest.mark.usefixtures("alive")
def test_a_kubectl_that_is_killed_does_not_end_the_run(tmp_path: Path, cluster: Cluster) -> None:
    going = start(cluster, tmp_path)
    _when_watched(cluster)
    time.sleep(3)
    tree = psutil.Process(going.popen.pid).children(recursive=True)
    next(one for one in tree if "kubectl" in one.name()).kill()
    ended_run = going.wait()
    assert ended_run.code in {0, 3}, ended_run.err
    assert ended_run.result["resources"]["system"]["memory_bytes"] == 300 * 2**20


@pytest.mark.usefixtures("alive")
def test_an_api_server_that_is_away_is_told(tmp_path: Path, cluster: Cluster) -> None:
    going = start(cluster, tmp_path)
    _when_watched(cluster)
    time.sleep(5)
    cluster.refuse["/api/v1/namespaces"] = 500
    ended_run = going.wait()
    lost = next(one for one in ended_run.result["findings"] if one["id"] == "monitor-lost")
    assert "refused with 500" in lost["message"]


def _when_watched(cluster: Cluster) -> None:
    deadline = time.monotonic() + 30
    while len([path for path in cluster.asked if path.startswith("/api/v1/")]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
