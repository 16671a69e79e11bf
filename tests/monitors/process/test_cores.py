"""Cores that a process may use, from the texts of control groups of both versions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loadctl.monitors.process.cores import (
    CgroupMount,
    cores_of,
    parse_cfs,
    parse_cgroup,
    parse_cpu_max,
    parse_mounts,
    quota_of,
    usable_cores,
)

V2_MOUNT = "30 24 0:27 {root} {path} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
V1_MOUNT = "33 32 0:30 {root} {path} rw,relatime - cgroup cgroup rw,cpu,cpuacct"


@pytest.mark.parametrize(
    ("text", "cores"),
    [("150000 100000\n", 1.5), ("max 100000\n", None), ("50000\n", 0.5), ("200000 50000", 4.0)],
)
def test_version_2_says_quota_and_period_in_one_line(text: str, cores: float | None) -> None:
    assert parse_cpu_max(text) == cores


@pytest.mark.parametrize(
    ("quota", "period", "cores"),
    [("50000\n", "100000\n", 0.5), ("-1\n", "100000\n", None), ("0", "100000", None)],
)
def test_version_1_says_them_in_two_files(quota: str, period: str, cores: float | None) -> None:
    assert parse_cfs(quota, period) == cores


def test_the_group_of_each_version_is_read_from_its_own_line() -> None:
    text = (
        "8:pids:/\n3:cpuset:/\n2:cpu,cpuacct:/docker/abc\n1:name=systemd:/x\n0::/system.slice/api.service\n"
    )
    assert parse_cgroup(text) == {1: "/docker/abc", 2: "/system.slice/api.service"}


@pytest.mark.parametrize(
    "quota", ["1 0", "0 100000", "-5 -5", f"{10**400} 1", f"1 {10**400}", "", "x", "\xff"]
)
def test_what_is_no_quota_is_none(tmp_path: Path, quota: str) -> None:
    """Also where files hold bytes that are no text, and lines that are cut."""
    files = {
        "1/cgroup": b"0::/\xff\n1\n",
        "self/mountinfo": V2_MOUNT.format(root="/", path=tmp_path / "group").encode()
        + b"\ncut - cgroup2\n\xff",
        "group/cpu.max": quota.encode("latin-1"),
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert quota_of(1, tmp_path) is None


def test_only_hierarchies_that_hold_cpu_quotas_are_mounts() -> None:
    lines = [
        V2_MOUNT.format(root="/", path="/sys/fs/cgroup/unified"),
        V1_MOUNT.format(root="/docker/abc", path="/sys/fs/cgroup/cpu"),
        "34 32 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset",
        "25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    ]
    assert parse_mounts("\n".join(lines)) == [
        CgroupMount(2, "/", "/sys/fs/cgroup/unified"),
        CgroupMount(1, "/docker/abc", "/sys/fs/cgroup/cpu"),
    ]


def machine(tmp_path: Path, *, group: str, mount: str, files: dict[str, str]) -> Path:
    """A /proc of one process, pid 7, and its cgroup files below tmp_path/cg."""
    for name, text in files.items():
        file = tmp_path / "cg" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for pid, name, text in (("7", "cgroup", group), ("self", "mountinfo", mount)):
        (tmp_path / "proc" / pid).mkdir(parents=True)
        (tmp_path / "proc" / pid / name).write_text(text + "\n")
    return tmp_path / "proc"


V2_CASES = {
    "its own quota": ("/a/b", "/", {"a/b/cpu.max": "50000 100000"}, 0.5),
    "a tighter quota above it": (
        "/a/b",
        "/",
        {"a/b/cpu.max": "max 100000", "a/cpu.max": "25000 100000"},
        0.25,
    ),
    "no quota anywhere": ("/a/b", "/", {"a/b/cpu.max": "max 100000"}, None),
    "a container that sees its group as the top": ("/", "/", {"cpu.max": "150000 100000"}, 1.5),
    "a container told the path of its host": ("/docker/x", "/docker/x", {"cpu.max": "150000 100000"}, 1.5),
    "a group outside what the mount shows": ("/../../other", "/", {"cpu.max": "max 100000"}, None),
    "no such file (a group without the controller)": ("/a", "/", {}, None),
}


@pytest.mark.parametrize(("group", "root", "files", "expected"), V2_CASES.values(), ids=V2_CASES.keys())
def test_the_tightest_quota_of_version_2_counts(
    tmp_path: Path, group: str, root: str, files: dict[str, str], expected: float | None
) -> None:
    mount = V2_MOUNT.format(root=root, path=tmp_path / "cg")
    assert quota_of(7, machine(tmp_path, group=f"0::{group}", mount=mount, files=files)) == expected


def test_the_quota_of_version_1_counts_too(tmp_path: Path) -> None:
    files = {"web/cpu.cfs_quota_us": "75000\n", "web/cpu.cfs_period_us": "50000\n"}
    mount = V1_MOUNT.format(root="/", path=tmp_path / "cg")
    proc = machine(tmp_path, group="2:cpu,cpuacct:/web", mount=mount, files=files)
    assert quota_of(7, proc) == 1.5


def test_a_quota_cuts_the_cores_and_says_so(tmp_path: Path) -> None:
    pid = os.getpid()
    mount = V2_MOUNT.format(root="/", path=tmp_path / "cg")
    proc = machine(tmp_path, group="0::/", mount=mount, files={"cpu.max": "50000 100000"})
    (proc / "7").rename(proc / str(pid))
    cores = cores_of([pid], proc)
    assert (cores.count, cores.of) == (0.5, "a quota of 0.5 cores")


def test_affinity_cuts_the_cores_and_two_processes_may_use_both_theirs() -> None:
    allowed = sorted(os.sched_getaffinity(0))
    try:
        os.sched_setaffinity(0, allowed[:1])
        assert usable_cores() <= 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert usable_cores() <= len(allowed)


def test_a_process_that_is_gone_has_the_cores_of_the_machine() -> None:
    assert cores_of([2**22 + 1]).count == os.cpu_count()
