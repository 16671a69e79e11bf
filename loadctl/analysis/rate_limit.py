"""Does the system keep the rate limit that it declares, and is it no stricter than that?

Over the scored window, without marked seconds. Too loose: what was served is more than the limit times the time, what a
bucket or a window lets through at once, and 5 % for clocks. Too early: a 429 where the seconds around it offered less
than nine tenths of the limit. Too strict: of 10 s or more that offered 1.5 times the limit, less than half of it was
accepted, or, at any load, less than a tenth; up to nine tenths is a warning. A limit a minute or an hour may be counted
in windows so long, so that takes three of them. On simulated buckets and windows at the right limit none of these rules
was broken by chance (tests). While requests are refused, those accepted must not become slower: p95 at most 1.5 times
that of the calm seconds, or NOISE_MS above it, where there are ten of each. Headers: analysis/rate_limit.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from operator import attrgetter

from msgspec.structs import replace

from loadctl.analysis.run_context import RunContext
from loadctl.results.interval import SecondTotal
from loadctl.results.measures.level import NOISE_MS, total
from loadctl.results.measures.outage import CONNECTION_ERRORS
from loadctl.results.recording import Example
from loadctl.results.verdict import Evidence, Finding
from loadctl.scenario.scenario import RateLimit
from loadctl.scenario.units import format_count, format_duration, format_ms, format_percent, format_rate

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
    refusals = [_headers(example) for example in examples if example.error_class == RATE_LIMITED]
    if not refusals:
        return []
    untrue = dict.fromkeys(said for headers in refusals for said in _untrue(declared, headers, served=served))
    evidence: Evidence = {"answers_seen": len(refusals)}
    if untrue:
        message = f"429 responses carry wrong headers: {'; '.join(untrue)}"
        advice = ("correct these headers: clients that obey them retry too early or wait for nothing",)
        return [Finding("rate-limit-headers", "warning", message, evidence, advice)]
    missing = [] if all("retry-after" in headers for headers in refusals) else ["Retry-After"]
    if not any(_first(headers, _LIMIT) for headers in refusals):
        missing.append("X-RateLimit-Limit")
    if not missing:
        return []
    message = f"429 responses carry no {' and no '.join(missing)}: clients must guess when to retry"
    advice = ("send Retry-After with every 429: clients that obey it spread out their retries",)
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
            yield f"Retry-After asks for {format_duration(seconds)}, although requests were accepted all along"
    limit, remaining = _number(_first(headers, _LIMIT)), _number(_first(headers, _REMAINING))
    if limit is not None and not any(abs(limit - declared.per_s * s) <= 0.01 * limit for s in _SPANS_S):
        yield f"they name a limit of {limit:g}, but the declared one is {format_rate(declared.per_s)}"
    if remaining:
        yield f"they say that {remaining:g} requests remain, although this one was refused"


def _first(headers: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((headers[name] for name in names if name in headers), None)


def _number(text: str | None) -> float | None:
    match = _NUMBER.match(text or "")
    return float(match[1]) if match else None


_TOLERANCE = 1.05
_NEAR = 0.9
_FEW = 5
_EARLY = 0.05
_SHARE = 0.01
_SLOWER = 1.5
_CALM = 0.8
_ENOUGH_S = 10
_WINDOWS = 3
_OVER = 1.5
_HALF = 0.5
_SHUT = 0.1
_MANY = 1000
_NO_LIMITER = CONNECTION_ERRORS | {"timeout", "tls", "status_401", "status_403"}
"""Not answered, or turned away before a limit is asked."""
_COUNTING = "check where the limit is counted: per worker or replica, or for all together"
_SETTING = (
    "check what the limiter counts and per what: its unit of time, its burst, and whether it is ever refilled"
)


@dataclass(frozen=True, slots=True)
class _Flow:
    """Requests of one second or of several from `t` on. `due`: what a limiter accepts of them at the least."""

    t: int
    accepted: int
    refused: int
    served: int
    """Accepted, and not answered with 5xx."""
    due: float
    seconds: int = 1

    @property
    def offered(self) -> int:
        return self.accepted + self.refused

    @property
    def broken(self) -> int:
        return self.accepted - self.served


_COUNTS: Sequence[Callable[[_Flow], int]] = tuple(map(attrgetter, ("accepted", "refused", "served")))


@dataclass(frozen=True, slots=True)
class _Limit:
    """The declared one, as this load meets it: `buckets` are counted apart."""

    declared: RateLimit
    buckets: int
    at: Callable[[float], str]
    """A time of this run for people."""

    @property
    def per_s(self) -> float:
        """Of all buckets together."""
        return self.declared.per_s * self.buckets

    @property
    def counted_s(self) -> float:
        """The longest window that a system may count in."""
        return max(1.0, self.declared.period_s)

    @property
    def at_once(self) -> float:
        """What may be accepted beyond the limit times the time: a full bucket, or parts of windows at both ends."""
        return self.per_s * (2 * self.counted_s if self.counted_s > 1 else 1)

    @property
    def enough_s(self) -> int:
        return max(_ENOUGH_S, math.ceil(_WINDOWS * self.counted_s))

    @property
    def in_words(self) -> str:
        each = f" for each of {self.buckets} keys" if self.buckets > 1 else ""
        return f"the limit is {format_rate(self.declared.per_s)}{each}"

    def flow(self, second: SecondTotal) -> _Flow:
        errors = second.errors
        accepted = second.completed - second.rate_limited - sum(errors.get(name, 0) for name in _NO_LIMITER)
        broken = sum(count for name, count in errors.items() if name.startswith("status_5"))
        refused = second.rate_limited
        return _Flow(second.t, accepted, refused, accepted - broken, self.due(accepted + refused))

    def due(self, offered: int) -> float:
        """Of keys that may send unlike shares, no more than one key's limit is sure."""
        evenly = self.buckets == 1 or self.declared.evenly
        return _carried(offered, max(1, int(self.per_s if evenly else self.declared.per_s)))


