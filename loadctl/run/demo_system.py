"""The embedded demo system as a process of its own, for as long as a run needs it."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadctl.engines.base import Command
from loadctl.errors import RunError, UsageError
from loadctl.run.process import Child
from loadctl.temporary import temporary_folder

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
