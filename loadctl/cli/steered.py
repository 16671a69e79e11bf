"""Runs that a page steers: each Start makes one, with its directory, its result and its verdict."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from loadctl.cli import execution
from loadctl.cli.arguments import fails_on_warn, workers_of
from loadctl.cli.conversation import Conversation
from loadctl.cli.explaining import code_of, explain
from loadctl.cli.options import Output, RunOptions
from loadctl.cli.output import complain
from loadctl.cli.planning import in_units
from loadctl.cli.project import is_quick
from loadctl.cli.system import ask_for_consent
from loadctl.engines.locust import page as locust_page
from loadctl.errors import Interrupted, RunError, UsageError
from loadctl.reports.text import headline
from loadctl.results.verdict import ExitCode
from loadctl.run.interruption import Interruption
from loadctl.run.page import Page
from loadctl.run.readiness import is_loopback
from loadctl.run.runner import RunRequest, run
from loadctl.run.steering import Order, Stop, Users
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.target import Target
from loadctl.scenario.targets import DEFINES_THE_BREAK
from loadctl.scenario.units import parse_duration

if TYPE_CHECKING:
    from loadctl.engines.locust.page import PageOrder
    from loadctl.results.interval import Second
    from loadctl.results.recording import Event, Reading
    from loadctl.run.directory import RunDirectory
    from loadctl.run.manifest import Manifest

_LOOK_S = 0.1
_NEEDS_A_PLAN = {"breaking_point", "recovery_time"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where the page is served."""

    bind: str
    port: int

    def url(self, port: int) -> str:
        """`port`: the one that was found where any would do."""
        name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.bind, self.bind)  # noqa: S104 - only read
        return f"http://{name}:{port}"


def serve(options: RunOptions, output: Output, host: str | None, address: Address) -> ExitCode:
    """Until Ctrl-C. `host`: what the command line or the demo system says, instead of the scenario.

    Raises: LoadctlError where the page cannot be shown; what goes wrong with a single run is told on the page.
    """
    scenario = _for_the_page(execution.prepared(_with_some_load(options), host))
    engine = execution.usable(scenario, options)
    ask_for_consent(scenario, "as many users as its page asks for", demo=options.demo)
    command = partial(locust_page.page_command, scenario, bind=address.bind, port=address.port)
    request = RunRequest(
        scenario=_without_plan(scenario, demo=options.demo),
        engine=engine,
        out=options.out,
        shards=workers_of(options.workers, scenario.host),
        argv=sys.argv[1:],
        ready_deadline_s=in_units("--ready-timeout", options.ready_timeout, parse_duration),
    )
    with (
        Interruption() as interruption,
        Page(lambda orders: command(orders=orders), f"Locust's page on port {address.port}") as page,
    ):
        up = locust_page.parse_order(page.first_line())
        complain(f"{scenario.name} on {scenario.host}: {address.url(up.port if up else address.port)}\n")
        complain("Start there makes a run, Stop ends and judges it; Ctrl-C here ends all.\n")
        if not is_loopback(address.bind):
            complain("It asks for no password: whoever reaches this address may press Start.\n")
        while interruption.number is None:
            for line in page.lines():
                order = locust_page.parse_order(line)
                if order is not None and order.kind == "start":
                    code = _one_run(request, _Desk(page, order, request.scenario, output), options, output)
                    if code in {ExitCode.SIGINT, ExitCode.SIGTERM}:
                        return code
            page.check()
            interruption.wait(_LOOK_S)
    return ExitCode.OK


def _one_run(request: RunRequest, desk: _Desk, options: RunOptions, output: Output) -> ExitCode:
    from loadctl.cli.telling import tell

    fail_on_warn = fails_on_warn(options.fail_on)
    try:
        directory = run(replace(request, steering=desk), desk)
    except (Interrupted, RunError) as error:
        if desk.run is not None:
            execution.keep(desk.run, output, options.files, fail_on_warn=fail_on_warn)
        complain(f"{explain(error)}\n")
        desk.page.tell(locust_page.ended([], error.message))
        return code_of(error)
    judgement = execution.stored(directory, fail_on_warn=fail_on_warn)
    result = judgement.result
    execution.write_report(directory, judgement)
    desk.page.tell(locust_page.ended([headline(result), *result.reasons, result.run_dir]))
    tell(result, quiet=output.quiet, as_json=output.as_json)
    return result.exit_code


class _Desk:
    """Between a run and the page: orders one way, seconds the other; events are told on stderr too."""

    def __init__(self, page: Page, start: PageOrder, scenario: Scenario, output: Output) -> None:
        self.page = page
        self.run: RunDirectory | None = None
        self._first: Sequence[Order] = (Users(start.users, start.per_s),)
        self._conversation = Conversation(scenario, redrawn=False, silent=output.quiet)

    def orders(self) -> Sequence[Order]:
        """A page that has ended gives no more: what was measured until then is kept and judged."""
        first, self._first = self._first, ()
        if self.page.gone:
            return (*first, Stop())
        found = [locust_page.parse_order(line) for line in self.page.lines()]
        return [
            *first,
            *(
                Stop() if order.kind == "stop" else Users(order.users, order.per_s)
                for order in found
                if order is not None
            ),
        ]

    def began(self, run: RunDirectory) -> None:
        self.run = run

    def started(self, manifest: Manifest) -> None:
        t0 = manifest.t0_monotonic_s or time.monotonic()
        self.page.tell(locust_page.began(time.time() + t0 - time.monotonic()))
        self._conversation.say([f"{manifest.id}, {manifest.watched or 'nothing watched'}"])

    def second(self, second: Second) -> None:
        self.page.tell(locust_page.second_line(second))

    def reading(self, reading: Reading) -> None: ...

    def event(self, event: Event) -> None:
        self._conversation.event(event)


def _with_some_load(options: RunOptions) -> RunOptions:
    """A locustfile or a URL brings no load of its own, and here needs none."""
    if not is_quick(options.reference):
        return options
    return replace(options, overrides=replace(options.overrides, users=10, duration="1m"))


def _for_the_page(scenario: Scenario) -> Scenario:
    """On Locust, whatever the scenario says: user types mean the same there. Raises: UsageError."""
    instead = f"loadctl run {scenario.name}"
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
