"""Bring your own: the user's locustfile, unmodified, under our load and recorder.

Locust is used as a library, not through locust.main: locust.conf, pyproject's [tool.locust], its signal handlers (which
lose the report when a shape is interrupted) and its statistics printers stay out. Each changed or lost a run.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
from locust import log as locust_log
from locust.event import EventHook
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from locust.user.task import DefaultTaskSet, TaskSet
from locust.user.users import PytestUser
from locust.util.load_locustfile import load_locustfile, load_locustfile_pytest

from ..load.schedule import phase
from .exceptions import ScriptError, place_of, sentence
from .options import Ended, Refused, beside, no_such_class, options_of
from .sessions import Sessions

if TYPE_CHECKING:
    from locust.env import Environment

    from ..load.load import Place
    from ..recorder.recorder import Recorder
_LOGS_MAX = 20
_FAST_TIMEOUT_S = 60.0
_FLOW = (StopUser, StopTest, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet)


def load(paths: Sequence[str], arguments: Sequence[str] = ()) -> tuple[dict[str, type], Sequence[object]]:
    """User classes by name and load shapes of all files. Raises: ScriptError."""
    sys.argv = ["locust", "-f", ",".join(paths), "--headless", *arguments]
    logging.basicConfig(
        level=logging.INFO, format="[%(asctime)s] %(levelname)s/%(name)s: %(message)s", stream=sys.stderr
    )
    loaded = [(path, *_loaded(path, load_locustfile)) for path in paths]
    # As Locust itself: test functions count only where there is no class.
    if not any(classes for _, classes, _ in loaded):
        loaded = [(path, _loaded(path, load_locustfile_pytest)[0], shapes) for path, _, shapes in loaded]
    found: dict[str, type] = {}
    for path, classes, _ in loaded:
        for name, user_class in classes.items():
            if found.setdefault(name, user_class).__module__ != user_class.__module__:
                raise ScriptError(f"{Path(path).name} has a user class {name} that another file has too")
    if not found:
        names = " and ".join(Path(path).name for path in paths)
        raise ScriptError(
            f"{names} has no user class; Locust runs classes derived from HttpUser, FastHttpUser or User"
        )
    return found, [shape for _, _, shapes in loaded for shape in shapes]


def _loaded(path: str, loader: Callable[[str], Any]) -> tuple[dict[str, type], Sequence[object]]:
    name = Path(path).name
    try:
        found = loader(path)
    except Exception as error:  # noqa: BLE001 - whatever the user's file raises
        traceback.print_exc()
        message = f"{name} cannot be loaded: {explained(error, path)}{_line_in(error, path)}"
        raise ScriptError(message) from None
    except SystemExit as error:
        raise Ended(name, error) from None
    if isinstance(found, tuple):
        *_, classes, shapes = found  # older versions: a docstring first
        return classes, shapes
    return found, ()


def explained(error: BaseException, path: str) -> str:
    """The sentence of an exception; a file that lies beside the script, and not where it was looked for, is named."""
    text = sentence(error)
    missing = error.filename if isinstance(error, FileNotFoundError) else None
    if isinstance(missing, str) and (found := beside(path, missing)):
        text += f"; it is in {found}, but paths are relative to the folder where loadctl was started"
    return text


def _line_in(error: BaseException, path: str) -> str:
    if isinstance(error, SyntaxError):
        return ""  # its own text has the line
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f" (line {lines[-1]})" if lines else ""


def chosen_classes(classes: Mapping[str, Any], weights: Mapping[str, int], path: str) -> list[type]:
    """Classes with a weight. The scenario's weights replace those of the file."""
    if missing := [name for name in weights if name not in classes]:
        raise Refused(no_such_class(path, missing[0], classes))
    for name, weight in weights.items():
        classes[name].weight, classes[name].fixed_count = weight, 0
    chosen = [classes[name] for name in weights or classes]
    chosen = [user_class for user_class in chosen if user_class.weight > 0 or user_class.fixed_count > 0]
    if not chosen:
        raise ScriptError("all user classes have weight 0")
    return chosen


