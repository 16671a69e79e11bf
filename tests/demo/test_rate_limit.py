"""The token bucket of an API key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.demo.api import Allowance, RateLimiter, TokenBucket


def test_a_full_bucket_allows_one_seconds_worth_and_then_says_when_to_come_back() -> None:
    bucket = TokenBucket.full(10, now_s=100)
    allowed = [bucket.take(100) for _ in range(10)]
    assert [one.remaining for one in allowed] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert all(one.retry_after_s is None for one in allowed)
    assert bucket.take(100) == Allowance(limit=10, remaining=0, reset_s=1, retry_after_s=1)


def test_a_token_comes_back_after_a_tenth_of_a_second_at_ten_a_second() -> None:
    bucket = TokenBucket(10, tokens=0, filled_at_s=100)
    assert bucket.take(100.05).retry_after_s == 1
    assert bucket.take(100.125).retry_after_s is None
    assert bucket.take(100.125).retry_after_s == 1


def test_a_bucket_left_alone_fills_up_to_one_seconds_worth_and_no_more() -> None:
    bucket = TokenBucket(10, tokens=0, filled_at_s=0)
    assert bucket.take(3600) == Allowance(limit=10, remaining=9, reset_s=1, retry_after_s=None)


@given(st.lists(st.floats(0, 0.5), max_size=200))
def test_never_more_is_allowed_than_the_rate_and_one_bucket(gaps_s: list[float]) -> None:
    bucket, now_s, allowed = TokenBucket.full(10, now_s=0), 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        allowed += bucket.take(now_s).retry_after_s is None
    assert allowed <= 10 + 10 * now_s + 1e-6


def test_each_key_has_its_own_bucket_and_premium_has_none() -> None:
    limiter = RateLimiter()
    assert [limiter.take("demo-free", 0) for _ in range(11)][-1] == Allowance(10, 0, 1, 1)
    assert limiter.take("demo-standard", 0) == Allowance(5000, 4999, 1, None)
    assert limiter.take("demo-premium", 0) is None


def test_a_key_that_nobody_was_given_is_an_error() -> None:
    with pytest.raises(KeyError):
        RateLimiter().take("demo-unknown", 0)
