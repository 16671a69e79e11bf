import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.reports.printable import hanging, hanging_with_commands, printable, shortened


@given(st.text(max_size=300))
def test_what_is_printed_is_one_line_without_control_or_format_characters(text: str) -> None:
    shown = printable(text)
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in shown)
    assert "\n" not in shown


def test_escape_sequences_and_direction_marks_lose_their_power() -> None:
    assert printable("\x1b[31mred\x1b[0m \u202egnp.exe") == "[31mred[0m gnp.exe"


def test_long_text_is_cut_and_says_so() -> None:
    assert len(printable("x" * 10_000)) == 500
    assert shortened("abcdef", 4) == "abc…"


@given(st.text(max_size=200).map(printable), st.integers(min_value=30, max_value=120))
def test_wrapped_lines_hang_under_their_head(text: str, width: int) -> None:
    first, *others = hanging("Why   ", text, width)
    assert first.startswith("Why")
    assert all(line.startswith("      ") for line in others)


@pytest.mark.parametrize("width", [60, 80])
def test_a_command_at_the_end_of_a_sentence_is_one_line_however_long_it_is(width: int) -> None:
    command = "loadctl -C 'two words' run scenarios/checkout.yaml --users 500 --duration 5m --target latency_p95=200ms"
    text = f"12 × 500: read the log of the system, and then offer the same load again: {command}"
    lines = hanging_with_commands("Do    ", text, width)
    assert lines[-1] == f"      {command}"
    assert max(map(len, lines[:-1])) <= width
    assert "".join(" ".join(lines).split()) == "".join(f"Do {text}".split())
    short = "see one with  loadctl try api"
    assert hanging_with_commands("Do    ", short, width) == [f"Do    {short}"]
