"""What both engines are given: every path of the known service, each with users of its own."""

from __future__ import annotations

USERS = {"constant": 5, "lognormal": 6, "early-headers": 4, "errors": 2, "resets": 2, "hang": 2, "drip": 2}
USERS |= {"large": 1, "closing": 2, "silent": 2, "redirect": 2}
TIMEOUT_S = 0.6

_PAUSES = {"constant": "pace: 50ms", "lognormal": "pace: 100ms", "early-headers": "think: 0ms"}
_PAUSES |= {"hang": "think: 0ms", "drip": "think: 0ms", "large": "think: 150ms"}
_TIMEOUTS = {"hang": ", timeout: 600ms", "drip": ", timeout: 600ms"}


def _user_type(path: str) -> str:
    pause = _PAUSES.get(path, "think: 30ms")
    timeout = _TIMEOUTS.get(path, "")
    return f"  {path}: {{weight: {USERS[path]}, {pause}, tasks: [{{get: /{path}{timeout}}}]}}\n"


CLOSED = (
    "users:\n"
    + "".join(map(_user_type, USERS))
    + f"load: [{{users: {sum(USERS.values())}, for: 4s}}]\n"
    + "timeout: 5s\nhealth: none\ntargets: {error_rate: 50%}\n"
)
OPEN = """
tasks: [{get: /constant}]
load: [{rate: 20/s, over: 1s}, {rate: 100/s, for: 3s}]
health: none
targets: {error_rate: 1%}
"""
OPEN_ARRIVALS = 10 + 300