@lru_cache(maxsize=4096)
def _carried(offered: int, limit: int) -> float:
    """What a sliding window of a second accepts of requests at random moments, by Erlang's formula for lost calls.

    With a limit of 5/s and 8/s offered that is 4.2/s: not each place that becomes free is taken at once.
    """
    if limit > _MANY:
        return min(offered, limit)
    lost = 1.0
    for places in range(1, limit + 1):
        lost = offered * lost / (places + offered * lost)
    return offered * (1 - lost)


def rate_limit_findings(run: RunContext) -> list[Finding]:
    """`rate-limit-working`, `-strict`, `-not-working` or `-unknown`, where a limit is declared or 429s were seen.

    Beside them `rate-limit-headers` and `rate-limit-slows`.
    """
    declared = run.scenario.rate_limit
    if declared is None:
        return list(_described(run))
    buckets = buckets_of(run, declared)
    limit = _Limit(declared, buckets or 1, run.recording.at)
    flows = [limit.flow(second) for second in run.seconds]
    if not flows:
        return []
    if buckets is None:
        return [_all_refused(limit, flows) or _uncountable(declared, flows)]
    return [
        _checked(limit, flows),
        *header_findings(declared, run.recording.examples, served=_served_all_along(limit, flows)),
        *_slowed(run, flows, limit.per_s),
    ]


def buckets_of(run: RunContext, declared: RateLimit) -> int | None:
    """How many are counted apart; None: it cannot be known. All requests come from one address."""
    if declared.by in {"all", "ip"}:
        return 1
    if declared.by != "key" or declared.keys is None:
        return None
    load = run.scenario.load
    return min(declared.keys, max(1, math.ceil(load.peak))) if load.model == "closed" else declared.keys


def _checked(limit: _Limit, flows: Sequence[_Flow]) -> Finding:
    whole = _together(flows)
    evidence: Evidence = {
        "limit_per_s": limit.per_s,
        "accepted_per_s": round(whole.accepted / whole.seconds, 2),
        "offered_per_s": round(whole.offered / whole.seconds, 2),
        "most_offered_per_s": max(flow.offered for flow in flows),
        "rate_limited": whole.refused,
    }
    for ask in (_all_refused, _loose, _early, _broken, _strict, _untried):
        found = ask(limit, flows)
        if found is not None:
            return replace(found, evidence=evidence)
    share = format_percent(100 * whole.refused / whole.offered, 0)
    holds = f"the rate limit holds: {_rate(whole)} were accepted, {limit.in_words}"
    message = f"{holds}; {share} of requests were answered 429"
    return Finding("rate-limit-working", "good", message, evidence)