class Script:
    """The user's locustfile: its classes and shape; `watch` puts the recorder between them and Locust."""

    def __init__(self, plan: Mapping[str, Any], recorder: Recorder) -> None:
        """Raises: ScriptError."""
        self._plan = plan
        self._recorder = recorder
        script = plan["script"]
        self.path: str = script["paths"][0]
        self.name = Path(self.path).name
        _watch_listeners(recorder)
        classes, shapes = load(script["paths"], script["arguments"])
        if plan["shards"] > 1 and (asked := _asks_for_workers(script["paths"])):
            raise Refused(f"{self.name} uses Locust's master and workers ({asked}): use --workers 1")
        if script["own_load"] and not shapes:
            raise Refused(f"{self.name} has no LoadTestShape; set a load, as in -u 50 -t 5m")
        if shapes and not script["own_load"]:
            recorder.note(f"the load shape {type(shapes[0]).__name__} of {self.name} is not used")
        self.shape = shapes[0] if script["own_load"] else None
        user_types = [user_type["name"] for user_type in plan["user_types"]]
        weights = {name: weight for name, weight in script["weights"].items() if name not in user_types}
        for name in script["classes"]:
            if name not in classes:
                raise Refused(no_such_class(self.path, name, classes))
        if script["classes"]:
            classes = {name: classes[name] for name in script["classes"]}
            weights = {name: weight for name, weight in weights.items() if name in classes}
        self.classes: Sequence[type] = (
            [] if user_types and not weights else chosen_classes(classes, weights, self.path)
        )
        if plan["model"] == "open" and any(issubclass(user_class, PytestUser) for user_class in self.classes):
            raise Refused(
                f"{self.name} has test functions, which cannot serve arrivals: use users (-u), not --rate"
            )
        self.options = options_of(plan)
        for user_class in self.classes if script["own_hosts"] else ():
            host = (user_class.host or "").rstrip("/")  # type: ignore[attr-defined]
            if host and host not in script["own_hosts"]:  # nobody was asked whether that one may be loaded
                message = f"{user_class.__name__} uses the host {host} when it runs; allow it with  -H {host}"
                raise Refused(message)

    def watch(self, environment: Environment) -> Sessions:
        """After the runner was made, before `init`. The sessions record nothing until they are opened."""
        sessions = Sessions(
            self._recorder, timeout_s=self._plan["timeout_s"], rate_limited=bool(self._plan["rate_limit"])
        )
        sessions.install()
        # Before those of the script, which may raise StopUser.
        environment.events.request._handlers.insert(0, sessions.on_request)  # noqa: SLF001
        environment.events.user_error._handlers.insert(0, self._on_user_error)  # noqa: SLF001
        for user_class in self.classes:
            self._prepare(user_class)
        _watch_tasks(self._recorder, sessions)
        return sessions

    def _prepare(self, user_class: Any) -> None:
        if self.options.host:
            user_class.host = self.options.host
        if user_class.host is None and hasattr(user_class, "client_pool"):
            raise ScriptError(f"{user_class.__name__} has no host; set host: in the scenario, or pass --host")
        for name in ("network_timeout", "connection_timeout"):
            if getattr(user_class, name, None) == _FAST_TIMEOUT_S:
                setattr(user_class, name, self._plan["timeout_s"])

    def _on_user_error(self, user_instance: Any, exception: Exception, **_: object) -> None:
        """Locust fires it once for each exception of a task or of on_start, with the user or with its TaskSet."""
        place = getattr(getattr(user_instance, "user", user_instance), "loadctl_place", None)
        if place is None or place.starting:
            self._recorder.turn()  # of on_start: no task counts it
        self._recorder.fault(explained(exception, self.path))


