"""What a command line asked for, as typed. Light, so that it can be held while heavier modules are imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadctl.cli.formats import Files
from loadctl.cli.metrics_port import MetricsOptions
from loadctl.cli.watched import WatchOptions


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says on top of a scenario."""

    host: str | None = None
    engine: str | None = None
    targets: Sequence[str] = ()
    users: int | None = None
    rate: str | None = None
    duration: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What `run` was asked for, as typed."""

    reference: str | None
    overrides: Overrides
    workers: str
    seed: int | None
    watch: WatchOptions
    profile: str | None = None
    files: Files = field(default_factory=Files)
    metrics: MetricsOptions = field(default_factory=MetricsOptions)
    on_finish: str | None = None
    allow_hosts: Sequence[str]
    demo: bool
    ready_timeout: str
    python: str | None
    out: Path
    fail_on: str


@dataclass(frozen=True, slots=True)
class Output:
    quiet: bool
    as_json: bool
    plain: bool
