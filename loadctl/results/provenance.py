"""How a run was made: what its manifest says, in words for people. No figures of the run itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """`command`: the words of the command line · `scenario`: as it was carried out, as text, secrets redacted ·
    `facts`: (name, value), such as ("platform", "Linux 6.1")."""

    run_id: str
    command: Sequence[str] = ()
    scenario: str = ""
    facts: Sequence[tuple[str, str]] = ()
