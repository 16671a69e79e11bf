"""Logs of pods through the real kubectl: every line once, through a restart, and of pods that come later."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadctl.monitors.kubernetes.kubectl import Kubectl
from loadctl.monitors.kubernetes.pods import PodsFeed
from loadctl.scenario.watch import Pods
from tests.monitors.cluster import NAMESPACE, Cluster, ended, pod

PODS = Pods(NAMESPACE, "app=api")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    found = Cluster([pod("api-1")])
    found.open["api-1"] = threading.Event()
    found.logs["api-1", False] = [(time.time() - 60, "before the watch")]
    yield found
    found.close()


@pytest.fixture
def feed(cluster: Cluster, tmp_path: Path) -> Iterator[PodsFeed]:
    kubectl = Kubectl(NAMESPACE, cluster.environment(tmp_path))
    found = PodsFeed(kubectl, PODS)
    yield found
    found.close()
    kubectl.close()


def until(feed: PodsFeed, last: str) -> list[str]:
    seen: list[str] = []
    deadline = time.monotonic() + 30
    while last not in seen:
        assert time.monotonic() < deadline, seen
        seen += feed.lines()
        time.sleep(0.02)
    return seen


def say(cluster: Cluster, name: str, *texts: str, previous: bool = False) -> None:
    for text in texts:
        cluster.logs.setdefault((name, previous), []).append((time.time(), text))
        time.sleep(0.001)


def test_lines_from_now_on(cluster: Cluster, feed: PodsFeed) -> None:
    time.sleep(0.1)
    say(cluster, "api-1", "ERROR one", "two")
    assert until(feed, "two") == ["ERROR one", "two"]


def test_each_line_once_through_a_restart(cluster: Cluster, feed: PodsFeed) -> None:
    time.sleep(0.1)
    say(cluster, "api-1", "one")
    seen = until(feed, "one")
    # The connection breaks off at its death; its last line is read from the ended one.
    say(cluster, "api-1", "last words", previous=True)
    cluster.logs["api-1", True] = [*cluster.logs["api-1", False], *cluster.logs["api-1", True]]
    cluster.logs["api-1", False] = []
    cluster.pods = [pod("api-1", restarts=1, status={"lastState": ended(1)})]
    cluster.open["api-1"].set()
    cluster.open["api-1"] = threading.Event()
    say(cluster, "api-1", "hello again")
    assert seen + until(feed, "hello again") == ["one", "last words", "hello again"]


def test_a_pod_that_comes_later_is_read_from_its_beginning(cluster: Cluster, feed: PodsFeed) -> None:
    time.sleep(0.1)
    say(cluster, "api-1", "one")
    until(feed, "one")
    cluster.open["api-2"] = threading.Event()
    say(cluster, "api-2", "starting")
    cluster.pods = [pod("api-1"), pod("api-2")]
    assert until(feed, "starting") == ["starting"]
