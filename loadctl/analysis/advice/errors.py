"""Tips for requests that failed or were refused, by their class and by when it began."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from loadctl.analysis.advice.facts import AdviceFacts
from loadctl.results.interval import GENERATOR_FAULT
from loadctl.scenario.units import format_count, format_percent, format_rate

_MANY_REFUSED = 0.2
_LATE_SHARE = 0.2


def error_tips(facts: AdviceFacts) -> Iterator[str]:
    """For the commonest classes: what the system's log or a single request will show of them."""
    errors = Counter(facts.run.folded.summary.total.errors)
    errors.pop(GENERATOR_FAULT, None)
    for name, count in errors.most_common(2):
        shown = f"{format_count(count)} × {name.removeprefix('status_').replace('_', ' ')}"
        yield _of_class(facts, name, shown)
    logs = facts.findings.get("log-errors")
    if logs is not None and any(name.startswith("status_5") for name in errors):
        yield f"its log says why: {logs.message}"


def _of_class(facts: AdviceFacts, name: str, count: str) -> str:
    if name in _OF_CLASS:
        return _OF_CLASS[name](facts, count)
    place = f"{count}{_place(facts, name)}"
    if name.startswith(
        "status_5"
    ):  # one request alone may well succeed: what happened then stands in the log
        return f"{place}: {_log(facts, name)}; the fault is in the system, not in the request"
    return f"{place}{_MEANS.get(name, '')}: see one with  {facts.run.look_closer}"


def _place(facts: AdviceFacts, name: str) -> str:
    """Where it is concentrated, and when it began."""
    rows = facts.run.folded.summary.endpoints
    row = max(rows, key=lambda one: one.errors.get(name, 0))
    whole = sum(one.errors.get(name, 0) for one in rows)
    where = (
        f", nearly all on {row.endpoint}" if len(rows) > 1 and row.errors.get(name, 0) >= 0.9 * whole else ""
    )
    first = _first(facts, name)
    return where if first is None else f"{where}, first at {facts.run.at(first)}"


def _first(facts: AdviceFacts, name: str) -> float | None:
    return min((e.t for e in facts.run.recording.examples if e.error_class == name), default=None)


def _log(facts: AdviceFacts, name: str) -> str:
    first = _first(facts, name)
    return "read the system's log" + ("" if first is None else f" at {facts.run.at(first)}")


def _timeout(facts: AdviceFacts, count: str) -> str:
    if facts.waits is not None:
        return (
            f"{count} while CPU was at {format_percent(facts.waits, 0)}: the system waits for something that is stuck; "
            "give every call to another service a timeout below the client's, and see which one fires"
        )
    return (
        f"{count}: the system accepts more than it can finish; refuse early (503 with Retry-After) beyond a bounded "
        "queue, and see whether p95 of the others drops"
    )


def _refused(_facts: AdviceFacts, count: str) -> str:
    return (
        f"{count}: nothing was listening, or the backlog was full; check whether the process restarted, "
        "then its backlog and net.core.somaxconn"
    )


def _reset(facts: AdviceFacts, count: str) -> str:
    if {"service-restarted", "service-crashed", "worker-lost", "worker-restarted"} & facts.findings.keys():
        return f"{count} when a process ended: let it finish its requests before it exits"
    if any(example.stale for example in facts.run.recording.examples):
        return (
            f"{count} on kept-alive connections, before any of the response: the server closes idle connections "
            "without announcing it (Connection: close, Keep-Alive: timeout=) or before the users' pauses end, or a "
            f"worker crashed: {_log(facts, 'reset')}"
        )
    return (
        f"{count}, and no process ended: {_log(facts, 'reset')} (a crashed worker, a limit of a proxy); or idle "
        "connections are closed just as they are reused: make the server's keep-alive timeout longer than the pauses "
        "between requests"
    )


