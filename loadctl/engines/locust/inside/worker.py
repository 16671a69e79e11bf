"""A shard as a worker of Locust's page: it reports to the page's MasterRunner once a second.

It only obeys loadctl, so it reads nothing that a master sends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import gevent
import locust
from locust.rpc import Message, rpc
from locust.stats import RequestStats, setup_distributed_stats_event_listeners

if TYPE_CHECKING:
    from locust.env import Environment

    from .recorder.statistics import Statistics


EACH_S = 1.0
_LAST_WORDS_MS = 500
"""How long the last report may take to reach a page that may be gone."""


class Worker:
    """Connected from its construction on; registered with the page between `begin` and `end`."""

    def __init__(self, environment: Environment, statistics: Statistics, plan: Mapping[str, Any]) -> None:
        self._environment = environment
        self._runner: Any = environment.runner
        self._plan = plan
        self._unsent = RequestStats()
        """Locust empties what it reports, and scripts may read environment.stats to the end."""
        self._sent = Counter[tuple[str, Any]]()
        statistics.also_to(self._unsent)
        setup_distributed_stats_event_listeners(environment.events, self._unsent)
        master = plan["master"]
        self._client = rpc.Client(master["host"], master["port"], self._runner.client_id)

    def begin(self) -> None:
        """The load begins now."""
        self._send("client_ready", locust.__version__)
        self._send("classes", _classes(self._runner.user_classes, self._plan))
        self._reporting = gevent.spawn(self._report_for_ever)

    def end(self) -> None:
        """The load is over, and all that was recorded is in the statistics."""
        self._reporting.kill()
        self._report()
        self._send("client_stopped", None)
        self._client.socket.context.destroy(linger=_LAST_WORDS_MS)

    def _report_for_ever(self) -> None:
        while True:
            self._report()
            gevent.sleep(EACH_S)

    def _report(self) -> None:
        runner = self._runner
        data: dict[str, Any] = {}
        self._environment.events.report_to_master.fire(client_id=runner.client_id, data=data)
        counts = runner.user_classes_count
        data |= {
            "user_classes_count": counts,
            "user_count": sum(counts.values()),
            "errors": self._new_errors(),
            "exceptions": self._new_exceptions(),
        }
        self._send("stats", data)
        self._send(
            "heartbeat",
            {
                "state": runner.state,
                "current_cpu_usage": runner.current_cpu_usage,
                "current_memory_usage": runner.current_memory_usage,
            },
        )

    def _new_errors(self) -> dict[str, Any]:
        errors = self._environment.stats.errors
        grown = self._grown("errors", {key: error.occurrences for key, error in errors.items()})
        return {key: {**errors[key].serialize(), "occurrences": count} for key, count in grown.items()}

    def _new_exceptions(self) -> list[dict[str, Any]]:
        rows = self._runner.exceptions
        grown = self._grown("exceptions", {key: row["count"] for key, row in rows.items()})
        return [{**rows[key], "nodes": None, "count": count} for key, count in grown.items()]

    def _grown(self, what: str, counts: Mapping[Any, int]) -> dict[Any, int]:
        """By how much each has grown since the last report."""
        grown = {key: count - self._sent[what, key] for key, count in counts.items()}
        self._sent.update({(what, key): more for key, more in grown.items()})
        return {key: more for key, more in grown.items() if more > 0}

    def _send(self, kind: str, data: object) -> None:
        self._client.send(Message(kind, data, self._runner.client_id))


def _classes(user_classes: Iterable[type], plan: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The tasks of each class, for the page's ratios."""
    user_types = {
        user_type["name"]: [[task["name"], task["weight"], []] for task in user_type["tasks"]]
        for user_type in plan["user_types"]
    }
    return {c.__name__: user_types.get(c.__name__) or _tasks(c) for c in user_classes}


def _tasks(owner: Any) -> list[Any]:
    """Name, weight and tasks of each task; only sets of tasks have any."""
    return [
        [getattr(task, "__name__", str(task)), weight, _tasks(task) if isinstance(task, type) else []]
        for task, weight in Counter(owner.tasks).items()
    ]
