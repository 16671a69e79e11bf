"""A container as the engine reports it: identity, state and limits. Pure parsing of its JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from loadctl.monitors.answer import Json, Malformed, integer, nanoseconds, part, parts, text

_SERVICE_LABELS = ("com.docker.compose", "io.podman.compose")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One line of the list of containers."""

    id: str
    name: str
    running: bool
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    """Ports of the host that are handed on to it."""

    @property
    def service(self) -> str | None:
        """Its service in a compose file."""
        found = (self.labels.get(f"{prefix}.service") for prefix in _SERVICE_LABELS)
        return next((service for service in found if service), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Inspection of a container: its state and limits; times are the engine's clock in ns, 0: never."""

    id: str
    name: str
    status: str
    """created, running, paused, restarting, removing, exited or dead"""
    running: bool
    exit_code: int = 0
    oom_killed: bool = False
    restarts: int = 0
    started_ns: int = 0
    finished_ns: int = 0
    pid: int = 0
    """Of its first process, as the kernel counts on the engine's machine; 0: it does not run."""
    error: str = ""
    """Why it could not be started."""
    health: str | None = None
    """None: it has no health check."""
    cores: float | None = None
    """Its quota or its set of CPUs; None: as many as the machine has."""
    cores_of: str = ""
    memory_limit: int | None = None
    """Bytes; None: as much as the machine has."""
    tty: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def gone(self) -> bool:
        """It has ended, and no restart policy will bring it back."""
        return self.status in {"exited", "dead", "removing", "stopped"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEvent:
    """Something that happened to a container, at `ns` on the engine's clock."""

    action: str
    """start, die, oom, kill, destroy, rename, health_status, …"""
    id: str
    ns: int
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Its labels, and what else the engine reports (image, exitCode, signal)."""
    exit_code: int | None = None
    health: str = ""


def event(answer: object) -> EngineEvent | None:
    """One line of GET /events; None if it is not an event of a container."""
    if not isinstance(answer, Mapping):
        return None
    actor = part(answer, "Actor")
    attributes = {key: str(value) for key, value in part(actor, "Attributes").items()}
    action, _, rest = (text(answer, "Action") or text(answer, "status")).partition(":")
    identity = text(actor, "ID") or text(answer, "id")
    ns = integer(answer, "timeNano") or integer(answer, "time") * 10**9
    if not action or not identity or not ns:
        return None
    code = attributes.get("exitCode") or attributes.get("containerExitCode") or ""
    return EngineEvent(
        action={"died": "die", "remove": "destroy"}.get(action, action),
        id=identity,
        ns=ns,
        name=attributes.get("name", ""),
        labels=attributes,
        exit_code=int(code) if re.fullmatch(r"-?\d{1,9}", code) else None,
        health=rest.strip() or text(answer, "HealthStatus") or attributes.get("health_status", ""),
    )


def containers(answer: object) -> tuple[Container, ...]:
    """GET /containers/json. Entries without an id are left out."""
    return tuple(
        Container(
            id=text(one, "Id"),
            name=_first_name(one),
            running=text(one, "State") in {"running", "paused"} or text(one, "Status").startswith("Up "),
            labels={key: str(value) for key, value in part(one, "Labels").items()},
            ports=tuple(
                sorted({port for entry in parts(one, "Ports") if (port := integer(entry, "PublicPort"))})
            ),
        )
        for one in (answer if isinstance(answer, list) else [])
        if isinstance(one, Mapping) and text(one, "Id")
    )


def state(answer: object) -> State:
    """GET /containers/ID/json.  Raises: Malformed."""
    if not isinstance(answer, Mapping) or not text(answer, "Id"):
        raise Malformed("the engine's inspection has no Id")
    now, limits = part(answer, "State"), part(answer, "HostConfig")
    cores, cores_of = _cores(limits)
    health = text(part(now, "Health") or part(now, "Healthcheck"), "Status")
    return State(
        id=text(answer, "Id"),
        name=text(answer, "Name").removeprefix("/"),
        status=text(now, "Status"),
        running=now.get("Running") is True and now.get("Restarting") is not True,
        exit_code=integer(now, "ExitCode"),
        oom_killed=now.get("OOMKilled") is True,
        restarts=integer(answer, "RestartCount") or integer(now, "RestartCount"),
        started_ns=nanoseconds(text(now, "StartedAt")),
        finished_ns=nanoseconds(text(now, "FinishedAt")),
        pid=integer(now, "Pid"),
        error=text(now, "Error"),
        health=None if health in {"", "none"} else health,
        cores=cores,
        cores_of=cores_of,
        memory_limit=integer(limits, "Memory") or None,
        tty=part(answer, "Config").get("Tty") is True,
        labels={key: str(value) for key, value in part(part(answer, "Config"), "Labels").items()},
    )


def same_replica(labels: Mapping[str, str], others: Mapping[str, str]) -> bool:
    """Whether two containers are, one after the other, the same replica of the same compose service."""
    return any(
        bool(labels.get(f"{prefix}.service"))
        and all(
            labels.get(f"{prefix}.{name}") == others.get(f"{prefix}.{name}")
            for name in ("project", "service", "container-number")
        )
        for prefix in _SERVICE_LABELS
    )


def _first_name(one: Json) -> str:
    """The shortest: a linked container is also called by the names others have for it, as "/web/db"."""
    names = one.get("Names")
    found = (
        [name.removeprefix("/") for name in names if isinstance(name, str)] if isinstance(names, list) else []
    )
    return min(found, key=lambda name: (name.count("/"), len(name)), default=text(one, "Id")[:12])


def _cores(limits: Json) -> tuple[float | None, str]:
    """The tightest of --cpus, --cpu-quota and --cpuset-cpus, and its name."""
    found: list[tuple[float, str]] = []
    if (nano := integer(limits, "NanoCpus")) > 0:
        found.append((nano / 1e9, "its quota"))
    if (quota := integer(limits, "CpuQuota")) > 0:
        found.append((quota / (integer(limits, "CpuPeriod") or 100_000), "its quota"))
    if chosen := _cpuset(text(limits, "CpusetCpus")):
        found.append((float(chosen), "its set of CPUs"))
    return min(found, default=(None, ""))


def _cpuset(listed: str) -> int:
    """ "0-2,5" → 4; 0 if it is not a list."""
    cpus: set[int] = set()
    for item in filter(None, listed.split(",")):
        match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", item.strip())
        if match is None:
            return 0
        cpus.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return len(cpus)
