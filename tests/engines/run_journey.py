"""Runs in a process of its own, because gevent's hub has no place in pytest's: a plan in on stdin, calls out."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from loadctl.engines.locust.inside.journey.journey import make_users


class Calls:
    """Recorder and context of the users at once: notes what they are told, and never sleeps."""

    def __init__(self, requests_max: int) -> None:
        self.told: list[dict[str, Any]] = []
        self._left = requests_max

    def begin(self, endpoint: str) -> str:
        self._left -= 1
        return endpoint

    def end(self, token: object, *, body: bytes = b"", held: object = None, **facts: object) -> None:
        self.told.append({"call": "end", "endpoint": token, "body": body.decode("utf-8", "replace"), **facts})

    def abandon(self, token: object) -> None:
        self.told.append({"call": "abandon", "endpoint": token})

    def turn(self) -> None:
        self.told.append({"call": "turn"})

    def fault(self, message: str, endpoint: str = "") -> None:
        self.told.append({"call": "fault", "message": message, "endpoint": endpoint})

    def stopping(self, _user: object) -> bool:
        return self._left <= 0

    def sleep(self, seconds: float) -> bool:
        self.told.append({"call": "sleep", "seconds": seconds})
        return True


def main() -> None:
    given = json.load(sys.stdin)
    calls: Any = Calls(given["requests_max"])
    users: dict[int, Any] = {}
    makers, rotation = make_users(given["plan"], calls), given["plan"]["rotation"]

    def factory(index: int) -> Any:
        return makers[rotation[index % len(rotation)]](index, calls)

    for name, index, argument in given["acts"]:
        user = users.get(index) or users.setdefault(index, factory(index))
        if name == "turn":
            user.turn(None if argument is None else time.monotonic() - argument)
        else:
            user.become(argument)
    json.dump(calls.told, sys.stdout)


main()
