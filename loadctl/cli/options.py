"""Arguments and options that commands share: each is spelled, explained and parsed once.

A group is a dataclass whose fields are options; a command takes it as one parameter (see command_table.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer

from loadctl.cli.command_table import Parsed
from loadctl.errors import UsageError
from loadctl.scenario.units import UnitError, parse_duration, parse_rate
from loadctl.scenario.watch import Pods

FORMATS = ("text", "html", "json", "markdown", "junit", "csv", "csv-readings", "openmetrics")
_WORKERS_MAX = 256


# -- completion ----------------------------------------------------------------------------------------------------


def complete_scenario(ctx: typer.Context, incomplete: str) -> list[str]:
    from loadctl.cli.project import Project

    return beginning((entry.name for entry in Project(_folder(ctx)).entries()), incomplete)


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ids of runs that contain this, newest first."""
    from loadctl.run.store import list_runs

    names = ["latest", *(run.id for run in list_runs(_folder(ctx) / "runs"))]
    return [name for name in names if incomplete in name]


def complete_baseline(ctx: typer.Context, incomplete: str) -> list[str]:
    return beginning(sorted(path.stem for path in (_folder(ctx) / "baselines").glob("*.json")), incomplete)


def complete_side(ctx: typer.Context, incomplete: str) -> list[str]:
    """Baselines, then runs."""
    return [*complete_baseline(ctx, incomplete), *complete_run(ctx, incomplete)]


def complete_engine(incomplete: str) -> list[str]:
    from loadctl.engines import ENGINES

    return beginning(ENGINES, incomplete)


def complete_target(incomplete: str) -> list[str]:
    """Metrics, up to where the limit follows."""
    from loadctl.scenario.target import METRICS

    return beginning((f"{name}=" for name in METRICS), incomplete)


def one_of(*words: str) -> Callable[[str], list[str]]:
    """Completion for an option that takes one of these words."""
    return lambda incomplete: beginning(words, incomplete)


