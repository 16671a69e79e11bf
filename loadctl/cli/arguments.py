"""Arguments and options that several commands share, so that each is spelled and explained once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadctl.errors import UsageError

if TYPE_CHECKING:
    from loadctl.results.profile import ProfileMode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadctl.scenario.watch import Pods, Watch


def complete_scenario(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of scenarios that begin so, for the shell."""
    from loadctl.cli.project import Project

    return beginning((entry.name for entry in Project(_folder(ctx)).entries()), incomplete)


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ids of runs that contain this, newest first, for the shell."""
    from loadctl.run.store import list_runs

    names = ["latest", *(run.id for run in list_runs(_folder(ctx) / "runs"))]
    return [name for name in names if incomplete in name]


def complete_engine(incomplete: str) -> list[str]:
    from loadctl.engines import ENGINES

    return beginning(ENGINES, incomplete)


def complete_target(incomplete: str) -> list[str]:
    """Metrics, up to where the limit follows."""
    from loadctl.scenario.metric import METRICS

    return beginning((f"{name}=" for name in METRICS), incomplete)


def beginning(words: Iterable[str], incomplete: str) -> list[str]:
    """Those that begin so, for the shell."""
    return [word for word in words if word.startswith(incomplete)]


def _folder(ctx: typer.Context) -> Path:
    """`-C DIR`, which is only entered when the command is carried out."""
    return ctx.find_root().params.get("directory") or Path()


def fails_on_warn(fail_on: str) -> bool:
    """`--fail-on`. Raises: UsageError."""
    if fail_on not in {"fail", "warn"}:
        raise UsageError(f"--fail-on takes fail or warn, not '{fail_on}'")
    return fail_on == "warn"


def profile_mode(text: str) -> ProfileMode:
    """`--profile`. Raises: UsageError."""
    match text:
        case "sample" | "continuous":
            return text
    raise UsageError(f"--profile takes sample or continuous, not '{text[:60]}'", hint="alone it means sample")


def profile_alone(argv: Sequence[str]) -> list[str]:
    """`--profile` without a mode means sample; the parser of options knows no value that may be left out."""
    after = [*argv[1:], ""]
    modes = {"sample", "continuous"}
    return [
        f"{word}=sample" if word == "--profile" and follows not in modes else word
        for word, follows in zip(argv, after, strict=False)
    ]


_TAKES_WORDS = ("-T", "--tags", "-E", "--exclude-tags")
FILES = (".py", ".yaml", ".yml", ".json", ".ts", ".js")


def tags_apart(argv: Sequence[str]) -> list[str]:
    """`-T a b` as `-T a -T b`: the parser of options takes one value each. What is a file or a URL is no tag."""
    found: list[str] = []
    option: str | None = None
    for word in argv:
        if word.startswith("-"):
            option = word if word in _TAKES_WORDS else None
        elif option is not None and (word.endswith(FILES) or "/" in word):
            option = None
        elif option is not None and found[-1] != option:
            found.append(option)
        found.append(word)
    return found


def workers_of(text: str, host: str) -> int:
    """`--workers`: a number, or `auto`: a shard for each core of this process, half of them where the system is local.

    A request costs most systems more than it costs us: with fewer cores left, the system would be measured as slow.
    Raises: UsageError.
    """
    if text in {"auto", "-1"}:  # as Locust says it
        from loadctl.monitors.process.cores import usable_cores
        from loadctl.monitors.process.port import is_local

        return max(1, int(usable_cores()) // (2 if is_local(host) else 1))
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= _WORKERS_MAX:
        raise UsageError(f"--workers takes a number from 1 to {_WORKERS_MAX}, or auto, not '{text}'")
    return int(text)


_WORKERS_MAX = 256
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
    str | None, typer.Option("--rate", metavar="N/s", help="Open model: scale the peak arrival rate to this.")
]
Duration = Annotated[
    str | None,
    typer.Option(
        "--duration", "-t", "--run-time", metavar="TIME", help="Stretch or shrink the load to this long."
    ),
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="METRIC=LIMIT",
        help="Add or replace a target, e.g. latency_p95=200ms.",
        autocompletion=complete_target,
    ),
]
Demo = Annotated[bool, typer.Option("--demo", help="Start the embedded demo system and use that.")]
Fault = Annotated[
    list[str] | None, typer.Option("--fault", metavar="SPEC", help="A fault of the demo system.")
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="[sample|continuous]",
        autocompletion=lambda incomplete: beginning(("sample", "continuous"), incomplete),
        help="Profile the system's Python processes: two short samples, or all along.",
    ),
]
AllowHost = Annotated[
    list[str] | None, typer.Option("--allow-host", metavar="NAME", help="This public host may be loaded.")
]
Insecure = Annotated[
    bool, typer.Option("--insecure", "-k", help="Do not check the system's certificate: verify: false.")
]
Workers = Annotated[
    str,
    typer.Option(
        "--workers",
        "--processes",
        metavar="N|auto",
        help="Engine processes that share the load; auto: one a core, half of them where the system is local.",
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Fixes random values and choices.")]
ReadyTimeout = Annotated[
    str, typer.Option("--ready-timeout", metavar="TIME", help="How long to wait for the system.")
]
UsersPython = Annotated[
    str | None, typer.Option("--python", metavar="PATH", help="Python that runs your locustfile.")
]
RunsFolder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where run directories are.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="The first line and the exit code only.")]
FailOn = Annotated[
    str,
    typer.Option(
        "--fail-on",
        metavar="fail|warn",
        help="What exits 1: FAIL alone, or WARN too.",
        autocompletion=lambda incomplete: beginning(("fail", "warn"), incomplete),
    ),
]


Pid = Annotated[int | None, typer.Option("--pid", help="Watch this process as the system.")]
Process = Annotated[
    str | None, typer.Option("--process", metavar="NAME", help="Watch the process of this name.")
]
Container = Annotated[
    list[str] | None,
    typer.Option(
        "--container",
        metavar="NAME",
        help="Watch this container (name, id, label or compose service); of several the first is judged.",
    ),
]
PodsOption = Annotated[
    str | None,
    typer.Option(
        "--pods", metavar="NS/SELECTOR", help="Watch these pods, as in ml-platform/app=api (kubectl)."
    ),
]
LogsOption = Annotated[
    list[str] | None,
    typer.Option("--logs", metavar="FILE", help="Follow this log (path, pattern, container or pods)."),
]
MetricsOption = Annotated[
    str | None,
    typer.Option("--metrics", metavar="PAGE", help="Scrape this metrics page: /metrics, or a whole URL."),
]


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """As typed."""

    pid: int | None = None
    process: str | None = None
    containers: Sequence[str] = ()
    logs: Sequence[str] = ()
    metrics: str | None = None
    pods: str | None = None


def on_top_of(watch: Watch, options: WatchOptions) -> Watch:
    """The scenario's `watch:` with what the command line says of the system, its logs and its page instead.

    Raises: UsageError.
    """
    from loadctl.scenario.watch import Logs, MetricsPage

    kinds = {
        "--pid or --process": options.pid is not None or options.process is not None,
        "--container": bool(options.containers),
        "--pods": options.pods is not None,
    }
    if sum(kinds.values()) > 1:
        named = " and ".join(name for name, given in kinds.items() if given)
        raise UsageError(f"{named}: the system is one of them", hint="name it in one way")
    if any(kinds.values()):
        watch = replace(
            watch,
            pid=options.pid,
            process=options.process,
            containers=tuple(options.containers),
            pods=None if options.pods is None else _pods(options.pods),
        )
    if options.logs:
        words = {"container", "pods"}
        # Relative to where it was typed, not to the scenario's file.
        files = tuple(str(Path(name).absolute()) for name in options.logs if name not in words)
        followed = Logs(files=files, container="container" in options.logs, pods="pods" in options.logs)
        if followed.pods and watch.pods is None:
            raise UsageError("--logs pods follows what --pods names", hint="add  --pods NAMESPACE/SELECTOR")
        watch = replace(watch, logs=followed)
    if options.metrics is not None:
        watch = replace(watch, metrics=MetricsPage(page=_page(options.metrics)))
    return watch


def _pods(text: str) -> Pods:
    from loadctl.scenario.reading.watch import parse_pods

    try:
        return parse_pods(text)
    except ValueError as error:
        raise UsageError(f"--pods: {error}") from None


def _page(text: str) -> str:
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
