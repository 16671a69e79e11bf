"""One shard, from the plan on standard input to its bye: a process with an Environment and a runner of Locust."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from ...redaction import Redaction
from . import EXIT_BEYOND, EXIT_REFUSED, EXIT_SCRIPT, EXIT_STOPPED
from .control import Control, kill_group
from .load.schedule import LiveSchedule, Schedule, Stage
from .recorder.recorder import FrameFile, Recorder
from .script.exceptions import ScriptError
from .script.options import Ended, Refused, forget_import_switch, forget_variables

if TYPE_CHECKING:
    from locust.env import Environment

    from .load.runner import PlanRunner
    from .page_channel import Worker
    from .script.boundary import Boundary
    from .script.script import Script


_POLL_S = 0.005


def main() -> NoReturn:
    control = Control()
    control.listen()
    prepare_process()
    gc.disable()  # nothing that is imported is garbage
    import locust  # noqa: F401  before all else: it makes what waits in the standard library cooperative

    forget_variables(os.environ)
    plan = control.next_json()
    _write_to(*plan["output"])
    redact = Redaction(plan["secrets"])
    recorder = Recorder(
        FrameFile(plan["frames"]),
        redact=redact,
        redact_names=plan["script"] is not None,
        secret_variables=plan["secret_variables"],
    )
    _leave(_code_of(plan, recorder, control, redact), control)


def _code_of(
    plan: Mapping[str, Any], recorder: Recorder, control: Control, redact: Callable[[str], str]
) -> int:
    from locust.exception import StopTest

    try:
        return _carry_out(plan, recorder, control)
    except ScriptError as error:
        sys.stderr.write(f"{redact(str(error))}\n")
        return EXIT_SCRIPT
    except SystemExit as end:  # in a listener
        return _refuse(Ended("the script", end), redact)
    except Refused as error:
        return _refuse(error, redact)
    except StopTest as error:
        return _refuse(Refused(str(error)), redact)


def _refuse(error: Refused, redact: Callable[[str], str]) -> int:
    """Write the reason as the last paragraph of stderr."""
    apart = "" if isinstance(error, Ended) else "\n"
    sys.stderr.write(f"{apart}{redact(str(error))}\n")
    return EXIT_REFUSED


def _write_to(stdout: str, stderr: str) -> None:
    """The first shard is started before its run has a folder; until now its output has gone nowhere."""
    for number, path in enumerate((stdout, stderr), start=1):
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(fd, number)
        os.close(fd)


def prepare_process() -> None:
    forget_import_switch(os.environ)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses what it reports
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _carry_out(plan: Mapping[str, Any], recorder: Recorder, control: Control) -> int:
    import gevent
    import locust
    from locust.exception import StopTest, StopUser

    gevent.get_hub().NOT_ERROR += (StopUser, StopTest)  # a user that ends so needs no traceback

    def bye_at_once() -> NoReturn:
        recorder.bye()
        os._exit(EXIT_STOPPED)

    control.on_signals(bye_at_once)
    script = None
    if plan["script"] is not None:
        from .script.script import Script

        script = Script(plan, recorder)
    environment = _environment(plan, script, recorder)
    runner = _runner(plan, environment, recorder, control)
    sessions = script.watch(environment) if script is not None else None
    boundary = _boundary(plan, control) if script is not None else None
    worker = _worker(plan, environment, recorder)
    _warm(environment, plan, recorder)
    _open_test(environment, runner, recorder, control)
    _quieten_collector()
    recorder.hello(
        version=locust.__version__,
        pid=os.getpid(),
        shard=plan["shard"],
        users=_made_of(environment.user_classes),
        clocks={"monotonic_s": time.monotonic(), "wall_s": time.time()},
    )
    t0 = _wait_for_start(control)
    if t0 is None:
        recorder.bye()
        return EXIT_STOPPED
    recorder.start(t0)
    if sessions is not None and boundary is not None:
        sessions.open = boundary.open = True
    if worker is not None:
        worker.begin()
    early = _make_load(plan, runner, recorder, control, t0)
    if sessions is not None and boundary is not None:
        boundary.open = False
        sessions.close()
    recorder.bye()
    if boundary is not None and boundary.reason is not None:
        sys.stderr.write(f"{boundary.reason}\n")
        return EXIT_BEYOND
    if worker is not None:
        worker.end()
    if not control.leave_now:
        _close_test(environment, runner, recorder)
    return EXIT_STOPPED if early else 0


def _boundary(plan: Mapping[str, Any], control: Control) -> Boundary:
    from .script.boundary import Boundary

    def beyond() -> None:
        control.stopping = control.leave_now = True

    boundary = Boundary(plan["consent"], os.environ, beyond)
    boundary.install()
    return boundary


def _make_load(
    plan: Mapping[str, Any], runner: PlanRunner, recorder: Recorder, control: Control, t0: float
) -> bool:
    """From t0 to the end of the drain; whether it was stopped before the plan's end."""
    import gevent

    from .load.load import drain, tick

    ticker = gevent.spawn(tick, recorder, t0)
    try:
        runner.follow(t0)
    except SystemExit as end:  # in a listener, or in a greenlet of the script
        runner.exited(end)
        runner.begin_to_stop()
    early = control.stopping
    try:
        drain(recorder, control, runner.user_greenlets, plan["drain_s"])
        if not recorder.in_flight and not control.leave_now:
            runner.kill_sleepers()
    except SystemExit as end:
        runner.exited(end)
    ticker.kill()
    return early


