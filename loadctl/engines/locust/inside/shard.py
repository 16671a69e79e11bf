"""One shard, from the plan on standard input to its bye."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn, cast

from . import AHEAD, EXIT_REFUSED, EXIT_SCRIPT, EXIT_STOPPED
from .control import Control, kill_group
from .frame_file import FrameFile
from .options import Refused, forget_import_switch, forget_variables
from .recorder import Recorder
from .redaction import Redaction
from .schedule import Schedule, Stage, Wishes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .load import Site
    from .script import Script

_POLL_S = 0.005


def main() -> NoReturn:
    control = Control()
    control.listen()
    prepare_process()
    plan = _plan(control)
    if plan is None:
        kill_group()
    redact = Redaction(plan["secrets"])
    recorder = Recorder(FrameFile(plan["frames"]), redact=redact, redact_names=plan["script"] is not None)
    code = 1
    try:
        code = _carry_out(plan, recorder, control)
    except _script_error() as error:
        sys.stderr.write(f"{redact(str(error))}\n")
        code = EXIT_SCRIPT
    except Refused as error:
        sys.stderr.write(f"{redact(str(error))}\n")
        code = EXIT_REFUSED
    except (
        SystemExit
    ) as error:  # the parser refused an option that the script declared, for example as required
        sys.stderr.write(f"the script ended the process before the load (exit {error.code})\n")
        code = EXIT_SCRIPT
    _leave(code, control)


def _plan(control: Control) -> Any:
    """None: loadctl is gone. While the plan is still being made, all is done that does not depend on it."""
    line = control.next_line()
    if line == AHEAD:
        from . import client, journey, load, proxy  # noqa: F401
        from .warm import warm_users

        warm_users()
        _, _, files = control.next_line().partition(" ")
        _write_to(json.loads(files or "{}"))
        line = control.next_line() if files else ""
    return json.loads(line or "null")


def _write_to(files: Mapping[str, str]) -> None:
    """Send what is printed from here on to those files, by the name of the stream."""
    for name, path in files.items():
        fd = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(fd, {"stdout": 1, "stderr": 2}[name])
        os.close(fd)


def prepare_process() -> None:
    forget_import_switch(os.environ)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses what it reports
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _script_error() -> Any:
    from .locustfile import ScriptError

    return ScriptError


def _carry_out(plan: Mapping[str, Any], recorder: Recorder, control: Control) -> int:
    """User types need nothing of Locust but what it stands on, gevent; to import the rest takes most of the start."""
    import gevent

    version = plan["version"]
    if plan["script"] is not None:
        import locust  # before all else: it makes what waits in the standard library cooperative

        version = locust.__version__
        forget_variables(os.environ)

    from .load import Closed, Open, drain, tick

    bye = _Bye(recorder)
    control.on_signals(bye.now)
    site, script = _load_of(plan, recorder, control)
    load = Closed(site) if plan["model"] == "closed" else Open(site)
    if script is not None:
        script.init()
    _quieten_collector()
    recorder.hello(
        version=version,
        pid=os.getpid(),
        shard=plan["shard"],
        clocks={"monotonic_s": time.monotonic(), "wall_s": time.time()},
    )
    t0 = _wait_for_start(control)
    if t0 is None:
        recorder.bye()
        return EXIT_STOPPED
    recorder.start(t0)
    ticker = gevent.spawn(tick, recorder, t0)
    if script is not None:
        script.start()
    load.run(t0)
    early = control.stopping
    site.context.stop()
    if script is not None:
        script.stopping()
    drain(recorder, control, site.group, plan["drain_s"])
    ticker.kill()
    bye.say()
    if script is not None and not control.leave_now:
        script.stopped()
    return EXIT_STOPPED if early else 0


class _Bye:
    """Said once, by the end of the drain or by the second signal, whichever comes first."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._said = False

    def say(self) -> None:
        if not self._said:
            self._said = True
            self._recorder.bye()

    def now(self) -> NoReturn:
        self.say()
        os._exit(EXIT_STOPPED)


def _wait_for_start(control: Control) -> float | None:
    """t0, shortly before it; None: told to stop instead."""
    import gevent

    while control.t0 is None and not control.stopping:
        gevent.sleep(_POLL_S)
    if control.t0 is not None:
        while not control.stopping and (left := control.t0 - time.monotonic()) > 0:
            gevent.sleep(min(left, 0.1))
    return None if control.stopping else control.t0


def _load_of(plan: Mapping[str, Any], recorder: Recorder, control: Control) -> tuple[Site, Script | None]:
    """Where the load will run, and the script if the plan brings one."""
    from gevent.pool import Group

    from .load import Context, Site

    context = Context()
    script: Script | None = None
    factory: Callable[[int], Any]
    kind_of: Callable[[int], object]
    if plan["script"] is not None:
        from .script import Script
        from .warm import warm_sessions

        script = Script(plan, recorder, control, context)
        warm_sessions(script.environment)
        factory, kind_of, group = script.factory, script.kind_of, script.group
    else:
        from .client import split_url
        from .journey import make_users
        from .proxy import between
        from .warm import warm_users

        warm_users()
        if note := between(split_url(plan["host"])[0], os.environ):
            recorder.note(note)
        rotation = plan["rotation"]
        factory = make_users(plan, cast("Any", recorder), context)
        kind_of, group = lambda n: rotation[n % len(rotation)], Group()
    site = Site(
        schedule=cast("Any", _schedule(plan, control)),
        factory=cast("Any", factory),
        kind_of=kind_of,
        recorder=recorder,
        control=control,
        context=context,
        group=group,
        shard=plan["shard"],
        shards=plan["shards"],
        max_in_flight=plan["max_in_flight"],
    )
    return site, script


def _schedule(plan: Mapping[str, Any], control: Control) -> Schedule | Wishes:
    """Without stages, users come and go as loadctl says while the load goes."""
    return (
        Schedule([Stage(**stage) for stage in plan["stages"]]) if plan["stages"] else Wishes(control.wishes)
    )


def _quieten_collector() -> None:
    """What was loaded so far is never looked at again; a collection in mid-run costs milliseconds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def _leave(code: int, control: Control) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    if control.gone:
        kill_group()  # nobody is left to end what the script has started
    os._exit(
        code
    )  # not sys.exit: greenlets still in a pause, and atexit of the script's libraries, may take for ever
