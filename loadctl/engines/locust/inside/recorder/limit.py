"""What an answer 429 says of the rate limit in its headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

RATE_LIMITED = "rate_limited"
"""The class of an example that is no failure: a 429 of a declared limit."""
_STARTS = ("ratelimit", "x-ratelimit", "x-rate-limit")


def limit_headers(headers: Iterable[tuple[str, str]]) -> str:
    """`name: value` lines, names in lower case, in the order they came."""
    lines = ((name.lower(), value) for name, value in headers)
    return "\n".join(f"{n}: {value}" for n, value in lines if n == "retry-after" or n.startswith(_STARTS))