def _made_of(classes: Sequence[type]) -> str:
    """What the users consist of, for the result: "locust" alone does not say it."""
    from .journey.scenario_user import ScenarioUser

    ours = any(issubclass(kind, ScenarioUser) for kind in classes)
    own = any(not issubclass(kind, ScenarioUser) for kind in classes)
    kinds = ["the script's own users and clients"] * own
    kinds += ["user types as locust.User subclasses, with loadctl's own client and waits"] * ours
    return " and ".join(kinds)


def _environment(plan: Mapping[str, Any], script: Script | None, recorder: Recorder) -> Environment:
    import locust
    from locust.env import Environment

    classes: list[type] = [*script.classes] if script is not None else []
    if plan["user_types"]:
        classes += _scenario_users(plan, recorder)
    return Environment(
        user_classes=classes,
        shape_class=script.shape if script is not None else None,
        locustfile=script.name if script is not None else None,
        events=locust.events,
        host=script.options.host if script is not None else plan["host"],
        stop_timeout=plan["drain_s"],
        parsed_options=script.options if script is not None else None,
    )


def _scenario_users(plan: Mapping[str, Any], recorder: Recorder) -> list[type]:
    """Raises: ScriptError where the user's own Python lacks what they need."""
    try:
        from .journey.journey import make_users
    except ModuleNotFoundError as error:
        message = f"user types need {error.name}:  {sys.executable} -m pip install {error.name}"
        raise ScriptError(message) from None
    from .journey.scenario_user import scenario_user

    makers = make_users(plan, recorder)
    return [
        scenario_user(kind["name"], kind["weight"], make)
        for kind, make in zip(plan["user_types"], makers, strict=True)
    ]


def _runner(
    plan: Mapping[str, Any], environment: Environment, recorder: Recorder, control: Control
) -> PlanRunner:
    from .load.runner import PlanRunner
    from .recorder.statistics import Statistics

    recorder.statistics = Statistics(environment.stats, recorder.clock, recorder.uncount)
    schedule: Schedule | LiveSchedule = LiveSchedule(control.level_orders)
    if plan["stages"]:
        schedule = Schedule([Stage(**stage) for stage in plan["stages"]])
    runner = PlanRunner(environment, plan, schedule, recorder, control)
    environment.events.request._handlers.pop()  # noqa: SLF001  the runner's own listener, which logs each request
    return runner


def _worker(plan: Mapping[str, Any], environment: Environment, recorder: Recorder) -> Worker | None:
    if not plan.get("master") or recorder.statistics is None:
        return None
    from .page_channel import Worker

    return Worker(environment, recorder.statistics, plan)


def _open_test(environment: Environment, runner: PlanRunner, recorder: Recorder, control: Control) -> None:
    """Run the listeners of init and test_start, before the load. Raises: Refused when one raised or ended the test."""
    environment.events.init.fire(environment=environment, runner=runner, web_ui=None)
    if not recorder.script_faults and not control.stopping:
        runner.prepare()
    if recorder.script_faults:
        message, where = recorder.script_faults[0]
        raise Refused(f"your script raised in a listener of init or test_start: {message} ({where})")
    if control.stopping and runner.stopped_by_script:
        _close_test(environment, runner, recorder)
        code = environment.process_exit_code
        raise Refused(f"your script ended the test before the load{f' (exit code {code})' if code else ''}")


def _close_test(environment: Environment, runner: PlanRunner, recorder: Recorder) -> None:
    """After the bye, so that a script which hangs here loses nothing."""
    from locust import log

    try:
        runner.close()
        runner.tell_end(environment.events.quitting, reverse=True)
        code = environment.process_exit_code
    except SystemExit as end:  # of a listener: its judgement too
        code = end.code
    if code and not isinstance(code, int):  # as sys.exit takes it
        sys.stderr.write(f"{code}\n")
        code = 1
    if log.unhandled_greenlet_exception and not recorder.script_faults:
        recorder.script_fault("an unhandled exception; see the engine's stderr", "")
    if code:
        recorder.script_verdict(int(code))
    environment.events.quit.fire(exit_code=code or 0)


def _warm(environment: Environment, plan: Mapping[str, Any], recorder: Recorder) -> None:
    from .load.warm import warm_sessions, warm_users

    if plan["script"] is not None:
        warm_sessions(environment)
    if plan["user_types"]:
        from ...route import between
        from .client.client import split_url

        warm_users(plan["warm_up"])
        if note := between(split_url(plan["host"])[0], os.environ):
            recorder.note(note)


def _wait_for_start(control: Control) -> float | None:
    """t0, shortly before it; None: told to stop instead."""
    import gevent

    while control.t0 is None and not control.stopping:
        gevent.sleep(_POLL_S)
    if control.t0 is not None:
        while not control.stopping and (left := control.t0 - time.monotonic()) > 0:
            gevent.sleep(min(left, 0.1))
    return None if control.stopping else control.t0


def _quieten_collector() -> None:
    """Exempt everything loaded so far from garbage collection: a full collection in mid-run costs milliseconds.

    Young objects are collected early: requests leaves cycles behind, and old objects fall out of the CPU's caches.
    """
    gc.freeze()
    gc.set_threshold(2_000, 20, 100)
    gc.enable()


def _leave(code: int, control: Control) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    if control.gone:
        kill_group()  # nobody is left to end what the script has started
    # Not sys.exit: greenlets in a pause and atexit functions of the script's libraries may take for ever.
    os._exit(code)
