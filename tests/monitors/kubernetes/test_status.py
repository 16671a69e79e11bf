"""The API server's words on pods, parsed."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.monitors.answer import Malformed
from loadctl.monitors.kubernetes.status import Allowance, Ending, pods_in, seconds, uses_in
from tests.monitors.cluster import ended, pod, use

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["items", "metadata", "status", "spec", "containers", "containerStatuses", "state", "usage"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def test_a_pod_with_its_limits_and_how_it_last_ended() -> None:
    told = pod("a", restarts=3, status={"lastState": ended(137, "OOMKilled", 1_700_000_000)})
    found = pods_in({"items": [told]})["uid-a"]
    assert (found.name, found.restarts, found.ready, found.live) == ("a", 3, True, True)
    assert found.limits == Allowance(2.0, 2.0**30)
    assert found.requests == Allowance(0.5, 256 * 2.0**20)
    assert found.containers[0].ending == Ending(137, "OOMKilled", 1_700_000_000 * 10**9)


def test_a_limit_counts_only_where_every_container_has_one() -> None:
    assert pods_in({"items": [pod("a", limits={"cpu": "1"})]})["uid-a"].limits == Allowance(1.0, None)
    assert pods_in({"items": [pod("a", limits={})]})["uid-a"].limits == Allowance()


def test_deleted_and_evicted_pods_do_not_live() -> None:
    leaving = pod("a", meta={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    evicted = pod("b", pod_status={"phase": "Failed", "reason": "Evicted"})
    found = pods_in({"items": [leaving, evicted]})
    assert [one.live for one in found.values()] == [False, False]
    assert found["uid-b"].ended == "Evicted"


def test_use_with_its_own_time() -> None:
    found = uses_in({"items": [use("a", "429151n", "408Ki", 1_700_000_000)]})["a"]
    assert found.cores == pytest.approx(0.000429151)
    assert (found.memory_bytes, found.at_ns, found.window_s) == (408 * 1024, 1_700_000_000 * 10**9, 15.2)


@pytest.mark.parametrize(
    ("text", "value"),
    [("34.475s", 34.475), ("1m0s", 60.0), ("15s", 15.0), ("", None), (None, None), ("xs", None)],
)
def test_durations(text: object, value: float | None) -> None:
    assert seconds(text) == value


def test_no_pods_at_all_is_an_empty_list_in_go() -> None:
    assert pods_in({"kind": "PodList", "items": None}) == {}


@given(JSON)
def test_hostile_answers_are_pods_or_malformed(answer: object) -> None:
    for read in (pods_in, uses_in):
        with contextlib.suppress(Malformed):
            read(answer)
