"""All that programs do to a log that is being read: every line is read once."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from loadctl.monitors.background import Lost
from loadctl.monitors.logs.file import LINE_MAX, FileFeed
from loadctl.monitors.logs.line import LogReader
from loadctl.monitors.logs.source import LogSource
from loadctl.results.recording import Event, Reading
from tests.monitors.conftest import Spawn


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "api.log"
    path.write_text("from before\n")
    return path


@pytest.fixture
def writer(log: Path) -> Iterator[TextIO]:
    """As most programs write: to the end of whatever the file has become."""
    with log.open("a", buffering=1) as file:
        yield file


def beside(log: Path, suffix: str) -> Path:
    return log.with_name(log.name + suffix)


def add(log: Path, *lines: str) -> None:
    with log.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def polled(tail: FileFeed) -> list[str]:
    return list(tail.lines())


def test_logrotate_create_the_writer_keeps_the_renamed_file_until_it_is_told(
    log: Path, writer: TextIO
) -> None:
    tail = FileFeed(log)
    writer.write("1\n")
    assert polled(tail) == ["1"]
    log.rename(beside(log, ".1"))
    log.touch()
    assert polled(tail) == []
    writer.write("2\n")
    assert polled(tail) == ["2"]
    add(log, "3")
    writer.write("4\n")
    assert sorted(polled(tail)) == ["3", "4"]
    tail.close()


def test_a_renamed_file_is_given_back_when_it_is_silent(log: Path, writer: TextIO) -> None:
    clock = Clock()
    tail = FileFeed(log, clock=clock)
    writer.write("no end")
    writer.flush()
    log.rename(beside(log, ".1"))
    log.touch()
    assert polled(tail) == []
    assert len(tail.heads()) == 2
    clock.now += 11
    assert polled(tail) == ["no end"]
    assert len(tail.heads()) == 1
    tail.close()


def test_logrotate_nocreate_there_is_no_file_for_a_while(log: Path) -> None:
    clock = Clock()
    tail = FileFeed(log, clock=clock)
    log.rename(beside(log, ".1"))
    add(beside(log, ".1"), "1")
    assert polled(tail) == ["1"]
    clock.now += 4.9
    assert polled(tail) == []
    add(log, "2")
    assert polled(tail) == ["2"]
    tail.close()


@pytest.mark.parametrize(
    ("first", "second"), [(".2", ".1"), ("-20261124", "-20261124-1700000000"), (".2026-11-24_12", ".old")]
)
def test_two_rotations_between_two_looks(log: Path, first: str, second: str) -> None:
    tail = FileFeed(log)
    add(log, "1")
    log.rename(beside(log, first))
    add(log, "2")
    log.rename(beside(log, second))
    add(log, "3")
    assert polled(tail) == ["1", "2", "3"]
    assert polled(tail) == []
    tail.close()


def test_an_identity_that_is_given_to_the_next_file_hides_no_line(log: Path) -> None:
    """With two kept, each rotation deletes a file and may give its inode to the new one."""
    tail, seen = FileFeed(log), []
    for n in range(600):
        add(log, f"line {n:04}")
        if n % 20 == 19:
            if beside(log, ".1").exists():
                beside(log, ".1").replace(beside(log, ".2"))
            log.rename(beside(log, ".1"))
            log.touch()
        if n % 30 == 29:
            seen += polled(tail)
    assert seen + polled(tail) == [f"line {n:04}" for n in range(600)]
    tail.close()


def test_a_file_with_the_identity_of_a_known_one_is_told_from_it_by_its_beginning(log: Path) -> None:
    beside(log, ".1").write_text("known since the start\n")
    tail = FileFeed(log)
    add(log, "1")
    log.rename(beside(log, ".2"))
    beside(log, ".1").write_text("2\n")  # the same inode
    add(log, "3")
    assert polled(tail) == ["1", "2", "3"]
    tail.close()


def test_copytruncate_what_was_added_before_the_cut_is_read_from_the_copy(log: Path, writer: TextIO) -> None:
    tail = FileFeed(log)
    writer.write("1 and so on\n2 ha")
    assert polled(tail) == ["1 and so on"]
    writer.write("lf\n3\n")
    shutil.copy(log, beside(log, ".1"))
    os.truncate(log, 0)
    writer.write("4\n")
    assert polled(tail) == ["2 half", "3", "4"]
    tail.close()


def test_copytruncate_onto_the_copy_of_the_last_time(log: Path, writer: TextIO) -> None:
    tail, seen = FileFeed(log), []
    for n in range(5):
        writer.write(f"{n}a\n")
        seen += polled(tail)
        writer.write(f"{n}b\n")
        shutil.copy(log, beside(log, ".1"))
        os.truncate(log, 0)
    assert seen + polled(tail) == [f"{n}{x}" for n in range(5) for x in "ab"]
    tail.close()


@pytest.mark.parametrize("size", [100, 10_000, 30_000_000])
def test_copytruncate_under_a_writer_that_goes_on_at_its_old_place(tmp_path: Path, size: int) -> None:
    """`program > api.log`: the file is a hole then, and must be neither a line nor read through."""
    log = tmp_path / "api.log"
    with log.open("w", buffering=1) as program:
        program.write("x" * size + "\n")
        tail = FileFeed(log)
        os.truncate(log, 0)
        program.write("1\n2\n")
        assert [line for _ in range(3) for line in polled(tail)] == ["1", "2"]
        tail.close()


def test_grown_past_the_old_place_after_a_cut_while_it_was_not_looked_at(log: Path) -> None:
    tail = FileFeed(log)
    add(log, *(f"a{n}" for n in range(50)))
    assert len(polled(tail)) == 50
    log.write_text("".join(f"b{n}\n" for n in range(500)))
    assert polled(tail) == [f"b{n}" for n in range(500)]
    tail.close()


@pytest.mark.parametrize("suffix", [".err", "-worker", ".bak2"])
def test_another_log_beside_it_is_not_part_of_it(log: Path, suffix: str) -> None:
    tail = FileFeed(log)
    add(beside(log, suffix), "not ours")
    log.rename(beside(log, ".1"))
    add(log, "1")
    assert polled(tail) == ["1"]
    tail.close()


@pytest.mark.parametrize("suffix", [".gz", ".1.gz", "-20261124.zst"])
def test_a_packed_one_is_not_read(log: Path, suffix: str) -> None:
    tail = FileFeed(log)
    beside(log, suffix).write_bytes(b"\x1f\x8bERROR\n")
    log.rename(beside(log, ".1"))
    add(log, "1")
    assert polled(tail) == ["1"]
    tail.close()


def test_a_copy_made_by_hand_is_not_read_a_second_time(log: Path) -> None:
    tail = FileFeed(log)
    add(log, "1 " + "long enough to be told apart by its beginning" * 2)
    assert len(polled(tail)) == 1
    log.rename(beside(log, ".1"))
    shutil.copy(beside(log, ".1"), beside(log, ".2"))
    add(log, "2")
    assert polled(tail) == ["2"]
    tail.close()


def test_a_pipe_beside_it_is_left_alone(log: Path) -> None:
    os.mkfifo(beside(log, ".1"))
    tail = FileFeed(log)
    log.rename(beside(log, ".2"))
    add(log, "1")
    assert polled(tail) == ["1"]
    tail.close()


def test_one_that_is_not_there_yet_is_read_from_its_beginning(tmp_path: Path) -> None:
    tail = FileFeed(tmp_path / "late.log")
    assert polled(tail) == []
    add(tmp_path / "late.log", "1", "2")
    assert polled(tail) == ["1", "2"]
    tail.close()


def test_deleted_for_long_is_a_loss_and_what_comes_back_is_read(log: Path) -> None:
    clock = Clock()
    tail = FileFeed(log, clock=clock)
    log.unlink()
    assert polled(tail) == []
    clock.now += 5
    for _ in range(2):
        with pytest.raises(Lost, match=rf"^there is no file {log}$"):
            polled(tail)
    add(log, "back")
    assert polled(tail) == ["back"]
    tail.close()


def test_a_log_that_may_not_be_read_any_more_is_a_loss(log: Path) -> None:
    tail = FileFeed(log)
    log.rename(beside(log, ".1"))
    log.write_text("secret\n")
    log.chmod(0)
    with as_nobody(), pytest.raises(Lost, match=r"api\.log cannot be read: Permission denied$"):
        polled(tail)
    log.chmod(0o644)
    assert polled(tail) == ["secret"]
    tail.close()


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(Lost, match=r"cannot be read: Is a directory$"):
        polled(FileFeed(tmp_path, from_start=True))


def test_a_line_of_a_megabyte_is_cut_and_is_one_line(log: Path, writer: TextIO) -> None:
    tail = FileFeed(log)
    writer.writelines("x" * 250_000 for _ in range(4))
    (line,) = polled(tail)
    assert len(line) >= LINE_MAX
    assert len(line) < 500_000
    writer.write("x\nnext\n")
    assert polled(tail) == ["next"]
    tail.close()


def test_no_look_takes_long_and_nothing_is_lost_by_that(log: Path) -> None:
    tail = FileFeed(log)
    add(log, *(f"{n:09}" for n in range(1_000_000)))
    log.rename(beside(log, ".1"))
    add(log, "last")
    first = polled(tail)
    was_behind = tail.behind
    assert len(first) < 500_000
    rest = [line for _ in range(4) for line in polled(tail)]
    assert sorted([*first, *rest], key=len) == ["last", *(f"{n:09}" for n in range(1_000_000))]
    assert (was_behind, tail.behind) == (True, False)
    tail.close()


WRITER = """
    import logging, shutil, os, sys
    from logging.handlers import RotatingFileHandler
    print("ready", flush=True)
    log = sys.argv[1]
    def write(handler, numbers):
        logger = logging.Logger("api")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
        for n in numbers:
            logger.log(40 if n % 10 == 0 else 20, "request %d was handled, or was not", n)
        handler.close()
    write(RotatingFileHandler(log, maxBytes=630_000, backupCount=9), range(32_000))
    append = logging.FileHandler(log)
    write(append, range(32_000, 36_000))
    shutil.copy(log, log + ".9")
    os.truncate(log, 0)
    write(logging.FileHandler(log), range(36_000, 40_000))
