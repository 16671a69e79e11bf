"""The seam between loadctl and the tools that make load.

An engine turns a scenario into commands, one a shard. The recorder that each command starts inside the
engine's own process speaks to loadctl in two ways only:

* it appends frames to `frames/<shard>.ndjson` in the run directory (results/wire/frame.py is their reader),
  `hello` first;
* it reads its standard input: first what `Command.stdin` holds; then a line `start <t0>` (t0 on
  CLOCK_MONOTONIC, seconds) begins the load; a line `users <t> <n> <per s>` changes one that has no stages: from
  t seconds after t0 on n users are wanted, at so many a second; a line `stop` ends it early (no new requests,
  drain, bye); end of file means that loadctl is gone: leave within two seconds.
  The end of the plan needs no word: the recorder drains, says `bye` and exits by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from loadctl.results.imported import Imported
    from loadctl.scenario.reading.document import Text
    from loadctl.scenario.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Command:
    """One shard: what to start, with which environment, after writing which files.

    `env` is added to a minimal environment, and a value of None removes a variable; `files` are paths
    (relative to the run directory) with their text, written 0600 before the start; `cwd` is where it runs
    (None: the user's own); `stdin` is written to its standard input first, in whole lines: the way for what
    must not touch the disk.
    """

    argv: Sequence[str]
    env: Mapping[str, str | None] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    stdin: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an engine process ended; this is never the verdict.

    `finished`: as planned · `stopped`: on request · `failed`: it could not start or it crashed (wrong script, import
    error); `reason` is one sentence in its own words. `refused`: it cannot do what the user asked for, and nothing was
    sent; `reason` may have several lines. `beyond`: a script connected to a host that is not allowed, which ends the
    whole run; `reason` names the host.
    """

    kind: Literal["finished", "stopped", "failed", "refused", "beyond"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """Whether an engine can be used on this machine. If `version` is None it cannot, because of `reason`; `hint` is
    a command that helps.
    """

    version: str | None
    where: str = ""
    reason: str | None = None
    hint: str | None = None


class Installer(Protocol):
    install_hint: str
    """The command that installs the engine."""

    def version(self) -> str | None:
        """The engine's version, without importing it; None: not installed."""

    def state(self, environ: Mapping[str, str]) -> State:
        """The version and where it is, or why it cannot be used."""

    def install(self, environ: Mapping[str, str], prefix: Path | None, say: Callable[[str], None]) -> Path:
        """Install it on this machine; returns the folder. Raises: UsageError, RunError."""


class Engine(Installer, Protocol):
    """Makes load."""

    name: str

    def plan(self, scenario: Scenario, out: Path, shards: int) -> tuple[Command, ...]:
        """The commands of a run, one a shard. Pure: `out` is the run directory, which it only names."""

    def early(self) -> Command | None:
        """The command that starts a shard before its plan is known; the plan follows on standard input. None: it
        depends on the plan.
        """

    def rehearsal(self, scenario: Scenario) -> Command | None:
        """The command with which one user sends every request once; results/exchange.py reads its output. Pure.

        Only for scenarios with user types, because nobody knows what a script will send. None: use another engine.
        """

    def completed(self, scenario: Scenario, environ: Mapping[str, str]) -> Scenario:
        """The scenario completed with the host and the load of its script. Reads the script, starts nothing.

        Raises: InvalidInput for what this engine cannot do, each mistake with its place.
        """

    def outcome(self, returncode: int, stderr: str) -> Outcome:
        """The meaning of an exit code (negative: killed by that signal) and of the error output."""


class Importer(Protocol):
    """The module `report` of an engine: reads the reports that the engine writes by itself."""

    READS: str
    """Which files, for people."""

    def recognises(self, text: str) -> bool:
        """Whether this is (a part of) such a report."""

    def read_report(self, files: Sequence[Text]) -> Imported:
        """The content of all files of one run. Raises: UsageError for files that do not fit or are damaged."""


class Exporter(Protocol):
    """The module `export` of an engine."""

    def export(self, scenario: Scenario) -> Mapping[str, str]:
        """Files (name → text) that the engine runs by itself. Pure. Raises: UsageError for what is a script already."""
