"""A script of the user's own on the command line: its files and classes, its options, the load it is given."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadctl.cli.command_table import ONE_VIRTUAL_USER, SCRIPT_SUFFIXES
from loadctl.cli.options import Overrides, ScriptOverrides, parse_stop_timeout, seconds_if_bare
from loadctl.cli.project import is_file, read_text
from loadctl.errors import UsageError

if TYPE_CHECKING:
    import typer

    from loadctl.scenario.scenario import Scenario, Script

_NOT_LOCUST = tuple(kind for kind in SCRIPT_SUFFIXES if kind != ".py")


def chosen(ctx: typer.Context, reference: str | None, overrides: Overrides) -> tuple[str | None, Overrides]:
    """The reference of what is run, and the options with what is meant for a script put in its place.

    Raises: UsageError.
    """
    script = overrides.script
    names = [name.strip() for part in script.files for name in part.split(",")]
    classes = list(script.classes)
    configured: Mapping[str, str] = {}
    if script.config is not None and not (names[0] if names else reference or "").endswith(_NOT_LOCUST):
        from loadctl.engines.locust.own_script import from_file

        configured = from_file(read_text(Path(script.config)), script.config).values
        named = configured.get("locustfile")
        if not names and reference is None and named:
            names = [name.strip() for name in named.split(",")]
    if names:
        classes = ([] if reference is None else [reference]) + classes
    elif reference is not None:
        names = reference.split(",") if reference.endswith(".py") else [reference]
    paths = [path for name in names for path in _files_of(name)]
    for word in classes:
        if word.endswith(SCRIPT_SUFFIXES):
            raise UsageError(
                f"{word}: after the file of a run come its classes", hint="several files:  -f a.py,b.py"
            )
    arguments, _ = ctx.obj
    script = replace(script, files=paths[1:], classes=classes, arguments=arguments, configured=configured)
    return (paths[0] if paths else None), replace(overrides, script=script)


def _files_of(name: str) -> Sequence[str]:
    """A file, or all locustfiles of a folder, as Locust finds them; anything else is the name of a scenario."""
    if not os.path.isdir(name) or is_file(Path("scenarios", f"{name}.yaml")):  # noqa: PTH112  as in is_file
        return [name]
    found = sorted(str(path) for path in Path(name).rglob("*.py") if not path.name.startswith("_"))
    if not found:
        raise UsageError(f"there is no locustfile in {name}")
    return found


def settled(overrides: Overrides, environ: Mapping[str, str]) -> Overrides:
    """With what variables and a configuration file of Locust say, where the command line says nothing.

    Raises: UsageError.
    """
    from loadctl.engines.locust.own_script import from_variables, words_of

    script = overrides.script
    values = {**script.configured, **from_variables(environ).values}
    if overrides.rate is not None:
        values = {name: value for name, value in values.items() if name not in {"users", "spawn-rate"}}

    def number(option: str, kind: Callable[[str], Any]) -> Any:
        try:
            return kind(values[option]) if option in values else None
        except ValueError as error:
            raise UsageError(
                f"{option}: '{values[option]}' is not a number (from a LOCUST_ variable or --config)"
            ) from error

    def words(option: str) -> Sequence[str]:
        return words_of(values[option]) if option in values else ()

    duration = overrides.duration or values.get("run-time")
    stop_timeout_s = script.stop_timeout_s
    if stop_timeout_s is None and "stop-timeout" in values:
        stop_timeout_s = parse_stop_timeout(values["stop-timeout"])
    return replace(
        overrides,
        host=overrides.host or values.get("host"),
        users=number("users", int) if overrides.users is None else overrides.users,
        duration=duration and seconds_if_bare(duration),
        script=replace(
            script,
            spawn_rate=number("spawn-rate", float) if script.spawn_rate is None else script.spawn_rate,
            tags=script.tags or words("tags"),
            exclude_tags=script.exclude_tags or words("exclude-tags"),
            stop_timeout_s=stop_timeout_s,
            classes=script.classes or values.get("user-classes", "").split(),
        ),
    )


def applied(
    scenario: Scenario, options: ScriptOverrides, environ: Mapping[str, str], *, quick: bool
) -> Scenario:
    """The scenario with what the command line says to its script. Raises: UsageError."""
    script = scenario.script
    if options.spawn_rate is not None and not quick:
        raise UsageError(
            f"the load of {scenario.name} already says how fast users start", hint="leave -r out"
        )
    _refuse_for_others(scenario, options)
    if script is None:
        return scenario
    if script.key == "artillery":
        return _with_engine_options(scenario, script, options)
    from loadctl.scenario.redaction import hidden, secret_arguments
    from loadctl.scenario.scenario import ScriptOptions

    return replace(
        scenario,
        script=replace(
            script,
            more=tuple(str(_file(path).resolve()) for path in options.files),
            classes=tuple(options.classes),
            arguments=(*script.arguments, *options.arguments),
            options=ScriptOptions(
                spawn_rate=options.spawn_rate,
                tags=options.tags or None,
                exclude_tags=options.exclude_tags or None,
            ),
        ),
        drain_s=scenario.drain_s if options.stop_timeout_s is None else options.stop_timeout_s,
        secrets={**hidden(secret_arguments(options.arguments)), **scenario.secrets},
        notes=(*scenario.notes, *_notes(options, environ, counted=quick)),
    )


def _with_engine_options(scenario: Scenario, script: Script, options: ScriptOverrides) -> Scenario:
    from loadctl.scenario.redaction import hidden, secret_fields

    names = ("config", "dotenv", "overrides", "payload", "scenario-name", "variables")
    given = {name: value for name in names if (value := getattr(options, name.replace("-", "_"))) is not None}
    documents = [_json_object(name, given[name]) for name in ("overrides", "variables") if name in given]
    for name in {"config", "dotenv"} & given.keys():  # a payload may lie beside the script
        _file(given[name])
    return replace(
        scenario,
        script=replace(script, engine_options=given, environment=options.environment or script.environment),
        secrets={**hidden(secret_fields(documents)), **scenario.secrets},
    )


def _json_object(option: str, text: str) -> Mapping[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--{option} is not JSON: {error}", hint=_OBJECT) from error
    if not isinstance(found, dict):
        raise UsageError(f"--{option} takes a JSON object, not {text[:60]}", hint=_OBJECT)
    return found


_OBJECT = """for example: '{"user": "ann"}'"""


def _refuse_for_others(scenario: Scenario, options: ScriptOverrides) -> None:
    """Options that another kind of script has, or none."""
    key = "" if scenario.script is None else scenario.script.key
    given = {
        "-f": ("locustfile", options.files),
        "-T": ("locustfile", options.tags),
        "-E": ("locustfile", options.exclude_tags),
        "-s": ("locustfile", options.stop_timeout_s is not None),
        "--config": (key or "any", options.config),
        "-e": ("artillery", options.environment),
        "-v": ("artillery", options.variables),
        "--overrides": ("artillery", options.overrides),
        "-p": ("artillery", options.payload),
        "--scenario-name": ("artillery", options.scenario_name),
        "--dotenv": ("artillery", options.dotenv),
    }
    for option, (kind, value) in given.items():
        if value and kind != key:
            hint = _MEANT.get(option, "leave it out") if key == "artillery" else "leave it out"
            raise UsageError(f"{option} is for {_KINDS[kind]}, and {scenario.name} runs none", hint=hint)
    if key == "locustfile":
        return
    if options.arguments:
        raise UsageError(
            f"arguments after --  are for a locustfile, and {scenario.name} runs none", hint="leave them out"
        )
    if options.classes:
        raise UsageError(
            f"'{options.classes[0]}' would be a class of a locustfile, and {scenario.name} runs none",
            hint="a run has one scenario",
        )


_KINDS = {
    "locustfile": "a locustfile",
    "artillery": "a script of Artillery",
    "any": "a script of your own",
}
_MEANT = {
    "-s": f"one virtual user of an Artillery script:  {ONE_VIRTUAL_USER}",
    "-T": "Artillery's tags name a run in its cloud, and loadctl uses none: leave them out",
}
"""Of Artillery's options, those that have another meaning here."""


