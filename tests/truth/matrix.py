"""What was found of each case against what had to be: wrong in one case, and for each finding over all cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadctl.results.result import Result
from tests.truth.cases import ALWAYS, Case


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case, judged."""

    case: Case
    result: Result

    @property
    def found(self) -> frozenset[str]:
        """Without a generator that was late because others had the cores: that is true, and not what is asked."""
        late = {f.id for f in self.result.findings if f.voids == "excess"} if self._neighbours else set()
        return frozenset(finding.id for finding in self.result.findings) - ALWAYS - late

    @property
    def _neighbours(self) -> bool:
        """Others than the system and the generator used a third of a core or more, on average."""
        result = self.result
        host = next(
            (s.mean for s in result.resources.series if (s.subject, s.name) == ("host", "cpu_pct")), 0.0
        )
        own = (result.resources.system.cpu_cores or 0.0) + (result.resources.generator.cpu_cores or 0.0)
        return host / 100 * (result.resources.system.cores_available or 1.0) - own > 1 / 3

    @property
    def missing(self) -> frozenset[str]:
        return self.case.must - self.found

    @property
    def wrong(self) -> frozenset[str]:
        return self.found - self.case.must - self.case.may

    @property
    def mistakes(self) -> list[str]:
        """One sentence each; none: all is as it has to be."""
        severe = {finding.id for finding in self.result.findings if finding.severity == "critical"}
        said = [f"{name} is missing" for name in sorted(self.missing)]
        said += [f"{name} is wrong: {self._message(name)}" for name in sorted(self.wrong)]
        said += [f"{name} is not critical" for name in sorted((self.case.critical & self.found) - severe)]
        if self.result.verdict != self.case.verdict:
            said.append(
                f"verdict {self.result.verdict} instead of {self.case.verdict}: {self.result.reasons[0]}"
            )
        for figure in self.case.figures:
            value = figure.read(self.result)
            if value is None or abs(value - figure.truth) > figure.within:
                said.append(
                    f"{figure.what} {value} is not {figure.truth:g} ± {figure.within:g} {figure.unit}"
                )
        return said

    def _message(self, finding_id: str) -> str:
        return next(finding.message for finding in self.result.findings if finding.id == finding_id)


def table(outcomes: Sequence[Outcome]) -> str:
    """The confusion matrix, a line a finding; then the figures, and every mistake."""
    names = sorted({name for one in outcomes for name in (*one.case.must, *one.found)})
    lines = [
        f"{len(outcomes)} runs",
        "",
        f"{'finding':<24}{'right':>7}{'missed':>8}{'wrong':>7}{'not there':>11}",
    ]
    for name in names:
        counts = _counts(name, outcomes)
        lines.append(
            f"{name:<24}{counts['right']:>7}{counts['missed']:>8}{counts['wrong']:>7}{counts['absent']:>11}"
        )
    total = [
        sum(_counts(name, outcomes)[key] for name in names) for key in ("right", "missed", "wrong", "absent")
    ]
    lines.append(f"{'all':<24}{total[0]:>7}{total[1]:>8}{total[2]:>7}{total[3]:>11}")
    lines += ["", *_figures(outcomes), "", *_mistakes(outcomes)]
    return "\n".join(lines) + "\n"


def _counts(name: str, outcomes: Sequence[Outcome]) -> Mapping[str, int]:
    """What a case may have counts neither way."""
    return {
        "right": sum(name in one.case.must and name in one.found for one in outcomes),
        "missed": sum(name in one.missing for one in outcomes),
        "wrong": sum(name in one.wrong for one in outcomes),
        "absent": sum(
            name not in one.found and name not in one.case.must and name not in one.case.may
            for one in outcomes
        ),
    }


def _figures(outcomes: Sequence[Outcome]) -> list[str]:
    lines = []
    for one in outcomes:
        for figure in one.case.figures:
            value = figure.read(one.result)
            off = "not found" if value is None else f"{value:g}, off by {value - figure.truth:+g}"
            lines.append(f"{one.case.name}: {figure.what} {off} (truth {figure.truth:g} {figure.unit})")
    return lines


def _mistakes(outcomes: Sequence[Outcome]) -> list[str]:
    found = [f"{one.case.name}: {mistake}" for one in outcomes for mistake in one.mistakes]
    return found or ["no mistakes"]
