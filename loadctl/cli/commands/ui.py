"""`loadctl ui`: Locust's own web page on a scenario, with our recorder underneath.

Each Start on the page makes a run, with its directory, its result and its verdict.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from loadctl.cli import execution
from loadctl.cli.app import code_of, explain
from loadctl.cli.conversation import Conversation
from loadctl.cli.options import Host, JudgedOptions, Overrides, ScenarioArg, Targets
from loadctl.cli.output import complain
from loadctl.cli.planning import with_any_load
from loadctl.cli.system import ask_for_consent, host_of
from loadctl.engines.base import Command
from loadctl.engines.locust import engine as locust_page
from loadctl.engines.locust.engine import LocustEngine
from loadctl.engines.route import is_loopback
from loadctl.errors import ExitCode, LoadctlError, RunError, UsageError
from loadctl.reports.terminal.screen import headline
from loadctl.run.directory import Observer
from loadctl.run.interruption import Interruption
from loadctl.run.merge import Tail
from loadctl.run.process import Child
from loadctl.run.runner import Order, RunRequest
from loadctl.run.runner import run as carry_out
from loadctl.scenario.invocation import Invocation
from loadctl.scenario.load import Load
from loadctl.scenario.reading.targets import DEFINES_THE_BREAK
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.target import Target
from loadctl.temporary import new_folder, remove

if TYPE_CHECKING:
    from loadctl.results.recording import Event
    from loadctl.run.directory import RunDirectory
    from loadctl.run.manifest import Manifest


_LOOK_S = 0.1
_NEEDS_A_PLAN = {"breaking_point", "recovery_time"}


def ui(
    scenario: ScenarioArg = None,
    *,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Of the page; 0: any free one.")
    ] = 8089,
    bind: Annotated[
        str, typer.Option("--bind", metavar="ADDRESS", help="Where the page is served; loopback by default.")
    ] = "127.0.0.1",
    host: Host = None,
    targets: Targets = (),
    options: JudgedOptions,
) -> int:
    """Open Locust's own web page on a scenario; each Start there is one run."""
    with host_of(options.demo, host) as known:
        overrides = with_any_load(scenario, Overrides(host=known(), targets=targets))
        return _serve(_for_the_page(execution.prepared(scenario, overrides, options)), options, bind, port)


def _serve(scenario: Scenario, options: JudgedOptions, bind: str, port: int) -> ExitCode:
    """Until Ctrl-C.

    Raises: LoadctlError where the page cannot be shown; what goes wrong in a single run is shown on the page.
    """
    engine = execution.usable(scenario, options)
    scenario = ask_for_consent(scenario, "as many users as its page asks for")
    request = execution.request_for(_without_plan(scenario), engine, options)
    command = partial(locust_page.page_command, scenario, bind=bind, port=port, shards=request.shards)
    with (
        Interruption() as interruption,
        Page(lambda orders: command(orders=orders), f"Locust's page on port {port}") as page,
    ):
        up = locust_page.listening(page.first_line())
        name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(bind, bind)  # noqa: S104 - only read
        request = replace(request, engine=LocustEngine(options.python, up.master))
        complain(f"{scenario.name} on {scenario.shown_host}: http://{name}:{up.port}\n")
        complain(
            "On the page, Start begins a run and Stop ends and judges it; Ctrl-C here ends everything.\n"
        )
        if not is_loopback(bind):
            complain("The page has no password: whoever reaches this address can press Start.\n")
        while interruption.number is None:
            for order in _orders(page):
                if order.kind == "start":
                    code = _one_run(request, _Steering(page, order, request.scenario, options), options)
                    if code in {ExitCode.SIGINT, ExitCode.SIGTERM}:
                        return code
            page.check()
            interruption.wait(_LOOK_S)
    return ExitCode.OK


def _one_run(request: RunRequest, steering: _Steering, options: JudgedOptions) -> ExitCode:
    try:
        directory = carry_out(replace(request, steering=steering), steering)
    except LoadctlError as error:
        execution.keep(steering.run, options)
        complain(f"{explain(error)}\n")
        steering.page.tell(locust_page.ended([], trouble=error.message))
        return code_of(error)
    result = execution.concluded(directory, options).result
    lines = [headline(result), *result.reasons, result.run_dir]
    steering.page.tell(locust_page.ended(lines, report=directory.path / "report.html"))
    return result.exit_code


