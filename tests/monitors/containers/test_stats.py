"""Figures out of frames as engines send them: Docker 20.10 on cgroup v1, Docker on v2, podman 4.3."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.monitors.answer import nanoseconds
from loadctl.monitors.containers.record import Frame, State, containers, event, frame, state, use

RUNS = State(id="a" * 64, name="api", status="running", running=True, cores=0.5, cores_of="its quota")
NEVER = "0001-01-01T00:00:00Z"


def sent(second: int, cpu_ms: int, **more: object) -> dict[str, Any]:
    """A frame of Docker 20.10 on cgroup v1, recorded, with another time and CPU."""
    return {
        "read": f"2026-11-24T11:35:{second:02d}.954523639Z",
        "preread": "2026-11-24T11:35:54.949261019Z",
        "pids_stats": {"current": 3},
        "blkio_stats": {"io_service_bytes_recursive": []},
        "cpu_stats": {
            "cpu_usage": {"total_usage": cpu_ms * 1_000_000, "percpu_usage": [1067199976, 30278110]},
            "system_cpu_usage": 38567990000000,
            "online_cpus": 2,
            "throttling_data": {"periods": 10 * second, "throttled_periods": 4 * second, "throttled_time": 9},
        },
        "precpu_stats": {"cpu_usage": {"total_usage": 586777715}, "system_cpu_usage": 38566000000000},
        "memory_stats": {
            "usage": 40_000_000,
            "stats": {"total_inactive_file": 10_000_000, "inactive_file": 1},
            "limit": 67108864,
        },
        "networks": {
            "eth0": {"rx_bytes": 600 * second, "tx_bytes": 0},
            "eth1": {"rx_bytes": 0, "tx_bytes": 50},
        },
        **more,
    }


def read(second: int, cpu_ms: int, **more: object) -> Frame:
    found = frame(sent(second, cpu_ms, **more))
    assert found is not None
    return found


def test_cpu_is_used_time_over_the_engines_own_time() -> None:
    values, notes = use(read(12, 1600), read(10, 1000), RUNS, 2)
    assert values["cpu_cores"] == 0.3
    assert values["cores_available"] == 0.5
    assert values["cpu_pct"] == 60
    assert values["throttled_pct"] == 40
    assert values["network_rx_bytes_per_s"] == 600
    assert values["network_tx_bytes_per_s"] == 0
    assert values["pids"] == 3
    assert notes["cpu_of"] == "0.5 cores (its quota)"


def test_podman_which_tells_another_system_time_and_no_frame_before_reads_the_same() -> None:
    """podman's system_cpu_usage is time that was not idle: the docker formula read 121 % at 14 %."""

    def podman(second: int, cpu_ms: int) -> Frame:
        one = sent(second, cpu_ms, memory_stats={"usage": 37_000_000, "limit": 134217728}, pids_stats={})
        one["cpu_stats"]["system_cpu_usage"] = 40_000_000
        one["precpu_stats"] = {"cpu_usage": {"total_usage": 0}, "system_cpu_usage": 0}
        one["blkio_stats"] = {"io_service_bytes_recursive": None}
        found = frame(one)
        assert found is not None
        return found

    values, notes = use(podman(11, 1140), podman(10, 1000), RUNS, 2)
    assert values["cpu_cores"] == 0.14
    assert values["memory_bytes"] == 37_000_000
    assert notes["memory_kind"] == "usage with file cache"
    assert notes["disk"] == "the engine reports no reads or writes"
    assert "pids" not in values


@pytest.mark.parametrize(
    ("stats", "expected", "kind"),
    [
        ({"total_inactive_file": 10, "inactive_file": 1}, 90, "working set"),
        ({"inactive_file": 30}, 70, "working set"),
        ({"inactive_file": 100}, 100, "working set"),
        ({}, 100, "usage with file cache"),
    ],
)
def test_memory_is_the_working_set_of_either_cgroup(stats: dict[str, int], expected: int, kind: str) -> None:
    values, notes = use(read(1, 1, memory_stats={"usage": 100, "stats": stats}), None, RUNS, 2)
    assert (values["memory_bytes"], notes["memory_kind"]) == (expected, kind)
    assert notes["memory_pct"] == "the container has no memory limit"


def test_memory_is_held_against_the_limit_of_the_container_not_of_the_machine() -> None:
    limited = state(inspected(HostConfig={"Memory": 120_000_000}))
    values, _ = use(read(1, 1), None, limited, 2)
    assert (values["memory_limit_bytes"], values["memory_pct"]) == (120_000_000, 25)


def test_disk_rates_on_either_cgroup() -> None:
    def disk(second: int, op: str) -> Frame:
        entries = [{"op": op, "value": 1000 * second}, {"op": "Total", "value": 9}, {"op": op, "value": 0}]
        return read(second, 1, blkio_stats={"io_service_bytes_recursive": entries})

    for op in ("Write", "write"):
        values, _ = use(disk(12, op), disk(10, op), RUNS, 2)
        assert (values["disk_write_bytes_per_s"], values["disk_read_bytes_per_s"]) == (1000, 0)


