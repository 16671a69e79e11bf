"""What of the system a scenario watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods of one namespace that a label selector picks: `app=api`, `app in (api, worker)`."""

    namespace: str
    selector: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.selector}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsPage:
    """A page in the Prometheus text format: a path below the host, or a whole URL without user-info.

    `series`: names or patterns (`db_pool_*`) to record beside the standard ones.
    `headers` are sent with every scrape; they are secrets.
    """

    page: str
    series: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusServer:
    """`queries`: name of the series → PromQL. `headers` are sent with every query; they are secrets."""

    url: str
    queries: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """Files (paths or glob patterns, relative to the scenario's file), the watched containers, the watched pods.

    A line is an error by its level field (`level`, in JSON lines; None: the usual names) or where `errors`, a regular
    expression, is found in it (None: ERROR, CRITICAL or FATAL as a word).
    """

    files: Sequence[str] = ()
    container: bool = False
    pods: bool = False
    level: str | None = None
    errors: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """All empty: the process behind the host's port, when it is local. Of `containers` the first is judged."""

    pid: int | None = None
    process: str | None = None
    containers: Sequence[str] = ()
    """Name, id, label (`key=value`) or compose service."""
    pods: Pods | None = None
    metrics: MetricsPage | None = None
    prometheus: PrometheusServer | None = None
    logs: Logs | None = None

    @property
    def asked(self) -> bool:
        """The scenario asks for monitoring that measures cpu and memory, so these are judged."""
        return self.names_a_process or bool(self.containers) or self.pods is not None

    @property
    def names_a_process(self) -> bool:
        return self.pid is not None or self.process is not None