def _asks_for_workers(paths: Sequence[str]) -> str:
    """The classes that a file imports to tell master from worker: every shard would do what only one should."""
    modules = [sys.modules.get(Path(path).stem) for path in paths]
    names = {name for module in modules if module is not None for name in vars(module)}
    return ", ".join(sorted(names & {"MasterRunner", "WorkerRunner"}))


def _watch_tasks(recorder: Recorder, sessions: Sessions) -> None:
    """Count turns where tasks are run, and let users leave between tasks and out of their waits."""

    def watched(original: Any) -> Any:
        def execute_task(tasks: Any, task: Any) -> None:
            place = getattr(tasks.user, "loadctl_place", None)
            if place is None:  # the script started this user itself
                original(tasks, task)
                return
            if place.starting:
                place.starting = False
                _spread(tasks.user, place)
            if isinstance(task, type) and issubclass(task, TaskSet):
                original(tasks, task)  # a nested set: its own tasks are the turns
                return
            if place.leaving or (place.takes_arrivals and not place.next_arrival()):
                raise StopUser
            place.in_task = True
            try:
                original(tasks, task)
            except SystemExit as end:
                # It would end the process from within the hub, without a bye.
                tasks.user.environment.runner.exited(end)
                raise StopUser from end
            finally:
                place.in_task = False
                sessions.settle()
                recorder.turn()

        return execute_task

    for kind in (TaskSet, DefaultTaskSet):
        kind.execute_task = watched(kind.execute_task)
    TaskSet._sleep = _sleep  # noqa: SLF001
    for name in ("locust.user.task", "locust.user.users"):
        logging.getLogger(name).addFilter(_First(_LOGS_MAX))


def _spread(user: Any, place: Place) -> None:
    """Closed model: begin somewhere within the first wait, or all users of a jump would keep step."""
    if place.takes_arrivals:
        return
    try:
        wait_s = float(user.wait_time())
    except Exception:  # noqa: BLE001 - a wait_time that needs a running user
        return
    place.sleep(phase(place.index) * wait_s)
    user._cp_last_wait_time = 0  # noqa: SLF001  constant_pacing remembers its last call
    user._cp_last_run = time.perf_counter()  # noqa: SLF001


def _sleep(tasks: Any, seconds: float) -> None:
    """A wait that ends at once when the user must leave; in the open model arrivals say when the next task begins."""
    place = getattr(tasks.user, "loadctl_place", None)
    if place is None or (seconds <= 0 and not place.takes_arrivals):
        gevent.sleep(seconds)
    elif not place.takes_arrivals:
        place.sleep(seconds)


def _watch_listeners(recorder: Recorder) -> None:
    """Replaces Locust's `fire`, which only logs what a listener raises."""
    logging.getLogger().addFilter(_First(_LOGS_MAX, "Uncaught exception in"))

    def fire(hook: EventHook, *, reverse: bool = False, **facts: Any) -> None:
        handlers = hook._handlers[::-1] if reverse else hook._handlers.copy()  # noqa: SLF001
        for handler in handlers:
            try:
                handler(**facts)
            except _FLOW:
                raise
            except Exception as error:  # noqa: BLE001 - whatever the user's listener raises
                recorder.script_fault(sentence(error), place_of(error))
                logging.error("Uncaught exception in event handler: \n%s", traceback.format_exc())  # noqa: LOG015, TRY400
                locust_log.unhandled_greenlet_exception = True

    EventHook.fire = fire


class _First(logging.Filter):
    """Limits tracebacks: an error at every request would fill the disk. `begins`: only such messages are counted."""

    def __init__(self, limit: int, begins: str = "") -> None:
        super().__init__()
        self._left = limit
        self._begins = begins

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.ERROR or not str(record.msg).startswith(self._begins):
            return True
        self._left -= 1
        if self._left == 0:
            record.msg = f"{record.msg}\n(further tracebacks are left out)"
        return self._left >= 0
