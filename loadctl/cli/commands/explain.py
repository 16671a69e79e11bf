"""`loadctl explain`: what a word means."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from loadctl.cli.options import JsonFlag, beginning
from loadctl.cli.output import columns, write, write_json
from loadctl.errors import UsageError


def complete_word(incomplete: str) -> list[str]:
    from loadctl.cli.reference import entries

    return beginning(dict.fromkeys(entry.word for entry in entries()), incomplete)


def explain(
    word: Annotated[
        str | None,
        typer.Argument(metavar="WORD", help="Nothing: list all words.", autocompletion=complete_word),
    ] = None,
    *,
    as_json: JsonFlag = False,
) -> None:
    """Explain a word: a key, a metric, a finding, a verdict, an exit code.

    Also a template helper, a class of failures, a key of result.json, a command, an option. Words of other
    tools lead to ours.
    """
    from loadctl.cli.reference import entries
    from loadctl.reference.entries import instead_of
    from loadctl.reference.entry import named, similar
    from loadctl.reports.terminal.explanation import explained, word_list

    known = list(entries())
    found = known if word is None else named(word, known)
    notes: list[str] = []
    if word is not None and not found:
        notes, found = instead_of(word, known)
    if word is not None and not found and not notes:
        near = similar(word, known)
        hint = f"did you mean {' or '.join(near)}?" if near else "loadctl explain  lists all words"
        raise UsageError(f"there is no word '{word[:60]}' in loadctl", hint=hint)
    if as_json:
        write_json([asdict(entry) for entry in found])
    elif word is None:
        write(word_list(found, columns()))
    else:
        write("\n\n".join(filter(None, ["\n".join(notes), explained(found, columns())])))
