"""Logs over the window."""

from __future__ import annotations

from loadctl.results.measures.usage import log_use
from loadctl.results.readings import Readings
from loadctl.results.recording import Event, Reading


def said(t: float, lines: float, errors: float) -> Reading:
    return Reading(t, "system", "logs", "api.log", {"log_lines": lines, "log_errors": errors})


def test_lines_and_errors_of_the_window_are_counted() -> None:
    use = log_use(Readings.of([said(1, 10, 1), said(2, 20, 2), said(3, 30, 3)]), [], 1, 2)
    assert use is not None
    assert (use.lines, use.errors, use.unread) == (20, 2, None)


def test_a_log_that_could_not_be_read_is_no_log_without_errors() -> None:
    use = log_use(
        Readings.of([said(1, 10, 0), Reading(2, "system", "logs", "api.log", gap="it was deleted")]), [], 0, 2
    )
    assert use is not None
    assert use.unread == "api.log could not be read: it was deleted"
    noted = Reading(2, "system", "logs", "*.log", {"log_lines": 1}, {"log_lines": "b.log cannot be read"})
    partly = log_use(Readings.of([said(1, 10, 0), noted]), [], 0, 2)
    assert partly is not None
    assert partly.unread == "*.log: b.log cannot be read"
    nothing = log_use(Readings.of([said(1, 10, 0)]), [], 5, 9)
    assert nothing is not None
    assert nothing.unread == "nothing was read in the scored part"
    assert log_use(Readings.of([]), [], 0, 9) is None


def test_what_is_read_after_a_window_that_ends_with_the_load_belongs_to_it() -> None:
    late = [said(1, 10, 0), said(2, 10, 0), said(2.4, 5, 1)]
    use = log_use(Readings.of(late), [], 0, 2, to_the_end=True)
    assert use is not None
    assert (use.lines, use.errors, use.unread) == (25, 1, None)
    unread = Reading(2.4, "system", "logs", "api.log", gap="its end was not read")
    use = log_use(Readings.of([*late[:2], unread]), [], 0, 2, to_the_end=True)
    assert use is not None
    assert use.unread == "api.log could not be read: its end was not read"


def test_a_log_that_never_was_there_is_no_log_without_errors() -> None:
    never = Reading(11, "system", "logs", "api.log", gap="there was no api.log")
    silent = log_use(Readings.of([said(1, 0, 0), said(2, 0, 0), never]), [], 0, 9)
    assert silent is not None
    assert silent.unread == "api.log could not be read: there was no api.log"
    spoken = log_use(Readings.of([said(1, 5, 0), said(2, 0, 0), never]), [], 0, 9)
    assert spoken is not None
    assert spoken.unread is None


def test_frequent_messages_come_from_the_last_words_of_the_monitor() -> None:
    detail: dict[str, str | float | int | None] = {
        "count": 30,
        "first_s": 1.5,
        "last_s": 9.0,
        "level": "ERROR",
        "log": "api.log",
    }
    use = log_use(Readings.of([said(1, 9, 9)]), [Event(9, "log_messages", "pool # is empty", detail)], 0, 9)
    assert use is not None
    assert (use.frequent[0].message, use.frequent[0].count, use.frequent[0].level) == (
        "pool # is empty",
        30,
        "ERROR",
    )
