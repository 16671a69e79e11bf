"""From the manifest to the facts that a report tells of how a run was made."""

from __future__ import annotations

import json
from collections.abc import Iterator

from loadctl.results.provenance import Provenance
from loadctl.run.machine import Machine
from loadctl.run.manifest import Manifest, to_text
from loadctl.scenario.units import format_count

_TOLD_ELSEWHERE = {"name", "goal", "source", "packaged", "host", "targets", "rescaled", "where"}


def provenance_of(manifest: Manifest) -> Provenance:
    """Secrets are not in it: they are redacted where the manifest is written, and read back so."""
    return Provenance(
        run_id=manifest.id,
        command=("loadctl", *manifest.argv),
        scenario=_scenario(manifest),
        facts=tuple(_facts(manifest)),
    )


def _scenario(manifest: Manifest) -> str:
    """As YAML, without what is empty and what the report says elsewhere."""
    import yaml

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