def _notes(options: ScriptOverrides, environ: Mapping[str, str], *, counted: bool) -> Iterator[str]:
    """What bare Locust would have used. `counted`: some variables were options of this run."""
    from loadctl.engines.locust.own_script import VARIABLES, from_file, from_variables, unread

    names = [*from_variables(environ).unused]
    if not counted:
        names += [name for name in VARIABLES if environ.get(name)]
    if names:
        yield f"not used: {', '.join(sorted(names))}"
    config = None if options.config is None else Path(options.config)
    if config is not None and (unused := from_file(read_text(config), str(config)).unused):
        yield f"{config}: not used: {', '.join(unused)}"
    home = Path(environ.get("HOME", "/nonexistent"))
    for name in unread(Path(), home, config):
        yield f"{name} is not read: --config {name.split()[0]} does" if counted else f"{name} is not read"


def scenario_text(reference: str, overrides: Overrides) -> str:
    """The scenario that a script alone stands for, in YAML. Raises: UsageError."""
    path = _file(reference)
    key = "locustfile" if reference.endswith(".py") else "artillery"
    text = f"{key}: {json.dumps(str(path.resolve()))}\n"
    unsaid = (overrides.users, overrides.rate, overrides.duration) == (None, None, None)
    if unsaid and not reference.endswith((".ts", ".js")):
        return text  # it has phases or a shape of its own
    return text + load_text(overrides, reference)


def _file(name: str | Path) -> Path:
    if not is_file(Path(name)):
        raise UsageError(f"no such file: {name}")
    return Path(name)


def load_text(overrides: Overrides, what: str) -> str:
    """The load of a run without a scenario file: -u and -t *are* the load; the first tenth is warm-up, or the rise.

    Raises: UsageError; for units, UnitError: planning.py has looked at them before.
    """
    from loadctl.scenario.units import parse_duration

    if overrides.duration is None or (overrides.users is None) == (overrides.rate is None):
        raise UsageError(
            f"{what} needs its load on the command line: users and a duration",
            hint=f"for example: loadctl run {what} -u 50 -t 5m   (or --rate 100/s -t 5m)",
        )
    total = max(2, round(parse_duration(overrides.duration)))
    warmup = max(1, total // 10)
    per_s = overrides.script.spawn_rate
    if per_s is not None:
        warmup = _rise_s(overrides.users, per_s, total)
    level = f"rate: {overrides.rate:.12g}/s" if overrides.rate is not None else f"users: {overrides.users}"
    return f"load:\n  - {{{level}, over: {warmup}s, warmup: true}}\n  - {{{level}, for: {total - warmup}s}}\n"


def _rise_s(users: int | None, per_s: float, total: int) -> int:
    """Seconds until all users are there, who come at `per_s` a second."""
    if users is None:
        raise UsageError(
            "-r says how fast users start, and --rate counts arrivals", hint="leave one of them out"
        )
    if not (math.isfinite(per_s) and per_s > 0 and math.isfinite(users / per_s)):
        raise UsageError("-r must be more than 0")
    rise_s = max(1, math.ceil(users / per_s))
    if rise_s >= total:
        raise UsageError(
            f"{users} users at {per_s:g} a second take {rise_s} s to start, and the run ends after {total} s",
            hint=f"a larger -r, or  -t {rise_s * 2}s",
        )
    return rise_s