def beginning(words: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def _folder(ctx: typer.Context) -> Path:
    """`-C DIR`, which is entered only when the command is carried out."""
    return ctx.find_root().params.get("directory") or Path()


# -- values --------------------------------------------------------------------------------------------------------


def in_units(option: str, parse: Callable[[str], float], default: str | None = None) -> Parsed:
    """A number with a unit. Raises: UsageError, when it parses."""

    def parsed(text: str) -> float:
        try:
            return parse(text)
        except UnitError as error:
            raise UsageError(f"{option}: {error}") from error

    return Parsed(parsed, default)


def choice(option: str, *words: str, hint: str | None = None) -> Parsed:
    """One of these words. Raises: UsageError, when it parses."""

    def parsed(text: str) -> str:
        if text not in words:
            raise UsageError(f"{option} takes {' or '.join(words)}, not '{text[:60]}'", hint=hint)
        return text

    return Parsed(parsed)


def _fails_on_warn(text: str) -> bool:
    return bool(choice("--fail-on", "fail", "warn").parse(text) == "warn")


def parse_workers(text: str) -> int | None:
    """None: `auto`. Raises: UsageError."""
    if text in {"auto", "-1"}:  # as Locust says it
        return None
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= _WORKERS_MAX:
        raise UsageError(f"--workers takes a number from 1 to {_WORKERS_MAX}, or auto, not '{text}'")
    return int(text)


def _pods(text: str) -> Pods:
    from loadctl.scenario.reading.watch import parse_pods

    try:
        return parse_pods(text)
    except ValueError as error:
        raise UsageError(f"--pods: {error}") from None


def parse_page(text: str) -> str:
    """A path, or a whole URL. Raises: UsageError."""
    from loadctl.scenario.consent import web_address

    if text.startswith("/"):
        return text
    try:
        url = web_address(text)
    except ValueError as error:
        raise UsageError(
            f"--metrics takes a path such as /metrics, or an http(s) URL, not '{text[:80]}': {error}"
        ) from None
    if "@" in url.netloc:
        raise UsageError(
            "--metrics: a URL is shown, so it cannot hold a password", hint="write it in the scenario"
        )
    return text


def _not_an_address(message: str) -> Parsed:
    """`-t URL` and `--target URL` name the system for Artillery."""

    def parsed(text: str) -> str:
        if re.match("[a-z][a-z0-9+.-]*://", text, re.IGNORECASE):
            raise UsageError(message, hint=f"the system is  -H {text}")
        return text

    return Parsed(parsed)


def seconds_if_bare(time: str) -> str:
    """A bare number is in seconds, as Locust reads it."""
    return f"{time}s" if time.isdecimal() else time


def parse_stop_timeout(text: str) -> float:
    """Seconds. Raises: UsageError."""
    seconds: float = in_units("--stop-timeout", parse_duration).parse(seconds_if_bare(text))
    return seconds


def _writable(text: str) -> Path:
    """Raises: UsageError where it cannot be written, so that this is known before the load."""
    path = Path(text)
    try:
        there = path.absolute().parent.is_dir() and not path.is_dir()
        path.exists()  # raises for a name that no file can have
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{text[:300]} cannot be written: {reason}") from error
    if not there:
        raise UsageError(f"{path} cannot be written: its folder does not exist", hint="create it first")
    return path


class Address(NamedTuple):
    host: str
    port: int


def parse_address(text: str) -> Address:
    """`9464`, `0.0.0.0:9464`, `[::]:9464`. Raises: UsageError."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (re.fullmatch("[0-9]{1,5}", port) and int(port) <= 65535) or (colon and not host):
        raise UsageError(
            f"--metrics-port takes a port or HOST:PORT, not '{text[:60]}'",
            hint="for example  --metrics-port 9464",
        )
    return Address(host or "127.0.0.1", int(port))


# -- arguments and single options ----------------------------------------------------------------------------------

ScenarioArg = Annotated[
    str | None,
    typer.Argument(
        metavar="SCENARIO",
        help="A scenario's name, a YAML file, a locustfile or a URL; nothing: the only scenario here.",
        autocompletion=complete_scenario,
    ),
]
RunArg = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Path, id, any unique part of it, latest or latest~1.",
        autocompletion=complete_run,
    ),
]
Host = Annotated[
    str | None,
    typer.Option("--host", "-H", envvar="LOADCTL_HOST", metavar="URL", help="The system under test."),
]
EngineName = Annotated[
    str | None,
    typer.Option(
        "--engine", help="What makes the load: see `loadctl engines`.", autocompletion=complete_engine
    ),
]
Users = Annotated[
    int | None, typer.Option("--users", "-u", min=1, help="Closed model: scale the peak to this.")
]
Rate = Annotated[
    float | None,
    typer.Option("--rate", metavar="N/s", help="Open model: scale the peak arrival rate to this."),
    in_units("--rate", parse_rate),
]
Duration = Annotated[
    str | None,
    typer.Option(
        "--duration", "-t", "--run-time", metavar="TIME", help="Stretch or shrink the load to this long."
    ),
    _not_an_address("-t is how long the load goes on"),
]
Targets = Annotated[
    Sequence[str],
    typer.Option(
        "--target",
        metavar="METRIC=LIMIT",
        help="Add or replace a target, e.g. latency_p95=200ms.",
        autocompletion=complete_target,
    ),
    _not_an_address("--target is a limit, such as latency_p95=200ms"),
]
AllowHosts = Annotated[
    Sequence[str], typer.Option("--allow-host", metavar="NAME", help="This public host may be loaded.")
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "--processes",
        metavar="N|auto",
        help="Engine processes that share the load; auto: one per core, half as many for a local system.",
    ),
    Parsed(parse_workers, "1"),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Fixes random values and choices.")]
RunsFolder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where run directories are.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="The first line and the exit code only.")]
Plain = Annotated[bool, typer.Option("--plain", help="No redrawn lines, even in a terminal.")]
FailOnWarn = Annotated[
    bool,
    typer.Option(
        "--fail-on",
        metavar="fail|warn",
        help="What exits 1: FAIL alone, or WARN too.",
        autocompletion=one_of("fail", "warn"),
    ),
    Parsed(_fails_on_warn, "fail"),
]


# -- groups --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptOverrides:
    """What only a script of the user's own understands."""

    classes: Annotated[
        Sequence[str],
        typer.Argument(metavar="[CLASS]…", help="User classes of a locustfile; nothing: all of them."),
    ] = ()
    files: Annotated[
        Sequence[str],
        typer.Option("--locustfile", "-f", metavar="FILE", help="A locustfile, or several: -f a.py,b.py."),
    ] = ()
    """As typed; then without the first, which is the one that is run."""
    spawn_rate: Annotated[
        float | None,
        typer.Option(
            "--spawn-rate",
            "-r",
            metavar="N",
            help="With -u: start N users per second. Default: a tenth of -t.",
        ),
    ] = None
    tags: Annotated[
        Sequence[str],
        typer.Option(
            "--tags", "-T", metavar="TAG", help="Locustfile: only tasks with one of these tags: -T a b."
        ),
    ] = ()
    exclude_tags: Annotated[
        Sequence[str],
        typer.Option(
            "--exclude-tags", "-E", metavar="TAG", help="Locustfile: no tasks with one of these tags."
        ),
    ] = ()
    stop_timeout_s: Annotated[
        float | None,
        typer.Option(
            "--stop-timeout",
            "-s",
            metavar="TIME",
            help="How long requests under way may take once the load ends.",
        ),
        Parsed(parse_stop_timeout),
    ] = None
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="Locust's configuration file, whose lines count as options; or Artillery's, put over the script.",
        ),
    ] = None
    environment: Annotated[
        str | None,
        typer.Option(
            "--environment", "-e", metavar="NAME", help="Artillery script: one of its environments."
        ),
    ] = None
    variables: Annotated[
        str | None,
        typer.Option("--variables", "-v", metavar="JSON", help="Artillery script: variables of its users."),
    ] = None
    overrides: Annotated[
        str | None,
        typer.Option("--overrides", metavar="JSON", help="Artillery script: put over the script."),
    ] = None
    payload: Annotated[
        str | None,
        typer.Option(
            "--payload", "-p", metavar="FILE", help="Artillery script: the CSV file of its payload."
        ),
    ] = None
    scenario_name: Annotated[
        str | None,
        typer.Option(
            "--scenario-name", metavar="NAME", help="Artillery script: only this one of its scenarios."
        ),
    ] = None
    dotenv: Annotated[
        str | None,
        typer.Option(
            "--dotenv", "--env-file", metavar="FILE", help="Artillery script: variables of the environment."
        ),
    ] = None
    arguments: Sequence[str] = ()
    """After `--`."""
    configured: Mapping[str, str] = field(default_factory=dict)
    """What a locustfile's `--config` says, by option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the command line says on top of a scenario."""

    script: ScriptOverrides = field(default_factory=ScriptOverrides)
    engine: EngineName = None
    host: Host = None
    users: Users = None
    rate: Rate = None
    duration: Duration = None
    """As typed: a number without a unit is seconds for a locustfile, and a mistake otherwise."""
    insecure: Annotated[
        bool, typer.Option("--insecure", "-k", help="Do not check the system's certificate: verify: false.")
    ] = False
    targets: Targets = ()


