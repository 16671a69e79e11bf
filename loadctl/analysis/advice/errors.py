"""Tips for requests that failed or were refused: by their class and by when it began."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from loadctl.analysis.advice.facts import AdviceFacts
from loadctl.results.interval import GENERATOR_FAULT
from loadctl.scenario.units import format_count, format_percent, format_rate

_MANY_REFUSED = 0.2
_LATE_SHARE = 0.2


def error_tips(facts: AdviceFacts) -> Iterator[str]:
    """Of the commonest classes: what the system's log or a single request will show of them."""
    errors = Counter(facts.run.folded.summary.total.errors)
    errors.pop(GENERATOR_FAULT, None)
    for name, count in errors.most_common(2):
        yield _of_class(name)(
            facts, f"{format_count(count)} × {name.removeprefix('status_').replace('_', ' ')}"
        )
    logs = facts.findings.get("log-errors")
    if logs is not None and any(name.startswith("status_5") for name in errors):
        yield f"its log says why: {logs.message}"


def _place(facts: AdviceFacts, name: str) -> str:
    """Where it is concentrated, and when it began."""
    rows = [(row.errors.get(name, 0), row) for row in facts.run.folded.summary.endpoints]
    count, row = max(rows, key=lambda pair: pair[0])
    whole = sum(number for number, _ in rows)
    where = f", nearly all on {row.endpoint}" if len(rows) > 1 and count >= 0.9 * whole else ""
    first = _first(facts, name)
    return where if first is None else f"{where}, first at {facts.run.recording.at(first)}"


def _first(facts: AdviceFacts, name: str) -> float | None:
    return min((e.t for e in facts.run.recording.examples if e.error_class == name), default=None)


def _timeout(facts: AdviceFacts, count: str) -> str:
    if facts.waits is not None:
        return (
            f"{count} (no answer in time) while cpu was at "
            f"{format_percent(facts.waits, 0)}: something "
            "they wait for is stuck; give every call to another service a timeout below the client's, and see "
            "which one fires"
        )
    return (
        f"{count} (no answer in time): it took on more than it can finish; refuse early "
        "(503 with "
        "Retry-After) beyond a bounded queue, and see whether p95 of the others falls"
    )


def _refused(_facts: AdviceFacts, count: str) -> str:
    return (
        f"{count}: nothing listened, or its backlog was full; look whether the process "
        "restarted, "
        "then at its backlog and net.core.somaxconn"
    )


def _reset(facts: AdviceFacts, count: str) -> str:
    if {"service-restarted", "service-crashed", "worker-lost", "worker-restarted"} & facts.findings.keys():
        return f"{count} when a process ended: let it finish what is under way before it leaves"
    if any(example.stale for example in facts.run.recording.examples):
        return (
            f"{count}, on kept connections and before any of the response came: the server closes idle connections "
            "without announcing it (Connection: close, Keep-Alive: timeout=) or before the users' pauses end, or a "
            f"worker gave up: {_log(facts, 'reset')}"
        )
    return (
        f"{count}, and no process ended: {_log(facts, 'reset')} (a worker that gave up, a limit of a proxy); or idle "
        "connections are closed just as they are used: make its keep-alive timeout longer than the pauses "
        "between requests"
    )


def _unauthorized(facts: AdviceFacts, count: str) -> str:
    first, (start, end) = _first(facts, "status_401"), facts.run.window
    if first is not None and first - start > _LATE_SHARE * (end - start):
        return (
            f"{count}, none before {facts.run.recording.at(first)}: a token that expires; log in again in the flow, "
            "or ask for a "
            "longer life, and run past that time"
        )
    if facts.run.scenario.script is not None:
        return (
            f"{count}: the credentials that the script sends; see one request with  {facts.run.look_closer}"
        )
    return (
        f"{count}: requests carry no credentials, or wrong ones: log in under start:, capture: {{token: $.token}}, "
        f'and send it (headers: {{Authorization: "Bearer {{{{ token }}}}"}}); see one with  {facts.run.look_closer}'
    )


def _too_many(_facts: AdviceFacts, count: str) -> str:
    return (
        f"{count}: a rate limit, which is no failure if it is meant: declare it (rate_limit: "
        f"{{limit: 100/s, by: key}}), "
        "or raise it for this key, and it is checked instead"
    )


def _unavailable(_facts: AdviceFacts, count: str) -> str:
    return (
        f"{count}: what stands before the system had nobody to give them to, or it was full; compare its "
        "limits and health "
        "checks with the time of the first, and watch the number of healthy instances"
    )


def _of_the_system(name: str) -> Callable[[AdviceFacts, str], str]:
    """One request alone may well succeed: what happened then stands in the log."""

    def tip(facts: AdviceFacts, count: str) -> str:
        return f"{count}{_place(facts, name)}: {_log(facts, name)}; it fails there, not in the request"

    return tip


def _log(facts: AdviceFacts, name: str) -> str:
    first = _first(facts, name)
    return "read the system's own log" + ("" if first is None else f" of {facts.run.recording.at(first)}")


def _of_the_request(name: str) -> Callable[[AdviceFacts, str], str]:
    def tip(facts: AdviceFacts, count: str) -> str:
        return f"{count}{_place(facts, name)}{_SAYS.get(name, '')}: see one with  {facts.run.look_closer}"

    return tip


def _of_class(name: str) -> Callable[[AdviceFacts, str], str]:
    if name in _OF_CLASS:
        return _OF_CLASS[name]
    return _of_the_system(name) if name.startswith("status_5") else _of_the_request(name)


_SAYS: Mapping[str, str] = {
    "status_400": ", the request is not what it expects",
    "status_403": ", these credentials may not do that",
    "status_404": ", a wrong path or an id that does not exist",
    "status_405": ", a wrong method",
    "status_415": ", a wrong Content-Type",
    "status_422": ", the body is not what it expects",
    "dns": ", its name could not be looked up",
    "tls": ", no TLS with its certificate",
    "check_failed": ", it answers, and not what the check wants",
}


def _not_allowed(_facts: AdviceFacts, count: str) -> str:
    return (
        f"{count} × host not allowed: a redirect or a URL led to a host that nobody agreed to; if it may be loaded, "
        "name it (allow_hosts: or --allow-host), else leave that request out"
    )


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
            f"{times:.1f} times the limit was accepted by {processes:.0f} processes: each seems to count for "
            "itself; count in "
            "one place (Redis), and offer the same load again"
        )
    elif times > 1.05:
        yield (
            f"{format_rate(accepted)} were accepted with a limit of {format_rate(limit)}: is it switched on for "
            "this key and "
            "path? If replicas count apart, count in one place (Redis); then offer the same load again"
        )


def limit_tips(facts: AdviceFacts) -> Iterator[str]:
    """It works; is it the right one, and does anybody see it?"""
    total = facts.run.folded.summary.total
    share = total.rate_limited / total.completed if total.completed else 0.0
    if share >= _MANY_REFUSED:
        limit = facts.evidence("rate-limit-working", "limit_per_s") or 0.0
        yield (
            f"{format_percent(100 * share, 0)} of requests were refused: if these are customers and not abuse, "
            f"{format_rate(limit)} "
            "is too low for their tier; raise it and see whether latency still holds at what is then accepted"
        )
    names = {
        one.name for one in facts.run.measured.series if one.subject == "system" and one.source == "metrics"
    }
    if names and not any("429" in name or "limit" in name for name in names):
        yield (
            f"none of the {len(names)} series of its metrics page counts refusals: add a counter of 429s by key "
            "or tier, and "
            "an alarm on its rate"
        )
