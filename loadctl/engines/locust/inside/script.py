"""Bring your own: the user's locustfile, unmodified, under our load and recorder.

Locust is used as a library, not through locust.main: so LOCUST_* variables, locust.conf, pyproject's [tool.locust], its
signal handlers (which lose the report when a shape is interrupted), its statistics printers, its shape worker and its
process exit codes stay out, each of which changed or lost a run in our measurements.
"""

# ruff: noqa: SLF001 - a user is driven by Locust's own private state; there is no public way
# ruff: noqa: PTH119 - pathlib costs 5 ms of the start

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Any

import gevent
import locust
from locust.env import Environment
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from locust.runners import STATE_CLEANUP, STATE_RUNNING, STATE_STOPPED
from locust.user.task import LOCUST_STATE_RUNNING, DefaultTaskSet, TaskSet

from .load import sentence
from .locustfile import ScriptError, chosen_classes, load, rotation
from .options import options_of
from .schedule import phase
from .sessions import Sessions, leave_if_asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .control import Control
    from .load import Context, Member
    from .recorder import Recorder

_TASK_LOGS_MAX = 20
_RESPAWN_S = 0.5
_FLOW = (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser, gevent.GreenletExit)
_FAST_TIMEOUT_S = 60.0


class Script:
    """The loaded file: its environment, and `factory` for the load."""

    def __init__(
        self, plan: Mapping[str, Any], recorder: Recorder, control: Control, context: Context
    ) -> None:
        self._recorder = recorder
        self._control = control
        self._everyone = context.everyone if plan["model"] == "open" else None
        path = plan["script"]["paths"][0]
        classes, shapes = load(path, plan["script"]["arguments"])
        if shapes:
            recorder.note(
                f"the load shape {type(shapes[0]).__name__} of {os.path.basename(path)} is not used"
            )
        chosen = chosen_classes(classes, plan["script"]["weights"], path)
        self.rotation_of = rotation(chosen, plan["script"]["weights"])
        self.environment = self._environment(chosen, plan, path)
        self._runner: Any = self.environment.runner
        stats = self.environment.stats
        self._sessions = Sessions(
            recorder, timeout_s=plan["timeout_s"], rate_limited=bool(plan["rate_limit"]), log=_stats_of(stats)
        )
        self._sessions.install()
        self._prepare(chosen, plan)
        _watch_tasks(recorder, control, self._sessions)

    @property
    def group(self) -> Any:
        """Locust's own group of users, so that the script finds runner.user_count right."""
        return self._runner.user_greenlets

    def factory(self, index: int) -> ScriptUser:
        return ScriptUser(self.rotation_of(index), index, self.environment, self._recorder, self._everyone)

    def kind_of(self, index: int) -> int:
        return id(self.rotation_of(index))

    def init(self) -> None:
        """What the script does before the load: not measured."""
        events = self.environment.events
        events.init.fire(environment=self.environment, runner=self.environment.runner, web_ui=None)
        events.test_start.fire(environment=self.environment)

    def start(self) -> None:
        self._runner.update_state(STATE_RUNNING)
        self._sessions.open = True

    def stopping(self) -> None:
        self._runner.update_state(STATE_CLEANUP)
        self.environment.events.test_stopping.fire(environment=self.environment)

    def stopped(self) -> None:
        """After the drain. Exit codes that the script sets are not ours."""
        self._sessions.open = False
        self._runner.update_state(STATE_STOPPED)
        events = self.environment.events
        events.test_stop.fire(environment=self.environment)
        events.quitting.fire(environment=self.environment, reverse=True)
        events.quit.fire(exit_code=0)

    def _environment(self, chosen: Sequence[type], plan: Mapping[str, Any], path: str) -> Environment:
        options = options_of(plan)
        environment = Environment(
            user_classes=list(chosen),
            locustfile=os.path.basename(path),
            events=locust.events,
            host=options.host,
            parsed_options=options,
        )
        runner: Any = environment.create_local_runner()
        # The runner's own listener would book every request under an uncapped name; ours feeds its statistics.
        environment.events.request._handlers.pop()
        runner.quit = runner.stop = self._asked_to_stop
        runner.start = runner.start_shape = lambda *_, **__: None
        return environment

    def _asked_to_stop(self, *_: object) -> None:
        self._recorder.note("the script stopped the test")
        self._control.stopping = True

    def _prepare(self, chosen: Sequence[type], plan: Mapping[str, Any]) -> None:
        handlers = self.environment.events.request._handlers
        handlers.insert(0, self._sessions.on_request)  # first: a listener of the script may raise StopUser
        for user_class in chosen:
            if plan["host"]:
                user_class.host = plan["host"]  # type: ignore[attr-defined]
            if user_class.host is None and hasattr(user_class, "client_pool"):  # type: ignore[attr-defined]
                raise ScriptError(
                    f"{user_class.__name__} has no host; set host: in the scenario, or pass --host"
                )
            for name in ("network_timeout", "connection_timeout"):
                if getattr(user_class, name, None) == _FAST_TIMEOUT_S:
                    setattr(user_class, name, plan["timeout_s"])
        self.environment._filter_tasks_by_tags()


