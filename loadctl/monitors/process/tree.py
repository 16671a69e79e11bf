"""A process and everything it has started, found anew as it changes."""

from __future__ import annotations

import contextlib
import os
import time

from loadctl.monitors.process.stat import LINUX, Key, ProcessStat, children, read_stat

_ORPHANS_EVERY_S = 5.0
_QUICK_S = 0.005
_SHARE_OF_TIME = 200
"""Looking for new members takes 1/200 of the time at most: where it is not quick it is done less than once a second."""


class ProcessTree:
    """The root, its descendants, and descendants whose parent died under them. Never loadctl itself."""

    def __init__(self, root: ProcessStat) -> None:
        self.root = root
        self._members: dict[int, ProcessStat] = {root.pid: root}
        self._walk_due = 0.0
        self._orphans_due = 0.0

    def read(self) -> dict[Key, ProcessStat]:
        """All members that exist now, zombies included; the root's key is missing when it has gone."""
        candidates = set(self._discovered())
        found: dict[int, ProcessStat] = {}
        for pid in candidates | self._members.keys():
            stat = read_stat(pid)
            if stat is None:
                continue
            known = self._members.get(pid)
            # Once a member, always a member: a child whose parent dies drops out of the walk, not the system.
            if pid in candidates or (known is not None and known.key == stat.key):
                found[pid] = stat
        self._members = found
        return {stat.key: stat for stat in found.values()}

    def _discovered(self) -> list[int]:
        began = time.monotonic()
        found: list[int] = []
        if began >= self._walk_due:
            found += self._descendants()
            took = time.monotonic() - began
            self._walk_due = began + took * _SHARE_OF_TIME if took > _QUICK_S else began
        if began >= self._orphans_due:
            asked = time.monotonic()
            found += self._orphans(known={*found, *self._members})
            self._orphans_due = began + max(_ORPHANS_EVERY_S, (time.monotonic() - asked) * _SHARE_OF_TIME)
        return found

    def _descendants(self) -> list[int]:
        """Below every member, so that what an orphan starts is found too."""
        found: list[int] = []
        seen = {os.getpid()}
        waiting = list(self._members)
        while waiting:
            pid = waiting.pop()
            if pid in seen:
                continue
            seen.add(pid)
            below = [child for child in children(pid) if child not in seen]
            found += below
            waiting += below
        return found

    def _orphans(self, known: set[int]) -> list[int]:
        """Processes of the root's own session or process group whose parent has died, on Linux.

        A shell's whole terminal is one session, so that proves nothing unless the root leads it; and a parent
        inside the session means a sibling that the same script started, not an orphan.
        """
        root = self.root.pid
        if not LINUX:
            return []
        with contextlib.suppress(OSError):
            session, group = os.getsid(root), os.getpgid(root)
            return [
                pid
                for pid in _pids_of_session(session)
                if pid not in known
                and pid != os.getpid()
                and (session == root or os.getpgid(pid) == group)
                and self._adopted(pid, session)
            ]
        return []

    def _adopted(self, pid: int, session: int) -> bool:
        stat = read_stat(pid)
        if stat is None or stat.zombie or stat.started < self.root.started:
            return False
        with contextlib.suppress(OSError):
            return stat.parent == 0 or os.getsid(stat.parent) != session
        return False


def _pids_of_session(session: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208  plain names, all processes of the machine
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if os.getsid(int(entry)) == session:
                    found.append(int(entry))
    return found