"""


def test_forty_thousand_lines_of_a_program_through_rotations_and_a_copytruncate(
    tmp_path: Path, spawn: Spawn
) -> None:
    log = tmp_path / "api.log"
    log.touch()
    source = LogSource(FileFeed(log), LogReader())
    seen = [*source.sample(0.0)]
    program = spawn(WRITER, log)
    t = 0.0
    while program.poll() is None:
        time.sleep(0.1)
        t += 0.1
        seen += source.sample(t)
    seen += source.close(t + 1)
    assert program.returncode == 0
    readings = [one for one in seen if isinstance(one, Reading)]
    assert sum(reading.values["log_lines"] for reading in readings) == 40_000
    assert sum(reading.values["log_errors"] for reading in readings) == 4_000
    events = [one for one in seen if isinstance(one, Event)]
    rotations = sum(int(event.detail["times"] or 0) for event in events if event.kind == "log_rotated")
    assert rotations >= 1 + len(list(tmp_path.glob("api.log.[1-8]"))) // 2
    (frequent,) = [event for event in events if event.kind == "log_messages"]
    assert frequent.detail["count"] == 4_000


class as_nobody:  # noqa: N801  read as a sentence
    """Root may read everything."""

    def __enter__(self) -> None:
        self.was = os.geteuid()
        if self.was == 0:
            os.seteuid(65534)

    def __exit__(self, *_: object) -> None:
        os.seteuid(self.was)
