"""The formats of a result, each a pure function of it. Those of html, csv and csv-readings need the recording too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from loadctl.cli.options import FORMATS, Files, SummaryFiles
from loadctl.errors import UsageError
from loadctl.scenario.units import format_count

if TYPE_CHECKING:
    from loadctl.cli.judging import Judgement
    from loadctl.results.result import Provenance, Result
    from loadctl.run.machine import Machine
    from loadctl.run.manifest import Manifest


def formatted(judgement: Judgement, name: str) -> str:
    """Raises: UsageError for an unknown format."""
    if name not in FORMATS:
        raise UsageError(f"there is no format '{name[:40]}'; choose one of {', '.join(FORMATS)}")
    if name == "html":
        return html(judgement)
    if name == "csv":
        from loadctl.reports.table import intervals
        from loadctl.run.store import read_seconds

        return intervals(read_seconds(judgement.run), judgement.load)
    if name == "csv-readings":
        from loadctl.reports.table import readings

        return readings(judgement.recording.readings)
    return _summary(judgement.result, name)


def _summary(result: Result, name: str) -> str:
    """A format that needs only the result. Each is imported alone, since some of their libraries are slow."""
    module, function = _SUMMARIES[name]
    text: str = getattr(import_module(f"loadctl.{module}"), function)(result)
    return text


_SUMMARIES = {
    "text": ("reports.terminal.screen", "render"),
    "json": ("results.result", "dumps"),
    "markdown": ("reports.ci.markdown", "markdown"),
    "junit": ("reports.ci.junit", "junit"),
    "openmetrics": ("reports.metrics", "openmetrics"),
}


def write_files(files: Files, judgement: Judgement) -> None:
    """Raises: UsageError."""
    if files.html is not None:
        write_file(files.html, html(judgement))
    write_summaries(files, judgement.result)


def write_summaries(files: SummaryFiles, result: Result) -> None:
    """Raises: UsageError."""
    for name, path in (("markdown", files.markdown), ("junit", files.junit)):
        if path is not None:
            write_file(path, _summary(result, name))


def html(judgement: Judgement) -> str:
    """The page with charts: it is drawn from the seconds of the run too.

    Raises: UsageError where loadctl was installed without the library that draws them.
    """
    from loadctl.reports.html.page import page
    from loadctl.results.charts import charts

    result, recording = judgement.result, judgement.recording
    drawn = charts(judgement.load, recording, result.window, result.ended_s)
    return page(result, drawn, provenance_of(judgement.manifest))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def write_file(path: Path, text: str) -> None:
    """Append to a GitHub job summary, which other steps write too; replace any other file. A new file has mode 0600.

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


_SHOWN_ELSEWHERE = {"name", "goal", "source", "packaged", "host", "targets", "rescaled", "where"}


def provenance_of(manifest: Manifest) -> Provenance:
    """Without secrets: the manifest is redacted when it is written."""
    from loadctl.results.result import Provenance

    return Provenance(
        run_id=manifest.id,
        command=("loadctl", *manifest.argv),
        scenario=_scenario(manifest),
        facts=tuple(_facts(manifest)),
    )


def _scenario(manifest: Manifest) -> str:
    """As YAML, without empty values and what the report shows elsewhere."""
    import msgspec
    import yaml

    scenario = msgspec.to_builtins(manifest.scenario)
    essence = {key: value for key, value in scenario.items() if key not in _SHOWN_ELSEWHERE}
    return yaml.safe_dump(_pruned(essence), sort_keys=False, allow_unicode=True, width=100)


def _pruned(value: object) -> object:
    if isinstance(value, dict):
        parts = {key: _pruned(part) for key, part in value.items() if key != "where"}
        return {key: part for key, part in parts.items() if part is not None and part not in ("", [], (), {})}
    if isinstance(value, list | tuple):
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
