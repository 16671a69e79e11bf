"""Gathering: however coarse the spans, the fold of a run is that of its single seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from loadctl.results.fold import edges, fold
from loadctl.results.gathering import Gathering
from loadctl.results.interval import Second
from loadctl.results.profile import marked_seconds
from loadctl.results.recording import Event, Recording
from tests.results.recorded import interval, load, recording, second, shard, steady

PLAN = load("0..10 7 ramp warmup", "10 13 hold", "20 10 more", "20..0 5 fall")
PROFILED = (
    Event(9.4, "profile_started", "", {"mode": "sample", "seconds": 2.0}),
    Event(11.6, "profile_stopped", "", {"mode": "sample"}),
)
cells = st.dictionaries(
    st.sampled_from(["GET /", "GET /b", "GET /c"]),
    st.builds(
        lambda ok, errors, limited: interval(ok, errors=errors, rate_limited=limited),
        st.lists(st.floats(0.001, 60_000), max_size=5),
        st.dictionaries(st.sampled_from(["timeout", "reset", "generator"]), st.integers(1, 3), max_size=2),
        st.integers(0, 2),
    ),
    max_size=3,
)
pieces = st.lists(st.builds(second, st.integers(0, 44), cells, users=st.integers(0, 9)), max_size=40)
stops = st.none() | st.floats(0.0, 44.0)


def gathered(seconds: Sequence[Second], events: Sequence[Event]) -> Recording:
    made = Gathering(edges(PLAN, events))
    for one in seconds:
        made.add(one)
    return replace(recording(seconds, events=events), seconds=made.seconds, spans=made.spans)


@example(steady(45, [5.0] * 9), 12.5, True)
@given(pieces, stops, st.booleans())
def test_coarse_spans_fold_to_what_single_seconds_do(
    seconds: list[Second], stop: float | None, profiled: bool
) -> None:
    events = [*(PROFILED if profiled else ()), *([] if stop is None else [Event(stop, "stop", "")])]
    marked = marked_seconds(events)
    coarse, fine = gathered(seconds, events), recording(seconds, events=events)
    assert coarse.seconds == fine.seconds
    assert len(coarse.spans) <= len(edges(PLAN, events)) + 1
    assert fold(PLAN, coarse, marked=marked) == fold(PLAN, fine, marked=marked)


@given(pieces, st.randoms())
def test_the_order_of_pieces_means_nothing(seconds: list[Second], random) -> None:  # type: ignore[no-untyped-def]
    one = gathered(seconds, ())
    random.shuffle(seconds)
    other = gathered(seconds, ())
    assert fold(PLAN, one) == fold(PLAN, other)


def test_a_second_in_pieces_is_added_up() -> None:
    made = gathered(
        [second(3, {"a": interval([5.0])}, users=4), second(3, {"b": interval([9.0])}, users=2)], ()
    )
    (moment,) = made.seconds
    assert (moment.t, moment.users, moment.completed, moment.ok.max_us) == (3, 6, 2, 9000)
    assert len(moment.lag_ms) == 20
    assert [sorted(span.cells) for span in made.spans] == [["a", "b"]]
    assert made.shards == [shard(last_t=3)]
