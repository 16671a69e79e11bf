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
        from loadctl.monitors.cores import usable_cores
        from loadctl.monitors.port import is_local

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
