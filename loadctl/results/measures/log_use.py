"""What the followed logs said in the window: lines, errors, and the errors that came most often."""

from __future__ import annotations

from collections.abc import Iterable

from loadctl.results.readings import Readings
from loadctl.results.recording import Event, Reading
from loadctl.results.wire.record import Absent, Record, written


class FrequentMessage(Record, frozen=True, kw_only=True):
    """An error message with its numbers and ids folded, and how often it came in the whole run."""

    message: str
    count: int
    first_s: float
    last_s: float
    level: str
    log: str


class LogUse(Record, frozen=True, kw_only=True):
    """Of the window. `errors` is a lower bound where `unread` says why a part was not read."""

    followed: str
    lines: int
    errors: int
    unread: str | None = written(None)
    frequent: tuple[FrequentMessage, ...] = written(())
    absent: Absent = written({})


def log_use(
    readings: Readings, events: Iterable[Event], start_s: float, end_s: float, *, to_the_end: bool = False
) -> LogUse | None:
    """`readings`: of the system. None: no log was followed.

    `to_the_end`: the window ends with the load, and what is read after it was logged in it or in the drain.
    """
    followed = list(readings.of_source("logs"))
    if not followed:
        return None
    seen = [reading for reading in followed if start_s < reading.t and (to_the_end or reading.t <= end_s)]
    unread = next((why for reading in seen if (why := _unread(reading)) is not None), None)
    if not seen:
        unread = "nothing was read in the scored part"
    elif unread is None and not any(reading.values.get("log_lines") for reading in seen):
        # Nothing said is nothing wrong only in a log that was there: of a short run that is known at its end.
        unread = next((_unread(reading) for reading in followed if reading.gap), None)
    return LogUse(
        followed=", ".join(dict.fromkeys(reading.entity for reading in followed)),
        lines=round(sum(reading.values.get("log_lines", 0) for reading in seen)),
        errors=round(sum(reading.values.get("log_errors", 0) for reading in seen)),
        unread=unread,
        frequent=tuple(_frequent(event) for event in events if event.kind == "log_messages"),
        absent={} if unread else {"unread": "all of the scored part was read"},
    )


def _unread(reading: Reading) -> str | None:
    """Lost, or counted in part: a file of several that may not be read, lines that came too fast."""
    if reading.gap:
        return f"{reading.entity} could not be read: {reading.gap}"
    noted = reading.notes.get("log_lines")
    return None if noted is None else f"{reading.entity}: {noted}"


def _frequent(event: Event) -> FrequentMessage:
    def number(name: str) -> float:
        value = event.detail.get(name)
        return value if isinstance(value, int | float) else 0

    return FrequentMessage(
        message=event.message,
        count=int(number("count")),
        first_s=number("first_s"),
        last_s=number("last_s"),
        level=str(event.detail.get("level") or ""),
        log=str(event.detail.get("log") or ""),
    )
