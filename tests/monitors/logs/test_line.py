"""What is an error in a log, and which errors are the same."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.monitors.logs.line import Entries, LogReader, folded
from loadctl.scenario.redaction import Redaction


def level(line: str, reader: LogReader | None = None) -> str | None:
    found = (reader or LogReader()).error(line)
    return found.level if found else None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-11-24 12:00:00,123 ERROR app.db: refused", "ERROR"),
        ("2026-11-24 12:00:00,123 - app.db - CRITICAL - refused", "CRITICAL"),
        ("ERROR:    Exception in ASGI application", "ERROR"),
        ("[2026-11-24 12:00:00 +0000] [12] [ERROR] Worker timed out", "ERROR"),
        ("[2026-11-24 12:00:00,123: ERROR/MainProcess] Task raised", "ERROR"),
        ("[2026-11-24T12:00:00] local.ERROR: no such table", "ERROR"),
        ("2026-11-24 12:00:00 UTC [123] FATAL:  too many connections", "FATAL"),
        ("2026/11/24 12:00:00 [error] 31#31: *7 upstream timed out", "ERROR"),
        ("[Tue Nov 24 12:00:00 2026] [core:error] [pid 1] refused", "ERROR"),
        ("2026-11-24 12:00:00.123 | ERROR    | app:main:7 - refused", "ERROR"),
        ("[12:00:00 ERR] refused", "ERR"),
        ("time=12:00:00 level=error msg=refused", "ERROR"),
        ("error: refused", "ERROR"),
        ("fail: Microsoft.Hosting[0]", "ERROR"),
        ("panic: runtime error: index out of range", "PANIC"),
        ("E1124 12:00:00.123456 7 proxy.go:12] refused", "ERROR"),
        ("\x1b[31mERROR\x1b[0m refused", "ERROR"),
        # none of these
        ("2026-11-24 12:00:00,123 INFO retried after ERROR from db", None),
        ("2026-11-24 12:00:00,123 app.db INFO retried after ERROR from db", None),
        ('INFO:     127.0.0.1:1 - "GET /ERROR HTTP/1.1" 404', None),
        ("2026-11-24 12:00:00 [warn] a FATAL one is near", None),
        ("level=info msg=ERROR", None),
        ("could not do it: ERROR 7", None),
        ("Critical section entered", None),
        ("Alert manager started", None),
        ("0 errors, 0 failures", None),
        ("TERRORS", None),
        ("", None),
    ],
)
def test_the_level_stands_where_each_kind_of_log_puts_it(line: str, expected: str | None) -> None:
    assert level(line) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"level": "error"}, "ERROR"),
        ({"severity": "CRITICAL"}, "CRITICAL"),
        ({"levelname": "ERROR"}, "ERROR"),
        ({"lvl": "eror", "msg": "x"}, None),
        ({"log.level": "error"}, "ERROR"),
        ({"log": {"level": "fatal"}}, "FATAL"),
        ({"level": 50}, "50"),
        ({"level": 60, "msg": "x"}, "60"),
        ({"level": 40, "error": "x"}, None),
        ({"level": True, "error": "x"}, None),
        ({"level": "warning", "msg": "ERROR"}, None),
        ({"level": "info", "error": None}, None),
        ({"log": "2026 ERROR refused\n", "stream": "stderr"}, "ERROR"),
        ({"msg": "ERROR refused"}, "ERROR"),
        ({"msg": "refused", "errors": 3}, None),
    ],
)
def test_the_level_of_a_json_line(fields: dict[str, object], expected: str | None) -> None:
    assert level(json.dumps(fields)) == expected
    assert level(json.dumps(fields, separators=(",", ":"))) == expected


def test_a_json_line_says_its_message() -> None:
    found = LogReader().error('{"level": "error", "msg": "no\\n\\u001b[1mdb", "at": 7}')
    assert found is not None
    assert found.message == "no db"


def test_half_characters_in_json_which_no_file_can_hold_are_left_out() -> None:
    found = LogReader().error('{"level": "error", "msg": "no\\ud800db"}')
    assert found is not None
    assert found.message == "no db"


def test_a_json_line_that_was_cut_still_has_its_level() -> None:
    assert level('{"at": 7, "level": "error", "msg": "' + "x" * 70_000) == "ERROR"


def test_the_field_of_the_level_can_be_named() -> None:
    assert level('{"grade": "error", "level": "info"}', LogReader(level="grade")) == "ERROR"
    assert level('{"grade": 50}', LogReader(level="grade")) == "50"
    assert level('{"a": {"grade": "fatal"}}', LogReader(level="a.grade")) == "FATAL"
    assert level('{"grade": "info", "level": "error"}', LogReader(level="grade")) is None


def test_a_pattern_of_ones_own_decides_alone() -> None:
    reader = LogReader(errors="^ *E[0-9]+")
    assert level("  E17 disk", reader) == ""
    assert level("ERROR disk", reader) is None
    assert level("x" * 5000 + "E17", LogReader(errors="E17")) is None  # beyond what is looked at


PYTHON = """\
2026-11-24 12:00:00 ERROR app: failed
Traceback (most recent call last):
  File "x.py", line 1, in f
    raise ValueError("ERROR")