class ScriptUser:
    """One user of the script: `live` is a whole life in the closed model, `turn` one arrival in the open one."""

    think = None
    pace_s = None

    def __init__(
        self,
        user_class: type,
        index: int,
        environment: Environment,
        recorder: Recorder,
        everyone: Member | None,
    ) -> None:
        self._everyone = everyone
        self._class = user_class
        self._index = index
        self._environment = environment
        self._recorder = recorder
        self._user: Any = None

    def random(self) -> float:
        return 0.0

    def close(self) -> None:
        close = getattr(getattr(self._user, "client", None), "close", None)
        if close is not None:
            close()

    def live(self, member: Member) -> None:
        """Locust's own loop, from on_start to on_stop. A user that ended by itself is replaced: the plan wants one."""
        first = True
        while not member.leaving:
            try:
                user = self._user = self._class(self._environment)
                user._loadctl_member = member
                if first:
                    first = False
                    self._spread(user, member)
                if not member.leaving:
                    user.run()
            except gevent.GreenletExit:
                raise
            except Exception as error:  # noqa: BLE001 - an exception in on_start ends a user; counted, tried again
                self._recorder.turn()
                self._recorder.fault(sentence(error))
            member.pause(_RESPAWN_S)

    def _spread(self, user: Any, member: Member) -> None:
        """Begin somewhere within the first wait, or all users of a jump would keep step."""
        try:
            wait_s = float(user.wait_time())
        except Exception:  # noqa: BLE001 - a wait_time that needs a running user
            return
        member.pause(phase(self._index) * wait_s)
        user._cp_last_wait_time = 0  # constant_pacing remembers its last call
        user._cp_last_run = time.perf_counter()

    def become(self, index: int) -> None:
        self._index = index

    def turn(self, due: float | None) -> None:
        """Open model. on_start runs once per pooled user, not per arrival: scripts count on that."""
        if self._user is None:
            user = self._class(self._environment)
            user._loadctl_member = self._everyone
            user._state = LOCUST_STATE_RUNNING
            user._taskset_instance = DefaultTaskSet(user)
            user.on_start()
            self._user = user
        self._user._loadctl_due = due
        tasks = self._user._taskset_instance
        try:
            if not tasks._task_queue:
                tasks.schedule_task(tasks.get_next_task())
            tasks.execute_next_task()
        except StopUser:
            self._user.on_stop()
            self._user = None
        except _FLOW:
            pass
        except Exception:  # counted where tasks are watched
            logging.getLogger("locust.user.task").exception("a task raised")


def _watch_tasks(recorder: Recorder, control: Control, sessions: Sessions) -> None:
    """Count turns and faults where tasks are run, and let users leave between tasks and out of their waits."""

    def watched(original: Any) -> Any:
        def execute_task(tasks: Any, task: Any) -> None:
            _run_task(original, tasks, task)

        return execute_task

    def _run_task(original: Any, tasks: Any, task: Any) -> None:
        leave_if_asked(tasks.user)
        if isinstance(task, type) and issubclass(task, TaskSet):
            original(tasks, task)  # a nested set: its own tasks are the turns
            return
        try:
            original(tasks, task)
        except (StopTest, SystemExit) as end:
            # sys.exit in a task would end the process from within the hub, without a bye.
            recorder.note(f"the script stopped the test: {end}")
            control.stopping = True
            recorder.turn()
            raise StopUser from end
        except _FLOW:
            recorder.turn()
            raise
        except Exception as error:
            recorder.turn()
            recorder.fault(sentence(error))
            raise
        finally:
            sessions.forget(gevent.getcurrent())
        recorder.turn()

    for kind in (TaskSet, DefaultTaskSet):
        kind.execute_task = watched(kind.execute_task)
    TaskSet._sleep = _sleep
    logging.getLogger("locust.user.task").addFilter(_First(_TASK_LOGS_MAX))


def _sleep(tasks: Any, seconds: float) -> None:
    """A wait that ends at once when the user must leave."""
    member = getattr(tasks.user, "_loadctl_member", None)
    if member is None:
        gevent.sleep(seconds)
        return
    member.pause(seconds)
    # Not killed in its wait as Locust would: a user that has just woken may have sent a request by then.
    leave_if_asked(tasks.user)


class _First(logging.Filter):
    """A task that always raises would fill the disk with its traceback."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._left = limit

    def filter(self, record: logging.LogRecord) -> bool:
        self._left -= 1
        if self._left == 0:
            record.msg = f"{record.msg}\n(further tracebacks of tasks are left out)"
        return self._left >= 0


def _stats_of(stats: Any) -> Any:
    """Feeds Locust's statistics, which scripts may read, under the recorder's (capped) endpoint names."""

    def log(
        kind: str, name: str, time_ms: float | None, size: int | None, *, error: Any, endpoint: str
    ) -> None:
        known = name if not endpoint.startswith("(") else endpoint
        stats.log_request(kind, known, time_ms, size or 0)
        if error is not None:
            stats.log_error(kind, known, error)

    return log
