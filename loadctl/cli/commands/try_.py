"""`loadctl try`: every request once, one user, no load; what was sent and what came back."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlsplit

from loadctl.analysis.next_steps import first_run
from loadctl.cli.options import AllowHosts, DemoOptions, Host, JsonFlag, Overrides, Quiet, ScenarioArg, Seed
from loadctl.cli.output import columns, complain, write, write_json
from loadctl.cli.planning import read, with_any_load
from loadctl.cli.system import ask_for_consent, host_of, without_commands
from loadctl.engines import rehearsal
from loadctl.engines.base import Command
from loadctl.engines.route import is_loopback
from loadctl.errors import ExitCode, RunError, UsageError
from loadctl.reports.printable import printable
from loadctl.reports.terminal.exchanges import closing, exchange_lines, opening
from loadctl.results.exchange import NO_ANSWER, Exchange, exchanges_document, read_exchange
from loadctl.results.recording import Event
from loadctl.run.local_commands import commands_around, require_programs
from loadctl.run.process import Child
from loadctl.run.readiness import listeners_hint, wait_for_system
from loadctl.scenario.invocation import Invocation
from loadctl.scenario.scenario import Scenario
from loadctl.temporary import temporary_folder


def try_(
    scenario: ScenarioArg = None,
    *,
    host: Host = None,
    demo: DemoOptions,
    allow_hosts: AllowHosts = (),
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: JsonFlag = False,
) -> ExitCode:
    """Send every request once and show what comes back; `before:` and `after:` are run as in a run."""
    with host_of(demo, host) as known, ExitStack() as around:
        found = _without_script(read(scenario, with_any_load(scenario, Overrides(host=known()))))
        found = replace(
            found,
            seed=found.seed if seed is None else seed,
            allow_hosts=(*found.allow_hosts, *allow_hosts),
        )
        found = ask_for_consent(found, "each request once")
        command = rehearsal(found)
        if demo.use:
            found = without_commands(found)
        _bring_up(found, around)
        screen = not quiet and not as_json
        if screen:
            write(opening(found))
        exchanges: list[Exchange] = []
        for exchange in rehearse(found, command):
            exchanges.append(exchange)
            if screen and not _nobody_answered(exchanges):
                _name_user_type(found, exchanges)
                write("\n".join(exchange_lines(exchange, found, width=columns())))
    if as_json:
        write_json(exchanges_document(found, exchanges))
    _raise_if_nobody_answered(found, exchanges)
    if not as_json:
        load = ("-u", "10", "-t", "30s") if found.load_on_command_line else first_run(found)
        write(closing(exchanges, _invocation(found).command("run", *load), brief=quiet))
    return ExitCode.FAIL if any(exchange.outcome == "failed" for exchange in exchanges) else ExitCode.OK


def _without_script(found: Scenario) -> Scenario:
    """Raises: UsageError."""
    if found.script is not None:
        raise UsageError(
            f"{found.name} runs a script, which keeps to itself what it sends",
            hint=None
            if found.script.own_load
            else "run it with one user instead:  "
            + _invocation(found).command("run", "--users", "1", "--duration", "10s", "--smoke"),
        )
    return found


def _bring_up(scenario: Scenario, around: ExitStack) -> None:
    """The scenario's own commands, and then until the system answers. Raises: UsageError, RunError, Interrupted."""
    if not scenario.before and not scenario.after:
        return
    require_programs(scenario)

    def tell(event: Event) -> None:
        complain(f"{printable(event.message)}\n")

    around.enter_context(commands_around(scenario, tell))
    if scenario.before and scenario.health != "none":
        wait_for_system(scenario, sys.argv[1:])


def _invocation(scenario: Scenario) -> Invocation:
    return Invocation(scenario, sys.argv[1:])


def _nobody_answered(exchanges: Sequence[Exchange]) -> bool:
    return all(exchange.outcome == "skipped" or exchange.error in NO_ANSWER for exchange in exchanges)


def _raise_if_nobody_answered(scenario: Scenario, exchanges: Sequence[Exchange]) -> None:
    if not exchanges or not _nobody_answered(exchanges):
        return
    if exchanges[0].error != "connect_refused":
        raise RunError(f"{exchanges[0].message}; nothing was sent")

    place = urlsplit(scenario.host)
    port = place.port or (443 if place.scheme == "https" else 80)
    again = _invocation(scenario).elsewhere
    raise RunError(
        f"nothing listens on {place.hostname}:{port}; nothing was sent",
        hint=listeners_hint(port, again) if is_loopback(place.hostname or "") else None,
    )


def _name_user_type(scenario: Scenario, exchanges: Sequence[Exchange]) -> None:
    """A line before the first request of each user type, where there are several."""
    before = exchanges[-2].user_type if len(exchanges) > 1 else ""
    if len(scenario.user_types) > 1 and before != exchanges[-1].user_type:
        write(exchanges[-1].user_type)


_POLL_S = 0.01
_SPARE_S = 30.0
"""More than the start of an interpreter and the pauses of one user take between two requests."""


def rehearse(scenario: Scenario, command: Command) -> Iterator[Exchange]:
    """Every request of `scenario` once, in order.

    Raises: RunError where the engine breaks or falls silent. Leaving early ends its process.
    """
    longest_s = max((request.timeout_s for request in scenario.requests()), default=0.0) + _SPARE_S
    with temporary_folder("try") as out:
        child = Child(command, out=out, secrets=scenario.secrets)
        try:
            for line in _lines(child, longest_s):
                if (exchange := read_exchange(line, scenario)) is not None:
                    yield exchange
            if child.returncode:
                last = child.last_words().splitlines()[-1:] or [f"it exited with {child.returncode}"]
                raise RunError(f"the requests could not be sent: {last[0]}")
        finally:
            child.kill()


def _lines(child: Child, longest_s: float) -> Iterator[str]:
    """Whole lines of its output as they come, until it ends."""
    heard_at, pending = time.monotonic(), b""
    with child.stdout.open("rb") as output:
        while True:
            ended = child.poll() is not None
            data = output.read()
            if data:
                heard_at = time.monotonic()
            *lines, pending = (pending + data).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in lines)
            if ended:
                return
            if time.monotonic() - heard_at > longest_s:
                raise RunError(f"the engine reported no request for {longest_s:.0f} s")
            time.sleep(_POLL_S)
