"""Pods as a source, through the real kubectl, against a recorded API (tests/monitors/cluster.py)."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from loadctl.errors import UsageError
from loadctl.monitors.background import Lost
from loadctl.monitors.kubernetes.kubectl import Kubectl
from loadctl.monitors.kubernetes.pods import PodsSource
from loadctl.results.recording import Event, Reading
from loadctl.scenario.watch import Pods
from tests.monitors.cluster import NAMESPACE, TOKEN, Cluster, ended, pod, use

PODS = Pods(NAMESPACE, "app=api")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    found = Cluster(
        [pod("api-1"), pod("api-2")], [use("api-1", "250m", "100Mi"), use("api-2", "500m", "200Mi")]
    )
    yield found
    found.close()


@pytest.fixture
def kubectl(cluster: Cluster, tmp_path: Path) -> Iterator[Kubectl]:
    found = Kubectl(NAMESPACE, cluster.environment(tmp_path))
    yield found
    found.close()


class Watched:
    """A source that is asked until something is so."""

    def __init__(self, source: PodsSource) -> None:
        self.source = source
        self.t0 = time.monotonic() - 100  # samples are older than the watch
        self.seen: list[Reading | Event] = []
        self.lost: list[str] = []

    def until(self, so: Callable[[], object], timeout_s: float = 30) -> None:
        deadline = time.monotonic() + timeout_s
        while not so():
            assert time.monotonic() < deadline, (self.seen, self.lost)
            try:
                self.seen += self.source.sample(time.monotonic() - self.t0)
            except Lost as lost:
                self.lost.append(str(lost))
            time.sleep(0.05)

    def readings(self, subject: str = "system") -> list[Reading]:
        return [one for one in self.seen if isinstance(one, Reading) and one.subject == subject]

    def kinds(self) -> list[str]:
        return [one.kind for one in self.seen if isinstance(one, Event)]


@pytest.fixture
def watched(kubectl: Kubectl) -> Iterator[Watched]:
    source = PodsSource(kubectl, PODS)
    assert source.check() == 2
    yield Watched(source)
    source.close(0.0)


def test_the_sum_is_the_system_and_each_pod_stands_beside_it(watched: Watched) -> None:
    watched.until(watched.readings)
    values = watched.readings()[0].values
    assert values["cpu_cores"] == pytest.approx(0.75)
    assert values["cpu_pct"] == pytest.approx(100 * 0.75 / 4)
    assert values["memory_bytes"] == 300 * 2**20
    assert values["memory_pct"] == pytest.approx(100 * 300 / 2048)
    assert values["cpu_request_pct"] == pytest.approx(75)
    assert (values["pods"], values["pods_ready"]) == (2, 2)
    assert values["highest_cpu_pct"] == pytest.approx(25)
    assert {one.entity for one in watched.readings("companion")} == {"api-1", "api-2"}
    assert watched.readings()[0].notes["cpu_of"] == "4 cores of limits, averages over 15 s"


def test_the_figures_are_those_of_kubectl_top(watched: Watched, cluster: Cluster, tmp_path: Path) -> None:
    watched.until(watched.readings)
    command = ["kubectl", "top", "pods", "-n", NAMESPACE, "-l", "app=api", "--no-headers"]
    told = subprocess.run(
        command, env=cluster.environment(tmp_path), capture_output=True, text=True, check=True
    )
    top = {name: (cpu, memory) for name, cpu, memory in map(str.split, told.stdout.splitlines())}
    ours = {
        one.entity: (f"{one.values['cpu_cores'] * 1000:.0f}m", f"{one.values['memory_bytes'] / 2**20:.0f}Mi")
        for one in watched.readings("companion")
    }
    assert ours == top == {"api-1": ("250m", "100Mi"), "api-2": ("500m", "200Mi")}


def test_a_sample_is_told_once_however_often_it_is_handed_out(watched: Watched, cluster: Cluster) -> None:
    watched.until(lambda: len(watched.readings()) >= 3)
    assert len(watched.readings("companion")) == 2
    cluster.uses = [use("api-1", "300m", "100Mi"), cluster.uses[1]]
    watched.until(lambda: len(watched.readings("companion")) == 3)
    assert [one.values["cpu_cores"] for one in watched.readings() if "cpu_cores" in one.values] == [
        pytest.approx(0.75),
        pytest.approx(0.8),
    ]


def test_a_sample_bears_its_own_time(cluster: Cluster, kubectl: Kubectl) -> None:
    cluster.uses = [
        use("api-1", "250m", "100Mi", time.time() - 20),
        use("api-2", "1", "1Mi", time.time() - 30),
    ]
    watched = Watched(PodsSource(kubectl, PODS))
    watched.until(watched.readings)
    now = time.monotonic() - watched.t0
    ages = {one.entity: now - one.t for one in watched.readings("companion")}
    assert ages == {"api-1": pytest.approx(20, abs=5), "api-2": pytest.approx(30, abs=5)}
    watched.source.close(0.0)


def test_restarts_and_replacements_become_events(watched: Watched, cluster: Cluster) -> None:
    watched.until(watched.readings)
    at = time.time()
    cluster.pods = [
        pod("api-1", restarts=1, status={"lastState": ended(137, "OOMKilled", at)}),
        pod("api-3"),
    ]
    watched.until(lambda: len(watched.kinds()) >= 2)
    events = [one for one in watched.seen if isinstance(one, Event)]
    assert [(one.kind, one.message) for one in events] == [
        ("service_restarted", "container api of pod api-1 restarted: killed by the kernel: out of memory"),
        ("service_restarted", "pod api-2 was replaced by api-3 (deleted)"),
    ]
    assert events[0].t == pytest.approx(100 + (at - time.time()) + time.monotonic() - watched.t0 - 100, abs=2)


def test_a_cluster_without_metrics_server_still_tells_of_restarts(watched: Watched, cluster: Cluster) -> None:
    cluster.refuse["metrics.k8s.io/v1beta1/namespaces"] = 404
    watched.until(lambda: any("cpu_pct" in one.notes for one in watched.readings()))
    reading = next(
        one for one in watched.readings() if "cpu_pct" in one.notes and "cpu_cores" not in one.values
    )
    assert reading.notes["cpu_pct"] == "the cluster has no metrics-server"
    cluster.pods = [pod("api-1", restarts=1, status={"lastState": ended(1)}), pod("api-2")]
    watched.until(lambda: watched.kinds() == ["service_restarted"])


def test_a_killed_kubectl_is_a_gap_and_comes_back(watched: Watched) -> None:
    watched.until(watched.readings)
    _proxy().kill()
    watched.until(lambda: True)
    before = len(watched.readings())
    watched.until(lambda: len(watched.readings()) > before + 1)


def test_an_api_server_that_fails_is_a_gap_and_comes_back(watched: Watched, cluster: Cluster) -> None:
    watched.until(watched.readings)
    cluster.refuse["/api/v1/namespaces"] = 500
    watched.until(lambda: watched.lost)
    assert watched.lost[0] == "refused with 500"
    cluster.refuse.clear()
    before = len(watched.readings())
    watched.until(lambda: len(watched.readings()) > before)


def test_a_cluster_that_is_gone_is_told_in_kubectls_words(watched: Watched, cluster: Cluster) -> None:
    watched.until(watched.readings)
    cluster.close()
    watched.until(lambda: watched.lost)
    assert watched.lost[0].startswith("the cluster cannot be reached: ")
    assert "refused" in watched.lost[0]


def _proxy() -> psutil.Process:
    """Our kubectl; of this test process alone."""
    return next(one for one in psutil.Process().children(recursive=True) if "kubectl" in one.name())


def test_the_proxy_ends_with_its_user(cluster: Cluster, tmp_path: Path) -> None:
    kubectl = Kubectl(NAMESPACE, cluster.environment(tmp_path))
    kubectl.pods("app=api")
    proxy = _proxy()
    folder = Path(next(word for word in proxy.cmdline() if "unix-socket" in word).partition("=")[2]).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    kubectl.close()
    assert not proxy.is_running()
    assert not folder.exists()


def test_only_reading_of_these_pods_passes_the_proxy(cluster: Cluster, tmp_path: Path) -> None:
    import httpx

    kubectl = Kubectl(NAMESPACE, cluster.environment(tmp_path))
    kubectl.pods("app=api")
    socket = next(word for word in _proxy().cmdline() if "unix-socket" in word).partition("=")[2]
    with httpx.Client(transport=httpx.HTTPTransport(uds=socket), base_url="http://kubernetes") as client:
        pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
        assert client.get(pods).status_code == 200
        assert client.get("/api/v1/namespaces/other/secrets").status_code == 403
        assert client.post(pods).status_code == 403
        assert client.get(f"{pods}/api-1/exec").status_code == 403
    kubectl.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("none", "no pod matches ml-platform/app=api (nothing was sent)"),
        ("forbidden", "pods ml-platform/app=api: refused with 403 (nothing was sent)"),
        (
            "no kubectl",
            "pods ml-platform/app=api: kubectl could not be started: there is no such program on PATH",
        ),
        ("no context", "pods ml-platform/app=api: kubectl proxy ended at once: "),
    ],
)
def test_what_somebody_named_is_there_or_nothing_begins(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, message: str
) -> None:
    environment = cluster.environment(tmp_path)
    if change == "none":
        cluster.pods = []
    if change == "forbidden":
        cluster.refuse["/api/v1/namespaces"] = 403
    if change == "no kubectl":
        monkeypatch.setenv("PATH", str(tmp_path))
    if change == "no context":
        (tmp_path / "kubeconfig").write_text("current-context: nowhere\n")
    kubectl = Kubectl(NAMESPACE, environment)
    with pytest.raises(UsageError) as raised:
        PodsSource(kubectl, PODS).check()
    assert str(raised.value).startswith(message)
    assert raised.value.hint == "try:  kubectl get pods -n ml-platform -l 'app=api'"
    kubectl.close()


def test_a_wait_learns_of_a_crash_loop_with_the_last_lines(cluster: Cluster, kubectl: Kubectl) -> None:
    source = PodsSource(kubectl, PODS)
    assert source.why_dead() is None
    loop = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended(3)}
    cluster.pods = [pod("api-1", restarts=2, status=loop)]
    cluster.logs["api-1", False] = [(time.time(), "no such table: models"), (time.time(), "bye")]
    assert source.why_dead() == (
        "container api of pod api-1 keeps crashing, exit code 3: no such table: models | bye"
    )


def test_no_secret_of_the_kubeconfig_is_told(watched: Watched, cluster: Cluster) -> None:
    watched.until(watched.readings)
    cluster.refuse["/api/v1/namespaces"] = 401
    watched.until(lambda: watched.lost)
    assert TOKEN not in repr(watched.seen) + repr(watched.lost)
