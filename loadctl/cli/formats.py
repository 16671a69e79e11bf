"""The forms in which a result can be written, each a pure function of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadctl.errors import UsageError
from loadctl.scenario.units import format_count

if TYPE_CHECKING:
    from loadctl.cli.judging import Judgement
    from loadctl.results.result import Provenance, Result
    from loadctl.run.machine import Machine
    from loadctl.run.manifest import Manifest

NAMES = ("text", "html", "json", "markdown", "junit", "csv", "csv-readings", "openmetrics")

HtmlFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write the report with charts, one file.")
]
MarkdownFile = Annotated[
    Path | None, typer.Option("--markdown", metavar="FILE", help="Write a summary for a pull request.")
]
JunitFile = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML for CI.")]


@dataclass(frozen=True, slots=True)
class Files:
    """What is written beside the run directory."""

    html: Path | None = None
    markdown: Path | None = None
    junit: Path | None = None

    def writes(self, path: Path) -> bool:
        return any(
            own is not None and own.absolute() == path.absolute()
            for own in (self.html, self.markdown, self.junit)
        )

    def check(self) -> None:
        """Raises: UsageError where one cannot be written: nobody shall find that out after the load."""
        for path in (self.html, self.markdown, self.junit):
            if path is not None:
                _check_writable(path)

    def write(self, judgement: Judgement) -> None:
        """Raises: UsageError."""
        if self.html is not None:
            write_file(self.html, html(judgement))
        self.write_without_charts(judgement.result)

    def write_without_charts(self, result: Result) -> None:
        """Those that need no more than the result. Raises: UsageError."""
        for name, path in (("markdown", self.markdown), ("junit", self.junit)):
            if path is not None:
                write_file(path, _forms()[name](result))


def _check_writable(path: Path) -> None:
    """Raises: UsageError."""
    try:
        there = path.absolute().parent.is_dir() and not path.is_dir()
        path.exists()  # raises for a name that no file can have
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{str(path)[:300]} cannot be written: {reason}") from error
    if not there:
        raise UsageError(f"{path} cannot be written: its folder does not exist", hint="create it first")


def formatted(judgement: Judgement, name: str) -> str:
    """Raises: UsageError for a form that does not exist."""
    if name not in NAMES:
        raise UsageError(f"there is no form '{name[:40]}'; there are {', '.join(NAMES)}")
    if table := _tables().get(name):
        return table(judgement)
    if name == "html":
        return html(judgement)
    return _forms()[name](judgement.result)


def html(judgement: Judgement) -> str:
    """The page with charts: it is drawn from the seconds of the run too.

    Raises: UsageError where loadctl was installed without the library that draws them.
    """
    from loadctl.reports.html.page import page
    from loadctl.results.charts import charts

    result, recording = judgement.result, judgement.recording
    drawn = charts(judgement.load, recording, result.window, result.ended_s)
    return page(result, drawn, provenance_of(judgement.manifest))


def _forms() -> Mapping[str, Callable[[Result], str]]:
    from loadctl.reports.ci.junit import junit
    from loadctl.reports.ci.markdown import markdown
    from loadctl.reports.terminal.screen import render
    from loadctl.results.wire.document import dumps

    return {
        "text": render,
        "json": dumps,
        "markdown": markdown,
        "junit": junit,
        "openmetrics": _openmetrics,
    }


def _openmetrics(result: Result) -> str:
    from loadctl.reports.metrics.openmetrics import (
        openmetrics,  # its library takes time that the others need not wait
    )

    return openmetrics(result)


def _tables() -> Mapping[str, Callable[[Judgement], str]]:
    from loadctl.reports.table import intervals, readings
    from loadctl.run.store import read_seconds

    return {
        "csv": lambda made: intervals(read_seconds(made.run), made.load),
        "csv-readings": lambda made: readings(made.recording.readings),
    }


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def write_file(path: Path, text: str) -> None:
    """A job summary of GitHub is added to, as others write there too; any other file is replaced, a new one is 0600.

    Raises: UsageError.
    """
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    try:
        if summary and path.absolute() == Path(summary).absolute():
            with path.open("a", encoding="utf-8") as file:
                file.write(text)
        else:
            with open(path, "w", encoding="utf-8", opener=_private) as file:
                file.write(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


_TOLD_ELSEWHERE = {"name", "goal", "source", "packaged", "host", "targets", "rescaled", "where"}


def provenance_of(manifest: Manifest) -> Provenance:
    """Secrets are not in it: they are redacted where the manifest is written, and read back so."""
    from loadctl.results.result import Provenance

    return Provenance(
        run_id=manifest.id,
        command=("loadctl", *manifest.argv),
        scenario=_scenario(manifest),
        facts=tuple(_facts(manifest)),
    )


def _scenario(manifest: Manifest) -> str:
    """As YAML, without what is empty and what the report says elsewhere."""
    import yaml

    from loadctl.run.manifest import to_text

    written = json.loads(to_text(manifest))["scenario"]
    essence = {key: value for key, value in written.items() if key not in _TOLD_ELSEWHERE}
    return yaml.safe_dump(_pruned(essence), sort_keys=False, allow_unicode=True, width=100)


def _pruned(value: object) -> object:
    if isinstance(value, dict):
        parts = {key: _pruned(part) for key, part in value.items() if key != "where"}
        return {key: part for key, part in parts.items() if part is not None and part not in ("", [], {})}
    if isinstance(value, list):
        return [_pruned(part) for part in value]
    return value


def _facts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    yield "run", manifest.id
    if manifest.scenario.rescaled:
        yield "rescaled", manifest.scenario.rescaled
    yield "scenario hash", manifest.scenario_hash
    yield "seed", str(manifest.scenario.seed)
    if manifest.git_revision:
        yield "git revision", manifest.git_revision
    yield from sorted(manifest.versions.items())
    yield "engine processes", str(manifest.shards)
    if manifest.watched:
        yield "watched", manifest.watched
    for note in manifest.watch_notes:
        yield "monitors", note
    yield from _machine(manifest.machine)


def _machine(machine: Machine) -> Iterator[tuple[str, str]]:
    yield "platform", machine.platform
    cores = f"{machine.cpu_affinity} of {machine.cpu_count} cores usable"
    yield "cpu", cores + (f", a quota of {machine.cpu_quota:g}" if machine.cpu_quota is not None else "")
    yield "open files", f"at most {format_count(machine.open_files)}"
    if machine.first_port is not None and machine.last_port is not None:
        yield "outgoing ports", f"{machine.first_port} to {machine.last_port}"
