"""What `run` says on stderr: lines that are redrawn in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Self

from loadctl.cli.output import complain, hush, in_actions, write_commands
from loadctl.reports.printable import printable
from loadctl.reports.terminal.live import live_lines, plain_every_s, plain_line
from loadctl.results.interval import Second
from loadctl.results.live import Progress
from loadctl.results.recording import LEVEL, Event, Reading
from loadctl.run.directory import Observer, RunDirectory
from loadctl.run.manifest import Manifest
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.units import format_clock

if TYPE_CHECKING:
    from rich.live import Live


class Conversation(Observer):
    """With `redrawn`, five lines that change in place; else plain lines, rarer as time goes by."""

    def __init__(self, scenario: Scenario, *, redrawn: bool, silent: bool = False) -> None:
        self._progress = Progress(scenario.load)
        self._targets = scenario.targets
        self._redrawn = redrawn
        self._silent = silent
        self._group = None if silent or not in_actions() else f"load: {printable(scenario.name, 60)}"
        self._next_line_t = plain_every_s(0)
        self._live: Live | None = None
        self.run: RunDirectory | None = None
        """Where the run is written, once there is a directory."""

    def __enter__(self) -> Self:
        if self._group is not None:
            _command("group", self._group)
        if self._redrawn and not self._silent:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                console=Console(stderr=True, highlight=False), auto_refresh=False, transient=True
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            with contextlib.suppress(OSError):
                self._live.stop()
            self._live = None
        if self._group is not None:
            _command("endgroup", "")

    def say(self, lines: Sequence[str]) -> None:
        if self._silent:
            return
        text = "".join(f"{line}\n" for line in lines)
        if self._live is not None:
            console = self._live.console
            self._draw(lambda: console.print(text, end="", markup=False, highlight=False, soft_wrap=True))
        else:
            self._silent = not complain(text)

    @property
    def _width(self) -> int:
        """The current width of the terminal, at most 120; 80 elsewhere, so that all logs look alike."""
        return 80 if self._live is None else min(self._live.console.width, 120)

    def _draw(self, draw: Callable[[], None]) -> None:
        """A terminal that was closed does not end the run; nothing more is written."""
        try:
            draw()
        except OSError:
            hush(sys.stderr)
            self._silent = True

    def second(self, second: Second) -> None:
        self._progress.add(second)
        if self._silent:
            return
        if self._live is not None:
            from rich.text import Text

            live, lines = self._live, live_lines(self._progress, self._targets, self._width)
            self._draw(lambda: live.update(Text("\n".join(lines)), refresh=True))
        elif self._progress.t + 1 >= self._next_line_t:
            self._next_line_t = self._progress.t + 1 + plain_every_s(self._progress.t)
            self.say([plain_line(self._progress, self._targets)])

    def reading(self, reading: Reading) -> None:
        self._progress.read(reading)

    def event(self, event: Event) -> None:
        """Stages show in the live lines; every other event gets a line of its own."""
        if event.kind not in {"stage", LEVEL}:
            self.say([f"{format_clock(event.t)}  {printable(event.message)}"])

    def began(self, run: RunDirectory) -> None:
        self.run = run

    def started(self, manifest: Manifest) -> None:
        """The first lines: what is loaded and watched, what to expect, what cannot be judged."""
        from loadctl.reports.terminal.plan import preamble
        from loadctl.results.result import engine_label
        from loadctl.scenario.expectation import expect

        engine = engine_label(manifest.engine, manifest.engine_version, manifest.engine_extension)
        watched = manifest.watched or "nothing watched"
        scenario, argv = manifest.scenario, manifest.argv
        self.say(preamble(scenario, expect(scenario), watched, engine, self._width, argv=argv))
        self.say([f"  {note}" for note in manifest.watch_notes])
        import_module("loadctl.cli.judging")  # needed as soon as the load has ended, so imported during it
        import_module("loadctl.cli.output")
        import_module("loadctl.reports.html.page")


def _command(name: str, message: str) -> None:
    from loadctl.reports.ci.workflow_commands import workflow_command

    write_commands(f"{workflow_command(name, message)}\n")
