"""Lines out of the engine's frames, however they are cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from loadctl.monitors.answer import framed_lines, plain_lines


def framed(stream: int, payload: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]


LOG = framed(1, b"one\ntw") + framed(2, b"bad\r\n") + framed(1, b"o\n\nlast") + framed(2, "ä".encode())


@given(st.lists(st.integers(0, 200)))
def test_frames_cut_anywhere_give_the_same_lines(places: list[int]) -> None:
    assert list(framed_lines(cut(LOG, places))) == [
        "one",
        "bad",
        "two",
        "",
        "last",
        "ä",
    ]


@given(st.lists(st.integers(0, 200)))
def test_a_terminal_sends_no_frames(places: list[int]) -> None:
    for read in (plain_lines, framed_lines):
        assert list(read(cut(b"one\r\ntwo, longer\r\n", places))) == [
            "one",
            "two, longer",
        ]


@given(st.lists(st.binary(max_size=40)))
def test_no_bytes_break_it(chunks: list[bytes]) -> None:
    for read in (plain_lines, framed_lines):
        list(read(chunks))


def test_a_line_without_an_end_is_cut_and_does_not_fill_the_memory() -> None:
    lines = list(plain_lines([b"x" * 600_000] * 5 + [b"\nnext\n"]))
    assert [len(text) for text in lines] == [1_000_000, 4]


def test_a_frame_that_claims_gigabytes_is_none() -> None:
    assert next(framed_lines([b"\1\0\0\0\xff\xff\xff\xffhello\n"])).endswith("hello")


def test_json_texts_are_cut_at_line_feeds_alone() -> None:
    text = '{"a":"\u2028\x0c\x85"}'
    assert list(plain_lines([f"{text}\n{text}".encode()])) == [text, text]
