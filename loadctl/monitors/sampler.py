"""The sampler: one thread that asks every source on absolute deadlines and keeps the answers."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from loadctl.monitors.background import Lost
from loadctl.monitors.source import Observation, Source
from loadctl.results.recording import Event, Reading
from loadctl.scenario.redaction import Redaction

_REPORT_EVERY_S = 10.0
_ON_TIME_S = 0.05
"""A sample that begins this soon after its deadline has the time of the deadline: it is about the second before."""


@dataclass(slots=True)
class _Watched:
    """A source, when it is due next (seconds after t0), and whether its last sample failed."""

    source: Source
    due: float = 0.0
    lost: bool = False


_READ_BACK = {"file", "mode"}
"""In the details of an event; and the kind of its source, the first word."""


class Sampler:
    """Samples `sources` in a daemon thread; `drain` fetches what has come since the last time.

    Deadlines are whole periods after t0 and never drift; one that was missed altogether is skipped.
    How late the sampler itself was is a reading of its own (subject "generator", entity "sampler").
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        secrets: Iterable[str] = (),
        series: Collection[str] = (),
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """`secrets` are redacted in all observations, except in the names of `series`.

        `close` is called when all of them are closed.
        """
        self._close = close
        self._redaction = Redaction(secrets)
        self._series = frozenset(series)
        self._watched = [_Watched(source) for source in sources]
        self._kept: list[Observation] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._t0 = 0.0
        self._late_s = 0.0
        self._took_s = 0.0
        self._reported = 0.0

    def start(self, t0: float) -> None:
        """Begin; `t0` is on `time.monotonic()`. All sources are read now, so that rates have a beginning."""
        self._t0 = t0
        self._thread = threading.Thread(target=self._run, name="loadctl-sampler", daemon=True)
        self._thread.start()

    def drain(self) -> list[Observation]:
        """All observations since the last call, in the order in which they were made."""
        with self._lock:
            kept, self._kept = self._kept, []
        return kept

    def stop(self) -> None:
        """End the watch and close the sources; `drain` once more afterwards for their last observations."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stop.set()
        thread.join(timeout=5.0)
        t = self._now()
        for watched in self._watched:
            self._keep(self._ask(watched, watched.source.close, t))
        self._keep([self._own_reading(t)])
        self._close()

    def _now(self) -> float:
        return round(time.monotonic() - self._t0, 4)

    def _keep(self, observations: Iterable[Observation]) -> None:
        safe = [_redacted(observation, self._redaction, self._series) for observation in observations]
        with self._lock:
            self._kept.extend(safe)

    def _run(self) -> None:
        self._prime()
        while True:
            due = min((watched.due for watched in self._watched), default=math.inf)
            wait = min(due - self._now(), threading.TIMEOUT_MAX)
            if self._stop.wait(max(0.0, wait)):
                return
            began = self._now()
            self._late_s = max(self._late_s, began - due)
            for watched in self._watched:
                if watched.due <= began:
                    self._sample(watched)
            self._took_s = max(self._took_s, self._now() - began)
            if began - self._reported >= _REPORT_EVERY_S:
                self._keep([self._own_reading(began)])

    def _prime(self) -> None:
        """Read everything at once: the first deadline then has something to compare with."""
        for watched in self._watched:
            t = self._now()
            observations = self._ask(watched, watched.source.sample, t)
            self._keep(o for o in observations if t >= 0 or isinstance(o, Event))
            period = watched.source.period_s
            watched.due = max(period, (math.floor(t / period) + 1) * period)

    def _sample(self, watched: _Watched) -> None:
        late = self._now() - watched.due
        t = watched.due if late < _ON_TIME_S else self._now()
        self._keep(self._ask(watched, watched.source.sample, t))
        period = watched.source.period_s
        watched.due = max(watched.due + period, math.floor(self._now() / period) * period)

    def _ask(
        self, watched: _Watched, question: Callable[[float], Iterable[Observation]], t: float
    ) -> list[Observation]:
        """The answer; if there is none, a gap, with an event the first time."""
        source = watched.source
        try:
            observations = list(question(t))
        except Exception as error:  # noqa: BLE001  whatever a monitor meets, the run goes on; the gap is in the result
            reason = _sentence(error)
            kind, _, entity = source.name.partition(" ")
            gap = Reading(t, source.subject, kind, entity, gap=reason)
            lost = Event(t, "monitor_lost", f"{source.name}: {reason}", {"source": source.name})
            news: list[Observation] = [gap] if watched.lost else [lost, gap]
            watched.lost = True
            return news
        observations = [_signed(one, source.name.partition(" ")[0]) for one in observations]
        readings = [one for one in observations if isinstance(one, Reading)]
        if watched.lost and readings and readings[-1].gap is None:
            watched.lost = False
            observations.insert(0, Event(t, "monitor_back", source.name, {"source": source.name}))
        return observations

    def _own_reading(self, t: float) -> Reading:
        """The worst since the last one: how late samples began, and how long a round of them took."""
        values = {"late_ms": round(self._late_s * 1000, 1), "took_ms": round(self._took_s * 1000, 1)}
        self._late_s = self._took_s = 0.0
        self._reported = t
        return Reading(t, "generator", "sampler", "sampler", values)


def _signed(seen: Observation, kind: str) -> Observation:
    """An incident of the system, with the kind of source that saw it: two may report the same one."""
    if isinstance(seen, Event) and seen.kind.startswith("service_"):
        return replace(seen, detail={"source": kind, **seen.detail})
    return seen


def _redacted(seen: Observation, redaction: Redaction, series: Collection[str]) -> Observation:
    """Logs and error texts repeat whatever was sent. Names of values are ours, but for labels.

    What a verdict reads stays as it is: the kind of a source, shards, and the series that a target names.
    """
    hidden = redaction.hidden
    if isinstance(seen, Reading):
        return replace(
            seen,
            entity=seen.entity if seen.subject == "generator" else hidden(seen.entity),
            values={
                hidden(name) if "{" in name and name not in series else name: value
                for name, value in seen.values.items()
            },
            notes={name: hidden(text) for name, text in seen.notes.items()},
            gap=None if seen.gap is None else hidden(seen.gap),
        )
    detail = {
        key: hidden(value) if isinstance(value, str) and key not in _READ_BACK else value
        for key, value in seen.detail.items()
    }
    if isinstance(source := seen.detail.get("source"), str):
        kind, blank, name = source.partition(" ")
        detail["source"] = kind + blank + hidden(name)
    return replace(seen, message=hidden(seen.message), detail=detail)


def _sentence(error: Exception) -> str:
    if isinstance(error, Lost):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
