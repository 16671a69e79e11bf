"""Secrets of a scenario, kept out of what monitors say: logs and error texts repeat whatever was sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from loadctl.monitors.source import Observation
from loadctl.results.recording import Reading

REDACTED = "[redacted]"


class Secrets:
    """Exact values, the longest first, so that one within another leaves no rest."""

    def __init__(self, values: Sequence[str]) -> None:
        words = sorted({value for value in values if value}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, words))) if words else None

    def hidden(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(REDACTED, text)

    def redacted(self, seen: Observation) -> Observation:
        """The same without any of them; numbers and names of values are ours."""
        if self._pattern is None:
            return seen
        if isinstance(seen, Reading):
            notes = {name: self.hidden(text) for name, text in seen.notes.items()}
            gap = None if seen.gap is None else self.hidden(seen.gap)
            values = {self.hidden(name): value for name, value in seen.values.items()}
            return replace(seen, entity=self.hidden(seen.entity), values=values, notes=notes, gap=gap)
        detail = {k: self.hidden(v) if isinstance(v, str) else v for k, v in seen.detail.items()}
        return replace(seen, message=self.hidden(seen.message), detail=detail)
