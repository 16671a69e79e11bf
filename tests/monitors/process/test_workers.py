"""Which children of a master count as replaced workers."""

from __future__ import annotations

import pytest

from loadctl.monitors.process.process import WorkerEnd, Workers
from loadctl.monitors.process.stat import ProcessStat

MASTER = ProcessStat(1, 0.0, "server", 0, 0.0, 0.0, 1, 0)


def child(pid: int, name: str = "server", parent: int = 1) -> ProcessStat:
    return ProcessStat(pid, float(pid), name, parent, 0.0, 0.0, 1, 0)


A, B, C, HELPER = child(11), child(12), child(13), child(14, "convert")

LOOKS: dict[str, tuple[list[tuple[float, list[ProcessStat]]], list[tuple[int, int]]]] = {
    "a worker killed and replaced within a second": ([(0, [A, B]), (1, [A, C])], [(12, 13)]),
    "a worker replaced only later": ([(0, [A, B]), (1, [A]), (4, [A, C])], [(12, 13)]),
    "a successor that came before the end": ([(0, [A]), (6, [A, C]), (7, [C])], [(11, 13)]),
    "a pool that shrinks replaces nobody": ([(0, [A, B]), (1, [A]), (60, [A, C])], []),
    "a pool that grows replaces nobody": ([(0, [A]), (1, [A, B])], []),
    "a helper that came and went is no worker": (
        [(0, [A]), (1, [A, HELPER]), (2, [A, child(15, "convert")])],
        [],
    ),
    "a child of another name takes nobody's place": ([(0, [A, B]), (1, [A, HELPER])], []),
    "grandchildren are their parent's business": (
        [(0, [A, child(21, parent=11)]), (1, [A, child(22, parent=11)])],
        [],
    ),
}


@pytest.mark.parametrize(("looks", "expected"), LOOKS.values(), ids=LOOKS.keys())
def test_replaced_workers(
    looks: list[tuple[float, list[ProcessStat]]], expected: list[tuple[int, int]]
) -> None:
    workers = Workers(MASTER)
    changes = [change for t, stats in looks for change in workers.update([MASTER, *stats], t)]
    pairs = [(end.ended, end.successor) for end in changes if end.successor is not None]
    assert [(ended.pid, successor.pid) for ended, successor in pairs] == expected


def test_an_end_is_told_at_once_and_with_those_left_but_not_of_a_passing_helper() -> None:
    workers = Workers(MASTER)
    assert workers.update([MASTER, A, B, C], 0) == []
    assert workers.update([MASTER, A, C, HELPER], 6) == [WorkerEnd(B, left=3)]
    assert workers.update([MASTER, A, C], 8) == []
    assert workers.update([MASTER, C], 9) == [WorkerEnd(A, left=1)]