def test_figures_have_at_most_64_bits_and_no_fraction() -> None:
    vast: dict[str, object] = {
        "cpu_stats": {"cpu_usage": {"total_usage": 10**400}},
        "memory_stats": {"usage": 10**400, "stats": {"inactive_file": 10**400}},
        "networks": {"eth0": {"rx_bytes": 10**400}},
    }
    values, notes = use(read(12, 1600, **vast), read(10, 1000), RUNS, 2)
    assert not {"cpu_cores", "memory_bytes", "network_rx_bytes_per_s"} & set(values)
    assert notes["cpu"] == "the engine reports no CPU time"
    assert notes["memory"] == "the engine reports no memory"
    fraction: dict[str, object] = {"memory_stats": {"usage": 4e7 + 0.5, "stats": {"inactive_file": 1e7}}}
    values, _ = use(read(12, 1600, **fraction), None, RUNS, 2)
    assert values["memory_bytes"] == 30_000_000
    assert state(inspected(HostConfig={"NanoCpus": 10**400, "Memory": float("inf")})).cores is None


def test_the_zeros_of_a_stopped_container_are_no_frame() -> None:
    stopped = sent(1, 0, read=NEVER, pids_stats={}, memory_stats={})
    assert frame(stopped) is None
    assert frame({**stopped, "read": "2026-11-24T11:35:55Z"}) is None


@pytest.mark.parametrize(("second", "cpu_ms"), [(10, 2000), (9, 2000), (11, 999)])
def test_counters_that_begin_anew_give_no_rate(second: int, cpu_ms: int) -> None:
    values, notes = use(read(second, cpu_ms), read(10, 1000), RUNS, 2)
    assert not {name for name in values if name.startswith(("cpu", "network", "throttled"))}
    assert notes["cpu"] == "first reading: a rate needs two"


def test_what_is_unknown_is_left_out_with_its_reason() -> None:
    free = State(id="a", name="api", status="running", running=True)
    bare: dict[str, object] = {"networks": None, "memory_stats": {}}
    values, notes = use(read(12, 1600, **bare), read(10, 1000, **bare), free, None)
    assert values["cpu_cores"] == 0.3
    assert not {"cpu_pct", "cores_available", "memory_bytes", "network_rx_bytes_per_s"} & set(values)
    assert {"cpu_pct", "memory", "network", "disk"} <= set(notes)


@pytest.mark.parametrize(
    ("limits", "cores", "whose"),
    [
        ({}, None, ""),
        ({"NanoCpus": 500_000_000}, 0.5, "its quota"),
        ({"CpuQuota": 150_000, "CpuPeriod": 0}, 1.5, "its quota"),
        ({"CpuQuota": 50_000, "CpuPeriod": 200_000, "CpusetCpus": "0"}, 0.25, "its quota"),
        ({"NanoCpus": 4_000_000_000, "CpusetCpus": "0-1,3"}, 3, "its set of CPUs"),
        ({"CpuQuota": -1, "CpusetCpus": "nonsense"}, None, ""),
    ],
)
def test_the_tightest_limit_is_what_a_container_may_use(
    limits: dict[str, object], cores: float | None, whose: str
) -> None:
    read_state = state(inspected(HostConfig=limits))
    assert (read_state.cores, read_state.cores_of) == (cores, whose)


def test_one_that_waits_for_its_next_start_does_not_run() -> None:
    waiting = {"Status": "restarting", "Running": True, "Restarting": True}
    assert not state(inspected(State=waiting)).running


def test_times_keep_their_nanoseconds() -> None:
    assert nanoseconds("1970-01-02T00:00:01.000000007Z") == 86_401_000_000_007
    assert nanoseconds("2026-11-24T13:35:55.5+02:00") == nanoseconds("2026-11-24T11:35:55.500Z")
    assert nanoseconds(NEVER) == nanoseconds("") == nanoseconds("2026-13-01T00:00:00Z") == 0


@pytest.mark.parametrize(
    ("sent_action", "read_action", "code"),
    [("die", "die", 137), ("died", "die", 137), ("remove", "destroy", None), ("start", "start", None)],
)
def test_podmans_events_are_read_like_dockers(sent_action: str, read_action: str, code: int | None) -> None:
    """Recorded from podman 4.3."""
    attributes = {"containerExitCode": "137", "exitCode": "137", "image": "localhost/bb:latest", "name": "pq"}
    if code is None:
        attributes = {"containerExitCode": "nonsense", "image": "localhost/bb:latest", "name": "pq"}
    found = event(
        {
            "status": sent_action,
            "id": "48a4",
            "Type": "container",
            "Action": sent_action,
            "Actor": {"ID": "48a4", "Attributes": attributes},
            "time": 1795522305,
            "timeNano": 1795522305733713109,
        }
    )
    assert found is not None
    assert (found.action, found.exit_code, found.name) == (read_action, code, "pq")
    assert found.ns == 1795522305733713109


def inspected(**parts: object) -> dict[str, object]:
    return {"Id": "a" * 64, "Name": "/api", "State": {"Status": "running", "Running": True}, **parts}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Id", "read", "cpu_stats", "cpu_usage", "total_usage", "memory_stats", "usage", "stats", "networks",
                 "State", "HostConfig", "CpusetCpus", "Ports", "Labels", "Names", "Actor", "Attributes", "Action",
                 "timeNano", "StartedAt", "Health", "io_service_bytes_recursive", "blkio_stats", "exitCode"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_no_answer_of_an_engine_breaks_the_parsers(answer: object) -> None:
    frame(answer)
    event(answer)
    containers(answer)
    containers([answer])
    if isinstance(answer, dict):
        state({**answer, "Id": "x"})
    seen = frame({**sent(1, 1), **answer} if isinstance(answer, dict) else answer)
    if seen is not None:
        use(seen, read(0, 0), RUNS, None)
