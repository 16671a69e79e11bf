"""Locust's own web page in a process of its own: `python launch.py page`.

It makes no load, so drawing the page holds up no user. What its buttons ask for is written as orders, one JSON object
a line, to the file that the settings name. How a run ended comes as a JSON line on standard input.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .control import Control, kill_group
from .shard import prepare_process

if TYPE_CHECKING:
    from collections.abc import Mapping
import logging
from typing import TYPE_CHECKING

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
    from collections.abc import Callable, Mapping, Sequence

    from locust.rpc import Message


_VERDICT = """
<a id="verdict" target="_blank" style="position:fixed; bottom:0; left:0; right:0; z-index:9; padding:12px 24px;
  background:#263238; color:#fff; font:15px sans-serif" hidden></a>
<script>
  setInterval(async () => {
    const {line, report} = await (await fetch("./verdict")).json()
    const link = document.getElementById("verdict")
    link.hidden = !line
    link.textContent = report ? `${line} → report` : line
    link.href = report ?? "#"
  }, 1000)
</script>
"""


def main() -> None:
    control = Control()
    control.listen()
    settings = json.loads(control.next_line() or "null")
    if settings is None:
        kill_group()
    prepare_process()
    sys.argv[1:] = []  # Locust's parser of options reads them
    import gevent
    from gevent import pywsgi
    from locust import log, stats
    from locust.web import WebUI

    log.setup_logging("INFO")
    with open(settings["orders"], "a", buffering=1, encoding="utf-8") as orders:  # noqa: PTH123

        def order(**what: object) -> None:
            orders.write(json.dumps(what) + "\n")

        environment, runner = environment_of(settings, order)
        web = WebUI(environment, settings["bind"], settings["port"], delayed_start=True)
        _guard(web.app, settings)
        _show_verdict(web.app, runner)
        web.server = pywsgi.WSGIServer(
            (settings["bind"], settings["port"]), web.app, log=None, error_log=None
        )
        try:
            web.server.start()
        except OSError as error:
            sys.exit(error.strerror or str(error))
        order(port=web.server.server_port, master=runner.server.port)
        gevent.spawn(stats.stats_history, runner)
        waiting = gevent.get_hub().threadpool
        while line := waiting.apply(control.next_line):
            runner.end(**json.loads(line))
    kill_group()


def _guard(app: Any, settings: Mapping[str, Any]) -> None:
    """Locust answers every page that a browser has open, under every name: no other site may press Start, and the
    host that was agreed to is the only one that is loaded."""
    from flask import jsonify, make_response, request

    def refuse() -> Any:
        if _foreign(request, settings["bind"]):
            return make_response("this page is not for other sites", 403)
        asked = (request.form.get("host") or "").rstrip("/") if request.path.endswith("/swarm") else ""
        if asked and asked != settings["host"]:
            message = f"this page loads {settings['host']} alone; for another:  loadctl ui … --host {asked}"
            return jsonify({"success": False, "message": message, "host": settings["host"]})
        return None

    app.before_request(refuse)


def _show_verdict(app: Any, runner: PageRunner) -> None:
    """Below the page: Locust's own shows a log only as it was when it last asked for it."""
    from flask import jsonify, make_response, request, send_file

    def below(response: Any) -> Any:
        if request.path == "/":
            response.set_data(response.get_data() + _VERDICT.encode())
        return response

    def verdict() -> Any:
        return jsonify({"line": runner.verdict, "report": "report" if runner.report else None})

    def report() -> Any:
        return send_file(runner.report) if runner.report else make_response("there is no report", 404)

    app.after_request(below)
    app.add_url_rule("/verdict", "verdict", verdict)
    app.add_url_rule("/report", "report", report)


def _foreign(request: Any, bind: str) -> bool:
    """Sent by another site's page (Origin), or by one whose name was made to point here (Host)."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        return True
    name = urlsplit(f"//{request.host}").hostname or ""
    by_name = not name.replace(".", "").isdigit() and ":" not in name
    return _is_loopback(bind) and by_name and name != "localhost" and not name.endswith(".localhost")


def _is_loopback(bind: str) -> bool:
    return bind.startswith("127.") or bind in {"localhost", "::1"}


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
