import math
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.scenario.units import (
    UnitError,
    format_bytes,
    format_clock,
    format_count,
    format_duration,
    format_limit,
    format_ms,
    format_percent,
    format_rate,
    format_value,
    parse_bytes,
    parse_duration,
    parse_number,
    parse_pause,
    parse_percent,
    parse_rate,
    parse_rate_levels,
    parse_user_levels,
    parse_users,
    write_duration,
)


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_duration, "30s", 30),
        (parse_duration, "1m30s", 90),
        (parse_duration, "500ms", 0.5),
        (parse_duration, "2h", 7200),
        (parse_duration, "1.5s", 1.5),
        (parse_duration, "0s", 0),
        (parse_duration, "1 h 5 m", 3900),
        (parse_rate, "300/s", 300),
        (parse_rate, "18000/h", 5),
        (parse_rate, "0.5/s", 0.5),
        (parse_rate, "30/min", 0.5),
        (parse_percent, "0.1%", 0.1),
        (parse_percent, "70 %", 70),
        (parse_bytes, "1GB", 1e9),
        (parse_bytes, "1GiB", 2**30),
        (parse_bytes, "1.5 MB", 1.5e6),
        (parse_users, "700 users", 700),
        (parse_users, "1 user", 1),
        (parse_number, "95", 95),
    ],
)
def test_a_value_with_its_unit_is_read(parse: Callable[[str], float], text: str, value: float) -> None:
    assert parse(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("parse", "text", "ends"),
    [
        (parse_pause, "200ms..1s", (0.2, 1)),
        (parse_pause, "2s", (2, 2)),
        (parse_user_levels, "100..1000", (100, 1000)),
        (parse_user_levels, "50", (50, 50)),
        (parse_rate_levels, "100..1000/s", (100, 1000)),
        (parse_rate_levels, "60/min..2/s", (1, 2)),
        (parse_rate_levels, "300/s", (300, 300)),
    ],
)
def test_a_range_is_read(
    parse: Callable[[str], tuple[float, float]], text: str, ends: tuple[float, float]
) -> None:
    assert parse(text) == pytest.approx(ends)


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_duration, "30", "30 has no unit; write 30s, 30m or 30h"),
        (parse_duration, "1:30", "'1:30' is not a duration; write for example 500ms, 30s, 1m30s or 2h"),
        (parse_duration, "30s1m", "'30s1m' is not a duration; write for example 500ms, 30s, 1m30s or 2h"),
        (parse_duration, "1s1s", "'1s1s' is not a duration; write for example 500ms, 30s, 1m30s or 2h"),
        (parse_duration, "-3s", "'-3s' is not a duration; write for example 500ms, 30s, 1m30s or 2h"),
        (parse_pause, "3s..1s", "'3s..1s' goes backwards; write 1s..3s"),
        (parse_pause, "1..3s", "1 has no unit; write 1s, 1m or 1h"),
        (parse_rate, "300", "300 has no unit; write 300/s, 300/min or 300/h"),
        (parse_rate, "300/m", "'300/m' is not a rate; write for example 300/s, 20/min or 18000/h"),
        (parse_percent, "0.1", "0.1 has no unit; write 0.1%"),
        (parse_bytes, "512", "512 has no unit; write 512MB or 512GB"),
        (parse_bytes, "1G", "'1G' is not a size; write for example 512MB, 1GB (10⁹) or 1GiB (2³⁰)"),
        (parse_users, "700", "700 has no unit; write 700 users"),
        (
            parse_user_levels,
            "5.5",
            "'5.5' is not a number of users; write for example 50, or 100..1000 with step:",
        ),
        (parse_rate_levels, "1..2", "2 has no unit; write 2/s, 2/min or 2/h"),
    ],
)
def test_a_value_without_a_proper_unit_says_what_to_write(
    parse: Callable[[str], object], text: str, message: str
) -> None:
    with pytest.raises(UnitError) as error:
        parse(text)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("printed", "wanted"),
    [
        (format_ms(0.42), "0.42 ms"),
        (format_ms(9.8), "9.8 ms"),
        (format_ms(61.2), "61.2 ms"),
        (format_ms(99.96), "100 ms"),
        (format_ms(312), "312 ms"),
        (format_ms(999.7), "1.00 s"),
        (format_ms(1940), "1.94 s"),
        (format_ms(12_340), "12.3 s"),
        (format_ms(123_400), "123 s"),
        (format_count(34512), "34,512"),
        (format_percent(0.03), "0.03 %"),
        (format_percent(0.0), "0.00 %"),
        (format_percent(0.0003), "<0.01 %"),
        (format_percent(99.999), ">99.99 %"),
        (format_percent(100), "100.00 %"),
        (format_percent(26.4, decimals=0), "26 %"),
        (format_rate(64.6), "64.6/s"),
        (format_rate(99.96), "100/s"),
        (format_rate(1204.2), "1,204/s"),
        (format_bytes(640_000), "640 kB"),
        (format_bytes(212e6), "212 MB"),
        (format_bytes(0.71e9), "0.71 GB"),
        (format_duration(0.25), "250 ms"),
        (format_duration(2.4), "2.4 s"),
        (format_duration(13), "13 s"),
        (format_duration(480), "8 min"),
        (format_duration(90), "1 min 30 s"),
        (format_duration(14_400), "4 h"),
        (format_clock(17), "0:17"),
        (format_clock(372), "6:12"),
        (format_clock(3723), "1:02:03"),
        (format_value(312, "ms"), "312 ms"),
        (format_value(71.9, "/s"), "71.9/s"),
        (format_value(600, "users"), "600 users"),
        (format_value(0.71e9, "bytes"), "0.71 GB"),
        (format_value(3, ""), "3"),
        (format_limit(10, "ms"), "10 ms"),
        (format_limit(1000, "ms"), "1 s"),
        (format_limit(1000, "/s"), "1000/s"),
        (format_limit(0.1, "%"), "0.1 %"),
        (format_limit(2e9, "bytes"), "2 GB"),
        (format_limit(90, "s"), "1 min 30 s"),
    ],
)
def test_numbers_are_printed_with_their_unit(printed: str, wanted: str) -> None:
    assert printed == wanted


@given(st.integers(min_value=0, max_value=500 * 3_600_000))
def test_a_duration_survives_being_written_and_read(ms: int) -> None:
    assert round(parse_duration(write_duration(ms / 1000)) * 1000) == ms


@given(st.floats(min_value=0.001, max_value=1e7))
def test_a_printed_latency_is_within_one_percent(ms: float) -> None:
    number, unit = format_ms(ms).replace(",", "").split()
    shown = float(number) * (1000 if unit == "s" else 1)
    assert math.isclose(shown, ms, rel_tol=0.01, abs_tol=0.006)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (
        parse_duration,
        parse_pause,
        parse_rate,
        parse_percent,
        parse_bytes,
        parse_users,
        parse_number,
    ):
        with suppress(UnitError):
            parse(text)
