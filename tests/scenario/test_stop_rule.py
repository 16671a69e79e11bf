"""`stop_when:` in words, and back."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.scenario.target import DEFAULT_STOP_RULES, StopRule, parse_stop_rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("error_rate > 50% for 10s", StopRule("error_rate", 50.0, 10.0)),
        ("error_rate>50 % for 10s", StopRule("error_rate", 50.0, 10.0)),
        ("latency_p95 > 2s for 30s", StopRule("latency_p95", 2000.0, 30.0)),
        ("throughput < 5/s for 1m", StopRule("throughput", 5.0, 60.0)),
    ],
)
def test_rules(text: str, rule: StopRule) -> None:
    assert parse_stop_rule(text) == rule
    assert parse_stop_rule(str(rule).replace(" min", "m").replace(" s", "s")) == rule


def test_the_default_in_words() -> None:
    assert [str(rule) for rule in DEFAULT_STOP_RULES] == ["error_rate > 90 % for 30 s"]


@given(st.text(max_size=60))
def test_hostile_text_is_a_rule_or_a_mistake(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_stop_rule(text), StopRule)
