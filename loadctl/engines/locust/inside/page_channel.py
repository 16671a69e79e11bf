"""Locust's channel between shards and its page: a Worker in each shard, the PageRunner behind the page."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gevent
import locust
from gevent.event import Event
from locust import TaskSet, User, argument_parser, runners
from locust.env import Environment
from locust.rpc import Message, rpc
from locust.runners import MasterRunner
from locust.stats import RequestStats, setup_distributed_stats_event_listeners

if TYPE_CHECKING:
    from .recorder.statistics import Statistics

EACH_S = 1.0
_CLIENT = "loadctl"
_LAST_REPORTS_S = 3.0
_LOOK_S = 0.02
_LAST_WORDS_MS = 500
"""How long the last report may take to reach a page that may be gone."""
_log = logging.getLogger("loadctl")


class Worker:
    """Reports to the page once a second what its shard does; it only obeys loadctl, so it reads nothing from the page.

    Connected from its construction on; registered with the page between `begin` and `end`.
    """

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
    return {c.__name__: user_types.get(c.__name__) or _tasks_of(c) for c in user_classes}


def _tasks_of(owner: Any) -> list[Any]:
    """Name, weight and tasks of each task; only sets of tasks have any."""
    return [
        [getattr(task, "__name__", str(task)), weight, _tasks_of(task) if isinstance(task, type) else []]
        for task, weight in Counter(owner.tasks).items()
    ]


def environment_of(settings: Mapping[str, Any], order: Callable[..., None]) -> tuple[Environment, PageRunner]:
    """`settings`: host, users, spawn_rate, title, shards."""
    argument_parser.ui_extra_args_dict = lambda *_: {}  # it would read locust.conf and pyproject.toml
    options = argument_parser.get_parser(default_config_files=[]).parse_args(args=[])
    options.num_users, options.spawn_rate = settings["users"], settings["spawn_rate"]
    options.host = settings["host"]
    environment = Environment(
        locustfile=settings["title"], events=locust.events, host=settings["host"], parsed_options=options
    )
    environment.runner = PageRunner(environment, settings["shards"], order)
    return environment, environment.runner


class PageRunner(MasterRunner):  # type: ignore[misc]  # Locust has no types
    """Ready, spawning and running as its workers are; stopped when the run is judged."""

    clients: runners.WorkerNodes

    def __init__(self, environment: Environment, shards: int, order: Callable[..., None]) -> None:
        self._host = environment.host
        self._shards = shards
        self._order = order
        self._stopping = False
        self._over = Event()
        self.verdict = ""
        self.report: str | None = None
        """How the last run ended, and the path of its report; neither while one goes."""
        super().__init__(environment, "127.0.0.1", 0)
        self.register_message("classes", self._show_classes)
        environment.events.worker_connect.add_listener(self._begin)
        environment.events.worker_report.add_listener(self._take_exceptions)
        environment.events.heartbeat_sent.add_listener(self._follow)

    # -- what the page asks for ------------------------------------------------------------------------------------

    @property
    def worker_count(self) -> int:
        """Without a worker the page lets nobody press Start."""
        return int(super().worker_count) or self._shards

    def start(self, user_count: int, spawn_rate: float, **_: object) -> None:
        if self._stopping:
            self._over.wait()
        self.environment.host = self.environment.parsed_options.host = self._host  # whatever the form said
        self.target_user_count = user_count
        begins = self.state in {runners.STATE_INIT, runners.STATE_STOPPED}
        if begins:
            self.stats.clear_all()
            self.exceptions: dict[int, Any] = {}
            self.verdict, self.report = "", None
            self._over.clear()
        self.update_state(runners.STATE_SPAWNING)
        self._order(kind="start" if begins else "users", users=user_count, per_s=spawn_rate)

    def stop(self, **_: object) -> None:
        """Returns when the run is judged. Until then it is no other state, or the page would not ask any more."""
        if self.state in {runners.STATE_INIT, runners.STATE_STOPPED}:
            return
        if not self._stopping:
            self._stopping = True
            self._order(kind="stop")
        self._over.wait()

    # -- what loadctl says -----------------------------------------------------------------------------------------

    def end(self, lines: Sequence[str], trouble: str | None, report: str | None) -> None:
        """The run is over and judged."""
        with gevent.Timeout(_LAST_REPORTS_S, False):
            while any(client.state != runners.STATE_MISSING for client in self.clients.all):
                gevent.sleep(_LOOK_S)
        self.clients = runners.WorkerNodes()
        for line in lines:
            _log.info(line)
        if trouble:
            self.log_exception(_CLIENT, trouble, "")
        self.verdict, self.report = trouble or lines[0], report
        self._stopping = False
        self.update_state(runners.STATE_STOPPED)
        self._over.set()

    # -- what the shards say ---------------------------------------------------------------------------------------

    def _begin(self, **_: object) -> None:
        """The first shard of a run begins: what a second of Locust's statistics is counts from here."""
        if not self.clients:
            self.stats.clear_all()

    def _show_classes(self, msg: Message, **_: object) -> None:
        self.environment.user_classes = [
            type(name, (User,), {"abstract": False, "tasks": _shown_tasks(tasks)})
            for name, tasks in msg.data.items()
        ]

    def _take_exceptions(self, client_id: str, data: Mapping[str, Any]) -> None:
        for row in data["exceptions"]:
            self.log_exception(client_id, row["msg"], row["traceback"])
            self.exceptions[hash(row["traceback"])]["count"] += row["count"] - 1

    def _follow(self, **_: object) -> None:
        if self.state in {runners.STATE_INIT, runners.STATE_STOPPED}:
            return
        self.final_user_classes_count = {**self.reported_user_classes_count}
        states = {client.state for client in self.clients.all}
        if runners.STATE_SPAWNING in states:
            self.update_state(runners.STATE_SPAWNING)
        elif runners.STATE_RUNNING in states:
            self.update_state(runners.STATE_RUNNING)

    # -- what Locust's master would decide, and loadctl does ---------------------------------------------------------

    def check_stopped(self) -> None:
        """The end of a run is told."""

    def heartbeat_worker(self) -> None:
        """Whoever is silent is shown as missing; Locust's own ends the test."""
        while True:
            gevent.sleep(runners.HEARTBEAT_INTERVAL)
            for client in self.clients.all:
                client.heartbeat -= 1
                if client.heartbeat < 0:
                    client.state = runners.STATE_MISSING
                    client.user_classes_count = {}


def _shown_tasks(tasks: Sequence[Any]) -> dict[Any, int]:
    return {_shown_task(name, inner): weight for name, weight, inner in tasks}


def _shown_task(name: str, inner: Sequence[Any]) -> Any:
    """For the page to show: it is never run."""
    if inner:
        return type(name, (TaskSet,), {"tasks": _shown_tasks(inner)})

    def task(_user: object) -> None: ...

    task.__name__ = name
    return task