def _orders(page: Page) -> Sequence[Order]:
    """What its buttons have asked for since the last call."""
    return [Order(**json.loads(line)) for line in page.lines()]


class _Steering(Observer):
    """The orders that the page gives to a run; what happens in the run is reported on stderr."""

    def __init__(self, page: Page, start: Order, scenario: Scenario, options: JudgedOptions) -> None:
        self.page = page
        self.run: RunDirectory | None = None
        self._waiting = [start]
        self._conversation = Conversation(scenario, redrawn=False, silent=options.quiet)

    def orders(self) -> Sequence[Order]:
        """A page that has ended gives no more: what was measured until then is kept and judged."""
        orders = [*self._waiting, *_orders(self.page), *[Order("stop")] * self.page.gone]
        self._waiting = []
        return orders

    def began(self, run: RunDirectory) -> None:
        self.run = run

    def started(self, manifest: Manifest) -> None:
        self._conversation.say([f"{manifest.id}, {manifest.watched or 'nothing watched'}"])

    def event(self, event: Event) -> None:
        self._conversation.event(event)


def _for_the_page(scenario: Scenario) -> Scenario:
    """On Locust, whatever the scenario says: user types mean the same there. Raises: UsageError."""
    instead = Invocation(scenario, sys.argv[1:]).command("run")
    if scenario.script is not None and scenario.script.key != "locustfile":
        raise UsageError(
            f"{scenario.script.path} is not a locustfile, so Locust's page cannot run it", hint=instead
        )
    if scenario.load.model == "open":
        raise UsageError(
            f"{scenario.name} has arrivals (rate:), and Locust's page counts users", hint=instead
        )
    return replace(scenario, engine="locust")


def _without_plan(scenario: Scenario) -> Scenario:
    """The page says how many users there are, so there are no stages to judge."""
    return replace(
        scenario,
        load=Load("closed", ()),
        rescaled=None,
        targets=tuple(map(_judged_without_plan, scenario.targets)),
    )


def _judged_without_plan(target: Target) -> Target:
    if target.scope.kind == "stage" or target.metric in _NEEDS_A_PLAN:
        return replace(target, judged=False, why_not_judged="it needs the stages of a plan")
    if target.why_not_judged == DEFINES_THE_BREAK:
        return replace(target, judged=True, why_not_judged=None)
    return target


_COMES_UP_S = 60.0
_LEAVES_S = 3.0
_POLL_S = 0.02


class Page:
    """Entered: it was started. Its files are in a folder of their own, gone at the end."""

    def __init__(self, command: Callable[[Path], Command], name: str) -> None:
        """`command`: given the file for orders. `name`: for people, "Locust's page on port 8089"."""
        self._command = command
        self._name = name

    def __enter__(self) -> Self:
        self._folder = new_folder("page")
        orders = self._folder / "orders.ndjson"
        self._tail = Tail(orders)
        self._child = Child(self._command(orders), out=self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        self._child.terminate(_LEAVES_S)
        remove(self._folder)

    def first_line(self) -> bytes:
        """The first line that it writes, when it is up. Raises: UsageError when it cannot be served."""
        deadline = time.monotonic() + _COMES_UP_S
        while not (lines := self.lines()):
            if self.gone or time.monotonic() > deadline:
                late = "" if self.gone else f" within {_COMES_UP_S:.0f} s"
                raise UsageError(
                    f"{self._name} could not be served{late}{self._words()}", hint="another one:  --port N"
                )
            time.sleep(_POLL_S)
        return lines[0]

    def lines(self) -> Sequence[bytes]:
        """What it has written since the last call."""
        return list(self._tail.lines())

    def tell(self, line: str) -> None:
        self._child.send(line)

    @property
    def gone(self) -> bool:
        return self._child.poll() is not None

    def check(self) -> None:
        """Raises: RunError when it has ended."""
        if self.gone:
            raise RunError(f"{self._name} has ended{self._words()}")

    def _words(self) -> str:
        last = next(reversed(self._child.last_words().splitlines()), "")
        return f": {last}" if last else ""
