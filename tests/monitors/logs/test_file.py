"""A log followed through all that happens to logs: every line once."""

from __future__ import annotations

import logging
import shutil
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.monitors.logs.feed import PatternFeed
from loadctl.monitors.logs.file import FileFeed
from loadctl.monitors.logs.line import LogReader, folded
from loadctl.monitors.logs.source import LogSource
from loadctl.results.recording import Event, Reading


def test_only_what_comes_after_the_start_is_read(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text("old\nhalf a li")
    tail = FileFeed(log)
    with log.open("a") as file:
        file.write("ne\nnew\npart")
    assert list(tail.lines()) == ["new"]
    with log.open("a") as file:
        file.write("ial\r\n")
    assert list(tail.lines()) == ["partial"]


def test_forty_thousand_lines_through_rotations_and_a_copytruncate(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    logger = logging.getLogger("x")
    handler = RotatingFileHandler(log, maxBytes=600_000, backupCount=9)
    logger.addHandler(handler)
    tail, seen = FileFeed(log), []
    for n in range(30_000):
        logger.error("line %d of the log that is rotated by its writer", n)
        if n % 997 == 0:
            seen += list(tail.lines())
    handler.close()
    with log.open("a") as file:
        for n in range(30_000, 40_000):
            file.write(f"line {n} of the log\n")
            if n == 35_000:
                file.flush()
                seen += list(tail.lines())
            if n == 36_000:
                file.flush()
                shutil.copy(log, tmp_path / "api.log.copy")
                file.truncate(0)
    seen += list(tail.lines())
    assert [int(line.split()[1]) for line in seen] == list(range(40_000))
    assert tail.rotations >= 3


def test_a_truncated_file_that_grew_past_the_old_place_is_noticed(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    tail = FileFeed(log)
    log.write_text("a\n" * 100)
    assert len(list(tail.lines())) == 100
    log.write_text("b\n" * 500)
    assert list(tail.lines()) == ["b"] * 500


def test_deleted_and_made_anew(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text("")
    tail = FileFeed(log)
    log.unlink()
    assert list(tail.lines()) == []
    log.write_text("again\n")
    assert list(tail.lines()) == ["again"]


def test_new_files_of_a_pattern_are_read_from_their_beginning(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("old\n")
    feed = PatternFeed(str(tmp_path / "*.log"))
    (tmp_path / "b.log").write_text("new\n")
    feed._looked = 0.0
    assert list(feed.lines()) == ["new"]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-01-01 12:00:00,1 ERROR db: cannot connect", "ERROR"),
        ("[error] 31#31: upstream timed out", "ERROR"),
        ('time=x level=error msg="no"', "ERROR"),
        ('{"level": "error", "msg": "no"}', "ERROR"),
        ('{"level": 50, "msg": "no"}', "50"),
        ("INFO no errors found", None),
        ('{"level": "info", "msg": "ERROR page shown"}', None),
        ("    raise ValueError(ERROR)", None),
        ("", None),
    ],
)
def test_the_level_of_a_line(line: str, level: str | None) -> None:
    found = LogReader().error(line)
    assert (found.level if found else None) == level


def test_a_pattern_of_ones_own_decides_alone() -> None:
    reader = LogReader(errors="^E[0-9]+")
    assert reader.error("E17 disk") is not None
    assert reader.error("ERROR disk") is None


def test_equal_complaints_are_folded() -> None:
    assert folded("user 17 at 10.0.0.1 took 3.5 ms") == folded("user 9 at 10.0.0.9 took 17 ms")


@given(st.text(max_size=300))
def test_any_line_has_an_answer(line: str) -> None:
    found = LogReader().error(line)
    assert found is None or "\n" not in folded(found.message)


def test_a_source_counts_and_tells_the_first_and_the_most_frequent(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text("")
    source = LogSource(FileFeed(log), LogReader())
    with log.open("a") as file:
        file.writelines(f"ERROR pool {n} is empty\n" for n in range(30))
        file.write("INFO fine\n")
    seen = source.close(5.0)
    readings = [one for one in seen if isinstance(one, Reading)]
    assert sum(r.values["log_errors"] for r in readings) == 30
    assert sum(r.values["log_lines"] for r in readings) == 31
    events = [one for one in seen if isinstance(one, Event)]
    assert sum(event.kind == "log_error" for event in events) == 20
    (frequent,) = [event for event in events if event.kind == "log_messages"]
    assert (frequent.message, frequent.detail["count"]) == ("ERROR pool # is empty", 30)
