"""Gathering: however coarse the spans, the fold of a run is that of its single seconds."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from loadctl.results.boundaries import boundaries
from loadctl.results.gathering import Gathering
from loadctl.results.histogram import Packed
from loadctl.results.interval import Second
from loadctl.results.measures.fold import fold
from loadctl.results.profile import marked_seconds
from loadctl.results.recording import Event, Recording
from loadctl.results.wire.line import Lines, tally_of
from tests.records import replace
from tests.results.recorded import interval, load, recording, second, shard, steady
from tests.results.written import written

PLAN = load("0..10 7 ramp warmup", "10 13 hold", "20 10 more", "20..0 5 fall")
PROFILED = (
    Event(9.4, "profile_started", "", {"mode": "sample", "seconds": 2.0}),
    Event(11.6, "profile_stopped", "", {"mode": "sample"}),
)
cells = st.dictionaries(
    st.sampled_from(["GET /", "GET /b", "GET /c"]),
    st.builds(
        lambda ok, errors, untimed, limited: interval(
            ok, errors=errors, untimed=untimed, rate_limited=limited
        ),
        st.lists(st.floats(0.001, 60_000), max_size=5),
        st.dictionaries(st.sampled_from(["timeout", "reset", "generator"]), st.integers(1, 3), max_size=2),
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    max_size=3,
)
people = st.integers(0, 9)
pieces = st.lists(
    st.builds(second, st.integers(0, 44), cells, users=people, leaving=people, ended=people), max_size=40
)
stops = st.none() | st.floats(0.0, 44.0)


def from_gathering(made: Gathering, seconds: Sequence[Second], events: Sequence[Event] = ()) -> Recording:
    return replace(recording(seconds, events=events), seconds=made.seconds, spans=made.spans)


def gathered(seconds: Sequence[Second], events: Sequence[Event]) -> Recording:
    made = Gathering(boundaries(PLAN, events))
    for one in seconds:
        made.add(one)
    return from_gathering(made, seconds, events)


@example(steady(45, [5.0] * 9), 12.5, True)
@given(pieces, stops, st.booleans())
def test_coarse_spans_fold_to_what_single_seconds_do(
    seconds: list[Second], stop: float | None, profiled: bool
) -> None:
    events = [*(PROFILED if profiled else ()), *([] if stop is None else [Event(stop, "stop", "")])]
    marked = marked_seconds(events)
    coarse, fine = gathered(seconds, events), recording(seconds, events=events)
    assert coarse.seconds == fine.seconds
    assert len(coarse.spans) <= len(boundaries(PLAN, events)) + 1
    assert fold(PLAN, coarse, marked=marked) == fold(PLAN, fine, marked=marked)


@given(pieces, st.randoms())
def test_the_order_of_pieces_means_nothing(seconds: list[Second], random) -> None:  # type: ignore[no-untyped-def]
    one = gathered(seconds, ())
    random.shuffle(seconds)
    other = gathered(seconds, ())
    assert fold(PLAN, one) == fold(PLAN, other)


@example(steady(45, [5.0] * 9), 12.5, True)
@given(pieces, stops, st.booleans())
def test_what_is_written_of_a_run_folds_to_what_its_seconds_do(
    seconds: list[Second], stop: float | None, profiled: bool
) -> None:
    """Events are known when they happen, seconds when they are over."""
    happened = [*(PROFILED if profiled else ()), *([] if stop is None else [Event(stop, "stop", "")])]
    lines, made_of = Lines(PLAN), list[str]()
    for one in sorted(seconds, key=lambda each: each.t):
        for event in [event for event in happened if event.t < one.t + 1]:
            happened.remove(event)
            lines.heed(event)
        made_of += lines.of(one)
    made_of += lines.rest()
    events = [*(PROFILED if profiled else ()), *([] if stop is None else [Event(stop, "stop", "")])]
    made = read(boundaries(PLAN, events), made_of)
    assert not made.incomplete
    fine = recording(seconds, events=events)
    assert made.seconds == fine.seconds
    marked = marked_seconds(events)
    assert fold(PLAN, from_gathering(made, seconds, events), marked=marked) == fold(PLAN, fine, marked=marked)


def read(cuts: Sequence[int], lines: Sequence[str]) -> Gathering:
    made = Gathering(cuts)
    for line in lines:
        made.read(line.encode())
    made.finish()
    return made


def lines_of(seconds: Sequence[Second]) -> list[str]:
    lines = Lines(PLAN)
    return [*(line for one in seconds for line in lines.of(one)), *lines.rest()]


HOLD = steady(8, [5.0] * 300, start=1000, errors={"reset": 1})
"""Within one tally."""


def test_seconds_without_their_tally_are_incomplete() -> None:
    whole = lines_of(HOLD)
    assert [line.startswith('{"tally":8,') for line in whole] == [False] * 8 + [True]
    assert not read([], whole).incomplete
    for torn in (whole[:-1], whole[1:], [whole[0][:-9], *whole[1:]], [*whole[:-1], whole[-1][:-9]]):
        assert read([], torn).incomplete


def test_a_tally_that_reaches_across_an_edge_or_is_of_other_seconds_is_not_taken() -> None:
    whole = lines_of(HOLD)
    others = lines_of(steady(8, [5.0] * 299, start=1000, errors={"reset": 1}))
    assert read([1005], whole).incomplete
    assert read([], [*whole[:-1], others[-1]]).incomplete
    assert not read([1000, 1008], whole).incomplete


def test_tallies_are_short_at_first_and_few_in_a_long_run() -> None:
    numbers = [tally_of(t) for t in range(4 * 3600)]
    assert numbers == sorted(numbers)
    assert len(set(numbers[:60])) >= 40
    assert len(set(numbers)) <= 330
    lines = Lines(load("10 3600 hold"))
    made = [line for one in steady(1300, [5.0]) for line in lines.of(one)]
    assert sum(line.startswith('{"tally":') for line in made) == tally_of(1299)


def test_latencies_of_endpoints_are_kept_as_finely_as_they_are_tallied() -> None:
    """From the lines as from single seconds, in whatever order these come."""
    seconds = [
        second(t, {"a": interval([t / 100] * 3), "b": interval([9.0] if t % 2 else (), errors={"reset": 1})})
        for t in range(400)
    ]
    as_written = read([], lines_of(seconds)).latencies
    one, other = Gathering([]), Gathering([])
    for each in seconds:
        one.add(each)
    for each in reversed(seconds):
        other.add(each)
    assert as_written == one.latencies == other.latencies
    assert [(some.first, some.last) for some in as_written[:2]] == [(0, 1), (2, 2)]
    assert sum(some.ok["a"].count for some in as_written) == 1200
    assert all(tally_of(some.first) == tally_of(some.last) for some in as_written)


def test_lines_of_the_older_form_hold_all_themselves() -> None:
    made = read([], [written(one) for one in HOLD])
    assert not made.incomplete
    assert made.seconds == recording(HOLD).seconds
    assert fold(PLAN, from_gathering(made, HOLD)) == fold(PLAN, recording(HOLD))


def test_first_bytes_are_unpacked_when_somebody_asks() -> None:
    whole = second(3, {"a": interval([5.0] * 3)})
    whole.cells["a"].ttfb.merge(interval([2.0, 4.0]).ok)
    lines = lines_of([whole])
    (kept,) = read([], lines).seconds
    assert (kept.first_bytes.count, kept.ttfb) == (2, Packed.of(whole.cells["a"].ttfb))
    assert '"ttfb":{"n":2,' in lines[0]
    damaged = read([], [lines[0].replace('"ttfb":{"n":2,', '"ttfb":{"n":9,'), lines[1]])
    assert damaged.incomplete  # the frames know better
    assert damaged.seconds[0].ttfb == Packed()


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda rest: b'{"tally":' + rest))
def test_no_line_whatever_raises(line: bytes) -> None:
    made = Gathering([])
    made.read(line)
    made.finish()


def test_a_second_in_pieces_is_added_up() -> None:
    made = gathered(
        [
            second(3, {"a": interval([5.0])}, users=4, ended=1),
            second(3, {"b": interval([9.0])}, users=2, ended=2),
        ],
        (),
    )
    (moment,) = made.seconds
    assert (moment.t, moment.users, moment.completed, moment.ok.max_us) == (3, 6, 2, 9000)
    assert moment.ended == 3
    assert len(moment.lag_ms) == 20
    assert [sorted(span.cells) for span in made.spans] == [["a", "b"]]
    assert made.shards == [shard(last_t=3)]