db.errors.Refused: FATAL:  too many connections

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "x.py", line 2, in g
OperationalError: ERROR"""
JAVA = """\
2026-11-24 12:00:00 [main] ERROR c.e.Api - failed
org.postgresql.util.PSQLException: ERROR: duplicate key
\tat org.postgresql.ERROR(Query.java:1)
Caused by: java.io.IOException: FATAL
\t... 12 more"""


@pytest.mark.parametrize("text", [PYTHON, JAVA])
def test_a_stack_trace_belongs_to_its_error(text: str) -> None:
    entries = Entries(LogReader())
    assert [entries.error(line) is not None for line in (text + "\n" + text).splitlines()] == 2 * [
        True,
        *[False] * text.count("\n"),
    ]


def test_errors_one_after_the_other_are_not_each_others_stack_trace() -> None:
    entries = Entries(LogReader())
    lines = ["Error: a", "    at x.js:1", "Error: b", "Error: c", "ERROR: d", "app.db:ERROR: e"]
    assert [entries.error(line) is not None for line in lines] == [True, False, True, True, True, True]
    entries.error("Traceback (most recent call last):")
    assert entries.error("2026-11-24 ERROR after a trace without end") is not None


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("user 17 took 3.5 ms", "user 9 took 17 ms"),
        ("10.0.0.1:80 refused", "10.0.0.9:8080 refused"),
        ("[fe80::1:2] refused", "[fe80::7] refused"),
        ("2026-11-24 12:00:00,123 ERROR x", "2026-11-25 23:59:59,9 ERROR x"),
        ("2026-11-24T12:00:00.1Z x", "2026-11-24T12:00:00.123Z x"),
        ("id 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "id 00000000-4f89-11d3-9a0c-ffffffffffff"),
        ("at 0x7f00dead", "at 0x00"),
        ("commit 9f86d081884c", "commit 0a1b2c3d4e5f6071"),
        ("no model 'churn_v2'", "no model 'fraud-17'"),
        ("trace 01ARZ3NDEKTSV4RRFFQ69G5FAV", "trace 01BX5ZZKBKACTAV9WEVGEMMVRZ"),
    ],
)
def test_equal_complaints_are_folded(one: str, same: str) -> None:
    assert folded(one) == folded(same)


def test_different_complaints_are_not() -> None:
    assert len({folded(text) for text in ("no db", "no cache", "deadbeef", "no 'user'", "no 'order'")}) == 5


def test_secrets_go_before_the_cut_and_the_fold() -> None:
    """`hunter#` and the first half of a secret would tell most of it."""
    reader = LogReader(hidden=Redaction(["hunter2token99"]).hidden)
    for line in (
        "ERROR hunter2token99 ",
        '{"level": "error", "msg": "hunter2token99"}',
        "ERROR " + "x" * 290,
    ):
        found = reader.error(line + "hunter2token99" + "y" * 5000)
        assert found is not None
        assert "hunter" not in found.message
        assert "hunter" not in folded(found.message)


@given(st.text(max_size=400) | st.binary(max_size=400).map(lambda raw: raw.decode("utf-8", "replace")))
def test_any_line_has_an_answer_that_can_be_stored_and_shown(line: str) -> None:
    for text in (line, "ERROR " + line, "{" + line, json.dumps({"level": "error", "msg": line})):
        found = LogReader().error(text)
        if found is not None:
            for said in (found.message, folded(found.message)):
                said.encode()
                assert not set(said) & {"\n", "\r", "\x1b", "\0", "\u202e"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["level", "log", "msg", "x"]), inner),
        max_leaves=9,
    )
)
def test_any_json_has_an_answer(value: object) -> None:
    text = json.dumps({"level": value, "error": 1})
    LogReader().error(text)
    LogReader(level="log.level").error(json.dumps({"log": value, "error": 1}))
    LogReader().error("{" * 100_000)
    LogReader().error('{"error": ' * 3000)


@pytest.mark.quiet
@pytest.mark.parametrize(
    "line",
    [
        "a:" * 3000,
        "ERROR " + "a:" * 3000,
        "ERROR " + "1" * 5000,
        "ERROR " + "'a1-" * 2000,
        "ERROR " + "a.A" * 3000,
        "[error" * 900,
        "\x1b[" * 3000 + "ERROR",
        "{" + '"level":' * 900,
        "E" * 5000,
    ],
)
def test_no_line_takes_long(line: str) -> None:
    entries = Entries(LogReader())
    began = time.thread_time()
    for _ in range(3):
        found = entries.error(line)
        if found is not None:
            folded(found.message)
    assert (time.thread_time() - began) / 3 < 0.02
