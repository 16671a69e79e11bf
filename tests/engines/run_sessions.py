"""Every task of a locustfile once, by one user of each class: under the recorder, or as Locust alone counts them.

In: {"script", "host", "bare", "rate_limited"}. Out: the recorder's lines, Locust's statistics, and what tasks raised.
"""

from __future__ import annotations

import json
import sys
import types
from typing import Any

import gevent
import locust
from locust.env import Environment

from loadctl.engines.locust.inside.recorder.recorder import Recorder
from loadctl.engines.locust.inside.recorder.statistics import Statistics
from loadctl.engines.locust.inside.script.sessions import Sessions


class Watched:
    """What a shard of loadctl puts around Locust's sessions."""

    def __init__(self, environment: Environment, rate_limited: bool) -> None:
        self.lines: list[str] = []
        self._recorder = Recorder(self.lines.append)
        recorder = self._recorder
        recorder.statistics = Statistics(environment.stats, recorder.clock, recorder.uncount)
        self.sessions = Sessions(self._recorder, timeout_s=1.0, rate_limited=rate_limited)
        self.sessions.install()
        handlers: Any = environment.events.request._handlers
        handlers[0] = self.sessions.on_request  # in the place of Locust's own
        self._recorder.start(self._recorder.clock())
        self.sessions.open = True

    def finish(self) -> None:
        self.sessions.close()
        self._recorder.bye()


def run(given: dict[str, Any]) -> dict[str, Any]:
    module = types.ModuleType("locustfile")
    environment = Environment(events=locust.events, host=given["host"])
    environment.create_local_runner()
    watched = None if given["bare"] else Watched(environment, given["rate_limited"])
    exec("from locust import *\n" + given["script"], module.__dict__)  # noqa: S102 - it is the test's own
    users: list[type[locust.User]] = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, locust.User) and kind.__module__ == "locustfile"
    ]
    raised: dict[str, str] = {}
    for kind in users:
        kind.host = given["host"]
        gevent.spawn(_tasks, kind(environment), watched, raised).join()
    if watched is not None:
        watched.finish()
    return {
        "lines": [] if watched is None else [json.loads(line) for line in watched.lines],
        "stats": [_told(entry) for entry in (environment.stats.total, *environment.stats.entries.values())],
        "errors": sorted([e.to_name(), e.occurrences] for e in environment.stats.errors.values()),
        "raised": raised,
    }


def _tasks(user: Any, watched: Watched | None, raised: dict[str, str]) -> None:
    for task in user.tasks:
        try:
            task(user)
        except Exception as error:  # noqa: BLE001 - what Locust's own loop would catch
            raised[task.__name__] = type(error).__name__
        finally:
            if watched is not None:
                watched.sessions.settle()


def _told(entry: Any) -> dict[str, Any]:
    names = (
        "name",
        "method",
        "num_requests",
        "num_failures",
        "num_none_requests",
        "min_response_time",
        "max_response_time",
        "avg_response_time",
        "total_content_length",
        "fail_ratio",
    )
    told = {name: getattr(entry, name) for name in names}
    told["p50"] = entry.get_response_time_percentile(0.5)
    told["per_second"] = sum(entry.num_reqs_per_sec.values())
    told["failed_per_second"] = sum(entry.num_fail_per_sec.values())
    return told


print(json.dumps(run(json.load(sys.stdin))))
