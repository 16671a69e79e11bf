"""Runs that a page steers: each Start makes one, with its directory, its result and its verdict."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from loadctl.cli import execution
from loadctl.cli.app import code_of, explain
from loadctl.cli.arguments import fails_on_warn, workers_of
from loadctl.cli.conversation import Conversation
from loadctl.cli.options import Output, RunOptions
from loadctl.cli.output import complain
from loadctl.cli.planning import in_units
from loadctl.cli.project import is_quick
from loadctl.cli.system import ask_for_consent
from loadctl.engines.locust import page as locust_page
from loadctl.engines.locust.engine import LocustEngine
from loadctl.errors import LoadctlError, UsageError
from loadctl.reports.terminal.screen import headline
from loadctl.results.verdict import ExitCode
from loadctl.run.directory import Silent
from loadctl.run.interruption import Interruption
from loadctl.run.page import Page
from loadctl.run.readiness import is_loopback
from loadctl.run.runner import Order, RunRequest, run
from loadctl.scenario.invocation import Invocation
from loadctl.scenario.load import Load
from loadctl.scenario.reading.targets import DEFINES_THE_BREAK
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.target import Target
from loadctl.scenario.units import parse_duration

if TYPE_CHECKING:
    from loadctl.results.recording import Event
    from loadctl.run.directory import RunDirectory
    from loadctl.run.manifest import Manifest

_LOOK_S = 0.1
_NEEDS_A_PLAN = {"breaking_point", "recovery_time"}


def serve(options: RunOptions, output: Output, host: str | None, bind: str, port: int) -> ExitCode:
    """Until Ctrl-C. `host`: what the command line or the demo system says, instead of the scenario.

    Raises: LoadctlError where the page cannot be shown; what goes wrong with a single run is told on the page.
    """
    scenario = _for_the_page(execution.prepared(_with_some_load(options), host))
    engine = execution.usable(scenario, options)
    shards = workers_of(options.workers, scenario.host)
    scenario = ask_for_consent(scenario, "as many users as its page asks for")
    command = partial(locust_page.page_command, scenario, bind=bind, port=port, shards=shards)
    request = RunRequest(
        scenario=_without_plan(scenario, demo=options.demo),
        engine=engine,
        out=options.out,
        shards=shards,
        argv=sys.argv[1:],
        ready_deadline_s=in_units("--ready-timeout", options.ready_timeout, parse_duration),
    )
    with (
        Interruption() as interruption,
        Page(lambda orders: command(orders=orders), f"Locust's page on port {port}") as page,
    ):
        up = locust_page.listening(page.first_line())
        name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(bind, bind)  # noqa: S104 - only read
        request = replace(request, engine=LocustEngine(options.python, up.master))
        complain(f"{scenario.name} on {scenario.shown_host}: http://{name}:{up.port}\n")
        complain("Start there makes a run, Stop ends and judges it; Ctrl-C here ends all.\n")
        if not is_loopback(bind):
            complain("It asks for no password: whoever reaches this address may press Start.\n")
        while interruption.number is None:
            for order in _orders(page):
                if order.kind == "start":
                    code = _one_run(request, _Desk(page, order, request.scenario, output), options, output)
                    if code in {ExitCode.SIGINT, ExitCode.SIGTERM}:
                        return code
            page.check()
            interruption.wait(_LOOK_S)
    return ExitCode.OK


def _one_run(request: RunRequest, desk: _Desk, options: RunOptions, output: Output) -> ExitCode:
    from loadctl.cli.output import tell

    fail_on_warn = fails_on_warn(options.fail_on)
    try:
        directory = run(replace(request, steering=desk), desk)
    except LoadctlError as error:
        if desk.run is not None:
            execution.keep(desk.run, output, options.files, fail_on_warn=fail_on_warn)
        complain(f"{explain(error)}\n")
        desk.page.tell(locust_page.ended([], trouble=error.message))
        return code_of(error)
    judgement = execution.stored(directory, fail_on_warn=fail_on_warn)
    result = judgement.result
    execution.write_report(directory, judgement)
    lines = [headline(result), *result.reasons, result.run_dir]
    desk.page.tell(locust_page.ended(lines, report=directory.path / "report.html"))
    tell(result, quiet=output.quiet, as_json=output.as_json)
    return result.exit_code


def _orders(page: Page) -> Sequence[Order]:
    """What its buttons have asked for since the last call."""
    return [Order(**json.loads(line)) for line in page.lines()]


class _Desk(Silent):
    """Between a run and the page, which gives the orders; events are told on stderr."""

    def __init__(self, page: Page, start: Order, scenario: Scenario, output: Output) -> None:
        self.page = page
        self.run: RunDirectory | None = None
        self._waiting = [start]
        self._conversation = Conversation(scenario, redrawn=False, silent=output.quiet)

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


def _with_some_load(options: RunOptions) -> RunOptions:
    """A locustfile or a URL brings no load of its own, and here needs none."""
    if not is_quick(options.reference):
        return options
    return replace(options, overrides=replace(options.overrides, users=10, duration="1m"))


def _for_the_page(scenario: Scenario) -> Scenario:
    """On Locust, whatever the scenario says: user types mean the same there. Raises: UsageError."""
    instead = Invocation(scenario, sys.argv[1:]).command("run")
    if scenario.script is not None and scenario.script.key != "locustfile":
        raise UsageError(
            f"{scenario.script.path} is no locustfile: Locust's page cannot steer it", hint=instead
        )
    if scenario.load.model == "open":
        raise UsageError(
            f"{scenario.name} has arrivals (rate:), and Locust's page counts users", hint=instead
        )
    return replace(scenario, engine="locust")


def _without_plan(scenario: Scenario, *, demo: bool) -> Scenario:
    """The page says how many users there are, so there are no stages to judge."""
    return replace(
        replace(scenario, before=(), after=()) if demo else scenario,
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
