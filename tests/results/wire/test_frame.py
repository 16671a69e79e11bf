"""Frames: what recorders write is read back exactly, and nothing they write can hurt the reader."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.results.histogram import Histogram
from loadctl.results.interval import Interval, Second
from loadctl.results.recording import Example, VirtualUsers
from loadctl.results.wire.frame import Bye, Clocks, Hello, Note, parse
from tests.records import replace
from tests.results.written import frame as frame_of

counts = st.integers(0, 10**9)
histograms = st.lists(st.integers(0, 10**9), max_size=20).map(Histogram.of)


def with_untimed(histogram: Histogram, untimed: int) -> Histogram:
    return replace(histogram, count=histogram.count + untimed, untimed=untimed)


names = st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace").decode())
intervals = st.builds(
    Interval,
    ok=st.builds(with_untimed, histograms, st.integers(0, 3)),
    failed=histograms,
    ttfb=histograms,
    errors=st.dictionaries(names, counts, max_size=3).map(Counter),
    rate_limited=counts,
    in_flight=counts,
    bytes=counts,
)
seconds = st.builds(
    Second,
    t=st.integers(0, 10**6),
    cells=st.dictionaries(names, intervals, max_size=4),
    users=counts,
    leaving=counts,
    ended=counts,
    lag_ms=st.lists(st.floats(0, 1e6), max_size=12),
    late=histograms,
    planned=counts,
    begun=counts,
    dropped=counts,
    turns=counts,
    faults=counts,
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**400, -(10**400), 1 << 63, "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
CELL = {"n": 2, "sum_us": 30, "min_us": 10, "max_us": 20, "h": {"10": 1, "20": 1}}


def frame(**fields: object) -> str:
    return json.dumps({"kind": "frame", "t": 3, "cells": {}} | fields)


@given(seconds)
def test_a_second_is_read_back_as_it_was_written(second: Second) -> None:
    assert parse(frame_of(second)) == second


@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise(line: bytes) -> None:
    parse(line)


@given(seconds, st.data())
def test_a_torn_line_is_no_second(second: Second, data: st.DataObject) -> None:
    line = frame_of(second).rstrip()
    assert parse(line[: data.draw(st.integers(0, len(line) - 1))]) is None


@given(
    st.sampled_from(["frame", "hello", "example", "note", "bye"]),
    st.dictionaries(
        st.sampled_from(
            [
                "t",
                "cells",
                "users",
                "lag_ms",
                "late",
                "clocks",
                "format",
                "engine",
                "version",
                "pid",
                "shard",
                "message",
                "endpoint",
                "class",
                "status",
                "body",
                "unfinished",
                "totals",
            ]
        ),
        json_values,
    ),
)
def test_wrong_types_in_known_fields_never_raise(kind: str, fields: dict[str, object]) -> None:
    parse(json.dumps({"kind": kind} | fields))


@given(
    st.dictionaries(st.sampled_from(["n", "sum_us", "min_us", "max_us", "h"]), json_values),
    st.floats(0.01, 0.99),
)
def test_a_histogram_that_is_accepted_can_give_its_percentiles(fields: dict[str, object], q: float) -> None:
    found = parse(frame(cells={"GET /": {"ok": CELL | fields}}))
    if isinstance(found, Second):
        found.cells["GET /"].ok.quantile_us(q)


def test_the_five_kinds_of_line() -> None:
    hello = {"kind": "hello", "format": 1, "engine": "e", "version": "2.1", "pid": 7, "shard": 1}
    assert parse(json.dumps(hello | {"clocks": {"monotonic_s": 5, "wall_s": 1e9}})) == Hello(
        1, "e", "2.1", 7, 1, Clocks(5.0, 1e9)
    )
    assert parse('{"kind":"note","message":"500 endpoint names"}') == Note("500 endpoint names")
    example = {"kind": "example", "t": 1.5, "endpoint": "GET /", "class": "status_500", "status": 500}
    assert parse(json.dumps(example | {"message": "Oh", "body": "{}"})) == Example(
        1.5, "GET /", "status_500", 500, "Oh", "{}"
    )
    bye = {"kind": "bye", "t": 9.25, "unfinished": {"GET /": [12, 3.5]}, "totals": {"started": 4}}
    assert parse(json.dumps(bye)) == Bye(9.25, {"GET /": (12.0, 3.5)}, {"started": 4})
    counted = bye | {"virtual_users": {"created": 5, "completed": 4, "failed": 1}}
    assert parse(json.dumps(counted)) == Bye(
        9.25, {"GET /": (12.0, 3.5)}, {"started": 4}, VirtualUsers(5, 4, 1)
    )
    assert parse(json.dumps(bye | {"virtual_users": {"created": 5, "completed": -4, "failed": 1}})) is None
    second = parse(frame(users=4, cells={"GET /": {"ok": CELL, "in_flight": 2}}))
    assert isinstance(second, Second)
    assert (second.t, second.users, second.cells["GET /"].ok.count, second.cells["GET /"].in_flight) == (
        3,
        4,
        2,
        2,
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "nothing"),
        ("[]", "not an object"),
        ('{"kind":"frame"}', "no second"),
        ('{"kind":"weather","t":1}', "a kind from another version"),
        (frame(t=-1), "before the start"),
        (frame(t=10**12), "longer than any run: a reader that counts to it would never end"),
        (frame(t=True), "a truth is no second"),
        ('{"kind":"frame","t":1,"lag_ms":[NaN]}', "NaN is no number"),
        ('{"kind":"frame","t":1,"lag_ms":[1e999]}', "nor is infinity"),
        (frame(cells={"GET /": {"ok": CELL | {"n": 3}}}), "count and buckets disagree"),
        (frame(cells={"GET /": {"ok": CELL | {"min_us": 21}}}), "minimum above maximum"),
        (
            frame(cells={"GET /": {"ok": CELL | {"h": {"10": 1, "999999999999": 1}}}}),
            "a bucket no clock can reach",
        ),
        (frame(cells={"GET /": {"ok": CELL | {"h": {"10": 2.0}}}}), "counts are whole"),
        (
            f'{{"kind":"frame","t":1,"lag_ms":[1{"0" * 400}]}}',
            "no clock is that late, and no float that large",
        ),
        (frame(users=1 << 63), "nobody can count so far"),
        (frame(cells={"GET /": {"ok": CELL | {"sum_us": 10**30}}}), "nor wait so long"),
        ("[" * 100_000, "nested without end"),
        ('{"t":' + "9" * 5000 + "}", "digits without end"),
    ],
)
def test_what_is_not_a_frame_is_none(line: str, why: str) -> None:
    assert parse(line) is None, why


def test_texts_are_bounded_and_printable() -> None:
    found = parse(json.dumps({"kind": "note", "message": "\ud800" + "x" * 100_000}))
    assert isinstance(found, Note)
    assert found.message.encode() == b"?" + b"x" * 4095
