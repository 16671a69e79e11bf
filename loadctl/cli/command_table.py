"""The commands by name, and how Typer takes them.

Only the command that was typed is imported and built: all together take 70 ms more. A command may have parameters that
Typer does not know: groups of options (dataclasses), options that may be repeated (Sequence), and options whose text is
parsed (`Parsed`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from importlib import import_module
from typing import Annotated, Any, NamedTuple, cast, get_origin, get_type_hints

import typer
from typer.core import TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class Entry:
    """`module`: in loadctl.cli, with a function of the same name; `help`: what that one begins with."""

    module: str
    help: str


COMMANDS: Mapping[str, Entry] = {
    "init": Entry("init", "Write a first scenario, ready to `loadctl try`."),
    "try": Entry("try_", "Send every request once and show what comes back."),
    "run": Entry("run", "Run a scenario."),
    "capacity": Entry("capacity", "Find the highest load that still meets the targets."),
    "list": Entry("list_", "List the scenarios and scripts of this folder, and the packaged scenarios."),
    "show": Entry("show", "Draw the load; say what to expect and what can be judged."),
    "validate": Entry("validate", "Check scenarios, users and targets, and list every mistake."),
    "report": Entry("report", "Print the final screen of a run again."),
    "score": Entry("score", "Judge a run again, or an engine's own report."),
    "compare": Entry("compare", "Compare runs with each other or with a baseline."),
    "baseline": Entry(
        "baseline", "Save runs as a baseline to compare with, or list, show and remove baselines."
    ),
    "runs": Entry("runs", "List the runs, newest first, each with its verdict and main figures."),
    "demo": Entry("demo", "Serve an ML-platform API to try loadctl on."),
    "wait": Entry("wait", "Wait until a system is ready."),
    "watch": Entry("watch", "Watch a system live."),
    "ui": Entry("ui", "Open Locust's own web page on a scenario."),
    "export": Entry("export", "Write plain engine files that run without loadctl."),
    "engines": Entry("engines", "List the engines, or install one."),
    "doctor": Entry("doctor", "Check Python, engines, open-file limit, ports and cores."),
    "explain": Entry("explain", "Explain a word: a key, a metric, a finding, a verdict, an exit code."),
    "schema": Entry("schema", "Print the JSON Schema of result.json."),
}
"""In the order of the help text."""
_FOR_SCRIPTS = {"run", "show"}
SCRIPT_SUFFIXES = (".py", ".yaml", ".yml", ".json", ".ts", ".js")


def takes_arguments(argv: Sequence[str]) -> bool:
    """What follows `--` is for a script."""
    command = next((word for word in argv if word in COMMANDS or word == "--"), None)
    return command in _FOR_SCRIPTS


class Commands(TyperGroup):
    """Typer's group of commands, looked up here instead of in what was registered."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast("Any", dict.fromkeys(COMMANDS))
        """Its names alone: for the list, and for the nearest word."""

    def get_command(self, ctx: object, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = COMMANDS[cmd_name].module
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        command = getattr(import_module(f"loadctl.cli.commands.{module}"), module)
        single.command(cmd_name)(typer_command(command))
        return get_command(single)

    def format_commands(self, ctx: object, formatter: Any) -> None:  # noqa: ARG002
        """The list of them, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


class Parsed(NamedTuple):
    """In an annotation, after `typer.Option`: how the text becomes a value. `default`: as it would be typed."""

    parse: Callable[[str], Any]
    default: str | None = None


def typer_command(command: Callable[..., Any]) -> Callable[..., Any]:
    """`command` as Typer takes it: with single options, of types that Typer knows."""
    hints = get_type_hints(command, include_extras=True)
    hints.pop("return", None)
    defaults = {name: one.default for name, one in inspect.signature(command).parameters.items()}
    parameters = list(_parameters(hints, defaults))

    def call(**values: Any) -> Any:
        return command(**_arguments(hints, values))

    call.__doc__ = command.__doc__
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def group_from(group: Any, values: Mapping[str, Any]) -> Any:
    """The group whose options have these values, as Typer gives them."""
    return group(**_arguments(_options_of(group), values))


def _options_of(group: Any) -> dict[str, Any]:
    """The fields that are options or groups, each with its annotation."""
    hints = get_type_hints(group, include_extras=True)
    return {name: hint for name, hint in hints.items() if is_dataclass(hint) or _metadata(hint)}


def _metadata(hint: Any) -> Sequence[Any]:
    return getattr(hint, "__metadata__", ())


def _parameters(hints: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[inspect.Parameter]:
    for name, hint in hints.items():
        if is_dataclass(hint):
            own = {one.name: one.default for one in fields(hint)}
            yield from _parameters(_options_of(hint), own)
            continue
        option, *parsed = _metadata(hint) or (None,)
        default = inspect.Parameter.empty if defaults[name] is MISSING else defaults[name]
        kind = hint
        if get_origin(getattr(hint, "__origin__", None)) is Sequence:
            kind, default = Annotated[list[str] | None, option], None
        elif parsed:
            kind, default = Annotated[str | None, option], parsed[0].default
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _arguments(hints: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """What was not given is left out, so that the default of the command or the group counts."""
    found: dict[str, Any] = {}
    for name, hint in hints.items():
        if is_dataclass(hint):
            found[name] = group_from(hint, values)
        elif (value := values.get(name)) is not None:
            for parsed in _metadata(hint)[1:]:
                value = parsed.parse(value) if isinstance(value, str) else [*map(parsed.parse, value)]
            found[name] = value
    return found


def profile_alone(argv: Sequence[str]) -> list[str]:
    """`--profile` without a mode means sample; the parser of options knows no value that may be left out."""
    after = [*argv[1:], ""]
    modes = {"sample", "continuous"}
    return [
        f"{word}=sample" if word == "--profile" and follows not in modes else word
        for word, follows in zip(argv, after, strict=False)
    ]


def tags_apart(argv: Sequence[str]) -> list[str]:
    """`-T a b` as `-T a -T b`: the parser of options takes one value each. What is a file or a URL is no tag."""
    found: list[str] = []
    option: str | None = None
    for word in argv:
        if word.startswith("-"):
            option = word if word in {"-T", "--tags", "-E", "--exclude-tags"} else None
        elif option is not None and (word.endswith(SCRIPT_SUFFIXES) or "/" in word):
            option = None
        elif option is not None and found[-1] != option:
            found.append(option)
        found.append(word)
    return found


# -- options of the engines that loadctl spells differently or does not need ----------------------------------------

ONE_VIRTUAL_USER = """--overrides '{"config": {"phases": [{"duration": 1, "arrivalCount": 1}]}}'"""
_PAGE = "for Locust's page, use  loadctl ui"
_SHARDS = "loadctl starts its own engine processes; for several, use  --workers N"
_WRITTEN = "each run writes result.json into its directory; to print it, use  --json"

_INSTEAD: Mapping[str, str] = {
    "--csv --csv-full-history": "for the table, use  loadctl report --format csv  (csv-readings: what was watched)",
    "--json-file": _WRITTEN,
    "--print-stats --only-summary": "for less output, use  --quiet  or  --plain",
    "--reset-stats": "the warm-up is never scored:  warmup: true  on a stage, or  -r N  with -u",
    "--exit-code-on-error": "the exit code follows the verdict; set the limit as a target:  --target error_rate=1%",
    "--logfile --loglevel -L --skip-log-setup": "a script's output and log are in its run directory:  engine/*.stderr",
    "--show-task-ratio --show-task-ratio-json": "Locust's page shows the task ratio; use  loadctl ui",
    "--list -l": "name a class that the locustfile does not have, and loadctl lists those it has",
    "--equal-weights --config-users": "set the weights of classes in a scenario:  users: {WebUser: 1, ApiUser: 1}",
    "--otel": "to export a run to Prometheus, use  --metrics-port 9646",
    "--web-host": f"{_PAGE} --bind ADDRESS",
    "--web-host-display-name --web-base-path --build-path --legacy-ui --headful": _PAGE,
    "--web-port -P": f"{_PAGE} --port N",
    "--web-login --web-auth --tls-cert --tls-key": f"{_PAGE}, which listens on loopback unless you add  --bind",
    "--class-picker": f"{_PAGE}; to choose classes, use  loadctl run f.py WebUser ApiUser",
    "--autostart": f"{_PAGE}; loadctl run  starts at once without it",
    "--autoquit": f"{_PAGE}; loadctl run  ends by itself without it",
    "--master --master-bind-host --master-bind-port --expect-workers --expect-workers-max-wait": _SHARDS,
    "--expect-slaves --enable-rebalancing --worker --slave --master-host --master-port --count": _SHARDS,
    "-V": "loadctl --version",
    "--output -o": f"{_WRITTEN}; to choose the parent folder, use  --out DIR",
    "--input -i": "a run has one script; to put another file over it, use  --config FILE",
    "--solo": f"for one virtual user, use  {ONE_VIRTUAL_USER}",
    "--platform --platform-opt": "loadctl makes the load on this machine:  --workers N",
    "--record --key --note": "loadctl sends nothing to Artillery's cloud; each run keeps result.json in its directory",
    "--name": "a run is named after its scenario; to find it again, use  loadctl runs",
    "--smoke": "only  loadctl run  takes it, as in  loadctl run X --smoke",
}
"""Options, separated by spaces → what to use instead."""


def in_our_words(option: str) -> str | None:
    """What to use instead of an option that this command does not have; None for an unknown option."""
    for options, instead in _INSTEAD.items():
        if option in options.split():
            return f"there is no {option} here: {instead}\n"
    return None
