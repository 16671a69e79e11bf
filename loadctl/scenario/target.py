"""A target: a goal for one metric in one scope, with a limit that fails and perhaps one that only warns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from loadctl.errors import Where

ScopeKind = Literal["run", "endpoint", "stage", "series"]


@dataclass(frozen=True, slots=True)
class Scope:
    """`run`: the whole window · `endpoint` and `stage`: by name · `series`: a monitored series (`metrics:`)."""

    kind: ScopeKind = "run"
    name: str = ""

    def __str__(self) -> str:
        return self.name if self.kind != "run" else "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Limits and values are in `unit`: ms, /s, %, bytes, users, s, or "" for a bare number.

    A single limit in YAML fails: it is `critical`, and `target` is None. PASS needs value ≤ target (≤ critical where
    there is none); WARN value ≤ critical; else FAIL. `higher_is_better` turns the comparisons round.
    """

    metric: str
    scope: Scope = field(default_factory=Scope)
    critical: float
    target: float | None = None
    unit: str
    higher_is_better: bool = False
    judged: bool = True
    why_not_judged: str | None = None
    own: bool = False
    """Asked for by this scenario or by --target, not only by the shared table: cpu and memory are then judged."""
    where: Where = field(default_factory=lambda: Where("<none>"))

    @property
    def key(self) -> tuple[str, Scope]:
        return self.metric, self.scope
