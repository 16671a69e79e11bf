"""Everything that an analysis may look at; each question is a pure function from it to findings."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import fmean
from urllib.parse import urlsplit

from loadctl.results.interval import SecondTotal
from loadctl.results.measures.fold import Folded
from loadctl.results.measures.measured import Measured
from loadctl.results.measures.outage import standstill
from loadctl.results.readings import NONE, Readings
from loadctl.results.recording import Recording
from loadctl.results.scoring import begun
from loadctl.results.verdict import Score, Status
from loadctl.scenario.expectation import CannotJudge, cannot_judge
from loadctl.scenario.invocation import LOAD, Invocation
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.target import SMOKE_OPTION, Target


@dataclass(frozen=True, slots=True)
class RunContext:
    """What was planned, what was recorded and what was measured of one run."""

    scenario: Scenario
    recording: Recording
    measured: Measured
    scores: Sequence[Score] = ()
    """After the findings about the measurement have voided them; empty while those findings are made."""
    planned: bool = True
    """False where a script brought its own load: the plan is unknown, and `scenario.load` is what was observed."""

    argv: Sequence[str] = ()
    """What loadctl was started with; empty where that is not known."""

    @property
    def invocation(self) -> Invocation:
        return Invocation(self.scenario, self.argv)

    @property
    def lacking(self) -> Sequence[CannotJudge]:
        """The targets without data for which the plan is too small or, of a script, the requests that it began."""
        smoke = self.scenario.smoke
        without = {
            one.target.key
            for one in self.scores
            if (one.judged and one.status is Status.NO_DATA)
            or (not one.judged and smoke is not None and smoke.leaves_out(one.target))
        }
        script = self.scenario.script is not None
        found = cannot_judge(self.scenario, (lambda target: begun(target, self.measured)) if script else None)
        return [item for item in found if item.target.key in without]

    @property
    def folded(self) -> Folded:
        return self.measured.folded

    @property
    def window(self) -> tuple[float, float]:
        """The scored window, as far as the run got."""
        return self.folded.summary.start_s, self.folded.summary.end_s

    @property
    def seconds(self) -> list[SecondTotal]:
        """The seconds of the window, without the drain."""
        seconds = self.recording.seconds
        first, last = (bisect_left(seconds, edge, key=attrgetter("t")) for edge in self.window)
        return list(seconds[first:last])

    @property
    def stood_still(self) -> Mapping[int, float]:
        """The seconds of the window in which the generator hardly ran, each with the part of it that was lost."""
        return standstill(self.seconds, self.recording.shards)

    def readings(self, subject: str) -> Readings:
        """The readings of one subject in the window."""
        return self.measured.readings.get(subject, NONE).between(*self.window)

    @property
    def machine_cpu_pct(self) -> float:
        """The machine's mean CPU over the window, in %; 0 where it was not watched."""
        shares = self.readings("host").values("cpu_pct")
        return fmean(shares) if shares else 0.0

    def at(self, t: float) -> str:
        """A time as it is shown; see Recording.at."""
        return self.recording.at(t)

    def target(self, metric: str) -> Target | None:
        """The target for a metric of the whole run."""
        found = (one for one in self.scenario.targets if one.metric == metric and one.scope.kind == "run")
        return next(found, None)

    def first_limit(self, metric: str) -> float | None:
        """The first limit of that target: the one that warns, where there are two."""
        target = self.target(metric)
        return None if target is None else target.critical if target.target is None else target.target

    @property
    def constant_load(self) -> bool:
        """Whether the load holds one level over the whole window."""
        first, last = self.window
        stages = [stage for start, end, stage in self.scenario.load.spans() if start < last and end > first]
        return bool(stages) and len({level for stage in stages for level in (stage.start, stage.end)}) == 1

    @property
    def level_unit(self) -> str:
        """What follows a level of the load: 600 users, 300/s."""
        return " users" if self.scenario.load.model == "closed" else "/s"

    @property
    def look_closer(self) -> str:
        """A command that shows single requests; of a script only the failed ones are known."""
        script = self.scenario.script
        if script is None:
            return self.invocation.command("try")
        if script.own_load:
            shown = self.invocation.typed("report", "--json")
            return f"{shown}    (examples: the first failures with their answers)"
        least = ("--users", "1") if self.scenario.load.model == "closed" else ("--rate", "1/s")
        return self.invocation.again(*least, "--duration", "10s", SMOKE_OPTION, dropped=[*LOAD, SMOKE_OPTION])

    @property
    def same_host(self) -> bool:
        """Whether the system runs on the machine that generates the load."""
        host = urlsplit(self.scenario.host).hostname or ""
        return host in {"localhost", "::1"} or host.startswith("127.")
