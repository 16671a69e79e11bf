"""One word and its explanation; how an entry is found by the word that somebody types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, get_args

Kind = Literal[
    "key", "metric", "helper", "finding", "failure", "verdict", "exit code", "result key", "command", "option"
]
KINDS: Sequence[Kind] = get_args(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`place`: where the word stands or what it is about, in a few words. `type` and `default`: of a value.
    `see`: other words. What is None or empty does not apply."""

    kind: Kind
    word: str
    place: str
    text: str
    type: str | None = None
    default: str | None = None
    example: str | None = None
    see: Sequence[str] = ()


def named(word: str, entries: Iterable[Entry]) -> list[Entry]:
    """Those called so; case, dashes and what surrounds a word in a file (`host:`, `--host`, `uuid()`) do not count."""
    wanted = _bare(word)
    return [entry for entry in entries if _bare(entry.word) == wanted]


def similar(word: str, entries: Iterable[Entry]) -> list[str]:
    """Words that may have been meant."""
    words = {_bare(entry.word): entry.word for entry in entries}
    return [words[near] for near in get_close_matches(_bare(word)[:100], words, n=3, cutoff=0.6)]


def _bare(word: str) -> str:
    text = word.casefold().strip(" -:(){}`").removeprefix("exit code ")
    return re.sub(r"^status-\d{3}$", "status-nnn", re.sub(r"[\s_]+", "-", text))
