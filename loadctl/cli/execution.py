"""A run from the command line: scenario → system → engine → directory → result → exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from loadctl.cli.actions import tell_job
from loadctl.cli.conversation import Conversation
from loadctl.cli.formats import html, write_files
from loadctl.cli.metrics_port import Serving, serving
from loadctl.cli.options import JudgedOptions, LoadOptions, Overrides, RunOptions
from loadctl.cli.output import complain, is_terminal, tell
from loadctl.cli.planning import planned, watched
from loadctl.cli.system import ask_for_consent, shards_for, without_commands
from loadctl.engines import usable_engine
from loadctl.engines.base import Engine
from loadctl.errors import ExitCode, Interrupted, LoadctlError, RunError, UsageError
from loadctl.run.directory import RunDirectory
from loadctl.run.interruption import Interruption
from loadctl.run.journal import UnwritableError
from loadctl.run.process import Early
from loadctl.scenario.expectation import smoke_of
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.target import baselines_of

if TYPE_CHECKING:
    from loadctl.cli.judging import Judgement
    from loadctl.results.recording import Event
    from loadctl.run.directory import Observer
    from loadctl.run.runner import RunRequest

_OPTION = "--on-finish"
_TIMEOUT_S = 60.0


def execute(
    reference: str | None, overrides: Overrides, options: RunOptions, early: Early | None
) -> ExitCode:
    """Run, judge, store and report. `early`: an engine process that is starting already.

    Raises: LoadctlError; what was measured by then is in the run directory.
    """
    finish = finish_of(options.on_finish)
    scenario = prepared(reference, overrides, options)
    engine = usable(scenario, options)
    unit = "users" if scenario.load.model == "closed" else "arrivals a second"
    scenario = ask_for_consent(scenario, f"up to {scenario.load.peak:g} {unit}")
    request = replace(request_for(scenario, engine, options), early=early)
    for name in baselines_of(scenario.targets):
        from loadctl.run.baseline import read_baseline

        read_baseline(name)
    baseline = None
    if options.baseline is not None:
        from loadctl.cli.comparing import baseline_for, compared_with

        baseline = baseline_for(options.baseline, request)
    with ExitStack() as stack:
        redrawn = is_terminal() and not options.plain
        with Conversation(scenario, redrawn=redrawn, silent=options.quiet) as conversation:
            stack.callback(lambda: finish(scenario, conversation.run))
            served = stack.enter_context(
                serving(options.metrics_port, options.metrics_linger_s, conversation)
            )
            # Entered here: a signal that comes between the end of the load and its result must not cost the result.
            judging = stack.enter_context(ExitStack())
            interruption = judging.enter_context(Interruption(to_the_end=served is None))
            directory = _carried_out(request, options, conversation, served, interruption)
        judgement = concluded(directory, options, served)
        code = judgement.result.exit_code
        if baseline is not None:
            code = compared_with(baseline, judgement, quiet=options.quiet, as_json=options.as_json)
        if served is not None:
            judging.close()  # Ctrl-C ends what follows
            served.linger()
    return code


def prepared(reference: str | None, overrides: Overrides, options: LoadOptions) -> Scenario:
    """The scenario with everything the command line overrides. Raises: UsageError, InvalidInput."""
    scenario = watched(planned(reference, overrides), options.watch, demo=options.demo.use)
    if options.demo.use:
        scenario = without_commands(scenario, quiet=options.quiet)
    scenario = replace(
        scenario,
        seed=scenario.seed if options.seed is None else options.seed,
        allow_hosts=(*scenario.allow_hosts, *options.allow_hosts),
    )
    return replace(scenario, smoke=smoke_of(scenario)) if options.smoke else scenario


def usable(scenario: Scenario, options: LoadOptions) -> Engine:
    """The engine that makes its load. Raises: UsageError."""
    if options.python is not None and scenario.script is None:
        raise UsageError(f"--python is for a locustfile, and {scenario.name} runs none", hint="leave it out")
    return usable_engine(scenario, os.environ, python=options.python)


def request_for(scenario: Scenario, engine: Engine, options: LoadOptions) -> RunRequest:
    from loadctl.run.runner import RunRequest

    return RunRequest(
        scenario=scenario,
        engine=engine,
        out=options.out,
        shards=shards_for(options.workers, scenario.host),
        argv=sys.argv[1:],
        ready_deadline_s=options.ready_timeout_s,
    )


def _carried_out(
    request: RunRequest,
    options: RunOptions,
    conversation: Conversation,
    served: Serving | None,
    interruption: Interruption,
) -> RunDirectory:
    """Raises: RunError or Interrupted, after storing what result there is."""
    from loadctl.run.runner import run

    observer: Observer = conversation
    if served is not None:
        conversation.say([f"metrics for Prometheus: {served.url}"])
        observer = served.observer
    if options.profile is not None:
        from loadctl.run.watching import Profiling

        profiling = Profiling(options.profile, observer)
        request, observer = replace(request, watch=profiling.watch), profiling
    if interruption.number is not None:
        raise Interrupted(interruption.number)
    try:
        directory = run(request, observer)
    except (RunError, Interrupted):
        keep(conversation.run, options)
        raise
    conversation.say([""])
    return directory


def concluded(
    directory: RunDirectory, options: JudgedOptions, served: Serving | None = None, *, shown: bool = True
) -> Judgement:
    """Judge a run, store its result, and write the reports and files. `shown`: also on stdout."""
    judgement = stored(directory, fail_on_warn=options.fail_on_warn)
    if served is not None:
        served.conclude(judgement.result)
    if shown:
        tell(judgement.result, quiet=options.quiet, as_json=options.as_json)
    with contextlib.suppress(
        UsageError, UnwritableError
    ):  # it costs no verdict; `report --format html` explains it
        directory.replace("report.html", html(judgement))
    if isinstance(options, RunOptions):
        tell_job(judgement.result, options.files)
        write_files(options.files, judgement)
    return judgement


def keep(directory: RunDirectory | None, options: JudgedOptions) -> None:
    """Store the result of a run that failed, where that is still possible; the caller reports the error itself."""
    if directory is not None:
        with contextlib.suppress(LoadctlError):
            concluded(directory, options, shown=options.as_json)


def stored(directory: RunDirectory, *, fail_on_warn: bool) -> Judgement:
    """Judge a run directory, and store the result in it."""
    from loadctl.cli.judging import judged, keep_baselines, write_profiles
    from loadctl.results.result import dumps
    from loadctl.run.store import read_recording

    if (directory.path / "profile").is_dir():
        # Where they cannot be written, the raw stacks stay, and the result lists only what there is.
        with contextlib.suppress(UnwritableError):
            write_profiles(directory, read_recording(directory)[1].profiles)
    keep_baselines(directory)
    judgement = judged(directory, fail_on_warn=fail_on_warn)
    result, manifest = judgement.result, judgement.manifest
    if manifest.smoke and manifest.targets_judged != result.targets_judged:
        manifest = msgspec.structs.replace(manifest, targets_judged=result.targets_judged)
        directory.write_manifest(manifest)
    directory.replace("result.json", dumps(result))
    return judgement


def finish_of(text: str | None) -> Callable[[Scenario, RunDirectory | None], None]:
    """What runs the command of `--on-finish`, checked before the load. It takes the run directory; None: no run began.

    Raises: UsageError.
    """
    if text is None:
        return lambda _scenario, _run: None
    from loadctl.run.local_commands import LocalCommands, require_program
    from loadctl.scenario.reading.commands import CommandReader
    from loadctl.scenario.reading.document import Mistakes
    from loadctl.scenario.reading.environment import Environment

    mistakes = Mistakes()
    environment = Environment(os.environ, mistakes)
    command = CommandReader(mistakes, environment).option(_OPTION, text, timeout_s=_TIMEOUT_S)
    mistakes.raise_if_any(environment.secrets)
    if command is None:
        return lambda _scenario, _run: None
    require_program(command, _OPTION)

    def finish(scenario: Scenario, run: RunDirectory | None) -> None:
        """Its output is kept in the run directory; a failure is reported and changes nothing."""
        if run is None:
            return
        if not run.result.is_file():
            complain(f"{_OPTION} was not run: there is no result\n")
            return
        known = replace(scenario, secrets={**scenario.secrets, **environment.secrets})
        with Interruption() as interruption:
            LocalCommands(known, run.engine, interruption, tell=_report_failure).finish(command, run.result)

    return finish


def _report_failure(event: Event) -> None:
    from loadctl.reports.printable import printable

    if "took_s" in event.detail and event.detail["exit_code"] != 0:
        complain(f"{printable(event.message, 1000)}\n")
