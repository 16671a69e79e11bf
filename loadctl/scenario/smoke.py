"""`--smoke`: a quick look does not judge the targets for which its planned load is too small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadctl.scenario.target import Scope, Target

OPTION = "--smoke"


@dataclass(frozen=True, slots=True)
class TooSmall:
    """The planned load is too small for this target, and why."""

    metric: str
    scope: Scope
    reason: str


@dataclass(frozen=True, slots=True)
class Smoke:
    """Error rates among `too_small` are judged on what there is; all others are left out."""

    too_small: Sequence[TooSmall] = ()

    def reason(self, target: Target) -> str | None:
        """Why the planned load is too small for `target`; None: it is not."""
        found = (one.reason for one in self.too_small if (one.metric, one.scope) == target.key)
        return next(found, None)

    def leaves_out(self, target: Target) -> bool:
        return target.judged and target.metric != "error_rate" and self.reason(target) is not None
