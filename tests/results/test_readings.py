"""Readings in columns are what a plain list of them would be."""

from __future__ import annotations

from operator import attrgetter

from hypothesis import given
from hypothesis import strategies as st

from loadctl.results.readings import Readings
from loadctl.results.recording import Reading

_NAMES = ("cpu_pct", "memory_bytes")
_times = st.integers(0, 12).map(lambda half: half / 2)
_one = st.builds(
    Reading,
    t=_times,
    subject=st.sampled_from(["system", "host"]),
    source=st.sampled_from(["process", "metrics"]),
    entity=st.sampled_from(["x", "y"]),
    values=st.dictionaries(st.sampled_from(_NAMES), st.integers(-3, 3).map(float)),
    notes=st.dictionaries(st.sampled_from(["memory_kind", "cpu_of"]), st.sampled_from(["a", "b"])),
    gap=st.sampled_from([None, None, "it has ended", "it went away"]),
)
_some = st.lists(_one, max_size=30)


def in_time(readings: list[Reading]) -> list[Reading]:
    return sorted(readings, key=attrgetter("t"))


def check(readings: Readings, plain: list[Reading]) -> None:
    """All that is asked of them, against the same of a list in order of time."""
    assert (list(readings), len(readings), bool(readings)) == (plain, len(plain), bool(plain))
    assert readings.entities == list(dict.fromkeys(one.entity for one in plain))
    assert readings.names == {name for one in plain for name in one.values}
    assert readings.measured == [one for one in plain if one.values]
    assert readings.gaps == [one.gap for one in plain if one.gap]
    assert readings.of_source("metrics") == [one for one in plain if one.source == "metrics"]
    noted = [one.notes["memory_kind"] for one in plain if "memory_kind" in one.notes]
    assert readings.note("memory_kind") == (noted[-1] if noted else None)
    for name, other in (_NAMES, _NAMES[::-1]):
        points = [(one.t, one.values[name]) for one in plain if name in one.values]
        assert readings.series(name) == points
        assert list(readings.values(name)) == [value for _, value in points]
        assert readings.highest(name) == max((value for _, value in points), default=None)
        if points:
            assert readings.last(name) == max(points, key=lambda point: point[0])[1]
        pairs = [(one.values[name], one.values.get(other)) for one in plain if name in one.values]
        assert sorted(map(repr, readings.pairs(name, other))) == sorted(map(repr, pairs))


@given(_some)
def test_they_are_the_list_in_order_of_time(made: list[Reading]) -> None:
    check(Readings.of(made), in_time(made))


@given(_some, _times, _times)
def test_a_span_leaves_out_what_tells_of_the_time_before_it(
    made: list[Reading], start: float, end: float
) -> None:
    check(Readings.of(made).between(start, end), [one for one in in_time(made) if start < one.t <= end])


@given(_some, st.frozensets(st.integers(-1, 7)))
def test_seconds_are_left_out_with_the_readings_that_tell_of_them(
    made: list[Reading], seconds: frozenset[int]
) -> None:
    kept = [one for one in in_time(made) if not any(s < one.t <= s + 1 for s in seconds)]
    check(Readings.of(made).without(seconds), kept)


@given(_some, _times)
def test_parts_come_in_the_order_in_which_they_are_first_seen(made: list[Reading], start: float) -> None:
    plain: dict[tuple[str, str], list[Reading]] = {}
    for one in in_time(made):
        if start < one.t:
            plain.setdefault((one.source, one.entity), []).append(one)
    parts = Readings.of(made).between(start, 100.0).split(lambda origin: (origin.source, origin.entity))
    assert list(parts) == list(plain)
    for key, part in parts.items():
        check(part, plain[key])


def test_readings_are_equal_to_others_with_the_same_and_to_nothing_else() -> None:
    made = [Reading(1.0, "system", "process", "x", {"cpu_pct": 1.0})]
    assert Readings.of(made) == Readings.of(iter(made))
    assert made[0] in Readings.of(made)
    assert Readings.of(made) != Readings.of([])
    assert Readings.of(made) != 1
    assert Readings.of(Readings.of(made)) == made
