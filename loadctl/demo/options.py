"""What a demo system is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """`port` 0: any free one · `faults`, `service`: as typed, read by fault.py and service.py · `truth`: the
    file written on exit · `exit_with_parent`: leave when standard input ends · `seed`: of all random choices.
    """

    port: int = 8080
    faults: tuple[str, ...] = ()
    service: str | None = None
    truth: Path | None = None
    exit_with_parent: bool = False
    seed: int = 1
