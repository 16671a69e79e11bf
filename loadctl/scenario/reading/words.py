"""What somebody meant who wrote a word that loadctl does not have: a slip of the keyboard, or another tool's word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import islice

_LEVEL = "how many users is said in load:, as in  - {users: 50, for: 5m}"
_TIME = "how long is said in load:, as in  - {users: 50, for: 5m}"
_RAMP = "a ramp is said in load:, as in  - {users: 50, over: 30s}"
_TURNS = "a load ends by time (for:), not by a number of turns"

_STAGE = dict.fromkeys(
    ["target", "vus", "concurrency", "user_count", "maxVusers", "startVUs", "threads", "count", "workers"],
    "users",
)
_STAGE |= dict.fromkeys(["arrivalRate", "arrivalCount", "throughput", "rps", "constantUsersPerSec"], "rate")
_STAGE |= dict.fromkeys(["duration", "hold", "hold-for", "hold_for", "holdFor", "time", "length"], "for")
_STAGE |= dict.fromkeys(
    ["ramp", "ramp-up", "ramp_up", "rampUp", "rampup", "ramp_time", "spawn_rate", "hatch_rate"], "over"
)
_STAGE |= dict.fromkeys(["warm-up", "warm_up", "warmUp"], "warmup")
_STAGE |= dict.fromkeys(["iterations", "maxIterations"], _TURNS)
_STAGE |= {
    "rampTo": "a ramp is a stage of its own, as in  - {rate: 50/s, over: 1m}",
    "pause": "a pause is a stage with  users: 0",
    "timeUnit": "a rate says its unit, as in  rate: 300/s or 20/min",
    "executor": "users: or rate: says the model",
    "steps": "step",
}
_SCENARIO = dict.fromkeys(["target", "baseUrl", "base_url", "base-url", "url", "default-address"], "host")
_SCENARIO |= dict.fromkeys(["stages", "phases", "execution", "executor", "profile"], "load")
_SCENARIO |= dict.fromkeys(["thresholds", "criteria", "ensure", "passfail", "slo", "limits"], "targets")
_SCENARIO |= dict.fromkeys(
    ["think_time", "think-time", "thinkTime", "wait_time", "waitTime", "between"], "think"
)
_SCENARIO |= dict.fromkeys(["constant_pacing", "pacing"], "pace")
_SCENARIO |= dict.fromkeys(["on_start", "onStart", "setup", "login", "beforeScenario"], "start")
_SCENARIO |= dict.fromkeys(["requests", "scenarios", "flow", "steps"], "tasks")
_SCENARIO |= dict.fromkeys(["payload", "csv", "data-sources", "feeder", "feed"], "data")
_SCENARIO |= dict.fromkeys(["vus", "concurrency", "user_count", "threads", "maxVusers"], _LEVEL)
_SCENARIO |= dict.fromkeys(["duration", "hold-for", "hold_for", "run_time", "run-time"], _TIME)
_SCENARIO |= dict.fromkeys(["ramp-up", "ramp_up", "rampUp", "spawn_rate", "hatch_rate", "rampTo"], _RAMP)
_SCENARIO |= dict.fromkeys(
    ["rate", "arrivalRate", "arrivalCount"], "a rate is said in load:, as in  - {rate: 300/s, for: 5m}"
)
_SCENARIO |= {
    "iterations": _TURNS,
    "description": "goal",
    "title": "goal",
    "name": "the file's name is the scenario's name; a sentence about it goes into goal:",
    "script": "locustfile",
    "monitoring": "watch",
    "insecureSkipTLSVerify": "write  verify: false",
    "insecure": "write  verify: false",
    "smoke": "a quick look is asked for on the command line:  loadctl run X --smoke",
    "maxVUs": "max_in_flight",
    "maxSessions": "max_in_flight",
}
_REQUEST = dict.fromkeys(["url", "path", "uri", "method"], "the method is the key, as in  get: /items")
_REQUEST |= dict.fromkeys(["params", "qs", "parameters"], "query")
_REQUEST |= dict.fromkeys(["data", "payload"], "json:, form: or body: say what is sent")
_REQUEST |= dict.fromkeys(["formData", "urlencoded"], "form")
_REQUEST |= dict.fromkeys(["multipart", "file", "upload-files"], "files")
_REQUEST |= dict.fromkeys(["expect", "assert", "checks", "validate", "ensure", "assertions"], "check")
_REQUEST |= dict.fromkeys(["extract", "save", "extract-jsonpath", "extract-regexp"], "capture")
_REQUEST |= dict.fromkeys(["label", "tag", "tags", "title"], "name")
_REQUEST |= dict.fromkeys(
    ["think", "think_time", "think-time", "wait", "sleep", "pause", "delay"],
    "a pause is a step of its own in a flow, as in  - think: 1s",
)
_REQUEST |= dict.fromkeys(
    ["auth", "cookie", "cookies"], "headers: take it, as in  headers: {Authorization: Basic …}"
)
_REQUEST |= {"header": "headers", "loop": "a loop is a step of a flow, as in  - {repeat: 10, flow: […]}"}

_USER_TYPE = {
    word: ours for word, ours in _SCENARIO.items() if ours in {"think", "pace", "start", "tasks", "data"}
}
_USER_TYPE |= {"host": "the host is said by the scenario", "load": "the load is said by the scenario"}
_CHECK = dict.fromkeys(["statusCode", "status_code", "code", "status-code"], "status")
_CHECK |= dict.fromkeys(["body", "contains", "bodyContains"], "text")
_CHECK |= dict.fromkeys(["hasProperty", "exists", "present"], "has")
_CHECK |= dict.fromkeys(["absent", "not", "missing", "has_not"], "lacks")
_CHECK |= dict.fromkeys(
    ["max_time", "max-time", "time", "duration", "response_time", "responseTime"], "within"
)
_CHECK |= dict.fromkeys(["jsonpath", "equals", "match"], "json")
_METRICS = {"p50": "latency_p50", "median": "latency_p50", "p90": "latency_p95", "p95": "latency_p95"}
_METRICS |= {"p99": "latency_p99", "p999": "latency_p999", "mean": "latency_mean", "avg": "latency_mean"}
_METRICS |= {"max": "latency_max", "http_req_duration": "latency_p95", "response_time": "latency_p95"}
_METRICS |= {"p(95)": "latency_p95", "p(99)": "latency_p99", "latency": "latency_p95", "ttfb": "ttfb_p95"}
_METRICS |= dict.fromkeys(
    ["http_req_failed", "failures", "fail", "fail_ratio", "errors", "error-rate"], "error_rate"
)
_METRICS |= dict.fromkeys(["rps", "http_reqs", "req_per_s"], "throughput")
_METRICS |= {"cpu_usage": "cpu", "ram": "memory", "mem": "memory", "rss": "memory"}

_FOREIGN: Mapping[str, Mapping[str, str]] = {
    "a stage of load": _STAGE,
    "a scenario": _SCENARIO,
    "a user type": _USER_TYPE,
    "a request": _REQUEST,
    "check": _CHECK,
    "targets": _METRICS,
    "a target": {
        "warn": "target",
        "warning": "target",
        "fail": "critical",
        "max": "critical",
        "limit": "critical",
    },
    "a flow": {"steps": "flow", "tasks": "flow", "think": "a pause is a step of its own, as in  - think: 1s"},
    "repeat": {"steps": "flow", "tasks": "flow", "count": "repeat", "times": "repeat", "until": "while"},
}


_MOST_KNOWN = 1_000
"""Words that are looked at for a likeness: ten microseconds each."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that somebody who typed `word` most likely meant."""
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


def is_meant(key: str, words: Iterable[str], kind: str) -> bool:
    """One of the words stands for `key`, in another tool or by a slip."""
    foreign = _FOREIGN.get(kind, {})
    return any(foreign.get(word, "").startswith(key) or nearest(word, [key]) for word in words)


def no_such(what: str, word: str, known: Iterable[str], has: str) -> tuple[str, str | None]:
    """Message and hint for a name that nothing has: `what` is "no request is named", `has` "This scenario sends"."""
    names = list(known)
    near = nearest(word, names)
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"{what} '{word}'" + (f"; did you mean '{near}'?" if near else ""), f"{has}: {shown or 'nothing'}"