def _unauthorized(facts: AdviceFacts, count: str) -> str:
    first, (start, end) = _first(facts, "status_401"), facts.run.window
    if first is not None and first - start > _LATE_SHARE * (end - start):
        return (
            f"{count}, none before {facts.run.at(first)}: a token expires; log in again in the flow or "
            "request a longer lifetime, and run past that time"
        )
    if facts.run.scenario.script is not None:
        return f"{count}: check the credentials that the script sends; see one request with  {facts.run.look_closer}"
    return (
        f"{count}: requests carry no credentials, or wrong ones: log in under start:, capture: {{token: $.token}}, "
        f'and send it (headers: {{Authorization: "Bearer {{{{ token }}}}"}}); see one with  {facts.run.look_closer}'
    )


def _too_many(_facts: AdviceFacts, count: str) -> str:
    return (
        f"{count}: a rate limit refused them; if that is intended, declare it so that it is checked and not counted as "
        "failures (rate_limit: {limit: 100/s, by: key}), else raise it for this key"
    )


def _unavailable(_facts: AdviceFacts, count: str) -> str:
    return (
        f"{count}: no backend was available, or the system refused; compare the limits and health checks of the load "
        "balancer with the time of the first, and watch the number of healthy instances"
    )


def _not_allowed(_facts: AdviceFacts, count: str) -> str:
    return (
        f"{count}: a redirect or a URL led to a host that nobody has allowed; if it may be loaded, "
        "name it (allow_hosts: or --allow-host), else leave that request out"
    )


_MEANS: Mapping[str, str] = {
    "status_400": ", the system rejects the request",
    "status_403": ", these credentials lack the permission",
    "status_404": ", a wrong path or an id that does not exist",
    "status_405": ", a wrong method",
    "status_415": ", a wrong Content-Type",
    "status_422": ", the system rejects the body",
    "dns": ", the host name could not be resolved",
    "tls": ", the TLS handshake failed",
    "check_failed": ", the response is not what the check expects",
}
_OF_CLASS: Mapping[str, Callable[[AdviceFacts, str], str]] = {
    "host_not_allowed": _not_allowed,
    "timeout": _timeout,
    "connect_timeout": _refused,
    "connect_refused": _refused,
    "reset": _reset,
    "protocol": _reset,
    "status_401": _unauthorized,
    "status_429": _too_many,
    "status_502": _unavailable,
    "status_503": _unavailable,
    "status_504": _unavailable,
}


def loose_limit_tips(facts: AdviceFacts) -> Iterator[str]:
    """A limit that lets too much through is often counted by each process for itself."""
    limit = facts.evidence("rate-limit-not-working", "limit_per_s")
    accepted = facts.evidence("rate-limit-not-working", "accepted_per_s")
    if not limit or not accepted:
        return
    times, processes = accepted / limit, facts.processes
    if processes > 1 and 1.2 < times <= 1.1 * processes:
        yield (
            f"{processes:.0f} processes accepted {times:.1f} × the limit, so each seems to count for itself: count in "
            "one place (Redis), and offer the same load again"
        )
    elif times > 1.05:
        yield (
            f"{format_rate(accepted)} were accepted with a limit of {format_rate(limit)}: check that it is on for "
            "this key and path; where replicas count separately, use one place (Redis); then offer the same load again"
        )


def limit_tips(facts: AdviceFacts) -> Iterator[str]:
    """It works: is it the right one, and does anybody see it?"""
    total = facts.run.folded.summary.total
    share = total.rate_limited / total.completed if total.completed else 0.0
    if share >= _MANY_REFUSED:
        limit = facts.evidence("rate-limit-working", "limit_per_s") or 0.0
        yield (
            f"{format_percent(100 * share, 0)} of requests were refused: if these are customers and not abuse, "
            f"{format_rate(limit)} is too low for their tier; raise it and see whether latency still holds"
        )
    series = [one for one in facts.run.measured.series if one.subject == "system" and one.source == "metrics"]
    names = {one.name for one in series}
    if names and not any("429" in name or "limit" in name for name in names):
        yield (
            f"none of the {len(names)} series on its metrics page counts refusals: add a counter of 429s by key "
            "or tier, and alert on its rate"
        )
