"""Numbers with units: read from YAML, and printed in reports. A number without its unit is never guessed.

Read (all raise UnitError): durations `500ms` `30s` `1m30s` `2h`, ranges `200ms..1s`, rates `300/s` `20/min`
`18000/h`, percentages `0.1%`, sizes `1GB` (10⁹) `1GiB` (2³⁰), numbers of users `700 users`, levels `100..1000`.
Printed: `61.2 ms`, `1.94 s`, `34,512`, `0.03 %`, `64.6/s`, `0.71 GB`, `1 min 30 s`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PER_SECOND = {"s": 1.0, "min": 60.0, "h": 3600.0}
BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
BYTES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_LONGEST_S = 500 * 3600
"""JavaScript's timers hold 596 hours."""


class UnitError(ValueError):
    """What is wrong with a value and what to write instead, in one sentence."""


def parse_duration(text: str) -> float:
    """Seconds."""
    _refuse_bare_number(text, ("s", "m", "h"))
    parts = re.fullmatch(rf"(?:{NUMBER} ?(?:ms|s|m|h) ?)+", text)
    found = re.findall(rf"({NUMBER}) ?(ms|s|m|h)", text) if parts else []
    scales = [_SECONDS[unit] for _, unit in found]
    if not found or scales != sorted(set(scales), reverse=True):
        raise UnitError(f"{text!r} is not a duration; write for example 500ms, 30s, 1m30s or 2h")
    seconds = round(sum(float(number) * _SECONDS[unit] for number, unit in found), 9)
    if seconds > _LONGEST_S:
        raise UnitError(f"{text!r} is longer than {_LONGEST_S // 3600}h")
    return seconds


def parse_pause(text: str) -> tuple[float, float]:
    """Shortest and longest pause in seconds: `200ms..1s`, or one duration for both."""
    low, dots, high = text.partition("..")
    if not dots:
        return parse_duration(text), parse_duration(text)
    shortest, longest = parse_duration(low.strip()), parse_duration(high.strip())
    if shortest > longest:
        raise UnitError(f"{text!r} goes backwards; write {high.strip()}..{low.strip()}")
    return shortest, longest


def parse_rate(text: str) -> float:
    """Per second."""
    _refuse_bare_number(text, ("/s", "/min", "/h"))
    match = re.fullmatch(rf"({NUMBER}) ?/ ?(s|min|h)", text)
    if not match:
        raise UnitError(f"{text!r} is not a rate; write for example 300/s, 20/min or 18000/h")
    return float(match[1]) / _PER_SECOND[match[2]]


def rate_period_s(text: str) -> float:
    """The time of a rate's unit: 60 for 20/min."""
    return _PER_SECOND[text.rpartition("/")[2].strip()]


def parse_percent(text: str) -> float:
    _refuse_bare_number(text, ("%",))
    match = re.fullmatch(rf"({NUMBER}) ?%", text)
    if not match:
        raise UnitError(f"{text!r} is not a percentage; write for example 0.1%")
    return float(match[1])


def parse_bytes(text: str) -> float:
    _refuse_bare_number(text, ("MB", "GB"))
    match = re.fullmatch(rf"({NUMBER}) ?({'|'.join(BYTES)})", text)
    if not match:
        raise UnitError(f"{text!r} is not a size; write for example 512MB, 1GB (10⁹) or 1GiB (2³⁰)")
    return float(match[1]) * BYTES[match[2]]


def parse_users(text: str) -> float:
    """A count of users as a limit: `700 users`."""
    _refuse_bare_number(text, (" users",))
    match = re.fullmatch(r"([0-9]{1,9}) users?", text)
    if not match:
        raise UnitError(f"{text!r} is not a number of users; write for example 700 users")
    return float(match[1])


def parse_number(text: str) -> float:
    if not re.fullmatch(NUMBER, text):
        raise UnitError(f"{text!r} is not a number; write for example 95")
    return float(text)


def parse_user_levels(text: str) -> tuple[float, float]:
    """First and last level of `100..1000` users; one number is both."""
    low, dots, high = text.partition("..")
    ends = (low.strip(), high.strip() if dots else low.strip())
    for end in ends:
        if not re.fullmatch(r"[0-9]{1,9}", end):
            message = f"{text!r} is not a number of users; write for example 50, or 100..1000 with step:"
            raise UnitError(message)
    return float(ends[0]), float(ends[1])


