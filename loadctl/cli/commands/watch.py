"""`loadctl watch`: the monitors of a run, live, without making load."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from loadctl.cli.options import (
    DemoOptions,
    Host,
    JsonFlag,
    Overrides,
    Plain,
    ScenarioArg,
    WatchOptions,
    in_units,
)
from loadctl.cli.output import complain, for_the_log, is_terminal
from loadctl.cli.planning import read, watched, with_any_load
from loadctl.cli.system import host_of
from loadctl.errors import UsageError
from loadctl.monitors.plan import sources_for
from loadctl.monitors.sampler import Sampler
from loadctl.reports.printable import printable
from loadctl.reports.terminal.live import plain, screen
from loadctl.results.readings import Latest
from loadctl.results.recording import Event, Reading
from loadctl.run.journal import Journal, event_line, reading_line
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.units import format_clock, parse_duration

_EVERY_S = 1.0
_PLAIN_EVERY_S = 10.0

Seen = Callable[["list[Reading | Event]"], None]


def watch(
    scenario: ScenarioArg = None,
    *,
    host: Host = None,
    options: WatchOptions,
    demo: DemoOptions,
    length_s: Annotated[
        float | None,
        typer.Option("--for", metavar="TIME", help="End after this long; else with Ctrl-C."),
        in_units("--for", parse_duration),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Record readings.ndjson and events.ndjson here."),
    ] = None,
    plain: Plain = False,
    as_json: JsonFlag = False,
) -> None:
    """Watch a system live: process, containers, pods, metrics, logs and the machine. No load is made."""
    with host_of(demo, host) as known:
        meant = watched(_scenario(scenario, known()), options, demo=demo.use)
        with contextlib.suppress(KeyboardInterrupt):
            _watch(meant, length_s, out, plain=plain, as_json=as_json)


def _scenario(reference: str | None, host: str | None) -> Scenario:
    """What is named, or nothing but a host: then its load does not matter."""
    if reference is None and host is not None:
        reference, host = host, None
    return read(reference, with_any_load(reference, Overrides(host=host)))


def _watch(
    scenario: Scenario, length_s: float | None, out: Path | None, *, plain: bool, as_json: bool
) -> None:
    plan = sources_for(scenario)
    sources = [source for source in plan.sources if source is not plan.generator]
    sampler = Sampler(
        sources, secrets=scenario.secrets, series=scenario.judged_series, close=plan.system.close
    )
    redrawn = is_terminal() and not plain and not as_json
    head = f"{plan.system.watched} on {scenario.shown_host}"
    with _record(out) as keep, _show(head, redrawn=redrawn, as_json=as_json) as show:
        began = time.monotonic()
        sampler.start(began)

        def pass_on() -> None:
            seen = sampler.drain()
            keep(seen)
            show(seen)

        try:
            while length_s is None or time.monotonic() - began < length_s:
                time.sleep(max(0.0, min(_EVERY_S, (length_s or _EVERY_S) - (time.monotonic() - began))))
                pass_on()
        finally:
            sampler.stop()
            pass_on()


@contextmanager
def _record(out: Path | None) -> Iterator[Seen]:
    """Whole lines, appended and flushed at once. Raises: UsageError, RunError."""
    if out is None:
        yield lambda _: None
        return

    try:
        out.mkdir(parents=True, exist_ok=True)
        readings, events = Journal(out / "readings.ndjson"), Journal(out / "events.ndjson")
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}") from error

    def keep(seen: list[Reading | Event]) -> None:
        readings.append(reading_line(one) for one in seen if isinstance(one, Reading))
        events.append(event_line(one) for one in seen if not isinstance(one, Reading))

    with contextlib.closing(readings), contextlib.closing(events):
        yield keep


@contextmanager
def _show(head: str, *, redrawn: bool, as_json: bool) -> Iterator[Seen]:
    if as_json:
        yield _json_lines
    elif redrawn:
        with _live(head) as show:
            yield show
    else:
        complain(f"{head}\n")
        yield _Plain()


def _json_lines(seen: list[Reading | Event]) -> None:
    for one in seen:
        line = reading_line(one) if isinstance(one, Reading) else event_line(one)
        sys.stdout.write(for_the_log(line, as_json=True) + "\n")
    sys.stdout.flush()


class _Plain:
    """Events as they come, figures now and then."""

    def __init__(self) -> None:
        self._latest = Latest()
        self._next = 2.0

    def __call__(self, seen: list[Reading | Event]) -> None:
        for one in seen:
            self._latest.add(one)
            if not isinstance(one, Reading):
                message = printable(one.message, 400)
                line = f"{format_clock(one.t)}  {one.kind.replace('_', ' ')}: {message}\n"
                sys.stdout.write(for_the_log(line))
        if self._latest.entities and self._latest.t >= self._next:
            self._next = self._latest.t + _PLAIN_EVERY_S
            sys.stdout.write(for_the_log("".join(f"{line}\n" for line in plain(self._latest))))
        sys.stdout.flush()


@contextmanager
def _live(head: str) -> Iterator[Seen]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    latest = Latest()
    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False, screen=False) as live:

        def show(seen: list[Reading | Event]) -> None:
            for one in seen:
                latest.add(one)
            lines = screen(latest, head, width=console.width - 1)
            live.update(Text("\n".join(lines), no_wrap=True), refresh=True)

        yield show
