"""A run from the command line: scenario → system → engine → directory → result → exit code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

import typer

from loadctl.cli.output import complain

if TYPE_CHECKING:
    from loadctl.results.recording import Event
    from loadctl.run.directory import RunDirectory
    from loadctl.scenario.reading.commands import LocalCommand
    from loadctl.scenario.scenario import Scenario
import contextlib
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from loadctl.cli.actions import tell_job
from loadctl.cli.arguments import fails_on_warn, on_top_of, profile_mode, workers_of
from loadctl.cli.conversation import Conversation
from loadctl.cli.formats import Files
from loadctl.cli.metrics_port import Serving, serving
from loadctl.cli.options import Output, RunOptions
from loadctl.cli.output import is_terminal
from loadctl.cli.planning import in_units, planned
from loadctl.cli.system import ask_for_consent
from loadctl.engines import usable_engine
from loadctl.engines.base import Engine
from loadctl.errors import Interrupted, LoadctlError, RunError, UsageError
from loadctl.results.verdict import ExitCode
from loadctl.run.directory import RunDirectory
from loadctl.run.interruption import Interruption
from loadctl.scenario.expectation import smoke_of
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.units import parse_duration
from loadctl.scenario.watch import Watch

if TYPE_CHECKING:
    from loadctl.cli.judging import Judgement
    from loadctl.run.directory import Observer


_OPTION = "--on-finish"
_TIMEOUT_S = 60.0

OnFinish = Annotated[
    str | None,
    typer.Option(
        _OPTION,
        metavar="CMD",
        help="Run this when the result is written, its path as the last word. No shell; a minute at most.",
    ),
]


@dataclass(frozen=True, slots=True)
class Finish:
    """`command` None: nothing was asked for. `secrets`: values in it that are not to be shown."""

    command: LocalCommand | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)

    def carry_out(self, scenario: Scenario, run: RunDirectory | None) -> None:
        """Its output is kept in the run's directory. A failure is told, and changes nothing. None: nothing began."""
        if self.command is None or run is None:
            return
        if not run.result.is_file():
            complain(f"{_OPTION} was not run: there is no result\n")
            return
        from loadctl.run.interruption import Interruption
        from loadctl.run.local_commands import LocalCommands

        known = replace(scenario, secrets={**scenario.secrets, **self.secrets})
        with Interruption() as interruption:
            LocalCommands(known, run.engine, interruption, tell=_tell).finish(self.command, run.result)


def finish_of(text: str | None) -> Finish:
    """What the option says, found out before the load. Raises: UsageError."""
    if text is None:
        return Finish()
    from loadctl.run.local_commands import require_program
    from loadctl.scenario.reading.commands import CommandReader
    from loadctl.scenario.reading.environment import Environment
    from loadctl.scenario.reading.mistakes import Mistakes

    mistakes = Mistakes()
    environment = Environment(os.environ, mistakes)
    command = CommandReader(mistakes, environment).option(_OPTION, text, timeout_s=_TIMEOUT_S)
    mistakes.raise_if_any(environment.secrets)
    if command is not None:
        require_program(command, _OPTION)
    return Finish(command, environment.secrets)


def _tell(event: Event) -> None:
    from loadctl.reports.printable import printable

    if "took_s" in event.detail and event.detail["exit_code"] != 0:
        complain(f"{printable(event.message, 1000)}\n")


def execute(options: RunOptions, output: Output, host: str | None) -> ExitCode:
    """Carry out, judge, store, tell. `host`: what the command line or the demo system says, instead of the scenario.

    Raises: LoadctlError; what was measured by then is in the run directory.
    """
    fail_on_warn = fails_on_warn(options.fail_on)
    options.files.check()
    finish = finish_of(options.on_finish)
    scenario = prepared(options, host)
    engine = usable(scenario, options)
    scenario = _agreed(scenario)
    with ExitStack() as stack:
        redrawn = is_terminal() and not output.plain
        with Conversation(scenario, redrawn=redrawn, silent=output.quiet) as conversation:
            stack.callback(lambda: finish.carry_out(scenario, conversation.run))
            served = stack.enter_context(serving(options.metrics, conversation))
            # Entered here: a signal that comes between the end of the load and its result must not cost the result.
            judging = stack.enter_context(ExitStack())
            late = judging.enter_context(Interruption(to_the_end=served is None))
            directory = _carried_out(options, output, scenario, engine, conversation, served, late)
        from loadctl.cli.output import tell

        judgement = stored(directory, fail_on_warn=fail_on_warn)
        if served is not None:
            served.conclude(judgement.result)
        tell(judgement.result, quiet=output.quiet, as_json=output.as_json)
        write_report(directory, judgement)
        tell_job(judgement.result, options.files)
        options.files.write(judgement)
        if served is not None:
            judging.close()  # Ctrl-C ends what follows
            served.linger()
    return judgement.result.exit_code


