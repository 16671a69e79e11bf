"""Suggestions for a word that loadctl does not know: a typing mistake, or the word of another tool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

_TURNS = "a load ends after a time (for:), not after a number of turns"
_IN_A_FLOW = "a pause is a step of its own in a flow, as in  - think: 1s"
_USER_TYPE = {
    "think": "think_time think-time thinkTime wait_time waitTime between",
    "pace": "constant_pacing pacing",
    "start": "on_start onStart setup login beforeScenario",
    "tasks": "requests scenarios flow steps",
    "data": "payload csv data-sources feeder feed",
}
_WORDS_OF_OTHERS: Mapping[str, Mapping[str, str]] = {
    "a stage of load": {
        "users": "target vus concurrency user_count maxVusers startVUs threads count workers",
        "rate": "arrivalRate arrivalCount throughput rps constantUsersPerSec",
        "for": "duration hold hold-for hold_for holdFor time length",
        "over": "ramp ramp-up ramp_up rampUp rampup ramp_time spawn_rate hatch_rate",
        "warmup": "warm-up warm_up warmUp",
        "step": "steps",
        _TURNS: "iterations maxIterations",
        "a ramp is a stage of its own, as in  - {rate: 50/s, over: 1m}": "rampTo",
        "a pause is a stage with  users: 0": "pause",
        "a rate has a unit, as in  rate: 300/s or 20/min": "timeUnit",
        "users: or rate: decides the model": "executor",
    },
    "a scenario": {
        **_USER_TYPE,
        "host": "target baseUrl base_url base-url url default-address",
        "load": "stages phases execution executor profile",
        "targets": "thresholds criteria ensure passfail slo limits",
        "goal": "description title",
        "locustfile": "script",
        "watch": "monitoring",
        "max_in_flight": "maxVUs maxSessions",
        "set the number of users in load:, as in  - {users: 50, for: 5m}": (
            "vus concurrency user_count threads maxVusers"
        ),
        "set the duration in load:, as in  - {users: 50, for: 5m}": (
            "duration hold-for hold_for run_time run-time"
        ),
        "set a ramp in load:, as in  - {users: 50, over: 30s}": (
            "ramp-up ramp_up rampUp spawn_rate hatch_rate rampTo"
        ),
        "set a rate in load:, as in  - {rate: 300/s, for: 5m}": "rate arrivalRate arrivalCount",
        _TURNS: "iterations",
        "a scenario is named after its file; describe it in goal:": "name",
        "write  verify: false": "insecureSkipTLSVerify insecure",
        "ask for a quick look on the command line:  loadctl run X --smoke": "smoke",
    },
    "a user type": {
        **_USER_TYPE,
        "the scenario names the host": "host",
        "the scenario defines the load": "load",
    },
    "a request": {
        "query": "params qs parameters",
        "form": "formData urlencoded",
        "files": "multipart file upload-files",
        "check": "expect assert checks validate ensure assertions",
        "capture": "extract save extract-jsonpath extract-regexp",
        "name": "label tag tags title",
        "headers": "header",
        "the method is the key, as in  get: /items": "url path uri method",
        "send a body with json:, form: or body:": "data payload",
        _IN_A_FLOW: "think think_time think-time wait sleep pause delay",
        "set it in headers:, as in  headers: {Authorization: Basic …}": "auth cookie cookies",
        "a loop is a step of a flow, as in  - {repeat: 10, flow: […]}": "loop",
    },
    "check": {
        "status": "statusCode status_code code status-code",
        "text": "body contains bodyContains",
        "has": "hasProperty exists present",
        "lacks": "absent not missing has_not",
        "within": "max_time max-time time duration response_time responseTime",
        "json": "jsonpath equals match",
    },
    "targets": {
        "latency_p50": "p50 median",
        "latency_p95": "p90 p95 http_req_duration response_time p(95) latency",
        "latency_p99": "p99 p(99)",
        "latency_p999": "p999",
        "latency_mean": "mean avg",
        "latency_max": "max",
        "ttfb_p95": "ttfb",
        "error_rate": "http_req_failed failures fail fail_ratio errors error-rate",
        "throughput": "rps http_reqs req_per_s",
        "cpu": "cpu_usage",
        "memory": "ram mem rss",
    },
    "a target": {"target": "warn warning", "critical": "fail max limit"},
    "a flow": {"flow": "steps tasks", _IN_A_FLOW: "think"},
    "repeat": {"flow": "steps tasks", "repeat": "count times", "while": "until"},
}
"""By the mapping that a word stands in: our key, or what to write instead, and the words of other tools for it."""
_FOREIGN: Mapping[str, Mapping[str, str]] = {
    kind: {word: ours for ours, words in meant.items() for word in words.split()}
    for kind, meant in _WORDS_OF_OTHERS.items()
}


_MOST_KNOWN = 1_000
"""Known words that are compared with the unknown one: ten microseconds each."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most similar to `word`."""
    from difflib import get_close_matches  # only after a mistake

    near = get_close_matches(word[:100], list(islice(known, _MOST_KNOWN)), n=1, cutoff=0.6)
    return near[0] if near else None


def unknown(noun: str, word: str, kind: str, known: Iterable[str]) -> str:
    """The message for a word that does not exist: `noun` is "key", "metric", …; `kind` where it stands."""
    words = list(known)
    message = f"unknown {noun} '{word}' in {kind}"
    ours = _FOREIGN.get(kind, {}).get(word)
    if ours is not None:
        return f"{message}; here it is called '{ours}'" if ours in words else f"{message}; {ours}"
    if near := nearest(word, words):
        return f"{message}; did you mean '{near}'?"
    return f"{message}; there are {', '.join(words)}"


def foreign(word: str) -> Iterator[tuple[str, str]]:
    """Of a word of another tool: each mapping in which it was meant, and our key there or what to write instead."""
    for kind, meant in _FOREIGN.items():
        for theirs, ours in meant.items():
            if theirs.lower() == word.lower():
                yield kind, ours


def is_meant(key: str, words: Iterable[str], kind: str) -> bool:
    """One of the words stands for `key`: it is the word of another tool, or a typing mistake."""
    foreign = _FOREIGN.get(kind, {})
    return any(foreign.get(word, "").startswith(key) or nearest(word, [key]) for word in words)


def no_such(what: str, word: str, known: Iterable[str], has: str) -> tuple[str, str | None]:
    """Message and hint for a name that nothing has: `what` is "no request is named", `has` "This scenario sends"."""
    names = list(known)
    near = nearest(word, names)
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"{what} '{word}'" + (f"; did you mean '{near}'?" if near else ""), f"{has}: {shown or 'nothing'}"
