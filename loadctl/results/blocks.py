"""A run in ten equal blocks of time: all that comparing it with other runs needs, small enough to be committed.

Counts and histograms, no examples, no secrets. Figures are those of its result; the blocks say how far each may be off.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import fmean

from loadctl.results.histogram import Histogram, Packed
from loadctl.results.measures.usage import of_best_source
from loadctl.results.profile import marked_seconds
from loadctl.results.readings import NONE, Readings
from loadctl.results.recording import Recording
from loadctl.results.result import Result
from loadctl.results.summary import EndpointSummary
from loadctl.results.verdict import Verdict
from loadctl.results.wire.frame import HistogramForm
from loadctl.results.wire.record import Absent, Record, written

BLOCKS = 10
"""Of time. Enough to see how a figure varies, few enough that neighbours hardly depend on each other."""
COMPARED = ("p50", "p95", "p99")
"""Percentiles."""
_VOIDING = frozenset({"all", "pass", "excess"})


class Identity(Record, frozen=True, kw_only=True):
    """What must be the same on both sides, so that a difference is the system's. Null: not known."""

    traffic_hash: str | None
    """Of what was sent: user types, load, script, data, seed, client options."""
    engine: str
    engine_version: str | None
    """What made the load."""
    shards: int
    """Engine processes."""
    architecture: str | None
    cpu_model: str | None
    """Of the machine that made the load."""
    cores: float
    """That loadctl could use."""


class EndpointBlocks(Record, frozen=True, kw_only=True):
    """Requests of one endpoint, or of all."""

    endpoint: str
    """The word total for all of them."""
    requests: int
    """With those that were unfinished."""
    failed: int
    """With those too."""
    latency_ms: Mapping[str, float]
    """By percentile; those with enough successes."""
    absent: Absent = written({})
    """Why a percentile is missing."""
    ok: tuple[HistogramForm, ...]
    """Latencies of the successes, a histogram a block: bucket numbers (two bytes each) and counts, as base64."""

    @property
    def blocks(self) -> Sequence[Histogram]:
        """Raises: ValueError where one does not agree with itself."""
        return [form.histogram() for form in self.ok]

    def series_ms(self, q: float) -> Sequence[float | None]:
        """Quantile `q` block by block; None where a block has too few successes."""
        each = (block.quantile_us(q) for block in self.blocks)
        return [None if us is None else us / 1000 for us in each]


class RunBlocks(Record, frozen=True, kw_only=True):
    """The scored window of one run; lists have a number for each block."""

    run: str
    """Its id."""
    scenario: str
    started_at: str | None
    """UTC, ISO 8601."""
    git_revision: str | None
    """Of the folder that it was started in."""
    identity: Identity
    """What it can be compared with."""
    unfit: tuple[str, ...] = written(())
    """Why it cannot be compared; empty: it can."""
    total: EndpointBlocks
    endpoints: tuple[EndpointBlocks, ...]
    """Requests, of all endpoints and of each."""
    seconds: tuple[float, ...]
    """Those that were measured."""
    successes: tuple[int, ...]
    """Without the drain at the end."""
    requests: tuple[int, ...]
    failed: tuple[int, ...]
    """Of all endpoints; what was unfinished is in the last block."""
    cpu_cores: tuple[float, ...] = written(())
    memory_bytes: tuple[float, ...] = written(())
    """Means of what the system used; empty where `absent` says why."""
    absent: Absent = written({})
    """Why there is no cpu or memory."""
    lag_ms: Mapping[str, float] = written({})
    """By percentile, how late the generator's timers were: what it may have added to latencies."""

    def endpoint(self, name: str) -> EndpointBlocks | None:
        """ "" is the total."""
        if not name:
            return self.total
        return next((one for one in self.endpoints if one.endpoint == name), None)