def _carried_out(
    options: RunOptions,
    output: Output,
    scenario: Scenario,
    engine: Engine,
    conversation: Conversation,
    served: Serving | None,
    interruption: Interruption,
) -> RunDirectory:
    """Raises: RunError or Interrupted, when the result has been kept that there is."""
    from loadctl.run.runner import RunRequest, run

    request = RunRequest(
        scenario=replace(scenario, before=(), after=()) if options.demo else scenario,
        engine=engine,
        out=options.out,
        shards=workers_of(options.workers, scenario.host),
        argv=sys.argv[1:],
        early=options.early,
        ready_deadline_s=in_units("--ready-timeout", options.ready_timeout, parse_duration),
    )
    if options.demo and (scenario.before or scenario.after):
        conversation.say(["before: and after: are left out: the demo system comes and goes by itself"])
    observer: Observer = conversation
    if served is not None:
        conversation.say([f"metrics for Prometheus: {served.url}"])
        observer = served.observer
    if options.profile is not None:
        from loadctl.run.watching import Profiling

        profiling = Profiling(profile_mode(options.profile), observer)
        request, observer = replace(request, watch=profiling.watch), profiling
    if interruption.number is not None:
        raise Interrupted(interruption.number)
    try:
        directory = run(request, observer)
    except (RunError, Interrupted):
        if conversation.run is not None:
            keep(conversation.run, output, options.files, fail_on_warn=fails_on_warn(options.fail_on))
        raise
    conversation.say([""])
    return directory


def keep(directory: RunDirectory, output: Output, files: Files, *, fail_on_warn: bool) -> None:
    """The result of a run that could not be carried out, where it can still be written; the error itself is
    told by who caught it."""
    from loadctl.cli.output import tell

    with contextlib.suppress(LoadctlError):
        judgement = stored(directory, fail_on_warn=fail_on_warn)
        write_report(directory, judgement)
        tell_job(judgement.result, files)
        files.write(judgement)
        if output.as_json:
            tell(judgement.result, quiet=output.quiet, as_json=True)


def stored(directory: RunDirectory, *, fail_on_warn: bool) -> Judgement:
    """Judge what the directory holds, and keep the result in it."""
    from loadctl.cli.judging import judged
    from loadctl.results.wire.document import dumps

    if (directory.path / "profile").is_dir():
        from loadctl.cli.judging import write_profiles
        from loadctl.run.journal import UnwritableError
        from loadctl.run.store import read_recording

        with contextlib.suppress(
            UnwritableError
        ):  # the raw stacks stay, and the result lists only what there is
            write_profiles(directory, read_recording(directory)[1].profiles)
    judgement = judged(directory, fail_on_warn=fail_on_warn)
    result, manifest = judgement.result, judgement.manifest
    if manifest.smoke and manifest.targets_judged != result.targets_judged:
        manifest = replace(manifest, targets_judged=result.targets_judged)
        directory.write_manifest(manifest)
    directory.replace("result.json", dumps(result))
    return judgement


def write_report(directory: RunDirectory, judgement: Judgement) -> None:
    """The page with charts. That it cannot be written costs no verdict; `loadctl report --format html` says why."""
    from loadctl.cli.formats import html
    from loadctl.run.journal import UnwritableError

    with contextlib.suppress(UsageError, UnwritableError):
        directory.replace("report.html", html(judgement))


def prepared(options: RunOptions, host: str | None) -> Scenario:
    scenario = planned(options.reference, replace(options.overrides, host=host))
    watch = on_top_of(Watch() if options.demo else scenario.watch, options.watch)
    scenario = replace(
        scenario,
        watch=watch,
        seed=scenario.seed if options.seed is None else options.seed,
        allow_hosts=(*scenario.allow_hosts, *options.allow_hosts),
    )
    return replace(scenario, smoke=smoke_of(scenario)) if options.smoke else scenario


def usable(scenario: Scenario, options: RunOptions) -> Engine:
    if options.python is not None and scenario.script is None:
        raise UsageError(
            f"--python runs a script (locustfile:), and {scenario.name} has none", hint="leave it out"
        )
    return usable_engine(scenario, os.environ, python=options.python)


def _agreed(scenario: Scenario) -> Scenario:
    unit = "users" if scenario.load.model == "closed" else "arrivals a second"
    return ask_for_consent(scenario, f"up to {scenario.load.peak:g} {unit}")
