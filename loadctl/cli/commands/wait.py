"""`loadctl wait`: until a system is ready, instead of `sleep 10`."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

import typer

from loadctl.cli.options import HIGHEST_PID, Overrides, Quiet, WatchOptions, choice, in_units
from loadctl.cli.output import complain, is_terminal
from loadctl.cli.planning import read, watched
from loadctl.cli.project import Project, address, is_url
from loadctl.errors import UsageError
from loadctl.monitors.background import Lost
from loadctl.monitors.containers.container import ContainerSource
from loadctl.monitors.containers.engine import DockerEngine
from loadctl.reports.printable import printable
from loadctl.run.readiness import liveness, wait_until_healthy, wait_until_ready
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.units import parse_duration

_CONTAINER = "container:"
_HEALTH = "/health"


def wait(
    system: Annotated[
        str,
        typer.Argument(metavar="SYSTEM", help="What must answer: a URL, a scenario, or container:NAME."),
    ],
    until: Annotated[
        str | None,
        typer.Option("--for", metavar="ready|healthy", help="ready: it answers; healthy: it says so."),
        choice("--for", "ready", "healthy"),
    ] = None,
    *,
    timeout_s: Annotated[
        float,
        typer.Option("--timeout", metavar="TIME", help="How long to try."),
        in_units("--timeout", parse_duration, "60s"),
    ],
    pid: Annotated[
        int | None,
        typer.Option("--pid", metavar="N", help="Give up when this process ends.", min=1, max=HIGHEST_PID),
    ] = None,
    container: Annotated[
        str | None,
        typer.Option("--container", metavar="NAME", help="Give up when this container ends; its last lines."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Wait until a system is ready.

    ready: two answers in a row, 2xx on a path, below 500 on the root.
    healthy: two answers 2xx in a row, on /health where the URL has no path; a container: its own health check.
    """
    if system.startswith(_CONTAINER):
        if until == "ready" or pid is not None or container is not None:
            raise UsageError(
                "a container can be waited for only by its health check: --for healthy",
                hint="to wait for what it serves:  loadctl wait URL --container NAME",
            )
        took_s, word = _until_healthy(system.removeprefix(_CONTAINER), timeout_s, quiet=quiet), "healthy"
    else:
        scenario = _described(system, until, pid, container)
        took_s, word = _until_ready(scenario, system, timeout_s, quiet=quiet), until or "ready"
        system = scenario.name or scenario.host
    if not quiet:
        complain(f"{system} is {word} after {took_s:.1f} s\n")


def _described(system: str, until: str | None, pid: int | None, container: str | None) -> Scenario:
    """A scenario with what a wait needs: where to ask, and what must stay alive. Raises: UsageError."""
    if is_url(system) or system not in {entry.name for entry in Project().entries()}:
        url = urlsplit(address(system))
        credentials, _, place = url.netloc.rpartition("@")
        host = url._replace(netloc=place).geturl()  # this is shown
        scenario = Scenario(name="", host=host, credentials=credentials, load=Load("closed", ()))
        at_root = url.path in {"", "/"} and not url.query
    else:
        scenario = read(system, Overrides(host=os.environ.get("LOADCTL_HOST")))
        at_root = scenario.health in {None, "none"}
    if until == "healthy" and at_root:
        scenario = replace(scenario, health=_HEALTH)
    containers = () if container is None else (container,)
    return watched(scenario, WatchOptions(pid=pid, containers=containers))


def _until_ready(scenario: Scenario, system: str, deadline_s: float, *, quiet: bool) -> float:
    """`system`: as it was typed."""

    def elsewhere(url: str) -> str:
        return shlex.join(["loadctl", *(url if word == system else word for word in sys.argv[1:])])

    with _progress(scenario.host, quiet=quiet) as tell, liveness(scenario) as alive:
        return wait_until_ready(
            scenario.address,
            health=None if scenario.health == "none" else scenario.health,
            deadline_s=deadline_s,
            tls=scenario.tls,
            elsewhere=elsewhere,
            alive=alive,
            tell=tell,
            is_base=bool(scenario.name),
        )


def _until_healthy(name: str, deadline_s: float, *, quiet: bool) -> float:
    with closing(DockerEngine.find(os.environ)) as engine:
        source = ContainerSource(engine, name)

        def health() -> str | None:
            try:
                state = engine.inspect(source.name.removeprefix("container "))
            except Lost:
                return None
            if state.health is None and state.running:
                raise UsageError(f"{source.name} has no health check", hint="name its URL:  loadctl wait URL")
            return state.health if state.running else None

        with _progress(source.name, quiet=quiet) as tell:
            return wait_until_healthy(
                source.name, health_of=health, why_dead=source.why_dead, deadline_s=deadline_s, tell=tell
            )


@contextmanager
def _progress(what: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """One line that is redrawn in a terminal; nothing elsewhere."""
    if quiet or not is_terminal():
        yield lambda _: None
        return
    began = time.monotonic()

    def tell(trouble: str) -> None:
        complain(f"\r\x1b[K{printable(what, 60)}: {printable(trouble, 60)}, {time.monotonic() - began:.0f} s")

    try:
        yield tell
    finally:
        complain("\r\x1b[K")