def run_blocks(
    result: Result, recording: Recording, *, run: str, git_revision: str | None, identity: Identity
) -> RunBlocks:
    """Of a run that was judged. What was not scored (warm-up, ramp-down, profiled seconds) is left out here too."""
    place = _Places.of(result, recording)
    histograms = [Histogram() for _ in range(BLOCKS)]
    seconds, successes, requests, failed = ([0] * BLOCKS for _ in range(4))
    for second in recording.seconds:
        block = place(second.t)
        if block is None:
            continue
        histograms[block].merge(second.ok.histogram())
        requests[block] += second.completed
        failed[block] += second.failed
        if second.t < result.ended_s:
            seconds[block] += 1
            successes[block] += second.ok.count
    requests[-1] += result.summary.total.unfinished
    failed[-1] += result.summary.total.unfinished
    extra = result.resources.generator.extra
    means, absent = _means(result, recording, place)
    return RunBlocks(
        run=run,
        scenario=result.scenario,
        started_at=result.started_at,
        git_revision=git_revision,
        identity=identity,
        unfit=tuple(_unfit(result)),
        total=_endpoint(result.summary.total, histograms),
        endpoints=tuple(_endpoints(result, recording, place)),
        seconds=tuple(map(float, seconds)),
        successes=tuple(successes),
        requests=tuple(requests),
        failed=tuple(failed),
        cpu_cores=means.get("cpu", ()),
        memory_bytes=means.get("memory", ()),
        absent=absent,
        lag_ms={name: extra[key] for name in COMPARED if (key := f"lag_{name}_ms") in extra},
    )


@dataclass(frozen=True, slots=True)
class _Places:
    """Which block a second belongs to; None: to none."""

    start_s: float
    end_s: float
    ended_s: float
    """When the load ended. Requests of the drain belong to the last block, where the window reaches that far."""
    marked: frozenset[int]

    @classmethod
    def of(cls, result: Result, recording: Recording) -> _Places:
        window = result.window
        return cls(window.start_s, window.end_s, result.ended_s, marked_seconds(recording.events))

    def __call__(self, t: float) -> int | None:
        if t < self.start_s or self.end_s <= self.start_s or int(t) in self.marked:
            return None
        if t < self.end_s:
            return int((t - self.start_s) / (self.end_s - self.start_s) * BLOCKS)
        return BLOCKS - 1 if self.end_s >= self.ended_s else None


def _unfit(result: Result) -> Iterator[str]:
    if result.verdict in {Verdict.INTERRUPTED, Verdict.ERROR}:
        yield f"{result.verdict.value}: {result.reasons[0].rstrip('.')}"
    if result.smoke:
        yield "it was a smoke run"
    yield from (finding.message for finding in result.findings if finding.voids in _VOIDING)


def _endpoint(summary: EndpointSummary, histograms: Sequence[Histogram]) -> EndpointBlocks:
    figures = {name: getattr(summary.latency, name) for name in COMPARED}
    return EndpointBlocks(
        endpoint=summary.endpoint,
        requests=summary.completed + summary.unfinished,
        failed=summary.failed + summary.unfinished,
        latency_ms={name: ms for name, ms in figures.items() if ms is not None},
        absent={
            name: summary.latency.absent.get(name, "not measured")
            for name, ms in figures.items()
            if ms is None
        },
        ok=tuple(HistogramForm.of(Packed.of(histogram)) for histogram in histograms),
    )


def _endpoints(result: Result, recording: Recording, place: _Places) -> Iterator[EndpointBlocks]:
    found: dict[str, list[Histogram]] = {}
    for part in recording.latencies:
        block = place(part.first)
        if block is None:
            continue
        for name, packed in part.ok.items():
            found.setdefault(name, [Histogram() for _ in range(BLOCKS)])[block].merge(packed.histogram())
    for summary in result.summary.endpoints:
        yield _endpoint(summary, found.get(summary.endpoint) or [Histogram()] * BLOCKS)


_RESOURCES = {"cpu": "cpu_cores", "memory": "memory_bytes"}


def _means(
    result: Result, recording: Recording, place: _Places
) -> tuple[Mapping[str, tuple[float, ...]], Mapping[str, str]]:
    """Of what the system used, and why there are none."""
    window = result.window
    system = Readings.of(recording.readings).split(attrgetter("subject")).get("system", NONE)
    seen = of_best_source(system.between(window.start_s, window.end_s)).measured
    found, absent = {}, {}
    for name, figure in _RESOURCES.items():
        values: list[list[float]] = [[] for _ in range(BLOCKS)]
        for t, value in seen.series(figure):
            block = place(math.ceil(t) - 1)  # a reading tells of the time before it
            if block is not None:
                values[block].append(value)
        missing = values.count([])
        if not missing:
            found[name] = tuple(map(fmean, values))
        elif missing < BLOCKS:
            absent[name] = f"readings are missing in {missing} of {BLOCKS} parts of the time"
        else:
            absent[name] = result.resources.system.absent.get(name, "not measured")
    return found, absent
