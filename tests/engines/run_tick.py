"""Runs in a process of its own: when the timer that measures lag was due, in seconds after t0, for so many seconds."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, cast

import gevent

from loadctl.engines.locust.inside.load.load import tick


class Recorder:
    def __init__(self, t0: float) -> None:
        self._t0 = t0
        self.due: list[float] = []

    def lag(self, ms: float) -> None:
        self.due.append(time.monotonic() - self._t0 - ms / 1000)

    def write_frames(self) -> None: ...


def main() -> None:
    seconds: float = json.load(sys.stdin)
    t0 = time.monotonic()
    recorder = Recorder(t0)
    with gevent.Timeout(seconds, False):
        tick(cast("Any", recorder), t0)
    json.dump(recorder.due, sys.stdout)


main()