def parse_rate_levels(text: str) -> tuple[float, float]:
    """First and last level of `100..1000/s` or `100/s..1000/s`, per second; one rate is both."""
    low, dots, high = text.partition("..")
    if not dots:
        return parse_rate(text), parse_rate(text)
    low, high = low.strip(), high.strip()
    last = parse_rate(high)
    return parse_rate(low if "/" in low else f"{low}/{high.partition('/')[2].strip()}"), last


def _refuse_bare_number(text: str, units: Sequence[str]) -> None:
    if re.fullmatch(NUMBER, text):
        *others, last = [text + unit for unit in units]
        shown = f"{', '.join(others)} or {last}" if others else last
        raise UnitError(f"{text} has no unit; write {shown}")


def write_duration(seconds: float) -> str:
    """As YAML and options spell it, to the millisecond: `1m30s`."""
    ms = round(seconds * 1000)
    parts = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def format_ms(ms: float) -> str:
    """A latency to within one percent: `1.25 ms`, `9.8 ms`, `61.2 ms`, `312 ms`, `1.94 s`."""
    if round(ms, 2) < 5:
        return f"{ms:.2f} ms"
    if round(ms, 1) < 100:
        return f"{ms:.1f} ms"
    if round(ms) < 1000:
        return f"{ms:.0f} ms"
    s = ms / 1000
    return f"{s:.2f} s" if round(s, 2) < 10 else f"{s:.1f} s" if round(s, 1) < 100 else f"{s:,.0f} s"


def format_count(count: float) -> str:
    return f"{count:,.0f}"


def format_percent(percent: float, decimals: int = 2) -> str:
    """Never rounds something to nothing or nearly all to all: `<0.01 %`, `>99.99 %`."""
    smallest = 10.0**-decimals
    if 0 < percent < smallest / 2:
        return f"<{smallest:.{decimals}f} %"
    if 100 - smallest / 2 <= percent < 100:
        return f">{100 - smallest:.{decimals}f} %"
    return f"{percent:.{decimals}f} %"


def format_rate(per_s: float) -> str:
    return f"{per_s:.1f}/s" if round(per_s, 1) < 100 else f"{per_s:,.0f}/s"


def write_rate(per_s: float) -> str:
    """As YAML and options spell it."""
    return f"{per_s:.9g}/s"


def format_bytes(count: float) -> str:
    """`640 kB`, `212 MB`, `0.71 GB`: from 400 MB on in GB (10⁹)."""
    if count < 999_500:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.0f} MB" if count < 400e6 else f"{count / 1e9:.2f} GB"


def format_duration(seconds: float) -> str:
    """For sentences: `13 s`, `2.4 s`, `8 min`, `1 min 30 s`, `4 h`, `1 h 5 min`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60 and abs(seconds - round(seconds)) >= 0.05:
        return f"{seconds:.1f} s"
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    parts = [(hours, "h"), (m, "min"), (s, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def format_clock(seconds: float) -> str:
    """A time on the run's clock: `0:17`, `6:12`, `1:02:03`."""
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"


def format_moment(seconds: float, began: str | None) -> str:
    """`0:17 (12:24:58 UTC)`, as logs have it too, where the run's beginning (ISO 8601) is known."""
    if began is None:
        return format_clock(seconds)
    return f"{format_clock(seconds)} ({datetime.fromisoformat(began) + timedelta(seconds=int(seconds)):%H:%M:%S} UTC)"


_FORMATS: Mapping[str, Callable[[float], str]] = {
    "ms": format_ms,
    "%": format_percent,
    "/s": format_rate,
    "bytes": format_bytes,
    "s": format_duration,
    "users": lambda users: f"{format_count(users)} users",
}


def format_value(value: float, unit: str) -> str:
    """A measured value in the unit of its target (see Target)."""
    return _FORMATS[unit](value) if unit in _FORMATS else f"{value:,.15g}"


def format_limit(value: float, unit: str) -> str:
    """A limit without digits that nobody wrote: `10 ms`, `1 s`, `1000/s`, `1 GB`, `0.1 %`."""
    if unit == "ms":
        return f"{value:.15g} ms" if value < 1000 else f"{value / 1000:.15g} s"
    if unit == "bytes":
        sizes = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
        fitting = (f"{value / size:.4g} {name}" for size, name in sizes if value >= size)
        return next(fitting, f"{value:.15g} B")
    if unit == "/s":
        return f"{value:.15g}/s"
    return f"{value:.15g} {unit}" if unit in {"%", "users"} else format_value(value, unit)
