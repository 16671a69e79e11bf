"""What stands in a run's files may come from anybody: it is read as far as it can be, and can be told again."""

import gzip
import json
import os
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from loadctl.results.recording import Event, Reading
from loadctl.results.wire.frame import MAX_LINE_BYTES
from loadctl.run.journal import event_line, read_event, read_lines, read_readings, reading_line

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**400, -(10**400), "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["t", "subject", "source", "entity", "values", "notes", "gap", "kind", "message", "detail"]


@given(
    st.dictionaries(st.sampled_from(FIELDS), json_values), st.dictionaries(st.text(max_size=5), json_values)
)
def test_a_line_that_is_taken_can_be_told_again(fields: dict[str, object], inner: dict[str, object]) -> None:
    """A result takes no NaN, and no file half a character."""
    event = {"t": 1, "kind": "\ud800", "message": "m", "detail": inner} | fields
    reading = {"t": 1, "subject": "\ud800", "source": "s", "entity": "e", "values": inner} | fields
    read = read_event(json.dumps(event).encode())
    for found in (read, *read_readings([json.dumps(reading).encode()])):
        if found is not None:
            json.dumps(msgspec.structs.asdict(found), allow_nan=False, ensure_ascii=False).encode()


def test_a_time_that_is_no_number_is_no_time() -> None:
    for t in ("NaN", "Infinity", "1" + "0" * 400):
        line = f'{{"t":{t},"kind":"k","message":"m","subject":"s","source":"s","entity":"e"}}'.encode()
        assert (read_event(line), list(read_readings([line]))) == (None, [])


def test_a_damaged_gzip_file_gives_what_came_before(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(b"".join(b"%d %x\n" % (k, hash(str(k))) for k in range(10_000))))
    middle = len(data) // 2
    data[middle : middle + 40] = b"\xff" * 40
    (tmp_path / "0.ndjson.gz").write_bytes(data)
    assert 10 < len(list(read_lines(tmp_path / "0.ndjson"))) <= 10_000


def test_a_line_without_end_fills_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "0.ndjson"
    with path.open("wb") as file:
        file.truncate(MAX_LINE_BYTES * 3)
        file.seek(0, os.SEEK_END)
        file.write(b"\nnext\n")
    assert [len(line) for line in read_lines(path)] == [MAX_LINE_BYTES, 5]


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "0.ndjson")
    (tmp_path / "1.ndjson").mkdir()
    assert list(read_lines(tmp_path / "0.ndjson")) == list(read_lines(tmp_path / "1.ndjson")) == []


def test_half_a_character_of_a_page_is_written_as_a_question_mark() -> None:
    reading = Reading(1.0, "system", "prometheus", "a\ud800😀", {"x\udfff": 1.5}, {})
    assert reading_line(reading) == reading_line(
        Reading(1.0, "system", "prometheus", "a?😀", {"x?": 1.5}, {})
    )
    written = event_line(Event(1.0, "monitor_lost", "gone: \ud800 😀"))
    assert json.loads(written)["message"] == "gone: ? 😀"
