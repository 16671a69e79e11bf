"""What a command line asked for, as typed. Light, so that it can be held while heavier modules are imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadctl.cli.arguments import WatchOptions
from loadctl.cli.formats import Files
from loadctl.cli.metrics_port import MetricsOptions
from loadctl.run.process import Early


@dataclass(frozen=True, slots=True, kw_only=True)
class ForScript:
    """What the command line says that only a script of the user's own understands."""

    more: Sequence[str] = ()
    """Further files."""
    classes: Sequence[str] = ()
    arguments: Sequence[str] = ()
    """After `--`."""
    spawn_rate: float | None = None
    tags: Sequence[str] | None = None
    exclude_tags: Sequence[str] | None = None
    stop_timeout: str | None = None
    config: str | None = None
    configured: Mapping[str, str] = field(default_factory=dict)
    """What a locustfile's `--config` says, by option."""
    environment: str | None = None
    variables: str | None = None
    overrides: str | None = None
    payload: str | None = None
    scenario_name: str | None = None
    dotenv: str | None = None


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says on top of a scenario."""

    host: str | None = None
    engine: str | None = None
    targets: Sequence[str] = ()
    users: int | None = None
    rate: str | None = None
    duration: str | None = None
    script: ForScript = field(default_factory=ForScript)
    insecure: bool = False


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
    smoke: bool = False
    early: Early | None = None


@dataclass(frozen=True, slots=True)
class Output:
    quiet: bool
    as_json: bool
    plain: bool
