"""The system that a command will send requests to: the demo's or the scenario's, and whether it may be loaded."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from loadctl.cli.output import complain, is_terminal
from loadctl.engines.base import Command
from loadctl.errors import RunError, UsageError
from loadctl.run.process import Child
from loadctl.scenario.consent import address_of, consent_of, places_of
from loadctl.scenario.scenario import Place
from loadctl.temporary import temporary_folder

if TYPE_CHECKING:
    from loadctl.cli.options import DemoOptions
    from loadctl.scenario.scenario import Scenario


_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@contextmanager
def host_of(demo: DemoOptions, host: str | None) -> Iterator[Callable[[], str | None]]:
    """A way to ask for the host: the demo system's, started for as long as this lasts; or `host`; None: the scenario's.

    The demo starts at once and on its own; only asking for its host waits for it.
    Raises: UsageError for options that contradict each other; the answer, RunError where the demo does not start.
    """
    if not demo.use:
        if demo.faults or demo.truth or demo.service:
            raise UsageError("--fault, --service and --truth need the demo system", hint="add --demo")
        yield lambda: host
        return
    if host and host != os.environ.get("LOADCTL_HOST"):
        raise UsageError("--demo brings its own host", hint="leave out --host, or --demo")
    from loadctl.cli.system import demo_system
    from loadctl.demo.fault import parse_fault
    from loadctl.demo.treatment import parse_service

    for fault in demo.faults:  # the demo would refuse it too, but as a system that does not start
        parse_fault(fault)
    if demo.service is not None:
        parse_service(demo.service)
    with demo_system(demo.faults, truth=demo.truth, service=demo.service) as system:
        yield lambda: system.host


def without_commands(scenario: Scenario, *, quiet: bool = False) -> Scenario:
    """For the demo system, which comes and goes by itself."""
    if (scenario.before or scenario.after) and not quiet:
        complain("before: and after: are left out: the demo system comes and goes by itself\n")
    return replace(scenario, before=(), after=())


def shards_for(workers: int | None, host: str) -> int:
    """The number asked for. Without one, a shard for each core of this process; half of them where the system is local:
    a request costs most systems more than it costs us, and with fewer cores left the system would be measured as slow.
    """
    if workers is not None:
        return workers
    from loadctl.monitors.process.cores import usable_cores
    from loadctl.monitors.process.port import is_local

    return max(1, int(usable_cores()) // (2 if is_local(host) else 1))


def ask_for_consent(scenario: Scenario, what: str) -> Scenario:
    """The scenario with what may be loaded: other hosts are asked about in a terminal, and must be listed elsewhere.

    `what` is about to happen: "up to 50 users". Raises: UsageError, Abort.
    """
    unknown = _unknown(scenario)
    if not unknown:
        return scenario
    names = list(dict.fromkeys(place.name for place in unknown))
    listed = ", ".join(names)
    are = "is not a private host" if len(names) == 1 else "are not private hosts"
    if is_terminal() and sys.stdin.isatty():
        typer.confirm(f"{listed} {are}. Are you allowed to send load there ({what})?", abort=True, err=True)
        return replace(scenario, allow_hosts=(*scenario.allow_hosts, *names))
    where = f"{unknown[0].where}  " if unknown[0].where else ""
    raise UsageError(
        f"{where}{listed} {are} and not in allow_hosts; nothing was sent",
        hint=f"in the scenario:  allow_hosts: [{listed}]     or this once:  "
        + " ".join(f"--allow-host {name}" for name in names),
    )


def _unknown(scenario: Scenario) -> Sequence[Place]:
    """Hosts that are not allowed. Behind a proxy, only the proxy can resolve a name."""
    consent = consent_of(scenario)
    is_proxied = any(os.environ.get(name) for name in _PROXIES)
    places = list(places_of(scenario))
    allowed = {
        name: consent.allows(name)
        and (is_proxied or all(consent.allows(name, at) for at in _addresses(name)))
        for name in dict.fromkeys(place.name for place in places)
    }
    return [place for place in places if not allowed[place.name]]


def _addresses(name: str) -> Sequence[str]:
    """The addresses of a name; none where it cannot be resolved (yet: `before:` may start it)."""
    if name == "localhost" or name.endswith(".localhost") or address_of(name) is not None:
        return ()
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return ()


_ANNOUNCED = re.compile(r"loadctl demo on (http://\S+)")
_STARTS_WITHIN_S = 10.0
_LEAVES_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class DemoSystem:
    """It starts on its own while the caller does something else; `host` waits until it listens."""

    _child: Child

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def host(self) -> str:
        """The URL that it prints once it listens. Raises: RunError where it does not start."""
        child, deadline = self._child, time.monotonic() + _STARTS_WITHIN_S
        while True:
            ended = child.poll() is not None
            if found := _ANNOUNCED.search(child.stdout.read_text(encoding="utf-8", errors="replace")):
                return found[1].rstrip("/")
            if ended or time.monotonic() > deadline:
                why = "ended" if ended else f"was not ready within {_STARTS_WITHIN_S:.0f} s"
                raise RunError(f"the demo system {why}: {child.last_words() or 'it printed nothing'}")
            time.sleep(0.02)


@contextmanager
def demo_system(
    faults: Sequence[str] = (), *, truth: Path | None = None, service: str | None = None
) -> Iterator[DemoSystem]:
    """A demo system on a free port. On the way out it is stopped, having written `truth` where that is given.

    Raises: UsageError where `truth` cannot be written; RunError where it does not start.
    """
    if truth is not None and not os.access(truth.absolute().parent, os.W_OK):
        raise UsageError(
            f"--truth {truth}: nothing can be written there", hint="the folder must exist and be yours"
        )
    argv = [sys.executable, "-P", "-m", "loadctl.demo", "--port", "0", "--exit-with-parent"]
    argv += [word for fault in faults for word in ("--fault", fault)]
    argv += ["--truth", str(truth.absolute())] if truth else []
    argv += ["--service", service] if service else []
    with temporary_folder("demo") as out:
        child = Child(Command(argv), out=out)
        try:
            yield DemoSystem(child)
        finally:
            child.terminate(_LEAVES_WITHIN_S)