def _rate(flow: _Flow) -> str:
    return format_rate(flow.accepted / flow.seconds)


def _together(flows: Sequence[_Flow]) -> _Flow:
    accepted, refused, served = (sum(map(count, flows)) for count in _COUNTS)
    return _Flow(flows[0].t, accepted, refused, served, sum(flow.due for flow in flows), len(flows))


def _wrong(message: str, advice: str) -> Finding:
    return Finding("rate-limit-not-working", "critical", message, {}, (advice,))


def _all_refused(limit: _Limit, flows: Sequence[_Flow]) -> Finding | None:
    whole = _together(flows)
    if whole.accepted or whole.refused < _FEW:
        return None
    message = (
        f"no request was accepted: all {format_count(whole.refused)} were answered 429, {limit.in_words}"
    )
    counted = format_duration(limit.counted_s)
    used_up = (
        f"an earlier run may have used it up, if it is counted over {counted}: wait that long and repeat"
    )
    return _wrong(message, used_up if limit.counted_s >= whole.seconds else _SETTING)


def _loose(limit: _Limit, flows: Sequence[_Flow]) -> Finding | None:
    whole = _together(flows)
    if whole.served <= _TOLERANCE * limit.per_s * whole.seconds + limit.at_once:
        return None
    return _wrong(f"the rate limit does not hold: {_rate(whole)} were accepted, {limit.in_words}", _COUNTING)


def _early(limit: _Limit, flows: Sequence[_Flow]) -> Finding | None:
    below = list(_below(limit, flows))
    early, offered = (sum(map(count, below)) for count in (attrgetter("refused"), attrgetter("offered")))
    if early < _FEW or early <= max(_SHARE * _together(flows).offered, _EARLY * offered):
        return None
    count = format_count(early)
    message = f"{count} requests were answered 429 although the load was below the limit, {limit.in_words}"
    return _wrong(message, _COUNTING)


def _below(limit: _Limit, flows: Sequence[_Flow]) -> Iterator[_Flow]:
    """Seconds that, with the next and all that may be counted with them, offered clearly less than the limit."""
    back = math.ceil(limit.counted_s)
    for index, flow in enumerate(flows):
        known = back == 1 or index >= back
        around = flows[max(0, index - back) : index + 2]
        if known and max(one.offered for one in around) < _NEAR * limit.per_s:
            yield flow


def _broken(limit: _Limit, flows: Sequence[_Flow]) -> Finding | None:
    over = [flow for flow in flows if flow.refused or flow.offered > limit.per_s]
    broken = sum(flow.broken for flow in over)
    if broken < _FEW or broken <= _SHARE * sum(flow.offered for flow in over):
        return None
    message = f"beyond the rate limit {format_count(broken)} requests were answered with 5xx instead of 429"
    return _wrong(message, _COUNTING)


def _strict(limit: _Limit, flows: Sequence[_Flow]) -> Finding | None:
    """Refused, although the limit was not used up."""
    spans = list(_spans(flows, limit.enough_s))
    over = [span for span in spans if span.offered >= _OVER * limit.per_s * span.seconds]
    refusing = [span for span in spans if span.refused >= _FEW]
    far = [span for span in refusing if span.accepted < _SHUT * span.due]
    far = far or [span for span in over if span.accepted < _HALF * span.due]
    if far:
        worst = min(far, key=lambda span: round(span.accepted / span.due, 3))
        when = f"from {limit.at(worst.t)} to {limit.at(worst.t + worst.seconds)}"
        message = f"the rate limit is far too strict: {when} {_of_offered(worst)}, {limit.in_words}"
        return _wrong(message, _SETTING)
    part = _together(_covered(flows, over)) if over else _together(flows)
    if over:
        least = min(_NEAR * part.due, part.due - limit.per_s * limit.counted_s)
    else:  # too short for its windows: half of a fresh one should be there
        enough = not spans and part.offered >= _OVER * limit.per_s * part.seconds and part.refused >= _FEW
        least = (
            _HALF * limit.per_s * min(part.seconds, limit.counted_s)
            if enough and limit.counted_s > 1
            else 0.0
        )
    if part.accepted >= least:
        return None
    message = f"the rate limit is stricter than declared: {_of_offered(part)}, {limit.in_words}"
    advice = "a limiter without a burst (nginx: limit_req without burst=) refuses requests that come close together"
    return Finding("rate-limit-strict", "warning", message, {}, (advice,))


