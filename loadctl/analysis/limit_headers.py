"""What a system says of its rate limit in the headers of a 429: is it there, and is it true?

Retry-After (RFC 6585 §4, RFC 9110 §10.2.3: seconds or a date), and of X-RateLimit-* or RateLimit-* the limit (a number
per second, minute, hour or day) and what remains: nothing. The recorders keep the first three 429s of each
endpoint, so this is a sample.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from loadctl.results.finding import Evidence, Finding
from loadctl.results.recording import Example
from loadctl.scenario.rate_limit import RateLimit
from loadctl.scenario.units import format_duration, format_rate

RATE_LIMITED = "rate_limited"
"""The class of examples that are no failures: 429s of a declared limit."""
_LIMIT = ("x-ratelimit-limit", "ratelimit-limit", "x-rate-limit-limit")
_REMAINING = ("x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining")
_SPANS_S = (1, 60, 3600, 86400)
_LONG_S = 60.0
_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)")


def header_findings(declared: RateLimit, examples: Sequence[Example], *, served: bool) -> list[Finding]:
    """`rate-limit-headers`: a warning of what is not true, a note of what is missing; nothing where all is well.

    `served`: while requests were refused others were accepted all along, so nobody had to wait for long.
    """
    told = [_headers(example) for example in examples if example.error_class == RATE_LIMITED]
    if not told:
        return []
    untrue = dict.fromkeys(said for headers in told for said in _untrue(declared, headers, served=served))
    evidence: Evidence = {"answers_seen": len(told)}
    if untrue:
        message = f"answers 429 say what is not true: {'; '.join(untrue)}"
        advice = ("clients that believe these headers come too early, or wait for nothing: put them right",)
        return [Finding("rate-limit-headers", "warning", message, evidence, advice)]
    missing = [] if all("retry-after" in headers for headers in told) else ["Retry-After"]
    if not any(_first(headers, _LIMIT) for headers in told):
        missing.append("X-RateLimit-Limit")
    if not missing:
        return []
    message = f"answers 429 carry no {' and no '.join(missing)}: clients must guess when to come again"
    advice = ("send Retry-After with every 429: clients that obey it spread out by themselves",)
    return [Finding("rate-limit-headers", "info", message, evidence, advice)]


def _headers(example: Example) -> Mapping[str, str]:
    pairs = (line.partition(":") for line in example.message.split("\n"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _untrue(declared: RateLimit, headers: Mapping[str, str], *, served: bool) -> Iterator[str]:
    retry = headers.get("retry-after")
    if retry is not None:
        seconds = _number(retry)
        if seconds is None and not re.search(r"\d\d:\d\d:\d\d", retry):
            yield f'Retry-After "{retry[:40]}" is neither seconds nor a date'
        elif seconds is not None and seconds > _LONG_S and served:
            yield f"Retry-After asks for {format_duration(seconds)}, while requests were accepted all along"
    limit, remaining = _number(_first(headers, _LIMIT)), _number(_first(headers, _REMAINING))
    if limit is not None and not any(abs(limit - declared.per_s * s) <= 0.01 * limit for s in _SPANS_S):
        yield f"the limit in them is {limit:g}, the declared one {format_rate(declared.per_s)}"
    if remaining:
        yield f"{remaining:g} requests are said to remain in an answer that refuses one"


def _first(headers: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((headers[name] for name in names if name in headers), None)


def _number(text: str | None) -> float | None:
    match = _NUMBER.match(text or "")
    return float(match[1]) if match else None
