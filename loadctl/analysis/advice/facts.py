"""The numbers of a run by which advice on its findings is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loadctl.analysis.run_context import RunContext
from loadctl.results.summary import EndpointSummary
from loadctl.results.verdict import Finding

_BUSY_PCT = 80.0
_IDLE_PCT = 50.0
_FULL_PCT = 95.0
_LITTLE_CORES = 0.25


@dataclass(frozen=True, slots=True)
class AdviceFacts:
    """`findings` by id; of several with one id, the gravest."""

    run: RunContext
    findings: Mapping[str, Finding]

    def evidence(self, finding_id: str, key: str) -> float | None:
        finding = self.findings.get(finding_id)
        value = None if finding is None else finding.evidence.get(key)
        return float(value) if isinstance(value, int | float) else None

    @property
    def cpu_pct(self) -> float | None:
        return self.run.measured.system.cpu_pct

    @property
    def cores(self) -> float | None:
        return self.run.measured.system.cores_available

    @property
    def processes(self) -> float:
        return self.run.measured.system.extra.get("processes_max", 1.0)

    @property
    def fills_one_core(self) -> float | None:
        """% of one core, where a single process or thread is at its limit and others of the cores are idle."""
        busiest = self.run.measured.system.extra.get("busiest_pct_of_one_core", 0.0)
        several = self.cores is None or self.cores > 1
        idle = self.cpu_pct is None or self.cpu_pct < _BUSY_PCT
        return min(busiest, 100.0) if busiest >= _BUSY_PCT and several and idle else None

    @property
    def fills_all_cores(self) -> bool:
        return self.cpu_pct is not None and self.cpu_pct >= _BUSY_PCT

    @property
    def waits(self) -> float | None:
        """The cpu % of a system that was watched and far from busy: it does not compute, it waits.

        None too where the machine was full: then it may wait for a core.
        """
        if self.full_machine is not None:
            return None
        busiest = self.run.measured.system.extra.get("busiest_pct_of_one_core", 0.0)
        idle = self.cpu_pct is not None and self.cpu_pct < _IDLE_PCT and busiest < _BUSY_PCT
        return self.cpu_pct if idle else None

    @property
    def full_machine(self) -> float | None:
        """The cpu % of a machine that the system shares with the generator, where that had no core to spare.

        A system that wants to compute gets its share of them all the same: one that had very little did not want to.
        """
        mean = self.run.machine_cpu_pct if self.run.same_host else 0.0
        little = (self.run.measured.system.cpu_cores or 0.0) < _LITTLE_CORES
        return mean if mean >= _FULL_PCT and not little else None

    @property
    def cpu_ms_a_request(self) -> float | None:
        """Of the whole window: mean cores in use over requests a second."""
        readings = self.run.readings("system").values("cpu_cores")
        start, end = self.run.window
        requests = self.run.folded.summary.total.completed
        return (
            1000 * sum(readings) / len(readings) * (end - start) / requests if readings and requests else None
        )

    @property
    def is_python(self) -> bool:
        watched = (self.run.measured.system.watched or "").lower()
        return any(word in watched for word in ("python", "uvicorn", "gunicorn", "hypercorn", "granian"))

    @property
    def profile_named(self) -> str | None:
        """What ran most, in the words of the profile; None: nothing was profiled."""
        use = self.run.measured.profile
        return (
            None if use is None or not use.top else f"{use.top[0].name} ({use.top[0].self_pct:.0f} % of CPU)"
        )

    @property
    def heaviest(self) -> tuple[EndpointSummary, float] | None:
        """Of several endpoints, the one on which most of the time is spent, and its share of it."""
        times = [
            (row.latency.mean * row.latency.n, row)
            for row in self.run.folded.summary.endpoints
            if row.latency.mean is not None
        ]
        whole = sum(time for time, _ in times)
        if len(times) < 2 or whole <= 0:
            return None
        time, row = max(times, key=lambda pair: pair[0])
        return row, time / whole
