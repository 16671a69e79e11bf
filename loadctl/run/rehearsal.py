"""A rehearsal: start the engine's process, and yield each request as soon as it is over."""

from __future__ import annotations

import time
from collections.abc import Iterator

from loadctl.engines.base import Command
from loadctl.errors import RunError
from loadctl.results.exchange import Exchange, read_exchange
from loadctl.run.process import Child
from loadctl.scenario.scenario import Scenario
from loadctl.temporary import temporary_folder

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
