"""Secrets kept out of what is written and shown: the one rule for run.json, logs of commands, monitors and messages."""

from __future__ import annotations

import re
from collections.abc import Sequence

REDACTED = "[redacted]"
_SHORT = 3
"""Secrets so short are hidden only where they are the whole text: replacing every "a" would leave nothing to read."""


class Redaction:
    """Of exact values; the longest go first, so that one within another leaves no rest."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._whole = frozenset(filter(None, secrets))
        words = sorted((word for word in self._whole if len(word) > _SHORT), key=len, reverse=True)
        self._within = re.compile("|".join(map(re.escape, words))) if words else None

    def __bool__(self) -> bool:
        return bool(self._whole)

    def hidden(self, text: str) -> str:
        """`text` without any of them."""
        if text in self._whole:
            return REDACTED
        return text if self._within is None else self._within.sub(REDACTED, text)
