"""A script of the user's own on the command line: its files and classes, its options, the load it is given."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadctl.cli.arguments import FILES
from loadctl.cli.foreign import ONE_VIRTUAL_USER
from loadctl.cli.input_file import is_file, read_text
from loadctl.cli.options import ForScript, Overrides
from loadctl.errors import UsageError

if TYPE_CHECKING:
    from loadctl.scenario.scenario import Scenario, Script

Classes = Annotated[
    list[str] | None,
    typer.Argument(metavar="[CLASS]…", help="User classes of a locustfile; nothing: all of them."),
]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "--locustfile", "-f", metavar="FILE", help="A locustfile; more: -f a.py,b.py. Then CLASS only."
    ),
]
SpawnRate = Annotated[
    float | None,
    typer.Option(
        "--spawn-rate", "-r", metavar="N", help="With -u: users come at N a second. Default: a tenth of -t."
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tags", "-T", metavar="TAG", help="Locustfile: only tasks with one of these tags: -T a b."
    ),
]
ExcludeTags = Annotated[
    list[str] | None,
    typer.Option("--exclude-tags", "-E", metavar="TAG", help="Locustfile: no tasks with one of these tags."),
]
StopTimeout = Annotated[
    str | None,
    typer.Option(
        "--stop-timeout", "-s", metavar="TIME", help="How long requests may take to end at the end."
    ),
]
Config = Annotated[
    str | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Locust's configuration file, whose lines count as options; or Artillery's, put over the script.",
    ),
]
Environment = Annotated[
    str | None,
    typer.Option("--environment", "-e", metavar="NAME", help="Artillery script: one of its environments."),
]
Variables = Annotated[
    str | None,
    typer.Option("--variables", "-v", metavar="JSON", help="Artillery script: variables of its users."),
]
ScriptOverrides = Annotated[
    str | None, typer.Option("--overrides", metavar="JSON", help="Artillery script: put over the script.")
]
Payload = Annotated[
    str | None,
    typer.Option("--payload", "-p", metavar="FILE", help="Artillery script: the CSV file of its payload."),
]
ScenarioName = Annotated[
    str | None,
    typer.Option("--scenario-name", metavar="NAME", help="Artillery script: only this one of its scenarios."),
]
Dotenv = Annotated[
    str | None,
    typer.Option(
        "--dotenv", "--env-file", metavar="FILE", help="Artillery script: variables of the environment."
    ),
]
_NOT_LOCUST = tuple(kind for kind in FILES if kind != ".py")
Headless = Annotated[bool, typer.Option("--headless", hidden=True)]


def refuse_addresses(duration: str | None, targets: Sequence[str] | None) -> None:
    """`-t URL` and `--target URL` name the system for Artillery. Raises: UsageError."""
    if duration is not None and _ADDRESS.match(duration):
        raise UsageError("-t is how long the load goes on", hint=f"the system is  -H {duration}")
    for target in targets or ():
        if _ADDRESS.match(target):
            raise UsageError(
                "--target is a limit, such as latency_p95=200ms", hint=f"the system is  -H {target}"
            )


_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def chosen(
    ctx: typer.Context,
    reference: str | None,
    classes: Sequence[str] | None,
    files: Sequence[str] | None,
    config: str | None,
    said: ForScript,
) -> tuple[str | None, ForScript]:
    """The reference of what is run, and what is said to it. `said`: the options that stand for themselves.

    Raises: UsageError.
    """
    names = [name.strip() for part in files or () for name in part.split(",")]
    rest = list(classes or ())
    if config is not None:
        of_locust = not (names[0] if names else reference or "").endswith(_NOT_LOCUST)
        said = replace(said, config=config, configured=_configuration(config) if of_locust else {})
        named = said.configured.get("locustfile")
        if not names and reference is None and named:
            names = [name.strip() for name in named.split(",")]
    if names:
        rest = ([] if reference is None else [reference]) + rest
    elif reference is not None:
        names = reference.split(",") if reference.endswith(".py") else [reference]
    paths = [path for name in names for path in _files_of(name)]
    for word in rest:
        if word.endswith(FILES):
            raise UsageError(
                f"{word}: a run has one file, and after it classes", hint="several files:  -f a.py,b.py"
            )
    arguments, _ = ctx.obj
    said = replace(said, more=tuple(paths[1:]), classes=tuple(rest), arguments=tuple(arguments))
    return (paths[0] if paths else None), said


def _files_of(name: str) -> Sequence[str]:
    """A file, or all locustfiles of a folder, as Locust finds them; anything else is the name of a scenario."""
    if not os.path.isdir(name) or is_file(Path("scenarios", f"{name}.yaml")):  # noqa: PTH112  as in is_file
        return [name]
    found = sorted(str(path) for path in Path(name).rglob("*.py") if not path.name.startswith("_"))
    if not found:
        raise UsageError(f"there is no locustfile in {name}")
    return found


def _configuration(path: str) -> Mapping[str, str]:
    from loadctl.engines.locust.settings import from_file

    return from_file(read_text(Path(path)), path).values


def settled(overrides: Overrides, environ: Mapping[str, str]) -> Overrides:
    """With what variables and a configuration file of Locust say, where the command line says nothing.

    Raises: UsageError.
    """
    from loadctl.engines.locust.settings import from_variables

    said = overrides.script
    values = {**said.configured, **from_variables(environ).values}
    if overrides.rate is not None:
        values = {name: value for name, value in values.items() if name not in {"users", "spawn-rate"}}
    return replace(
        overrides,
        host=overrides.host or values.get("host"),
        users=_number(values, "users", int) if overrides.users is None else overrides.users,
        duration=_with_unit(overrides.duration or values.get("run-time")),
        script=replace(
            said,
            spawn_rate=_number(values, "spawn-rate", float) if said.spawn_rate is None else said.spawn_rate,
            tags=said.tags or _words(values, "tags"),
            exclude_tags=said.exclude_tags or _words(values, "exclude-tags"),
            stop_timeout=_with_unit(said.stop_timeout or values.get("stop-timeout")),
            classes=said.classes or tuple(values.get("user-classes", "").split()),
        ),
    )


def _number(values: Mapping[str, str], option: str, kind: type[int | float]) -> Any:
    text = values.get(option)
    try:
        return None if text is None else kind(text)
    except ValueError as error:
        raise UsageError(f"{option}: '{text}' is no number (from a LOCUST_ variable or --config)") from error


def _words(values: Mapping[str, str], option: str) -> Sequence[str] | None:
    from loadctl.engines.locust.settings import words_of

    return words_of(values[option]) if option in values else None


def _with_unit(time: str | None) -> str | None:
    """A bare number is in seconds, as Locust reads it."""
    return f"{time}s" if time is not None and time.isdecimal() else time


def applied(scenario: Scenario, said: ForScript, environ: Mapping[str, str], *, quick: bool) -> Scenario:
    """The scenario with what the command line says to its script. Raises: UsageError."""
    script = scenario.script
    if said.spawn_rate is not None and not quick:
        raise UsageError(f"the load of {scenario.name} says how fast users come", hint="leave -r out")
    _refuse_for_others(scenario, said)
    if script is None:
        return scenario
    if script.key == "artillery":
        return _with_engine_options(scenario, script, said)
    from loadctl.scenario.redaction import hidden, secret_arguments
    from loadctl.scenario.scenario import ScriptOptions

    drain_s = scenario.drain_s
    if said.stop_timeout is not None:
        from loadctl.cli.planning import in_units
        from loadctl.scenario.units import parse_duration

        drain_s = in_units("--stop-timeout", said.stop_timeout, parse_duration)
    return replace(
        scenario,
        script=replace(
            script,
            more=tuple(str(_file(path).resolve()) for path in said.more),
            classes=tuple(said.classes),
            arguments=(*script.arguments, *said.arguments),
            options=ScriptOptions(
                spawn_rate=said.spawn_rate, tags=said.tags or None, exclude_tags=said.exclude_tags or None
            ),
        ),
        drain_s=drain_s,
        secrets={**hidden(secret_arguments(said.arguments)), **scenario.secrets},
        notes=(*scenario.notes, *_notes(said, environ, counted=quick)),
    )


def _with_engine_options(scenario: Scenario, script: Script, said: ForScript) -> Scenario:
    from loadctl.scenario.redaction import hidden, secret_fields

    given = {
        "config": said.config,
        "dotenv": said.dotenv,
        "overrides": said.overrides,
        "payload": said.payload,
        "scenario-name": said.scenario_name,
        "variables": said.variables,
    }
    options = {name: value for name, value in given.items() if value is not None}
    documents = [_json_object(name, options[name]) for name in ("overrides", "variables") if name in options]
    for name in {"config", "dotenv"} & options.keys():  # a payload may lie beside the script
        _file(options[name])
    return replace(
        scenario,
        script=replace(script, engine_options=options, environment=said.environment or script.environment),
        secrets={**hidden(secret_fields(documents)), **scenario.secrets},
    )


def _json_object(option: str, text: str) -> Mapping[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--{option} is no JSON: {error}", hint=_OBJECT) from error
    if not isinstance(found, dict):
        raise UsageError(f"--{option} takes a JSON object, not {text[:60]}", hint=_OBJECT)
    return found


_OBJECT = """for example: '{"user": "ann"}'"""


def _refuse_for_others(scenario: Scenario, said: ForScript) -> None:
    """Options that another kind of script has, or none."""
    of_locust: dict[str, object] = {
        "-f": said.more,
        "-T": said.tags,
        "-E": said.exclude_tags,
        "-s": said.stop_timeout,
        "--config": said.config,
    }
    of_artillery: dict[str, object] = {
        "-e": said.environment,
        "-v": said.variables,
        "--overrides": said.overrides,
        "-p": said.payload,
        "--scenario-name": said.scenario_name,
        "--dotenv": said.dotenv,
    }
    key = "" if scenario.script is None else scenario.script.key
    if key == "artillery":
        del of_locust["--config"]
    for kind, given in ({"locustfile": of_locust, "artillery": of_artillery}).items():
        option = next((name for name, value in given.items() if value), None)
        if option is not None and key != kind:
            what = "a locustfile" if kind == "locustfile" else "a script of Artillery"
            what = "a script of your own" if option == "--config" else what
            hint = _MEANT.get(option, "leave it out") if key == "artillery" else "leave it out"
            raise UsageError(f"{option} is for {what}, and {scenario.name} runs none", hint=hint)
    if key == "locustfile":
        return
    if said.arguments:
        raise UsageError(
            f"arguments after --  are for a locustfile, and {scenario.name} runs none", hint="leave them out"
        )
    if said.classes:
        raise UsageError(
            f"'{said.classes[0]}' would be a class of a locustfile, and {scenario.name} runs none",
            hint="a run has one scenario",
        )


_MEANT = {
    "-s": f"one virtual user of an Artillery script:  {ONE_VIRTUAL_USER}",
    "-T": "Artillery's tags name a run in its cloud, and loadctl uses none: leave them out",
}
"""Of Artillery's options, those that have another meaning here."""


