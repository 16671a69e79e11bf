"""Does the system keep the rate limit that it declares?

Over the scored window, without marked seconds: what was accepted is at most the limit times the time, and one second's
worth more (a token bucket starts full), with 5 % for clocks; a 429 comes only when the seconds around it offered more
than nine tenths of the limit. On simulated buckets and windows neither rule was broken by chance (tests). While
requests are refused, those accepted must not become slower: p95 at most 1.5 times that of the calm seconds, or NOISE_MS
above it, where there are ten of each. Headers: analysis/limit_headers.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from loadctl.analysis.case import Case
from loadctl.analysis.limit_headers import header_findings
from loadctl.results.finding import Evidence, Finding
from loadctl.results.level import NOISE_MS, total
from loadctl.results.moment import Moment
from loadctl.scenario.scenario import RateLimit
from loadctl.scenario.units import format_count, format_ms, format_percent, format_rate

_TOLERANCE = 1.05
_NEAR = 0.9
_FEW = 5
_SHARE = 0.01
_SLOWER = 1.5
_CALM = 0.8
_ENOUGH_S = 10
_KEY_HEADERS = {"x-api-key", "authorization", "api-key", "apikey"}
_ADVICE = "look at where the limit is counted: each worker or replica for itself, or all together"


@dataclass(frozen=True, slots=True)
class _Flow:
    """Requests of one second."""

    accepted: int
    refused: int
    broken: int
    """Accepted, and answered with 5xx."""

    @property
    def offered(self) -> int:
        return self.accepted + self.refused


def rate_limit_findings(case: Case) -> list[Finding]:
    """`rate-limit-working`, `-not-working` or `-unknown`, where a limit is declared or 429s were seen.

    Beside them `rate-limit-headers` and `rate-limit-slows`.
    """
    declared = case.scenario.rate_limit
    if declared is None:
        return list(_described(case))
    flows = [_flow(second) for second in case.seconds]
    if not flows:
        return []
    buckets = buckets_of(case, declared)
    if buckets is None:
        return [_uncountable(declared, flows)]
    checked = _checked(declared, buckets, flows)
    served = checked.id == "rate-limit-working"
    return [
        checked,
        *header_findings(declared, case.recording.examples, served=served),
        *_slowed(case, flows, declared.per_s * buckets),
    ]


def buckets_of(case: Case, declared: RateLimit) -> int | None:
    """How many are counted apart; None: it cannot be known. All requests come from one address."""
    if declared.by in {"all", "ip"}:
        return 1
    if declared.by != "key" or not case.scenario.user_types:
        return None
    keys = set()
    for user_type in case.scenario.user_types:
        for headers in (user_type.headers, *(request.headers for request in user_type.requests())):
            keys |= {str(value) for name, value in headers.items() if name.lower() in _KEY_HEADERS}
    return None if any("${" in key for key in keys) else max(1, len(keys))


def _flow(second: Moment) -> _Flow:
    broken = sum(count for name, count in second.errors.items() if name.startswith("status_5"))
    return _Flow(second.completed - second.rate_limited, second.rate_limited, broken)


def _checked(declared: RateLimit, buckets: int, flows: list[_Flow]) -> Finding:
    limit = declared.per_s * buckets
    accepted, refused = sum(flow.accepted for flow in flows), sum(flow.refused for flow in flows)
    most = max(flow.offered for flow in flows)
    evidence: Evidence = {
        "limit_per_s": limit,
        "accepted_per_s": round(accepted / len(flows), 2),
        "offered_per_s": round((accepted + refused) / len(flows), 2),
        "most_offered_per_s": most,
        "rate_limited": refused,
    }
    told = _limit_in_words(declared, buckets)
    rate = format_rate(accepted / len(flows))
    if accepted > _TOLERANCE * limit * len(flows) + limit:
        message = f"the rate limit does not hold: {rate} were accepted, {told}"
        return Finding("rate-limit-not-working", "critical", message, evidence, (_ADVICE,))
    early = sum(flow.refused for flow in _below(flows, limit))
    if early >= _FEW and early > _SHARE * (accepted + refused):
        message = (
            f"{format_count(early)} requests were answered 429 although the load was below the limit, {told}"
        )
        return Finding("rate-limit-not-working", "critical", message, evidence, (_ADVICE,))
    over = [flow for flow in flows if flow.refused]
    broken = sum(flow.broken for flow in over)
    if broken >= _FEW and broken > _SHARE * sum(flow.offered for flow in over):
        message = (
            f"beyond the rate limit {format_count(broken)} requests were answered with 5xx instead of 429"
        )
        return Finding("rate-limit-not-working", "critical", message, evidence, (_ADVICE,))
    if not refused and accepted <= _TOLERANCE * limit * len(flows):
        message = f"the rate limit was not tried: at most {format_rate(most)} were offered, {told}"
        advice = (f"to check it, offer more: above {format_rate(1.2 * limit)}",)
        return Finding("rate-limit-unknown", "info", message, evidence, advice)
    share = format_percent(100 * refused / (accepted + refused), 0)
    message = f"the rate limit holds: {rate} were accepted, {told}; {share} of requests were answered 429"
    return Finding("rate-limit-working", "good", message, evidence)


def _below(flows: list[_Flow], limit: float) -> Iterator[_Flow]:
    """Seconds that, with both of their neighbours, offered clearly less than the limit."""
    for index, flow in enumerate(flows):
        around = flows[max(0, index - 1) : index + 2]
        if max(one.offered for one in around) < _NEAR * limit:
            yield flow


def _slowed(case: Case, flows: list[_Flow], limit: float) -> Iterator[Finding]:
    """Accepted requests of the seconds in which others were refused, against those of the calm ones."""
    pairs = list(zip(case.seconds, flows, strict=True))
    busy = [second for second, flow in pairs if flow.refused]
    calm = [s for s, flow in pairs if not flow.refused and flow.accepted > 0 and flow.offered < _CALM * limit]
    if min(len(busy), len(calm)) < _ENOUGH_S:
        return
    slow, usual = (total(part).ok.nearest_rank_us(0.95) for part in (busy, calm))
    if not slow or not usual or slow <= max(_SLOWER * usual, usual + 1000 * NOISE_MS):
        return
    message = (
        f"while requests were refused, those accepted became slower: p95 {format_ms(slow / 1000)} instead of "
        f"{format_ms(usual / 1000)}"
    )
    advice = ("a limit protects only where refusing is cheap: refuse before the work, and before it queues",)
    evidence: Evidence = {"p95_refusing_ms": slow / 1000, "p95_calm_ms": usual / 1000}
    yield Finding("rate-limit-slows", "warning", message, evidence, advice)


def _limit_in_words(declared: RateLimit, buckets: int) -> str:
    each = f" for each of {buckets} keys" if buckets > 1 else ""
    return f"the limit is {format_rate(declared.per_s)}{each}"


def _uncountable(declared: RateLimit, flows: list[_Flow]) -> Finding:
    refused = sum(flow.refused for flow in flows)
    what = "keys" if declared.by == "key" else f"{declared.by}s"
    message = (
        f"whether the rate limit holds cannot be told: the load does not say how many {what} it uses; "
        f"{format_count(refused)} requests were answered 429"
    )
    advice = ("send with one key that stands in the scenario, or declare the limit by: all",)
    return Finding("rate-limit-unknown", "info", message, {"rate_limited": refused}, advice)


def _described(case: Case) -> Iterator[Finding]:
    """Without a declared limit: only what was seen."""
    total = case.folded.summary.total
    refused = total.errors.get("status_429", 0)
    if refused:
        share = format_percent(100 * refused / max(1, total.completed), 0)
        message = (
            f"{format_count(refused)} requests ({share}) were answered 429, and no rate limit is declared"
        )
        advice = ("if it is meant, declare it:  rate_limit: {limit: 100/s, by: key}",)
        yield Finding("rate-limit-unknown", "info", message, {"status_429": refused}, advice)
