"""The system that a command will send requests to: the demo's or the scenario's, and whether it may be loaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from loadctl.cli.terminal import is_terminal
from loadctl.errors import UsageError
from loadctl.scenario.consent import host_name, may_load

if TYPE_CHECKING:
    from loadctl.scenario.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """`--demo`, and what only makes sense with it."""

    use: bool = False
    faults: Sequence[str] = ()
    service: str | None = None
    truth: Path | None = None


@contextmanager
def host_of(demo: DemoOptions, host: str | None) -> Iterator[Callable[[], str | None]]:
    """A way to ask for the host: the demo system's, started for as long as this lasts; or `host`; None: the scenario's.

    The demo starts at once and on its own; only asking for its host waits for it.
    Raises: UsageError for options that contradict each other; the answer, RunError where the demo does not start.
    """
    if not demo.use:
        if demo.faults or demo.truth or demo.service:
            raise UsageError("--fault, --service and --truth are about the demo system", hint="add --demo")
        yield lambda: host
        return
    if host and host != os.environ.get("LOADCTL_HOST"):
        raise UsageError("--demo brings its own host", hint="leave out --host, or --demo")
    from loadctl.demo.fault import parse_fault
    from loadctl.demo.service import parse_service
    from loadctl.run.demo_system import demo_system

    for fault in demo.faults:  # the demo would refuse it too, but as a system that does not start
        parse_fault(fault)
    if demo.service is not None:
        parse_service(demo.service)
    with demo_system(demo.faults, truth=demo.truth, service=demo.service) as system:
        yield lambda: system.host


def ask_for_consent(scenario: Scenario, what: str, *, demo: bool = False) -> None:
    """A public host is asked about in a terminal, and must be listed where nobody can answer.

    `what` is about to happen: "up to 50 users". Raises: UsageError, Abort.
    """
    hosts = [scenario.host, *(scenario.script.own_hosts if scenario.script is not None else ())]
    unknown = [host for host in hosts if not may_load(host, scenario.allow_hosts)]
    if demo or not unknown:
        return
    name = host_name(unknown[0])
    if is_terminal() and sys.stdin.isatty():
        typer.confirm(f"{name} is not a private host. You may load it: {what}?", abort=True, err=True)
        return
    raise UsageError(
        f"{name} is not a private host, and nobody said that it may be loaded; nothing was sent",
        hint=f"in the scenario:  allow_hosts: [{name}]     or this once:  --allow-host {name}",
    )
