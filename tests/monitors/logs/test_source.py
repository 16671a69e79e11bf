"""Counts by the second, the first errors, the most frequent ones, and what of it is told when the log goes."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from loadctl.monitors.background import Lost
from loadctl.monitors.logs.feed import PatternFeed
from loadctl.monitors.logs.file import FileFeed
from loadctl.monitors.logs.line import LogReader
from loadctl.monitors.logs.source import LogSource
from loadctl.monitors.plan import sources_for
from loadctl.monitors.sampler import Sampler
from loadctl.monitors.source import Observation
from loadctl.results.recording import Event, Reading
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.watch import Logs, Watch

Until = Callable[[Callable[[], bool]], None]


class Given:
    """A feed of what the test says."""

    name = "api.log"
    rotations = 0
    behind = False
    trouble: str | None = None

    def __init__(self, lines: Iterable[str] = (), lost: str | None = None) -> None:
        self.given, self.lost, self.closed = list(lines), lost, False

    def lines(self) -> Iterable[str]:
        given, self.given = self.given, []
        yield from given
        if self.lost:
            raise Lost(self.lost)

    def rest(self) -> Iterable[str]:
        return ()

    def close(self) -> None:
        self.closed = True


def events(seen: Sequence[Observation], kind: str) -> list[Event]:
    return [one for one in seen if isinstance(one, Event) and one.kind == kind]


def readings(seen: Sequence[Observation]) -> list[Reading]:
    return [one for one in seen if isinstance(one, Reading)]


def last_words(feed: Given) -> list[Observation]:
    return LogSource(feed, LogReader()).close(7.0)


def test_errors_are_counted_in_the_second_in_which_they_are_logged(tmp_path: Path, until: Until) -> None:
    log = tmp_path / "api.log"
    log.touch()
    sampler = Sampler([LogSource(FileFeed(log), LogReader())])
    t0 = time.monotonic() + 0.1
    sampler.start(t0)
    written = []
    for second in (1, 3):
        until(lambda due=t0 + second + 0.3: time.monotonic() > due)  # type: ignore[misc]
        with log.open("a") as file:
            file.write(f"INFO x\nERROR {second}\n")
        written.append(time.monotonic() - t0)
    until(lambda: time.monotonic() > t0 + 4.6)
    sampler.stop()
    seen = [one for one in readings(sampler.drain()) if one.source == "logs"]
    assert sum(one.values["log_lines"] for one in seen) == 4
    found = [one.t for one in seen if one.values["log_errors"]]
    assert len(found) == 2
    for at, t in zip(written, found, strict=True):
        assert at <= t <= at + 3


def test_the_first_twenty_errors_and_the_first_of_each_new_kind_are_told() -> None:
    lines = [f"ERROR again {n}" for n in range(30)] + ["ERROR new"] + ["ERROR again 9", "ERROR new"]
    told = events(last_words(Given(lines)), "log_error")
    assert [event.message for event in told] == [*lines[:20], "ERROR new"]
    assert told[0].detail == {"log": "api.log", "level": "ERROR"}


def test_no_more_than_fifty_are_told_and_each_is_short() -> None:
    lines = ["ERROR " + chr(97 + n % 26) * (n + 1) + " x" * 400 for n in range(200)]
    told = events(last_words(Given(lines)), "log_error")
    assert len(told) == 50
    assert max(len(event.message) for event in told) == 300


def test_the_ten_most_frequent_are_told_at_the_end() -> None:
    lines = [f"ERROR {'abcdefghijklmno'[k]} number {n}" for k in range(15) for n in range(k + 1)]
    told = events(last_words(Given(lines)), "log_messages")
    assert [event.detail["count"] for event in told] == list(range(15, 5, -1))
    assert told[0].message == "ERROR o number #"
    assert told[0].detail["level"] == "ERROR"
    first, last = told[0].detail["first_s"], told[0].detail["last_s"]
    assert isinstance(first, float)
    assert isinstance(last, float)
    assert 5 < first <= last <= 7.0


def test_a_hundred_thousand_different_errors_cost_no_more_memory_than_a_thousand() -> None:
    letters = "abcdefghij"

    def different() -> Iterable[str]:
        for n in range(100_000):
            if n == 90_000:
                tracemalloc.start()
            yield "ERROR " + "".join(letters[int(digit)] for digit in str(n)) + " x" * 50

    feed = Given()
    source = LogSource(feed, LogReader())
    feed.lines = different  # type: ignore[method-assign]
    seen = source.close(7.0)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < 100_000
    (most, *_) = events(seen, "log_messages")
    assert (most.message, most.detail["count"]) == ("(other)", 99_000)
    assert readings(seen)[0].values["log_errors"] == 100_000


def test_what_was_read_before_the_log_went_is_counted_and_then_the_gap_is_told() -> None:
    seen = readings(last_words(Given(["ERROR 1", "INFO"], "it was deleted")))
    assert [(one.values.get("log_errors"), one.gap) for one in seen] == [(1, None), (None, "it was deleted")]
    (nothing,) = readings(last_words(Given([], "it was deleted")))
    assert (nothing.values, nothing.gap) == ({}, "it was deleted")


def test_a_flood_is_read_to_its_end_when_the_watch_ends(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.touch()
    source = LogSource(FileFeed(log), LogReader())
    flood = (
        "INFO nothing to see here, go on, go on, go on, go on\n" * 200_000
    )  # 10 MB, and 4 MB are read at once
    log.write_text(f"{flood}ERROR at last\n")
    (reading,) = readings(source.close(7.0))
    assert (reading.values["log_lines"], reading.values["log_errors"]) == (200_001, 1)
    assert reading.notes == {}


def test_a_flood_that_does_not_end_is_a_gap_after_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadctl.monitors.logs.source._REST_S", 0.05)
    feed = Given(["INFO"])
    feed.behind = True
    seen = readings(last_words(feed))
    assert seen[0].values["log_lines"] == 1
    assert "its end was not read" in (seen[-1].gap or "")


def test_a_line_without_end_is_a_line_when_the_watch_ends(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.touch()
    source = LogSource(FileFeed(log), LogReader())
    log.write_text("FATAL out of memory")
    (reading,) = readings(source.close(7.0))
    assert reading.values == {"log_lines": 1, "log_errors": 1, "log_chars": 19}


@pytest.mark.parametrize("feed", [FileFeed, lambda path: PatternFeed(f"{path}*")])
def test_a_log_that_never_was_there_is_a_gap_at_the_end(
    tmp_path: Path, feed: Callable[[Path], FileFeed | PatternFeed]
) -> None:
    (gap,) = readings(LogSource(feed(tmp_path / "api.log"), LogReader()).close(2.0))
    assert gap.gap is not None
    assert "api.log" in gap.gap
    (tmp_path / "api.log").touch()
    (silent,) = readings(LogSource(feed(tmp_path / "api.log"), LogReader()).close(2.0))
    assert silent.gap is None


def test_a_trouble_is_a_note_beside_the_count() -> None:
    feed = Given(["INFO"])
    feed.trouble = "too fast"
    (reading,) = readings(last_words(feed))
    assert reading.notes == {"log_lines": "too fast"}
    assert feed.closed


def test_a_deleted_log_is_a_gap_and_the_watch_goes_on(tmp_path: Path, until: Until) -> None:
    log = tmp_path / "api.log"
    log.touch()
    sampler = Sampler([LogSource(FileFeed(log), LogReader())])
    sampler.start(time.monotonic())
    log.unlink()
    seen: list[Observation] = []
    deadline = time.monotonic() + 20
    while not events(seen, "monitor_lost"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        seen += sampler.drain()
    (lost,) = events(seen, "monitor_lost")
    assert lost.message == f"logs api.log: there is no file {log}"
    log.write_text("ERROR back\n")
    while not events(seen, "monitor_back"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        seen += sampler.drain()
    sampler.stop()
    seen += sampler.drain()
    logs = [one for one in readings(seen) if one.source == "logs"]
    assert any(one.gap == f"there is no file {log}" for one in logs)
    assert sum(one.values.get("log_errors", 0) for one in logs) == 1


def test_secrets_of_a_scenario_are_in_nothing_that_its_logs_say(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.touch()
    scenario = Scenario(
        name="api",
        host="http://192.0.2.1:8080",
        load=Load("closed", [Stage(1, 1, 10, "all")]),
        watch=Watch(logs=Logs(files=[str(log)])),
        secrets={"hunter2token99": "${TOKEN}"},
    )
    plan = sources_for(scenario)
    (source,) = [one for one in plan.sources if one.name.startswith("logs")]
    log.write_text("ERROR login hunter2token99\nERROR " + "x" * 287 + " hunter2token99\n")
    seen = source.close(7.0)
    messages = [one.message for one in seen if isinstance(one, Event)]
    assert len(messages) == 4
    assert not [message for message in messages if "hunt" in message]


@pytest.mark.quiet
@pytest.mark.parametrize(
    "line",
    [
        "2026-11-24 12:00:00,123 INFO app.api: handled request 8f3a in 12.5 ms for user 1234",
        '{"at":"2026-11-24T12:00:00Z","level":"info","logger":"app.api","msg":"handled","ms":12.5}',
    ],
)
def test_fifty_thousand_lines_a_second_take_a_small_part_of_a_core(tmp_path: Path, line: str) -> None:
    log = tmp_path / "api.log"
    best = 1.0
    for _ in range(5):
        log.write_text("")
        source = LogSource(FileFeed(log), LogReader())
        log.write_text((line + "\n") * 40_000)
        began = time.thread_time()
        seen = source.close(1.0)
        best = min(best, (time.thread_time() - began) / 40_000)
        assert readings(seen)[0].values["log_lines"] == 40_000
    assert best * 50_000 < 0.25
