"""Options that say what is watched as the system; `run` and `watch` share them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadctl.errors import UsageError

if TYPE_CHECKING:
    from loadctl.scenario.watch import Pods, Watch

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
    from loadctl.scenario.watch_reader import parse_pods

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
