"""The figures at the top of the page: few, large, each with the status of its target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadctl.reports.html.bullet import tone
from loadctl.reports.scores import UNKNOWN
from loadctl.results.result import Result
from loadctl.results.score import Score
from loadctl.scenario.units import format_bytes, format_count, format_ms, format_percent, format_rate


@dataclass(frozen=True, slots=True)
class Tile:
    """`tone`: pass, warn, fail or idle; "" where no target speaks of it."""

    name: str
    value: str
    detail: str
    tone: str = ""


def tiles(result: Result) -> Sequence[Tile]:
    scores = {score.target.metric: score for score in result.scores if score.target.scope.kind == "run"}
    return list(_tiles(result, scores))


def _tiles(result: Result, scores: dict[str, Score]) -> Iterator[Tile]:
    def status(metric: str) -> str:
        return tone(scores[metric]) if metric in scores else ""

    total = result.summary.total
    latency = total.latency
    beside = [
        f"{name} {format_ms(ms)}"
        for name, ms in (("p50", latency.p50), ("p99", latency.p99))
        if ms is not None
    ]
    p95 = UNKNOWN if latency.p95 is None else format_ms(latency.p95)
    yield Tile("Latency p95", p95, ", ".join(beside) or latency.absent.get("p95", ""), status("latency_p95"))
    requests = total.completed + total.unfinished
    yield Tile("Throughput", *_throughput(result, scores.get("throughput")), status("throughput"))
    errors = UNKNOWN if total.error_rate is None else format_percent(100 * total.error_rate)
    lost = format_count(total.failed + total.unfinished)
    failed = f"{lost} of {format_count(requests)} requests" if requests else "no requests"
    yield Tile("Errors", errors, failed, status("error_rate"))
    system = result.system
    cpu = UNKNOWN if system.cpu_pct is None else format_percent(system.cpu_pct, 0)
    cores = f"of {system.cores_available:g} cores" if system.cores_available is not None else ""
    yield Tile("System CPU", cpu, cores or system.absent.get("cpu", ""), status("cpu"))
    memory = UNKNOWN if system.memory_bytes is None else format_bytes(system.memory_bytes)
    yield Tile(
        "System memory", memory, system.memory_kind or system.absent.get("memory", ""), status("memory")
    )


def _throughput(result: Result, score: Score | None) -> tuple[str, str]:
    """A target speaks of the highest load; without one it is the mean of the scored part."""
    total = result.summary.total
    mean = UNKNOWN if total.throughput_per_s is None else format_rate(total.throughput_per_s)
    if score is None or score.value is None:
        return mean, "mean of the scored part"
    return format_rate(score.value), f"at the highest load, mean {mean}"
