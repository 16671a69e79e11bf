"""API keys and what each allows: a token bucket a key, as public APIs have. Pure: the clock is passed in."""

from __future__ import annotations

import math
from dataclasses import dataclass

KEY_RATES_PER_S: dict[str, float | None] = {"demo-free": 10.0, "demo-standard": 5000.0, "demo-premium": None}
"""Requests a second of each key; None: no limit."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one request is told, in whole seconds rounded up; `retry_after_s` is None where it is allowed."""

    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int | None


@dataclass(slots=True)
class TokenBucket:
    """Holds one second's worth of requests, and starts full."""

    rate_per_s: float
    tokens: float
    filled_at_s: float

    @classmethod
    def full(cls, rate_per_s: float, now_s: float) -> TokenBucket:
        return cls(rate_per_s, rate_per_s, now_s)

    def takes(self, now_s: float) -> bool:
        size = max(1.0, self.rate_per_s)
        self.tokens = min(size, self.tokens + (now_s - self.filled_at_s) * self.rate_per_s)
        self.filled_at_s = now_s
        allowed = self.tokens >= 1
        self.tokens -= allowed
        return allowed

    def take(self, now_s: float) -> Allowance:
        allowed = self.takes(now_s)
        return Allowance(
            limit=int(self.rate_per_s),
            remaining=int(self.tokens),
            reset_s=math.ceil((self.rate_per_s - self.tokens) / self.rate_per_s),
            retry_after_s=None if allowed else max(1, math.ceil((1 - self.tokens) / self.rate_per_s)),
        )


class RateLimiter:
    """The buckets of all keys with a limit, each filled at its first request."""

    def __init__(self) -> None:
        self._buckets: dict[str, TokenBucket] = {}

    def take(self, key: str, now_s: float) -> Allowance | None:
        """Take a request from the bucket of `key`; None: it has no limit. KeyError: there is no such key."""
        rate_per_s = KEY_RATES_PER_S[key]
        if rate_per_s is None:
            return None
        if key not in self._buckets:
            self._buckets[key] = TokenBucket.full(rate_per_s, now_s)
        return self._buckets[key].take(now_s)


class OtherLimiter:
    """Accepts so many a second of each key, whatever its limit is."""

    def __init__(self) -> None:
        self._buckets: dict[str, TokenBucket] = {}

    def takes(self, key: str, rate_per_s: float, now_s: float) -> bool:
        if rate_per_s in {0, math.inf}:
            return rate_per_s > 0
        bucket = self._buckets.setdefault(key, TokenBucket.full(rate_per_s, now_s))
        return bucket.takes(now_s)
