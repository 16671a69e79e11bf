"""The recorder: every request of this shard, folded into one frame a second. Standard library only.

One thread (the hub's) calls it, so nothing is locked. A request costs two calls, `begin` and `end`; both only
touch counters and dicts. Seconds turn over inside `end` (a request belongs to the second in which it ended,
however late the hub gets to the timer); `write_frames` writes them, between requests.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, NoReturn

from ....redaction import Held, Redaction
from .cells import (
    ELSEWHERE,
    ENDPOINTS_MAX,
    OTHER_ENDPOINT,
    RATE_LIMITED,
    Cell,
    Endpoint,
    Entry,
    Flight,
    Histogram,
)

if TYPE_CHECKING:
    from .statistics import Statistics


CLASSES_MAX = 100
NAME_MAX = 500  # characters; the reader takes lines of 32 MB, and one line holds 500 endpoints
NOTES_MAX = 100
SCRIPT_FAULTS_MAX = 20
_SPELLINGS_MAX = 10_000
EXAMPLES_EACH = 3
BODY_MAX = 1024
SCRIPT_ENDPOINT = "(script)"
GENERATOR = "generator"


class Recorder:
    """`write` takes one line of text (with its newline); it must not keep the hub waiting.

    `redact_names`: endpoint names come from a script and may hold secrets in their path.
    `users`, `leaving`, `ended` are gauges kept by the load; they are read when a second ends.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        redact: Callable[[str], str] = str,
        redact_names: bool = False,
        secret_variables: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.users = 0
        self.leaving = 0
        self.ended = 0
        self.statistics: Statistics | None = None
        """Locust's, fed when a second has ended."""
        self._write = write
        self._redact = redact
        self._secret_variables = secret_variables
        self._redact_name = redact if redact_names else str
        self.clock = clock
        self._t0 = inf
        self._has_ended = False
        self._edge = inf
        self._t = 0
        self._by_name: dict[str, Endpoint] = {}
        self._endpoints: list[Endpoint] = []
        self._classes: set[str] = set()
        self._notes: set[str] = set()
        self.script_faults: list[tuple[str, str]] = []
        """Message and place of the first different ones."""
        self._finished: list[str] = []
        self._lag_ms: list[float] = []
        self._late = Histogram()
        self._second = dict.fromkeys(("planned", "begun", "dropped", "turns", "faults"), 0)
        self.totals = dict.fromkeys(("started", "completed", "failed", "rate_limited", *self._second), 0)

    # -- what users call -------------------------------------------------------------------------------------

    def begin(self, endpoint: str) -> Flight:
        """A request starts now. Every flight must `end`, or be `abandon`ed."""
        known = self._by_name.get(endpoint) or self._endpoint(endpoint)
        flight = Flight(known, self.clock())
        known.flights.add(flight)
        return flight

    def endpoint(self, name: str) -> Endpoint:
        return self._by_name.get(name) or self._endpoint(name)

    def end(
        self,
        token: Flight,
        *,
        us: int,
        error: str | None = None,
        ttfb_us: int | None = None,
        size: int = 0,
        rate_limited: bool = False,
        status: int | None = None,
        message: str = "",
        body: bytes = b"",
        stale: bool = False,
        held: Held | None = None,
    ) -> None:
        """It ended now, `us` microseconds after it started (open model, first of a turn: after it was due).

        `error` is an error class; "generator" is a fault of this turn, not a request of the system.
        `held`: of a failure.
        `stale`: the server ended the kept connection on which it went out before any of the response came.
        """
        now = self.clock()
        if now >= self._edge:
            self._turn_over(now)
        endpoint = token.endpoint
        endpoint.flights.discard(token)
        cell = endpoint.cells.get(token.entry) or self._cell(endpoint, token.entry, now)
        cell.until = now
        if error is None and not rate_limited:
            ok = cell.ok
            shift = us.bit_length() - 8
            bucket = us if shift <= 0 else (shift << 8) + (us >> shift)
            ok.buckets[bucket] = ok.buckets.get(bucket, 0) + 1
            ok.sum_us += us
            if us < ok.min_us:  # noqa: PLR1730 - min() costs three times as much
                ok.min_us = us
            if us > ok.max_us:  # noqa: PLR1730
                ok.max_us = us
        elif error is None:
            cell.rate_limited += 1
            self._example(endpoint, RATE_LIMITED, now, message, status=status)
        elif error == GENERATOR:
            self.fault(message, endpoint.name, now)
            return
        else:
            error = cell.fail(us, self._capped_class(error))
            self._example(endpoint, error, now, message, status=status, body=body, stale=stale, held=held)
        cell.bytes += size
        if ttfb_us is not None:
            cell.ttfb.add(ttfb_us)

    def end_untimed(self, token: Flight, *, ttfb_us: int | None = None, size: int = 0) -> None:
        """It succeeded, and nobody knows how long it took."""
        self.catch_up()
        endpoint = token.endpoint
        endpoint.flights.discard(token)
        now = self.clock()
        cell = endpoint.cells.get(token.entry) or self._cell(endpoint, token.entry, now)
        cell.until = now
        cell.untimed += 1
        cell.bytes += size
        if ttfb_us is not None:
            cell.ttfb.add(ttfb_us)

    def turn(self) -> None:
        """A turn ended, however it went."""
        now = self.clock()
        if now >= self._edge:
            self._turn_over(now)
        self._second["turns"] += 1

    def fault(self, message: str, endpoint: str = SCRIPT_ENDPOINT, now: float | None = None) -> None:
        """The generator's own fault ended a turn: an exception in a script, no descriptors or ports left."""
        now = self.clock() if now is None else now
        if now >= self._edge:
            self._turn_over(now)
        self._second["faults"] += 1
        self._example(self.endpoint(endpoint), GENERATOR, now, message)

    def rename(self, token: Flight, endpoint: str) -> None:
        """The request turned out to belong to another endpoint."""
        token.endpoint.flights.discard(token)
        token.endpoint = self.endpoint(endpoint)
        token.endpoint.flights.add(token)

    def abandon(self, token: Flight) -> None:
        """Forget a request whose outcome will never be told."""
        token.endpoint.flights.discard(token)

    def uncount(self) -> None:
        """The script has emptied Locust's statistics: what has ended in this second must not appear there."""
        for endpoint in self._endpoints:
            if endpoint.cells:
                endpoint.cells = {ELSEWHERE: _together(endpoint.cells.values())}

    # -- what the load calls ---------------------------------------------------------------------------------

    def planned(self, *, late_us: int | None) -> None:
        """Open model: an arrival was due; begun `late_us` microseconds after that, or dropped (None)."""
        self.catch_up()
        self._second["planned"] += 1
        if late_us is None:
            self._second["dropped"] += 1
        else:
            self._second["begun"] += 1
            self._late.add(late_us)

    @property
    def in_flight(self) -> int:
        return sum(len(endpoint.flights) for endpoint in self._endpoints)

    # -- what the process calls ------------------------------------------------------------------------------

    def start(self, t0: float) -> None:
        """Seconds are counted from `t0` on the clock."""
        self._t0 = t0
        self._edge = t0 + 1

    def lag(self, ms: float) -> None:
        """The timer of a tenth of a second woke `ms` too late."""
        self._lag_ms.append(round(ms, 2))

    def catch_up(self) -> None:
        """Close the seconds that are over, before a gauge changes."""
        now = self.clock()
        if now >= self._edge:
            self._turn_over(now)

    def write_frames(self) -> None:
        """Write the seconds that are over."""
        self.catch_up()
        finished, self._finished = self._finished, []
        for line in finished:
            self._write(line)
        if finished and self.statistics is not None:
            self.statistics.flush()

    def flush(self) -> None:
        """Write the seconds that are over, and the part of one that is not."""
        self.write_frames()
        if self._t0 <= self.clock():
            self._close_second(partial=True)
            self.write_frames()

    def hello(self, **facts: object) -> None:
        self._line(kind="hello", format=1, engine="locust", **facts)

    def note(self, message: str) -> None:
        """Something people should know about this shard; each text once."""
        if message not in self._notes and len(self._notes) < NOTES_MAX:
            self._notes.add(message)
            self._line(kind="note", message=self._redact(message)[:BODY_MAX])

    def bye(self) -> None:
        """Once: the last part of a second; ages of unfinished requests; totals to check by."""
        if self._has_ended:
            return
        self._has_ended = True
        self.flush()
        now = self.clock()
        unfinished = {
            e.name: sorted((round((now - f.began) * 1000, 1) for f in e.flights), reverse=True)
            for e in self._endpoints
            if e.flights
        }
        self.totals["started"] = self.totals["completed"] + sum(map(len, unfinished.values()))
        self._line(kind="bye", t=self._since_start(now), unfinished=unfinished, totals=self.totals)

    # -- inside ----------------------------------------------------------------------------------------------

    def _endpoint(self, name: str) -> Endpoint:
        shown = self._redact_name(name)
        if len(shown) > NAME_MAX:
            self.note(f"endpoint names are cut after {NAME_MAX} characters")
            shown = f"{shown[: NAME_MAX - 1]}…"
        endpoint = self._by_name.get(shown) or self._new(shown)
        if len(self._by_name) < _SPELLINGS_MAX and endpoint.name != OTHER_ENDPOINT:
            self._by_name[name] = endpoint
        return endpoint

    def _new(self, name: str) -> Endpoint:
        if len(self._endpoints) >= ENDPOINTS_MAX and name not in {OTHER_ENDPOINT, SCRIPT_ENDPOINT}:
            self.note(f'more than {ENDPOINTS_MAX} endpoint names: the rest is counted as "{OTHER_ENDPOINT}"')
            return self._by_name.get(OTHER_ENDPOINT) or self._new(OTHER_ENDPOINT)
        endpoint = self._by_name[name] = Endpoint(name)
        self._endpoints.append(endpoint)
        return endpoint

    def _cell(self, endpoint: Endpoint, entry: Entry, now: float) -> Cell:
        """Of an entry without one in this second."""
        if self.statistics is not None and entry is not None:
            entry = self.statistics.within(entry)
        cell = endpoint.cells.get(entry)
        if cell is None:
            cell = endpoint.cells[entry] = Cell(now)
        return cell

    def _capped_class(self, error: str) -> str:
        if error in self._classes:
            return error
        if len(self._classes) >= CLASSES_MAX:
            self.note(f'more than {CLASSES_MAX} error classes: the rest is counted as "other"')
            return "other"
        self._classes.add(error)
        return error

    def _example(
        self,
        endpoint: Endpoint,
        error: str,
        now: float,
        message: str,
        *,
        status: int | None = None,
        body: bytes = b"",
        stale: bool = False,
        held: Held | None = None,
    ) -> None:
        seen = endpoint.examples.get(error, 0)
        if seen >= EXAMPLES_EACH:
            return
        endpoint.examples[error] = seen + 1
        hide = Redaction(held(self._secret_variables) if held is not None else ())
        # Redacted before it is cut: half a secret at the end would still be half a secret.
        text = self._redact(hide(bytes(body[: 64 * BODY_MAX]).decode("utf-8", "replace")))
        self._line(
            kind="example",
            t=self._since_start(now),
            endpoint=endpoint.name,
            **{"class": error},
            status=status,
            message=self._redact(hide(message))[:BODY_MAX],
            body=text.encode()[:BODY_MAX].decode("utf-8", "ignore"),
            **({"stale": True} if stale else {}),
        )

    def _turn_over(self, now: float) -> None:
        while now >= self._edge:
            self._close_second(partial=False)

    def _close_second(self, *, partial: bool) -> None:
        cells = {}
        for endpoint in self._endpoints:
            in_flight = sum(flight.began < self._edge for flight in endpoint.flights)
            if endpoint.cells or in_flight:
                cells[endpoint.name] = {**self._close_cells(endpoint), "in_flight": in_flight}
        for name, count in self._second.items():
            self.totals[name] += count
        if not partial or cells or any(self._second.values()) or self.users or self.leaving:
            frame = {"kind": "frame", "t": self._t, "users": self.users, "leaving": self.leaving}
            frame |= {"ended": self.ended} if self.ended else {}
            frame |= {"lag_ms": self._lag_ms, "late": self._late.cell() if self._late.buckets else None}
            self._finished.append(_json({**frame, **self._second, "cells": cells}))
        self._second = dict.fromkeys(self._second, 0)
        self._lag_ms = []
        self._late = Histogram()
        self._t += 1
        self._edge = self._t0 + self._t + 1

    def _close_cells(self, endpoint: Endpoint) -> Mapping[str, object]:
        cells, endpoint.cells = endpoint.cells, {}
        if not cells:
            return {}
        cell = _together(cells.values())
        record = cell.record()
        self.totals["completed"] += cell.n
        self.totals["failed"] += sum(cell.errors.values())
        self.totals["rate_limited"] += cell.rate_limited
        if self.statistics is not None:
            for entry, known in cells.items():
                self.statistics.feed(endpoint.name, entry, known)
        return record

    def _line(self, **record: object) -> None:
        self._write(_json(record))

    # -- what a script says of itself ------------------------------------------------------------------------

    def script_fault(self, message: str, where: str) -> None:
        """The script raised where no task runs: a listener, a hook, a greenlet. `where`: "own.py:12", or "".

        All are counted, and the first different ones are written.
        """
        self.totals["script_faults"] = self.totals.get("script_faults", 0) + 1
        fault = self._redact(message)[:BODY_MAX], where
        if fault not in self.script_faults and len(self.script_faults) < SCRIPT_FAULTS_MAX:
            self.script_faults.append(fault)
            t = self._since_start(self.clock())
            self._line(kind="script", what="fault", message=fault[0], where=where, t=t)

    def script_verdict(self, code: int) -> None:
        """The exit code that the script asks for, when it is not 0."""
        self._line(kind="script", what="verdict", code=code)

    def level(self, t: float, users: int, per_s: float) -> None:
        """From `t` seconds after the start on the script's own load has so many users of all shards, who come or
        leave at `per_s` a second; no users at 0 a second: it ends."""
        self._line(kind="level", t=round(t, 3), users=users, per_s=per_s)

    def _since_start(self, now: float) -> float:
        return round(max(0.0, now - self._t0), 3) if self._t0 < inf else 0.0


def _together(cells: Collection[Cell]) -> Cell:
    first, *others = cells
    if not others:
        return first
    whole = Cell(first.since)
    for cell in cells:
        whole.merge(cell)
    return whole


def _json(record: Mapping[str, object]) -> str:
    return json.dumps(record, separators=(",", ":"), allow_nan=False) + "\n"


class FrameFile:
    """`frames/<shard>.ndjson`: append-only, 0600; each line goes to the kernel at once."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def __call__(self, line: str) -> None:
        data = line.encode()
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            _give_up(error)


def _give_up(error: OSError) -> NoReturn:
    """Load that nobody can record any more is only harm. No exception: scripts would catch it."""
    with contextlib.suppress(OSError):  # stderr is a file on the same disk
        os.write(2, f"frames cannot be written: {error.strerror}\n".encode())
    os._exit(1)
