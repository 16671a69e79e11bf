"""`loadctl try`: every request once, one user, no load; what was sent and what came back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadctl.cli.options import AllowHosts, DemoOptions, Host, JsonFlag, Quiet, ScenarioArg, Seed
from loadctl.results.verdict import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from loadctl.results.exchange import Exchange
    from loadctl.results.recording import Event
    from loadctl.scenario.invocation import Invocation
    from loadctl.scenario.scenario import Scenario


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
    from contextlib import ExitStack

    from loadctl.cli.output import columns, write, write_json
    from loadctl.cli.system import ask_for_consent, host_of, without_commands
    from loadctl.engines import rehearsal
    from loadctl.reports.terminal.exchanges import closing, exchange_lines, opening
    from loadctl.results.exchange import exchanges_document
    from loadctl.run.rehearsal import rehearse

    with host_of(demo, host) as known, ExitStack() as around:
        found = _prepared(scenario, known(), allow_hosts, seed)
        found = ask_for_consent(found, "each request once")
        command = rehearsal(found)
        if demo.use:
            found = without_commands(found)
        _bring_up(found, around)
        screen = not quiet and not as_json
        if screen:
            write(opening(found))
        told: list[Exchange] = []
        for exchange in rehearse(found, command):
            told.append(exchange)
            if screen and not _nobody_answered(told):
                _name_user_type(found, told)
                write("\n".join(exchange_lines(exchange, found, width=columns())))
    if as_json:
        write_json(exchanges_document(found, told))
    _raise_if_nobody_answered(found, told)
    if not as_json:
        write(closing(told, _next(found), brief=quiet))
    return ExitCode.FAIL if any(exchange.outcome == "failed" for exchange in told) else ExitCode.OK


def _prepared(
    reference: str | None, host: str | None, allow_hosts: Sequence[str], seed: int | None
) -> Scenario:
    from dataclasses import replace

    from loadctl.cli.options import Overrides
    from loadctl.cli.planning import read, with_any_load
    from loadctl.errors import UsageError

    found = read(reference, with_any_load(reference, Overrides(host=host)))
    if found.script is not None:
        raise UsageError(
            f"{found.name} runs a script, which keeps to itself what it sends",
            hint=None
            if found.script.own_load
            else "run it with one user instead:  "
            + _invocation(found).command("run", "--users", "1", "--duration", "10s", "--smoke"),
        )
    return replace(
        found,
        seed=found.seed if seed is None else seed,
        allow_hosts=(*found.allow_hosts, *allow_hosts),
    )


def _bring_up(scenario: Scenario, around: ExitStack) -> None:
    """The scenario's own commands, and then until the system answers. Raises: UsageError, RunError, Interrupted."""
    from loadctl.cli.output import complain

    if not scenario.before and not scenario.after:
        return
    from loadctl.monitors.liveness import liveness
    from loadctl.reports.printable import printable
    from loadctl.run.local_commands import commands_around, require_programs
    from loadctl.run.readiness import wait_until_ready

    require_programs(scenario)

    def tell(event: Event) -> None:
        complain(f"{printable(event.message)}\n")

    around.enter_context(commands_around(scenario, tell))
    if scenario.before and scenario.health != "none":
        with liveness(scenario) as alive:
            wait_until_ready(
                scenario.address,
                health=scenario.health,
                tls=scenario.tls,
                elsewhere=_invocation(scenario).elsewhere,
                alive=alive,
                is_base=True,
            )


def _next(scenario: Scenario) -> str:
    from loadctl.analysis.next_steps import first_run

    load = ("-u", "10", "-t", "30s") if scenario.load_on_command_line else first_run(scenario)
    return _invocation(scenario).command("run", *load)


def _invocation(scenario: Scenario) -> Invocation:
    import sys

    from loadctl.scenario.invocation import Invocation

    return Invocation(scenario, sys.argv[1:])


def _nobody_answered(told: Sequence[Exchange]) -> bool:
    from loadctl.results.exchange import NO_ANSWER

    return all(exchange.outcome == "skipped" or exchange.error in NO_ANSWER for exchange in told)


def _raise_if_nobody_answered(scenario: Scenario, told: Sequence[Exchange]) -> None:
    from loadctl.errors import RunError

    if not told or not _nobody_answered(told):
        return
    if told[0].error != "connect_refused":
        raise RunError(f"{told[0].message}; nothing was sent")
    from urllib.parse import urlsplit

    from loadctl.run.readiness import is_loopback, listeners_hint

    place = urlsplit(scenario.host)
    port = place.port or (443 if place.scheme == "https" else 80)
    again = _invocation(scenario).elsewhere
    raise RunError(
        f"nothing listens on {place.hostname}:{port}; nothing was sent",
        hint=listeners_hint(port, again) if is_loopback(place.hostname or "") else None,
    )


def _name_user_type(scenario: Scenario, told: Sequence[Exchange]) -> None:
    """A line before the first request of each user type, where there are several."""
    from loadctl.cli.output import write

    before = told[-2].user_type if len(told) > 1 else ""
    if len(scenario.user_types) > 1 and before != told[-1].user_type:
        write(told[-1].user_type)
