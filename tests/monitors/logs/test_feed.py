"""Where lines come from: many files, and streams."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadctl.monitors.background import Lost
from loadctl.monitors.logs.feed import PatternFeed, StreamFeed

Until = Callable[[Callable[[], bool]], None]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        self.now += 1.1  # each look is time for new files
        return self.now


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[PatternFeed]:
    (tmp_path / "app.log").write_text("from before\n")
    made = PatternFeed(str(tmp_path / "*.log"), clock=Clock())
    yield made
    made.close()


def add(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(f"{line}\n")


def looks(feed: PatternFeed, times: int = 3) -> list[str]:
    return [line for _ in range(times) for line in feed.lines()]


def test_a_new_file_of_a_pattern_is_read_from_its_beginning(feed: PatternFeed, tmp_path: Path) -> None:
    add(tmp_path / "new.log", "1")
    add(tmp_path / "app.log", "2")
    assert looks(feed) == ["2", "1"]


def test_one_that_is_renamed_within_the_pattern_is_read_once(feed: PatternFeed, tmp_path: Path) -> None:
    add(tmp_path / "app.log", "1")
    assert looks(feed) == ["1"]
    (tmp_path / "app.log").rename(tmp_path / "app.old.log")
    add(tmp_path / "app.log", "2")
    assert looks(feed, 30) == ["2"]


def test_a_link_to_the_newest_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "1.log").touch()
    current = tmp_path / "current.log"
    current.symlink_to("1.log")
    feed = PatternFeed(str(tmp_path / "*.log"), clock=Clock())
    add(tmp_path / "1.log", "1")
    assert looks(feed) == ["1"]
    add(tmp_path / "2.log", "2")
    current.unlink()
    current.symlink_to("2.log")
    assert looks(feed) == ["2"]
    feed.close()


def test_rotated_and_packed_files_are_not_new_ones(tmp_path: Path) -> None:
    feed = PatternFeed(str(tmp_path / "app.log*"), clock=Clock())
    for name in ("app.log.1", "app.log-20261124", "app.log.2.gz"):
        add(tmp_path / name, name)
    add(tmp_path / "app.log", "1")
    assert looks(feed) == ["1"]
    feed.close()


def test_of_many_files_one_may_go(feed: PatternFeed, tmp_path: Path) -> None:
    add(tmp_path / "new.log", "1")
    assert looks(feed) == ["1"]
    (tmp_path / "app.log").unlink()
    add(tmp_path / "new.log", "2")
    assert looks(feed, 9) == ["2"]
    assert feed.trouble is None


def test_a_pattern_that_matches_nothing_for_long_is_a_loss(tmp_path: Path) -> None:
    feed = PatternFeed(str(tmp_path / "*.log"), clock=Clock())
    assert looks(feed, 2) == []
    with pytest.raises(Lost, match=r"^no file matches .*\*\.log$"):
        looks(feed, 9)
    add(tmp_path / "a.log", "1")
    assert looks(feed) == ["1"]
    feed.close()


def test_a_file_that_may_not_be_read_is_told_and_the_others_are_read(
    feed: PatternFeed, tmp_path: Path
) -> None:
    (tmp_path / "gone.log").symlink_to("gone.log")  # as unreadable as it gets, for root too
    secret = tmp_path / "secret.log"
    secret.touch()
    secret.chmod(0)
    add(tmp_path / "app.log", "1")
    was = os.geteuid()
    for folder in (tmp_path, *tmp_path.parents[:3]):  # one more in a worker of `pytest -n`
        folder.chmod(folder.stat().st_mode | 0o055)
    if was == 0:
        os.seteuid(65534)
    try:
        lines = looks(feed)
        trouble = feed.trouble
    finally:
        os.seteuid(was)
    assert lines == ["1"]
    assert trouble is not None
    assert trouble.endswith("secret.log cannot be read: Permission denied")


def test_a_stream_gives_what_came_and_waits_for_nothing(until: Until) -> None:
    def follow(stopping: threading.Event) -> Iterator[str]:
        yield from ("1", "2")
        stopping.wait()

    feed = StreamFeed("api", follow)
    seen: list[str] = []

    def came() -> bool:
        seen.extend(feed.lines())
        return len(seen) == 2

    until(came)
    assert (seen, list(feed.lines()), feed.trouble) == (["1", "2"], [], None)
    feed.close()


def test_a_stream_that_breaks_off_is_lost_until_it_speaks_or_is_silent_for_a_while(until: Until) -> None:
    calls: list[int] = []

    def follow(stopping: threading.Event) -> Iterator[str]:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("the socket was closed")
        yield from ()
        stopping.wait()

    feed = StreamFeed("api", follow, retry_s=0.01)

    def reason() -> str | None:
        try:
            list(feed.lines())
        except Lost as lost:
            return str(lost)
        return None

    until(lambda: reason() == "the socket was closed")
    until(lambda: reason() is None)
    assert len(calls) == 2
    feed.close()


def test_a_flood_is_bounded_and_told(until: Until) -> None:
    done = threading.Event()

    def follow(stopping: threading.Event) -> Iterator[str]:
        yield from ("x" * 1000 for _ in range(60_000))
        done.set()
        stopping.wait()

    feed = StreamFeed("api", follow)
    assert done.wait(20)
    kept = len(list(feed.lines()))
    assert 1000 < kept < 60_000
    assert feed.trouble == f"{60_000 - kept} lines came faster than they could be read and are not counted"
    feed.close()
