"""The published form of a profile in result.json."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic wants it before Python 3.12

from loadctl.results.profile import ProfileMode


class ProfileSampleDocument(TypedDict):
    """`file`: stacks and their counts, below the run's directory. `samples`: how often anything was seen running."""

    label: str
    start_s: float
    end_s: float
    samples: int
    file: str
    why: str


class FunctionDocument(TypedDict):
    """Percent of the samples; `calm_pct`: of those taken when it was calm, null where there are too few."""

    name: str
    self_pct: float
    total_pct: float
    calm_pct: float | None


class ProfileDocument(TypedDict):
    """`files` were made for people: flame graphs, and one for speedscope. In mode "sample" the profiled seconds are
    not scored; in mode "continuous" they are, and `profiled` is true beside this object."""

    mode: ProfileMode
    samples: list[ProfileSampleDocument]
    top: list[FunctionDocument]
    files: list[str]
