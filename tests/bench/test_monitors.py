"""What all monitors together cost loadctl at one reading a second, and that their memory is flat.

The cost is that of `loadctl watch` itself: the CPU time of a long watch less that of a short one, so that its start
is not in it. Its helper programs (kubectl proxy) are counted, the systems that it watches are not.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from loadctl.monitors.background import Lost
from loadctl.monitors.generator import HostSource
from loadctl.monitors.kubernetes.kubectl import Kubectl
from loadctl.monitors.kubernetes.pods import PodsSource
from loadctl.monitors.logs.file import FileFeed
from loadctl.monitors.logs.line import LogReader
from loadctl.monitors.logs.source import LogSource
from loadctl.monitors.process.port import FoundProcess, by_pid
from loadctl.monitors.process.process import ProcessSource
from loadctl.monitors.prometheus.page import MetricsPageSource
from loadctl.monitors.prometheus.server import PrometheusSource
from loadctl.monitors.source import Source
from loadctl.scenario.watch import Pods, PrometheusServer
from tests.monitors.cluster import NAMESPACE, Cluster, pod, use
from tests.monitors.docker import Docker
from tests.monitors.prometheus_server import demo_system, prometheus_server

pytestmark = pytest.mark.bench
SHORT_S, LONG_S = 10, 70
READINGS = 100_000
QUERIES = {"requests": "sum(rate(http_requests_total[1m]))", "memory": "process_resident_memory_bytes"}


@contextmanager
def written(path: Path, lines_per_s: int = 100) -> Iterator[None]:
    """A log that grows; one line in fifty is an error."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        with path.open("a", buffering=1) as file:
            while not stop.wait(1 / lines_per_s):
                number += 1
                file.write(
                    f"2026-01-01T00:00:00Z {'ERROR' if number % 50 == 0 else 'INFO'} request {number}\n"
                )

    thread = threading.Thread(target=write)
    path.touch()
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def cpu_s(folder: Path, seconds: int, options: tuple[str, ...], env: Mapping[str, str]) -> float:
    """CPU time of `loadctl watch` for so long, with that of the helper programs it waited for."""
    argv = [
        sys.executable,
        "-m",
        "loadctl",
        "watch",
        "scenario.yaml",
        "--plain",
        "--for",
        f"{seconds}s",
        *options,
    ]
    argv += ["--out", f"seen-{seconds}"]
    with (
        (folder / "said").open("wb") as said,
        subprocess.Popen(argv, cwd=folder, env=env, stdout=said, stderr=said) as child,
    ):
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, (folder / "said").read_text()
    return usage.ru_utime + usage.ru_stime


def test_all_monitors_together_cost_under_two_percent_of_a_core(tmp_path: Path, docker: Docker) -> None:
    container = docker.run("sh", "-c", "while true; do echo ERROR; sleep 0.1; done")
    cluster = Cluster(
        [pod("api-1"), pod("api-2")],
        [use("api-1", "250m", "100Mi"), use("api-2", "500m", "200Mi")],
        open={name: threading.Event() for name in ("api-1", "api-2")},
    )
    with (
        demo_system() as demo,
        prometheus_server(tmp_path, demo, "1s") as prometheus,
        written(tmp_path / "api.log"),
    ):
        (tmp_path / "scenario.yaml").write_text(
            f"tasks: [{{get: /models}}]\nhost: http://{demo}\nload: [{{users: 1, for: 10s}}]\nwatch:\n"
            f"  metrics: /metrics\n  prometheus: {{url: '{prometheus}', queries: {{requests: "
            "'sum(rate(http_requests_total[1m]))', memory: process_resident_memory_bytes}}\n"
            "  logs: [api.log, container]\n"
            f"  container: {container}\n"
        )
        environment = {**cluster.environment(tmp_path), **docker.variables}
        costs = {}
        for name, options in {
            "container and all others": (),
            "pods instead": ("--pods", f"{NAMESPACE}/app=api", "--logs", "pods"),
        }.items():
            short, long = (cpu_s(tmp_path, seconds, options, environment) for seconds in (SHORT_S, LONG_S))
            costs[name] = (long - short) / (LONG_S - SHORT_S)
            print(f"{name}: {100 * costs[name]:.2f} % of a core")
    for over in cluster.open.values():
        over.set()
    cluster.close()
    assert max(costs.values()) < 0.02


def test_memory_is_flat_over_a_hundred_thousand_readings(tmp_path: Path) -> None:
    """Every source as fast as it can be asked, through the sampler's own loop; `drain` is called as a run does."""
    cluster = Cluster([pod("api-1")], [use("api-1", "250m", "100Mi")])
    kubectl = Kubectl(NAMESPACE, cluster.environment(tmp_path))
    with (
        demo_system() as demo,
        prometheus_server(tmp_path, demo) as prometheus,
        written(tmp_path / "api.log"),
    ):
        found = by_pid(os.getpid())
        assert isinstance(found, FoundProcess)
        sources: list[Source] = [
            ProcessSource(found, lambda: by_pid(os.getpid())),
            HostSource(),
            LogSource(FileFeed(tmp_path / "api.log"), LogReader(None, None, str)),
            MetricsPageSource(f"http://{demo}/metrics", ("*",), {}),
            PrometheusSource(PrometheusServer(url=prometheus, queries=QUERIES)),
            PodsSource(kubectl, Pods(NAMESPACE, "app=api")),
        ]
        for source in sources:
            source.period_s = 0.0005  # type: ignore[misc]
        seen = 0
        sizes: list[float] = []
        began = time.monotonic()
        while seen < READINGS:
            for source in sources:
                try:
                    seen += len(list(source.sample(time.monotonic() - began)))
                except Lost:
                    time.sleep(0.01)
            if seen >= READINGS * (len(sizes) + 1) / 10:
                gc.collect()
                sizes.append(psutil.Process().memory_info().rss / 1e6)
        for source in sources:
            source.close(time.monotonic() - began)
    kubectl.close()
    cluster.close()
    print("MB after every tenth of the readings: " + " ".join(f"{size:.1f}" for size in sizes))
    assert sizes[-1] - sizes[1] < 5