def _of_offered(flow: _Flow) -> str:
    if not flow.accepted:
        return f"none of {format_count(flow.offered)} requests was accepted"
    return f"{_rate(flow)} were accepted of {format_rate(flow.offered / flow.seconds)}"


def _spans(flows: Sequence[_Flow], seconds: int) -> Iterator[_Flow]:
    """Every stretch of so many seconds."""
    sums = [list(accumulate(map(count, flows), initial=0)) for count in _COUNTS]
    due = list(accumulate((flow.due for flow in flows), initial=0.0))
    for i in range(len(flows) - seconds + 1):
        accepted, refused, served = (part[i + seconds] - part[i] for part in sums)
        yield _Flow(flows[i].t, accepted, refused, served, due[i + seconds] - due[i], seconds)


def _covered(flows: Sequence[_Flow], spans: Sequence[_Flow]) -> list[_Flow]:
    seconds = {t for span in spans for t in range(span.t, span.t + span.seconds)}
    return [flow for flow in flows if flow.t in seconds]


def _untried(limit: _Limit, flows: Sequence[_Flow]) -> Finding | None:
    whole, most = _together(flows), max(flow.offered for flow in flows)
    if whole.refused:
        return None
    offered = f"at most {format_rate(most)} were" if most <= limit.per_s else f"{_rate(whole)} were"
    message = f"the rate limit was not tested: {offered} offered, {limit.in_words}"
    advice = (f"to test it, offer more than {format_rate(1.2 * limit.per_s)}",)
    return Finding("rate-limit-unknown", "info", message, {}, advice)


def _served_all_along(limit: _Limit, flows: Sequence[_Flow]) -> bool:
    """While requests were refused others were accepted, without a longer break than so low a limit makes."""
    longest = gap = 0
    for flow in flows:
        gap = gap + 1 if flow.refused and not flow.accepted else 0
        longest = max(longest, gap)
    return longest <= max(1.0, 2 / limit.per_s) and any(flow.accepted for flow in flows)


def _slowed(run: RunContext, flows: Sequence[_Flow], limit: float) -> Iterator[Finding]:
    """Accepted requests of the seconds in which others were refused, against those of the calm ones."""
    pairs = list(zip(run.seconds, flows, strict=True))
    busy = [second for second, flow in pairs if flow.refused]
    calm = [s for s, flow in pairs if not flow.refused and flow.accepted > 0 and flow.offered < _CALM * limit]
    if min(len(busy), len(calm)) < _ENOUGH_S:
        return
    slow, usual = (total(part).ok.nearest_rank_us(0.95) for part in (busy, calm))
    if not slow or not usual or slow <= max(_SLOWER * usual, usual + 1000 * NOISE_MS):
        return
    message = (
        f"accepted requests became slower while others were refused: p95 {format_ms(slow / 1000)} instead of "
        f"{format_ms(usual / 1000)}"
    )
    advice = (
        "refuse requests before they queue and cost work: a limit protects only where refusing is cheap",
    )
    evidence: Evidence = {"p95_refusing_ms": slow / 1000, "p95_calm_ms": usual / 1000}
    yield Finding("rate-limit-slows", "warning", message, evidence, advice)


def _uncountable(declared: RateLimit, flows: Sequence[_Flow]) -> Finding:
    refused = sum(flow.refused for flow in flows)
    what = "keys" if declared.by == "key" else f"{declared.by}s"
    message = (
        f"not enough data to say whether the rate limit holds: the scenario does not say how many {what} it uses; "
        f"{format_count(refused)} requests were answered 429"
    )
    advice = ("use one key that is written in the scenario, or declare the limit with by: all",)
    return Finding("rate-limit-unknown", "info", message, {"rate_limited": refused}, advice)


def _described(run: RunContext) -> Iterator[Finding]:
    """Without a declared limit: only what was seen."""
    total = run.folded.summary.total
    refused = total.errors.get("status_429", 0)
    if refused:
        share = format_percent(100 * refused / max(1, total.completed), 0)
        message = (
            f"{format_count(refused)} requests ({share}) were answered 429, but no rate limit is declared"
        )
        advice = ("if that is intended, declare it:  rate_limit: {limit: 100/s, by: key}",)
        yield Finding("rate-limit-unknown", "info", message, {"status_429": refused}, advice)
