"""A container as the engine reports it: identity, state, limits and use. Pure parsing of its JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from loadctl.monitors.answer import Json, Malformed, integer, nanoseconds, part, parts, text, whole
from loadctl.monitors.source import Sheet

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


@dataclass(frozen=True, slots=True)
class Frame:
    """The counters at one time; None: the engine does not report it."""

    read_ns: int
    cpu_ns: int | None
    periods: int
    throttled: int
    memory: int | None
    inactive_file: int | None
    network: tuple[int, int] | None
    """Bytes received and sent, over all interfaces."""
    disk: tuple[int, int] | None
    """Bytes read and written."""
    pids: int | None


def frame(answer: object) -> Frame | None:
    """One line of GET /containers/ID/stats; None for the zeros of a container that does not run."""
    if not isinstance(answer, Mapping):
        return None
    read_ns = nanoseconds(text(answer, "read"))
    cpu, memory = part(answer, "cpu_stats"), part(answer, "memory_stats")
    total = whole(part(cpu, "cpu_usage").get("total_usage"))
    pids = integer(part(answer, "pids_stats"), "current")
    if read_ns == 0 or (not total and not pids and not memory.get("usage")):
        return None
    throttling = part(cpu, "throttling_data")
    return Frame(
        read_ns,
        total,
        integer(throttling, "periods"),
        integer(throttling, "throttled_periods"),
        integer(memory, "usage") or None,
        _inactive(part(memory, "stats")),
        _network(answer),
        _disk(part(answer, "blkio_stats")),
        pids or None,
    )


def use(now: Frame, before: Frame | None, state: State, machine_cores: float | None) -> Sheet:
    """The values of a reading; rates need the frame `before`, of the same run of the container."""
    sheet = Sheet({}, {})
    cores = min((n for n in (state.cores, machine_cores) if n), default=None)
    if cores is not None:
        sheet.values["cores_available"] = round(cores, 3)
        whose = state.cores_of if state.cores is not None and cores == state.cores else "the machine"
        sheet.notes["cpu_of"] = f"{cores:g} {'core' if cores == 1 else 'cores'} ({whose})"
    _memory(now, state, sheet)
    if now.pids is not None:
        sheet.values["pids"] = now.pids
    if before is None or now.read_ns <= before.read_ns or _was_reset(now.cpu_ns, before.cpu_ns):
        sheet.notes["cpu"] = "first reading: a rate needs two"
        return sheet
    _cpu(now, before, cores, sheet)
    _rates(now, before, sheet)
    return sheet


def _was_reset(now: int | None, before: int | None) -> bool:
    return now is not None and before is not None and now < before


def _cpu(now: Frame, before: Frame, cores: float | None, sheet: Sheet) -> None:
    if now.cpu_ns is None or before.cpu_ns is None:
        sheet.notes["cpu"] = "the engine reports no CPU time"
        return
    used = (now.cpu_ns - before.cpu_ns) / (now.read_ns - before.read_ns)
    sheet.values["cpu_cores"] = round(used, 4)
    if cores is None:
        sheet.notes["cpu_pct"] = "the engine does not say how many cores its machine has"
    else:
        sheet.values["cpu_pct"] = round(100 * used / cores, 2)
    if now.periods > before.periods:
        share = (now.throttled - before.throttled) / (now.periods - before.periods)
        sheet.values["throttled_pct"] = round(100 * max(0.0, share), 1)


def _memory(now: Frame, state: State, sheet: Sheet) -> None:
    if now.memory is None:
        sheet.notes["memory"] = "the engine reports no memory"
        return
    known = now.inactive_file is not None and now.inactive_file < now.memory
    used = now.memory - (now.inactive_file or 0) if known else now.memory
    sheet.values["memory_bytes"] = used
    sheet.notes["memory_kind"] = "working set" if now.inactive_file is not None else "usage with file cache"
    if state.memory_limit is None:
        sheet.notes["memory_pct"] = "the container has no memory limit"
        return
    sheet.values["memory_limit_bytes"] = state.memory_limit
    sheet.values["memory_pct"] = round(100 * used / state.memory_limit, 2)


def _rates(now: Frame, before: Frame, sheet: Sheet) -> None:
    seconds = (now.read_ns - before.read_ns) / 1e9
    for what, (reason, *names) in _RATES.items():
        new, old = getattr(now, what), getattr(before, what)
        if new is None or old is None:
            sheet.notes[what] = reason
            continue
        for name, more, less in zip(names, new, old, strict=True):
            if more >= less:
                sheet.values[name] = round((more - less) / seconds, 1)


_RATES = {
    "network": (
        "the engine reports none: the container has no network of its own",
        "network_rx_bytes_per_s",
        "network_tx_bytes_per_s",
    ),
    "disk": ("the engine reports no reads or writes", "disk_read_bytes_per_s", "disk_write_bytes_per_s"),
}


def _inactive(stats: Json) -> int | None:
    v1 = whole(stats.get("total_inactive_file"))  # of control groups
    return whole(stats.get("inactive_file")) if v1 is None else v1


def _network(answer: Json) -> tuple[int, int] | None:
    interfaces = [one for one in part(answer, "networks").values() if isinstance(one, Mapping)]
    if not interfaces:
        return None
    received, sent = (sum(integer(one, name) for one in interfaces) for name in ("rx_bytes", "tx_bytes"))
    return received, sent


def _disk(stats: Json) -> tuple[int, int] | None:
    """An empty list is not a zero: an engine that cannot account for block devices sends the same."""
    total: Counter[str] = Counter()
    entries = parts(stats, "io_service_bytes_recursive")
    for one in entries:
        total[text(one, "op").lower()] += integer(one, "value")
    return (total["read"], total["write"]) if entries else None
