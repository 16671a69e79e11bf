"""Entries of the reference for a terminal, as `loadctl explain` prints them. Record → str."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from loadctl.reference.entry import KINDS, Entry, Kind
from loadctl.reports.printable import hanging

_MAX_WIDTH = 100
_INDENT = "  "
_FACT = 9
_HEADS: Mapping[Kind, str] = {
    "key": "KEYS OF YAML",
    "helper": "TEMPLATES",
    "result key": "KEYS OF result.json",
}
_TYPES: Mapping[Kind, str] = {"helper": "call", "result key": "holds", "command": "usage", "option": "write"}
"""What the type of a word is called; elsewhere it is what a value may be."""


def explained(entries: Sequence[Entry], width: int) -> str:
    """Each entry: its word, what it means, and what is known of its value."""
    width = min(width, _MAX_WIDTH)
    return "\n\n".join("\n".join(_lines(entry, width)) for entry in entries) + "\n"


def _lines(entry: Entry, width: int) -> Iterator[str]:
    yield from hanging(f"{entry.word}  ", entry.place, width)
    for paragraph in entry.text.splitlines():
        yield from hanging(_INDENT, paragraph, width)
    takes = _TYPES.get(entry.kind, "takes")
    for name, value in ((takes, entry.type), ("default", entry.default), ("see", ", ".join(entry.see))):
        if value:
            yield from hanging(f"{_INDENT}{name:<{_FACT}}", value, width)
    head = "example"
    for line in (entry.example or "").splitlines():
        yield f"{_INDENT}{head:<{_FACT}}{line}"
        head = ""


def word_list(entries: Iterable[Entry], width: int) -> str:
    """All words, by kind."""
    words: dict[Kind, dict[str, None]] = {kind: {} for kind in KINDS}
    for entry in entries:
        words[entry.kind][entry.word] = None
    blocks = [
        "\n".join([_HEADS.get(kind, f"{kind.upper()}S"), *hanging(_INDENT, ", ".join(found), width)])
        for kind, found in words.items()
        if found
    ]
    return "\n\n".join(blocks) + "\n"
