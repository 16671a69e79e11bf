"""From a reference and the options of a command line to the scenario that would run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from loadctl.cli.options import Overrides, WatchOptions, in_units
from loadctl.cli.output import hide_in_messages
from loadctl.cli.project import (
    USERS,
    Entry,
    Project,
    address,
    is_file,
    is_quick,
    is_script,
    is_url,
    read_text,
    shown_as,
)
from loadctl.cli.script import applied, load_text, scenario_text, settled
from loadctl.engines import ENGINES
from loadctl.errors import UsageError
from loadctl.scenario.reading.document import Sources, Text
from loadctl.scenario.reading.scenario_file import read_scenario
from loadctl.scenario.rescale import rescaled
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.units import parse_duration
from loadctl.scenario.watch import Logs, MetricsPage, Watch

_COMMAND_LINE = "(command line)"
"""The source of a scenario that stands there alone."""
_CREDENTIALS = re.compile(r"(?<=://)[^/?#]*@")


def planned(reference: str | None, overrides: Overrides) -> Scenario:
    """The scenario as it would run: read, validated, rescaled.

    Raises: UsageError, InvalidInput.
    """
    if reference is not None and reference.endswith(".py"):
        overrides = settled(overrides, os.environ)
    duration_s = None
    if overrides.duration is not None:
        duration_s = in_units("--duration", parse_duration).parse(overrides.duration)
    scenario = read(reference, overrides)
    if overrides.insecure:
        scenario = replace(scenario, tls=replace(scenario.tls, verify=False))
    if is_quick(reference):
        return scenario  # its load was made from the options: nothing is left to rescale
    return rescaled(scenario, users=overrides.users, rate=overrides.rate, duration_s=duration_s)


def with_any_load(reference: str | None, overrides: Overrides) -> Overrides:
    """For commands to which the load does not matter: a script or a URL would have it on the command line."""
    return replace(overrides, users=10, duration="1m") if is_quick(reference) else overrides


def read(reference: str | None, overrides: Overrides) -> Scenario:
    """The scenario that `reference` means: a name, a YAML file, a locustfile, or a URL.

    Raises: UsageError, InvalidInput.
    """
    if is_url(reference):
        text = Text(_COMMAND_LINE, _scenario_of_url(reference, overrides))
        found = _parsed(_CREDENTIALS.sub("", reference), text, Path(), overrides)
        return replace(found, load_on_command_line=True)
    if is_script(reference):
        text = Text(_COMMAND_LINE, scenario_text(reference, overrides))
        found = _parsed(Path(reference).stem, text, Path(), overrides)
        own_load = found.script is not None and found.script.own_load
        files = ",".join([reference, *overrides.script.files])
        return replace(found, reference=files, load_on_command_line=not own_load)
    found = read_entry(Project().find(reference), overrides)
    return replace(found, reference=reference) if reference and reference != found.name else found


def read_entry(entry: Entry, overrides: Overrides) -> Scenario:
    """Raises: UsageError, InvalidInput."""
    text = Text(shown_as(entry.path, packaged=entry.packaged), read_text(entry.path))
    return _parsed(entry.name, text, entry.path.parent, overrides, packaged=entry.packaged)


def _parsed(name: str, text: Text, folder: Path, overrides: Overrides, *, packaged: bool = False) -> Scenario:
    def read_beside(named: str) -> str | None:
        path = folder / named
        return read_text(path) if is_file(path) else None

    def resolve(named: str) -> str | None:
        path = folder / named
        return str(path.resolve()) if is_file(path) else None

    env: Mapping[str, str] = os.environ
    users = read_beside(USERS)
    sources = Sources(
        scenario=text,
        users=None if users is None else Text(shown_as(folder / USERS, packaged=packaged), users),
        targets=Project().targets(packaged=packaged, beside=folder),
        read=read_beside,
        resolve=resolve,
        env=env,
        packaged=packaged,
    )
    scenario = read_scenario(
        name,
        sources,
        host=overrides.host or None,
        engine=overrides.engine,
        targets=tuple(overrides.targets),
    )
    scenario = applied(scenario, overrides.script, env, quick=text.name == _COMMAND_LINE)
    scenario = ENGINES[scenario.engine].completed(scenario, env)
    hide_in_messages(scenario.secrets)
    return scenario


def _scenario_of_url(url: str, overrides: Overrides) -> str:
    parts = urlsplit(address(url))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = json.dumps(f"{parts.scheme}://{parts.netloc}")
    think = "think: 100ms..500ms\n" if overrides.rate is None else ""
    return f"host: {host}\n{think}tasks:\n  - get: {json.dumps(path)}\n{load_text(overrides, url)}"


def watched(scenario: Scenario, options: WatchOptions, *, demo: bool = False) -> Scenario:
    """With what the command line says of the system, its logs and its page. `demo`: the scenario's own are not there.

    Raises: UsageError.
    """
    return replace(scenario, watch=on_top_of(Watch() if demo else scenario.watch, options))


def on_top_of(watch: Watch, options: WatchOptions) -> Watch:
    """Raises: UsageError."""
    kinds = {
        "--pid or --process": options.pid is not None or options.process is not None,
        "--container": bool(options.containers),
        "--pods": options.pods is not None,
    }
    named = [name for name, given in kinds.items() if given]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)}: the system is one of them", hint="name it in one way")
    if named:
        watch = replace(
            watch,
            pid=options.pid,
            process=options.process,
            containers=tuple(options.containers),
            pods=options.pods,
        )
    if options.logs:
        # Relative to where it was typed, not to the scenario's file.
        files = [str(Path(name).absolute()) for name in options.logs if name not in {"container", "pods"}]
        logs = Logs(files=tuple(files), container="container" in options.logs, pods="pods" in options.logs)
        if logs.pods and watch.pods is None:
            raise UsageError("--logs pods follows what --pods names", hint="add  --pods NAMESPACE/SELECTOR")
        watch = replace(watch, logs=logs)
    if options.metrics is not None:
        watch = replace(watch, metrics=MetricsPage(page=options.metrics))
    return watch
