"""A process tree as a source: what it uses, and whether it died, came back, or had a worker replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from loadctl.monitors.process.port import FoundProcess, Resolved
from loadctl.monitors.process.stat import Key, ProcessStat, read_stat
from loadctl.monitors.process.usage import TreeUse
from loadctl.monitors.source import Detail, Observation
from loadctl.results.recording import Event, Reading

_SETTLED_S = 5.0
"""A child counts as a worker, not as a short-lived helper, once it has been seen for this long."""
_REPLACED_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class WorkerEnd:
    """A child of the master has ended: `left` others remain, or `successor` took its place."""

    ended: ProcessStat
    left: int = 0
    successor: ProcessStat | None = None


class Workers:
    """Children of the root that lived a while and ended, and those replaced by one of the same name.

    A planned recycling (gunicorn's max_requests) and a pool that shrinks look the same from outside, so an end
    proves little by itself: look at what failed at the time.
    """

    def __init__(self, root: ProcessStat) -> None:
        self._root = root
        self._since: dict[Key, float] | None = None
        self._known: dict[Key, ProcessStat] = {}
        self._ended: list[tuple[float, ProcessStat]] = []
        self._fresh: list[tuple[float, ProcessStat]] = []

    def update(self, stats: Iterable[ProcessStat], t: float) -> Sequence[WorkerEnd]:
        """`stats` are the living members of the tree, `t` seconds on any clock. An end comes before its replacement."""
        children = {stat.key: stat for stat in stats if stat.parent == self._root.pid and not stat.zombie}
        if self._since is None:
            self._since = dict.fromkeys(children, t - _SETTLED_S)
        for key, stat in children.items():
            if key not in self._since:
                self._since[key] = t
                self._fresh.append((t, stat))
        ends = []
        for key in [key for key in self._since if key not in children]:
            if t - self._since.pop(key) >= _SETTLED_S:
                self._ended.append((t, self._known[key]))
                ends.append(WorkerEnd(self._known[key], len(children)))
        self._known = children
        return [*ends, *self._paired(t)]

    def _paired(self, t: float) -> list[WorkerEnd]:
        """Each ended worker with a newcomer of its name; a planned successor may come before the end."""
        self._ended = [(at, stat) for at, stat in self._ended if t - at <= _REPLACED_WITHIN_S]
        self._fresh = [
            (at, s) for at, s in self._fresh if t - at <= _REPLACED_WITHIN_S and s.key in self._known
        ]
        pairs = []
        for ended in list(self._ended):
            successor = next((new for new in self._fresh if new[1].name == ended[1].name), None)
            if successor is not None:
                self._ended.remove(ended)
                self._fresh.remove(successor)
                pairs.append(WorkerEnd(ended[1], successor=successor[1]))
        return pairs


_GRACE_S = 10.0
"""How long a process may be gone before it counts as crashed; a supervisor brings it back sooner."""


@dataclass(slots=True)
class _Gone:
    """The root is gone: when it was last seen and first missed, who belonged to it, what was reported of it."""

    last_seen: float
    missed: float
    root: ProcessStat
    members: Mapping[Key, ProcessStat]
    reported_down: bool = False
    reported_crashed: bool = False


class ProcessSource:
    """Watches `root` and all it starts; while it is gone, `find_again` is asked at every sample.

    Values: cpu_cores, cpu_pct (of cores_available), cores_available, busiest_pct_of_one_core, memory_bytes
    (of several processes up to 10 s old), memory_rss_bytes (the plain sum), processes, threads, open_fds.
    Notes: memory_kind, cpu_of ("4 cores"), busiest (who), and the name of a missing value with its reason.
    """

    subject = "system"
    period_s = 1.0

    def __init__(self, root: FoundProcess, find_again: Callable[[], Resolved]) -> None:
        self._entity = f"{root.name} pid {root.pid}"
        self._find_again = find_again
        self._gone: _Gone | None = None
        self._seen_at = 0.0
        self._members: Mapping[Key, ProcessStat] = {}
        self._replaced = 0
        # One that ended between being found and being watched will be missed at the first look.
        self._begin(read_stat(root.pid) or ProcessStat(root.pid, -1.0, root.name, 0, 0.0, 0.0, 0, 0))

    @property
    def name(self) -> str:
        return f"process {self._entity}"

    def sample(self, t: float) -> list[Observation]:
        if self._gone is None:
            stats = self._use.look()
            if stats is not None:
                self._seen_at, self._members = t, stats
                sheet = self._use.measure(stats)
                reading = Reading(t, self.subject, "process", self._entity, *sheet)
                return [*self._changes(stats, t), reading]
            self._gone = _Gone(self._seen_at, t, self._use.root, self._members)
        return self._look_again(self._gone, t)

    def close(self, t: float) -> list[Observation]:  # noqa: ARG002  the crash has its own time
        """What is still gone at the end of the watch has crashed, however short the time since."""
        if self._gone is None or self._gone.reported_crashed:
            return []
        return [_crashed(self._gone, "and had not come back by the end")]

    def _begin(self, root: ProcessStat) -> None:
        self._use = TreeUse(root)
        self._workers = Workers(root)

    def _changes(self, stats: Mapping[Key, ProcessStat], t: float) -> list[Event]:
        events = []
        for end in self._workers.update(stats.values(), t):
            worker, successor = f"worker {end.ended} of {self._entity} ended", end.successor
            if successor is None:
                detail = {"pid": end.ended.pid, "left": end.left}
                events.append(Event(t, "worker_ended", f"{worker}; it has {end.left} left", detail))
                continue
            self._replaced += 1
            detail = {"pid": end.ended.pid, "new_pid": successor.pid, "total": self._replaced}
            events.append(Event(t, "worker_restarted", f"{worker}; {successor} took its place", detail))
        return events

    def _look_again(self, gone: _Gone, t: float) -> list[Observation]:
        found = self._find_again()
        stat = read_stat(found.pid) if isinstance(found, FoundProcess) else None
        if stat is None or stat.zombie or stat.key == gone.root.key:
            return [
                *self._missing(gone, t),
                Reading(t, self.subject, "process", self._entity, gap=f"{gone.root} is gone"),
            ]
        self._gone = None
        self._entity = str(stat)
        self._begin(stat)
        events = [Event(t, "service_up", f"{stat} is running")] if gone.reported_down else []
        return [*events, _successor(gone, stat, t), *self.sample(t)]

    def _missing(self, gone: _Gone, t: float) -> list[Event]:
        events = []
        if not gone.reported_down:
            gone.reported_down = True
            events.append(Event(t, "service_down", f"{gone.root} is gone", _detail(gone)))
        if not gone.reported_crashed and t - gone.missed >= _GRACE_S:
            gone.reported_crashed = True
            events.append(_crashed(gone, f"and had not come back after {_GRACE_S:.0f} s"))
        return events


def _crashed(gone: _Gone, ending: str) -> Event:
    """Its time is when the process was first missed, not when the grace period ended."""
    return Event(gone.missed, "service_crashed", f"{gone.root} ended {ending}", _detail(gone))


def _successor(gone: _Gone, stat: ProcessStat, t: float) -> Event:
    """A new process is a restart; a member that outlived the root means that the root crashed."""
    if stat.key in gone.members:
        message = f"{gone.root} ended; {stat}, started by it, is still serving"
        return Event(gone.missed, "service_crashed", message, _detail(gone))
    away_s = t - gone.last_seen
    old, new = gone.root.pid, stat.pid
    message = f"{stat.name} restarted: pid {old} ended, pid {new} serves; down for at most {away_s:.1f} s"
    detail: Detail = {"pid": old, "new_pid": new, "name": stat.name, "downtime_s": round(away_s, 3)}
    return Event(t, "service_restarted", message, detail)


def _detail(gone: _Gone) -> Detail:
    return {"pid": gone.root.pid, "name": gone.root.name, "last_seen_s": round(gone.last_seen, 3)}