HIGHEST_PID = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """What is watched instead of what the scenario says."""

    pid: Annotated[
        int | None, typer.Option("--pid", help="Watch this process as the system.", min=1, max=HIGHEST_PID)
    ] = None
    process: Annotated[
        str | None, typer.Option("--process", metavar="NAME", help="Watch the process of this name.")
    ] = None
    containers: Annotated[
        Sequence[str],
        typer.Option(
            "--container",
            metavar="NAME",
            help="Watch this container (name, id, label or compose service); of several the first is judged.",
        ),
    ] = ()
    pods: Annotated[
        Pods | None,
        typer.Option(
            "--pods", metavar="NS/SELECTOR", help="Watch these pods, as in ml-platform/app=api (kubectl)."
        ),
        Parsed(_pods),
    ] = None
    logs: Annotated[
        Sequence[str],
        typer.Option("--logs", metavar="FILE", help="Follow this log (path, pattern, container or pods)."),
    ] = ()
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="PAGE", help="Scrape this metrics page: /metrics, or a whole URL."),
        Parsed(parse_page),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """`--demo`, and what only makes sense with it."""

    use: Annotated[bool, typer.Option("--demo", help="Start the embedded demo system and use that.")] = False
    faults: Annotated[
        Sequence[str], typer.Option("--fault", metavar="SPEC", help="A fault of the demo system.")
    ] = ()
    service: Annotated[
        str | None, typer.Option("--service", metavar="SPEC", help="The demo system's service time.")
    ] = None
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="FILE", help="Write what the demo system really did.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryFiles:
    """Files that need no more than the result."""

    html: Path | None = None
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE", help="Write a summary for a pull request."),
        Parsed(_writable),
    ] = None
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Write JUnit XML for CI."),
        Parsed(_writable),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Files(SummaryFiles):
    """What is written beside the run directory."""

    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the report with charts, one file."),
        Parsed(_writable),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """What commands take that make load."""

    workers: Workers
    seed: Seed = None
    watch: WatchOptions
    allow_hosts: AllowHosts = ()
    demo: DemoOptions
    ready_timeout_s: Annotated[
        float,
        typer.Option("--ready-timeout", metavar="TIME", help="How long to wait for the system."),
        in_units("--ready-timeout", parse_duration, "30s"),
    ]
    python: Annotated[
        str | None, typer.Option("--python", metavar="PATH", help="Python that runs your locustfile.")
    ] = None
    out: RunsFolder = Path("runs")
    quiet: Quiet = False
    smoke: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedOptions(LoadOptions):
    """What commands take on top whose runs have a verdict each."""

    fail_on_warn: FailOnWarn
    as_json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(JudgedOptions):
    """What a single run takes on top."""

    profile: Annotated[
        Literal["sample", "continuous"] | None,
        typer.Option(
            "--profile",
            metavar="[sample|continuous]",
            autocompletion=one_of("sample", "continuous"),
            help="Profile the system's Python processes: two short samples, or all along.",
        ),
        choice("--profile", "sample", "continuous", hint="alone it means sample"),
    ] = None
    files: Files
    metrics_port: Annotated[
        Address | None,
        typer.Option(
            "--metrics-port",
            metavar="[HOST:]PORT",
            help="Serve the run live to Prometheus; without a host, to this machine only.",
        ),
        Parsed(parse_address),
    ] = None
    metrics_linger_s: Annotated[
        float | None,
        typer.Option(
            "--metrics-linger",
            metavar="TIME",
            help="After the run, wait this long for a scrape of the verdict.",
        ),
        in_units("--metrics-linger", parse_duration),
    ] = None
    on_finish: Annotated[
        str | None,
        typer.Option(
            "--on-finish",
            metavar="CMD",
            help="Run this when the result is written, its path as the last word. No shell; a minute at most.",
        ),
    ] = None
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="NAME",
            help="Compare the run with this baseline at its end; exits 1 where it became worse.",
            autocompletion=complete_baseline,
        ),
    ] = None
    smoke: Annotated[
        bool,
        typer.Option("--smoke", help="A quick look: leave out the targets that this load is too small for."),
    ] = False
    plain: Plain = False
    as_json: JsonFlag = False
