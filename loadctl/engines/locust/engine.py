"""Locust as an engine: one Python process a shard, which reads its plan from standard input."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from loadctl.engines.base import Command, Outcome, State
from loadctl.engines.locust.inside import EXIT_BEYOND, EXIT_REFUSED, EXIT_SCRIPT, EXIT_STOPPED
from loadctl.engines.short_command import output_of
from loadctl.errors import UsageError

if TYPE_CHECKING:
    from loadctl.scenario.scenario import Scenario
    from loadctl.scenario.user_type import Json


LAUNCH = Path(__file__).with_name("inside") / "launch.py"
_REFUSAL_LINES = 5
_TIMEOUT_S = 20.0
_ASK_VERSION = "import sys; del sys.path[0]; import importlib.metadata as m; print(m.version('locust'))"
"""Without the working directory, whose files Python would take for modules."""


@cache
def _own_version() -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("locust")
    except PackageNotFoundError:
        return None


def _refusal(stderr: str) -> str:
    """The end of the last paragraph; for argparse its error, which follows a long usage text."""
    lines = [line.rstrip() for line in stderr.rstrip().splitlines()]
    begins = [index + 1 for index, line in enumerate(lines) if not line]
    errors = [index for index, line in enumerate(lines) if ": error: " in line]
    first = max([len(lines) - _REFUSAL_LINES, 0, *begins[-1:], *errors[-1:]])
    return "\n".join(lines[first:]) or "the script gave no reason"


class LocustEngine:
    """`python`: the interpreter that has locust and what the user's script imports; None: the one of loadctl.

    `master`: the port of Locust's page on this machine, to which the shards report as its workers.
    """

    name = "locust"
    install_hint = "pip install locust"

    def __init__(self, python: str | None = None, master: int | None = None) -> None:
        self._python = python
        self._master: Json = None if master is None else {"host": "127.0.0.1", "port": master}
        if python is not None:
            there = shutil.which(python) is not None
            self.install_hint = f"{python} -m pip install locust" if there else f"no such program: {python}"

    def version(self) -> str | None:
        if self._python is None:
            return _own_version()
        return output_of([self._python, "-c", _ASK_VERSION], _TIMEOUT_S) or None

    def state(self, environ: Mapping[str, str]) -> State:  # noqa: ARG002
        version = self.version()
        python = self._python or sys.executable
        if version is None:
            return State(None, reason=f"not installed for {python}", hint=self.install_hint)
        return State(version, where=f"in {python}")

    def install(self, environ: Mapping[str, str], prefix: Path | None, say: Callable[[str], None]) -> Path:  # noqa: ARG002
        """Locust comes with loadctl; in another Python the user installs it with pip."""
        if self.version() is None or prefix is not None:
            raise UsageError("Locust is installed with pip into loadctl's own Python", hint=self.install_hint)
        say(f"Locust {self.version()} is already installed")
        return Path(sys.prefix)

    def plan(self, scenario: Scenario, out: Path, shards: int) -> tuple[Command, ...]:
        return tuple(self._command(scenario, out, shard, shards) for shard in range(shards))

    def early(self) -> Command:
        return Command(argv=self._argv)

    def rehearsal(self, scenario: Scenario) -> Command:
        from loadctl.engines.shard_plan import plan_line, shard_plan

        return Command(argv=(*self._argv, "journey.rehearse"), stdin=plan_line(shard_plan(scenario, 0, 1)))

    def completed(self, scenario: Scenario, environ: Mapping[str, str]) -> Scenario:
        from loadctl.engines.locust.own_script import completed

        return completed(scenario, environ)

    def outcome(self, returncode: int, stderr: str) -> Outcome:
        if returncode == 0:
            return Outcome("finished")
        if returncode == EXIT_STOPPED:
            return Outcome("stopped")
        if returncode == EXIT_REFUSED:
            return Outcome("refused", _refusal(stderr))
        last_line = next((line for line in reversed(stderr.splitlines()) if line.strip()), "").strip()
        if returncode == EXIT_BEYOND:
            return Outcome("beyond", last_line)
        if returncode == EXIT_SCRIPT:
            return Outcome("failed", last_line)
        if returncode < 0:
            return Outcome("failed", f"it was killed by signal {-returncode}")
        return Outcome("failed", f"it exited with {returncode}" + (f": {last_line}" if last_line else ""))

    @property
    def _argv(self) -> tuple[str, ...]:
        return (self._python or sys.executable, str(LAUNCH))

    def _command(self, scenario: Scenario, out: Path, shard: int, shards: int) -> Command:
        from loadctl.engines.shard_plan import shard_command, shard_plan

        plan: dict[str, Json] = {
            **shard_plan(scenario, shard, shards),
            "frames": str(out.absolute() / "frames" / f"{shard}.ndjson"),
            "output": [str(out.absolute() / "engine" / f"{shard}.{name}") for name in ("stdout", "stderr")],
            "master": self._master,
        }
        return shard_command(self._argv, plan, scenario)


_USERS = 10
_PER_S = 10.0
"""Defaults of the form if the scenario has no load; if it has one, all users start within ten seconds."""


@dataclass(frozen=True, slots=True)
class Listening:
    """The page is up: its port, and the one to which shards report."""

    port: int
    master: int


def page_command(scenario: Scenario, *, bind: str, port: int, shards: int, orders: Path) -> Command:
    """The page in a process of its own. `orders`: the file to which it appends a line for each order.

    Locust runs in loadctl's own Python here: the page runs nothing of the user's.
    """
    peak = round(scenario.load.peak) or _USERS
    settings: dict[str, Json] = {
        "orders": str(orders),
        "bind": bind,
        "port": port,
        "host": scenario.host,
        "title": scenario.name,
        "users": peak,
        "spawn_rate": max(1.0, round(peak / _PER_S)),
        "shards": shards,
    }
    return Command(
        argv=(sys.executable, str(LAUNCH), "page"),
        cwd=orders.parent,
        stdin=json.dumps(settings, ensure_ascii=False) + "\n",
    )


def listening(line: bytes) -> Listening:
    """The first line of the page's output."""
    return Listening(**json.loads(line))


def ended(lines: Sequence[str], *, report: Path | None = None, trouble: str | None = None) -> str:
    """Tells the page that the run is over: its verdict in lines and its report. `trouble`: why it could not be
    carried out.
    """
    path = None if report is None else str(report.absolute())
    return json.dumps({"lines": list(lines), "trouble": trouble, "report": path}, ensure_ascii=False)
