"""What a user writes: texts with units, templates, scenarios, targets, data files, descriptions of an API, reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loadctl.scenario import units
from tests.fuzz.harness import Reader


def _units(data: bytes) -> None:
    """Each of the forms of a number with its unit."""
    text = data.decode(errors="replace")
    read: Sequence[Callable[[str], object]] = (
        *(units.parse_duration, units.parse_pause, units.parse_rate, units.parse_percent, units.parse_bytes),
        *(units.parse_users, units.parse_number),
    )
    for one in read:
        try:
            one(text)
        except units.UnitError:
            continue


WRITTEN: Sequence[Reader] = (
    Reader(
        "units",
        _units,
        (b"1m30s", b"200ms..1s", b"300/s", b"0.1%", b"1GiB", b"700 users", b"0.5"),
        (b"ms", b"s", b"m", b"h", b"/min", b"%", b"kB", b"TiB", b"..", b" ", b"."),
    ),
)
