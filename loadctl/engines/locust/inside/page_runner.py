"""The runner behind Locust's page: a master whose workers are the shards, and which orders instead of loading."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gevent
import locust
from gevent.event import Event
from locust import TaskSet, User, argument_parser
from locust.env import Environment
from locust.runners import (
    HEARTBEAT_INTERVAL,
    STATE_INIT,
    STATE_MISSING,
    STATE_RUNNING,
    STATE_SPAWNING,
    STATE_STOPPED,
    MasterRunner,
    WorkerNodes,
)

if TYPE_CHECKING:
    from locust.rpc import Message


_CLIENT = "loadctl"
_LAST_REPORTS_S = 3.0
_LOOK_S = 0.02
_log = logging.getLogger("loadctl")


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

    clients: WorkerNodes

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
        begins = self.state in {STATE_INIT, STATE_STOPPED}
        if begins:
            self.stats.clear_all()
            self.exceptions: dict[int, Any] = {}
            self.verdict, self.report = "", None
            self._over.clear()
        self.update_state(STATE_SPAWNING)
        self._order(kind="start" if begins else "users", users=user_count, per_s=spawn_rate)

    def stop(self, **_: object) -> None:
        """Returns when the run is judged. Until then it is no other state, or the page would not ask any more."""
        if self.state in {STATE_INIT, STATE_STOPPED}:
            return
        if not self._stopping:
            self._stopping = True
            self._order(kind="stop")
        self._over.wait()

    # -- what loadctl says -----------------------------------------------------------------------------------------

    def end(self, lines: Sequence[str], trouble: str | None, report: str | None) -> None:
        """The run is over and judged."""
        with gevent.Timeout(_LAST_REPORTS_S, False):
            while any(client.state != STATE_MISSING for client in self.clients.all):
                gevent.sleep(_LOOK_S)
        self.clients = WorkerNodes()
        for line in lines:
            _log.info(line)
        if trouble:
            self.log_exception(_CLIENT, trouble, "")
        self.verdict, self.report = trouble or lines[0], report
        self._stopping = False
        self.update_state(STATE_STOPPED)
        self._over.set()

    # -- what the shards say ---------------------------------------------------------------------------------------

    def _begin(self, **_: object) -> None:
        """The first shard of a run begins: what a second of Locust's statistics is counts from here."""
        if not self.clients:
            self.stats.clear_all()

    def _show_classes(self, msg: Message, **_: object) -> None:
        self.environment.user_classes = [
            type(name, (User,), {"abstract": False, "tasks": _tasks(tasks)})
            for name, tasks in msg.data.items()
        ]

    def _take_exceptions(self, client_id: str, data: Mapping[str, Any]) -> None:
        for row in data["exceptions"]:
            self.log_exception(client_id, row["msg"], row["traceback"])
            self.exceptions[hash(row["traceback"])]["count"] += row["count"] - 1

    def _follow(self, **_: object) -> None:
        if self.state in {STATE_INIT, STATE_STOPPED}:
            return
        self.final_user_classes_count = {**self.reported_user_classes_count}
        states = {client.state for client in self.clients.all}
        if STATE_SPAWNING in states:
            self.update_state(STATE_SPAWNING)
        elif STATE_RUNNING in states:
            self.update_state(STATE_RUNNING)

    # -- what Locust's master would decide, and loadctl does ---------------------------------------------------------

    def check_stopped(self) -> None:
        """The end of a run is told."""

    def heartbeat_worker(self) -> None:
        """Whoever is silent is shown as missing; Locust's own ends the test."""
        while True:
            gevent.sleep(HEARTBEAT_INTERVAL)
            for client in self.clients.all:
                client.heartbeat -= 1
                if client.heartbeat < 0:
                    client.state = STATE_MISSING
                    client.user_classes_count = {}


def _tasks(tasks: Sequence[Any]) -> dict[Any, int]:
    return {_task(name, inner): weight for name, weight, inner in tasks}


def _task(name: str, inner: Sequence[Any]) -> Any:
    """For the page to show: it is never run."""
    if inner:
        return type(name, (TaskSet,), {"tasks": _tasks(inner)})

    def task(_user: object) -> None: ...

    task.__name__ = name
    return task
