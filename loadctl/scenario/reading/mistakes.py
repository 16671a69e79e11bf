"""All mistakes of an input, gathered while reading goes on, so that the user sees every one at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from loadctl.errors import InvalidInput, Mistake, Where
from loadctl.scenario.reading.document import Node, Text, excerpt, lines_of, read_document

MOST = 100
"""More mistakes than this in one input say nothing new."""


class TooManyMistakes(Exception):
    """Reading on would only take time: there are MOST already."""


@dataclass(slots=True)
class Mistakes:
    lines: dict[str, list[str]] = field(default_factory=dict)
    """File → its lines, for the one that a mistake shows."""
    found: dict[Where, Mistake] = field(default_factory=dict)
    """One a place: the first is the cause, what follows there is only its consequence."""

    def read(self, text: Text) -> Node | None:
        """The tree of a file; None, and a mistake, where it is no YAML."""
        self.lines[text.name] = lines_of(text.text)
        node, mistakes = read_document(text)
        for mistake in mistakes:
            self.found.setdefault(mistake.where, mistake)
        return node

    def add(self, where: Where, message: str, hint: str | None = None) -> None:
        """Raises: TooManyMistakes."""
        if where in self.found:
            return
        if len(self.found) >= MOST:
            raise TooManyMistakes
        line = excerpt(self.lines.get(where.file, []), where.line)
        self.found[where] = Mistake(where, message, hint, line)

    def raise_if_any(self, secrets: Iterable[str] = ()) -> None:
        """Raises InvalidInput; no secret stands in any of its messages."""
        if not self.found:
            return
        hidden = sorted(secrets, key=len, reverse=True)
        raise InvalidInput([_redacted(mistake, hidden) for mistake in self.found.values()])


def _redacted(mistake: Mistake, secrets: Sequence[str]) -> Mistake:
    message, hint = mistake.message, mistake.hint
    for secret in secrets:
        message, hint = message.replace(secret, "***"), hint and hint.replace(secret, "***")
    return replace(mistake, message=message, hint=hint)
