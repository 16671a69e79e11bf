"""The CPU of a changing set of processes: nothing lost, nothing counted twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.monitors.process.stat import ProcessStat
from loadctl.monitors.process.usage import CpuMeter


def process(
    pid: int, own: float, children: float = 0.0, *, parent: int = 1, started: float = 0.0
) -> ProcessStat:
    return ProcessStat(pid, started, "server", parent, own, children, 1, 0)


def used(*looks: list[ProcessStat], began: float = 100.0) -> float:
    """Seconds counted at the last of several looks."""
    meter = CpuMeter(began)
    use = None
    for look in looks:
        use = meter.update({stat.key: stat for stat in look})
    assert use is not None
    return use.total_s


CASES = {
    "a process that worked": ([process(1, 5.0)], [process(1, 5.7)], 0.7),
    "a child that nobody saw alive is in its parent's counters": (
        [process(1, 5.0)],
        [process(1, 5.1, children=2.4)],
        2.5,
    ),
    "a child seen alive and then reaped counts once": (
        [process(1, 5.0), process(2, 3.0, parent=1)],
        [process(1, 5.0, children=3.5)],
        0.5,
    ),
    "a grandchild that died with its parent counts once": (
        [process(1, 5.0), process(2, 3.0, parent=1), process(3, 4.0, parent=2)],
        [process(1, 5.0, children=7.25)],
        0.25,
    ),
    "a zombie keeps its counters until it is reaped": (
        [process(1, 5.0), process(2, 3.0, parent=1)],
        [process(1, 5.0), replace(process(2, 3.2, parent=1), zombie=True)],
        0.2,
    ),
    "a child that nobody reaps takes nothing from the others": (
        [process(1, 5.0), process(2, 30.0, parent=1)],
        [process(1, 6.0)],
        1.0,
    ),
    "a child born during the watch counts from its start": (
        [process(1, 5.0)],
        [process(1, 5.0), process(2, 0.9, parent=1, started=100.5)],
        0.9,
    ),
    "an old process that is found late counts from now": (
        [process(1, 5.0)],
        [process(1, 5.0), process(2, 900.0, started=3.0)],
        0.0,
    ),
    "a reused pid is another process": (
        [process(1, 5.0), process(2, 50.0, parent=1, started=3.0)],
        [process(1, 5.0, children=50.0), process(2, 0.1, parent=1, started=101.0)],
        0.1,
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES.keys())
def test_cpu_seconds_between_two_looks(
    before: list[ProcessStat], after: list[ProcessStat], expected: float
) -> None:
    assert used(before, after) == pytest.approx(expected)


def test_the_first_look_has_nothing_to_compare_with() -> None:
    assert CpuMeter(100.0).update({(1, 0.0): process(1, 5.0)}) is None


@given(
    st.lists(
        st.tuples(
            st.integers(1, 6),  # seconds a child lives
            st.integers(0, 20),  # when it starts
            st.floats(0.0, 1.0),  # CPU it uses a second
        ),
        max_size=12,
    )
)
def test_whenever_children_come_and_go_the_sum_is_what_was_used(
    children: list[tuple[int, int, float]],
) -> None:
    """A master with children that are reaped at once; a look every third second misses many of them."""
    meter = CpuMeter(100.0)
    counted = 0.0
    for second in range(0, 31, 3):
        look = [process(1, 0.0, sum(life * cpu for life, start, cpu in children if start + life <= second))]
        look += [
            process(10 + i, (second - start) * cpu, parent=1, started=100.0 + start)
            for i, (life, start, cpu) in enumerate(children)
            if start <= second < start + life
        ]
        use = meter.update({stat.key: stat for stat in look})
        counted += use.total_s if use else sum(stat.cpu_s for stat in look)
    assert counted == pytest.approx(sum(life * cpu for life, _, cpu in children))
