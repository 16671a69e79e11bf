"""What one kind of virtual user does: steps, tasks, pauses. The same records drive every engine.

Texts may contain templates `{{ … }}`; they are kept as written, because each engine renders them once per request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import msgspec

from loadctl.errors import Where
from loadctl.scenario.load import Duration

if TYPE_CHECKING:
    Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
else:
    Json = Any  # msgspec knows no recursive aliases
BodyKind = Literal["json", "form", "files", "raw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a response must satisfy; every part that is set must hold. Nothing set: the final status is below 400."""

    status: Sequence[tuple[int, int]] = ()
    """Inclusive ranges ("2xx" is (200, 299)); set, it replaces the rule "final status below 400"."""
    has: Sequence[str] = ()
    """Dotted JSON paths that must exist and not be null."""
    lacks: Sequence[str] = ()
    """Dotted JSON paths that must be absent or null."""
    json: Mapping[str, Json] = field(default_factory=dict)
    """Dotted JSON path → expected value."""
    text: Sequence[str] = ()
    """Substrings of the body."""
    within_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """`json`: any JSON · `form`: mapping, urlencoded · `files`: multipart, `fields` beside `files` · `raw`: text."""

    kind: BodyKind
    json: Json = None
    fields: Mapping[str, Json] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Multipart field → absolute path of the file to send."""
    raw: str = ""


class _Step(msgspec.Struct, frozen=True, tag_field="step", tag=str.lower):
    """run.json says in `step` which kind each is."""


class Request(_Step, frozen=True, kw_only=True):
    """One request. `url` is a path below the host, or an absolute http(s) URL; it may hold templates and a query."""

    method: str
    url: str
    endpoint: str
    """The name it is grouped under: `name:`, else METHOD + path without query, templates shown as {id}."""
    query: Mapping[str, Json] = {}
    headers: Mapping[str, str] = {}
    body: Body | None = None
    capture: Mapping[str, str] = {}
    """Variable → where it comes from: a JSON path `$.a.b[*].c`, `header NAME`, `cookie NAME` or `regex PATTERN`."""
    check: Check = Check()
    timeout_s: float = 30.0
    """Of the whole request, redirects and body included."""
    once: bool = False
    """A step of the start, open model: taken once per place in flight instead of once per arrival."""
    where: Where = Where("<none>")


class Think(_Step, frozen=True):
    """A pause, uniform between the two (equal: constant)."""

    min_s: float
    max_s: float
    once: bool = False


class Repeat(_Step, frozen=True):
    """`flow` up to `times` times; with `while_`, only as long as that variable is not null, empty or absent."""

    times: int
    flow: Sequence[Step]
    while_: str | None = None
    once: bool = False


Step: TypeAlias = Request | Think | Repeat
Weight: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10**15)]


@dataclass(frozen=True, slots=True)
class Task:
    """One turn of a user: a single request, or a flow of steps in order."""

    name: str
    weight: Weight
    flow: Sequence[Step]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserType:
    name: str
    weight: Weight
    """Share among the scenario's user types: types are handed out by fixed weighted round-robin."""
    tasks: Sequence[Task]
    start: Sequence[Step] = ()
    """Once per user before its first turn; open model: once per arrival, or per place in flight (`once`)."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """On every request; a header whose template names a variable not captured yet is left out."""
    think: Think | None = None
    """After each turn (closed model)."""
    pace_s: Duration | None = None
    """Closed model: an absolute schedule, one turn every `pace_s` seconds; an overrun skips to the next slot."""
    data: Sequence[Mapping[str, str]] = ()
    """Rows of a CSV: user k gets row k modulo their number, as `row.NAME`; all values are text."""

    def requests(self) -> Sequence[Request]:
        """All requests it can send, start steps first, in the order of the file."""
        flows = [self.start, *(task.flow for task in self.tasks)]
        return [request for flow in flows for request in requests_of(flow)]


def requests_of(steps: Sequence[Step]) -> Iterator[Request]:
    for step in steps:
        if isinstance(step, Request):
            yield step
        elif isinstance(step, Repeat):
            yield from requests_of(step.flow)


MOST_TURNS = 10_000
"""Longest cycle of weighted_order."""


def cycle_length(weights: Iterable[int]) -> int:
    known = list(weights)
    return sum(known) // (gcd(*known) or 1)


def weighted_order(weights: Mapping[str, int]) -> list[str]:
    """One cycle of smooth weighted round-robin: user k is of type `cycle[k % len(cycle)]`.

    Each step every type gains its weight; the one that has most (among equals the first in the file) goes
    next and pays the sum of all weights. So types are spread evenly over the cycle instead of standing in
    blocks, and the first few users are already a fair mix. Weights are first divided by their common
    divisor; the cycle is as long as their sum then, and empty where all are 0.
    """
    divisor = gcd(*weights.values()) or 1
    shares = {name: weight // divisor for name, weight in weights.items()}
    total = sum(shares.values())
    credit = dict.fromkeys(shares, 0)
    cycle: list[str] = []
    for _ in range(total):
        for name, share in shares.items():
            credit[name] += share
        chosen = max(credit, key=credit.__getitem__)
        credit[chosen] -= total
        cycle.append(chosen)
    return cycle
