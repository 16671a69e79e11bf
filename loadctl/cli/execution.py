"""A run from the command line: scenario → system → engine → directory → result → exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from loadctl.cli.conversation import Conversation, is_terminal
from loadctl.cli.judging import fails_on_warn, judged
from loadctl.cli.planning import planned
from loadctl.cli.project import Overrides
from loadctl.cli.telling import tell
from loadctl.engines import engine_named
from loadctl.engines.base import Engine
from loadctl.errors import RunError, UsageError
from loadctl.results.document import dumps
from loadctl.results.result import Result
from loadctl.results.verdict import ExitCode
from loadctl.run.directory import RunDirectory
from loadctl.scenario.consent import host_name, may_load
from loadctl.scenario.scenario import Scenario, Watch
from loadctl.scenario.units import UnitError, parse_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What `run` was asked for, as typed."""

    reference: str | None
    overrides: Overrides
    workers: int
    seed: int | None
    pid: int | None
    process: str | None
    allow_hosts: Sequence[str]
    demo: bool
    faults: Sequence[str]
    service: str | None
    truth: Path | None
    ready_timeout: str
    python: str | None
    out: Path
    fail_on: str


@dataclass(frozen=True, slots=True)
class Output:
    quiet: bool
    as_json: bool
    plain: bool


def execute(options: RunOptions, output: Output) -> ExitCode:
    """Carry out, judge, store, tell.

    Raises: LoadctlError; what was measured by then is in the run directory.
    """
    from loadctl.run.runner import RunRequest, run

    fail_on_warn = fails_on_warn(options.fail_on)
    with _system(options) as host:
        scenario = _prepared(options, host)
        engine = _usable(scenario, options)
        _ask_for_consent(scenario, demo=options.demo)
        redrawn = is_terminal() and not output.plain
        with Conversation(scenario, redrawn=redrawn, silent=output.quiet) as conversation:
            request = RunRequest(
                scenario=scenario,
                engine=engine,
                out=options.out,
                shards=options.workers,
                argv=sys.argv[1:],
                ready_deadline_s=_seconds(options.ready_timeout),
            )
            try:
                directory = run(request, conversation)
            except RunError:
                if conversation.run is not None:
                    _stored(conversation.run, fail_on_warn=fail_on_warn)
                raise
            conversation.say([""])
    result = _stored(directory, fail_on_warn=fail_on_warn)
    tell(result, quiet=output.quiet, as_json=output.as_json)
    return result.exit_code


def _stored(directory: RunDirectory, *, fail_on_warn: bool) -> Result:
    """Judge what the directory holds, and keep the result in it."""
    result = judged(directory, fail_on_warn=fail_on_warn)
    directory.replace("result.json", dumps(result))
    return result


@contextmanager
def _system(options: RunOptions) -> Iterator[str | None]:
    """The host to load: the demo system's, started for this run; or None, the scenario's own."""
    if not options.demo:
        if options.faults or options.truth or options.service:
            raise UsageError("--fault, --service and --truth are about the demo system", hint="add --demo")
        yield None
        return
    if options.overrides.host:
        raise UsageError("--demo brings its own host", hint="leave out --host, or --demo")
    from loadctl.run.demo_system import demo_system

    with demo_system(options.faults, truth=options.truth, service=options.service) as system:
        yield system.host


def _prepared(options: RunOptions, demo_host: str | None) -> Scenario:
    overrides = options.overrides if demo_host is None else replace(options.overrides, host=demo_host)
    scenario = planned(options.reference, overrides)
    watch = scenario.watch
    if options.pid is not None or options.process is not None:
        watch = Watch(pid=options.pid, process=options.process)
    elif demo_host is not None:
        watch = Watch()
    return replace(
        scenario,
        watch=watch,
        seed=scenario.seed if options.seed is None else options.seed,
        allow_hosts=(*scenario.allow_hosts, *options.allow_hosts),
    )


def _usable(scenario: Scenario, options: RunOptions) -> Engine:
    engine = engine_named(scenario.engine, python=options.python)
    if engine.version() is None:
        raise UsageError(f"{engine.name} is not installed", hint=engine.install_hint)
    return engine


def _ask_for_consent(scenario: Scenario, *, demo: bool) -> None:
    """A public host is asked about in a terminal, and must be listed where nobody can answer."""
    if demo or may_load(scenario.host, scenario.allow_hosts):
        return
    name = host_name(scenario.host)
    if is_terminal() and sys.stdin.isatty():
        typer.confirm(
            f"{name} is not a private host. You may load it: up to {scenario.load.peak:g} "
            f"{'users' if scenario.load.model == 'closed' else 'arrivals a second'}?",
            abort=True,
            err=True,
        )
        return
    raise UsageError(
        f"{name} is not a private host, and nobody said that it may be loaded; nothing was sent",
        hint=f"in the scenario:  allow_hosts: [{name}]     or this once:  --allow-host {name}",
    )


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except UnitError as error:
        raise UsageError(f"--ready-timeout: {error}") from error