def _notes(said: ForScript, environ: Mapping[str, str], *, counted: bool) -> Iterator[str]:
    """What bare Locust would have used. `counted`: some variables were options of this run."""
    from loadctl.engines.locust.settings import VARIABLES, from_file, from_variables, unread

    names = [*from_variables(environ).unused]
    if not counted:
        names += [name for name in VARIABLES if environ.get(name)]
    if names:
        yield f"not used: {', '.join(sorted(names))}"
    read = None if said.config is None else Path(said.config)
    if said.config is not None and (unused := from_file(read_text(Path(said.config)), said.config).unused):
        yield f"{said.config}: not used: {', '.join(unused)}"
    home = Path(environ.get("HOME", "/nonexistent"))
    for name in unread(Path(), home, read):
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
    level = f"users: {overrides.users}" if overrides.users is not None else f"rate: {overrides.rate}"
    return f"load:\n  - {{{level}, over: {warmup}s, warmup: true}}\n  - {{{level}, for: {total - warmup}s}}\n"


def _rise_s(users: int | None, per_s: float, total: int) -> int:
    """Seconds until all users are there, who come at `per_s` a second."""
    if users is None:
        raise UsageError(
            "-r says how fast users come, and --rate counts arrivals", hint="leave one of them out"
        )
    if not (math.isfinite(per_s) and per_s > 0 and math.isfinite(users / per_s)):
        raise UsageError("-r must be more than 0")
    rise_s = max(1, math.ceil(users / per_s))
    if rise_s >= total:
        raise UsageError(
            f"{users} users at {per_s:g} a second are all there after {rise_s} s, and the run ends after {total} s",
            hint=f"a larger -r, or  -t {rise_s * 2}s",
        )
    return rise_s
