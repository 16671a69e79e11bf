"""What is wrong with a text that is no YAML, in words of the person who wrote it, not of the parser."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

import yaml

from loadctl.errors import Mistake, Where

_NEED_QUOTES = {"?", "{", "}", "[", "]"}
MUST_BE_QUOTED = "a value that starts with {{ must be in quotes"


def quoted_hint(line: str, column: int) -> str:
    """How to write the `{{ … }}` that starts at `column` (from 1) of `line`, its key before it."""
    key = re.search(r"([\w.-]+: *)$", line[: column - 1])
    template = re.match(r"\{\{.*?\}\}[^\s,}\]]*", line[column - 1 :])
    return f'write  {key[1] if key else ""}"{template[0] if template else "{{ … }}"}"'


def lines_of(text: str) -> list[str]:
    """The lines of a text, cut as YAML cuts them."""
    return re.split(r"\r\n|[\r\n\x85\u2028\u2029]", text)


def excerpt(lines: Sequence[str], line: int) -> str | None:
    """Line number `line` (from 1); None where there is none."""
    return lines[line - 1].rstrip() if 0 < line <= len(lines) else None


def syntax_mistake(file: str, text: str, error: yaml.YAMLError) -> Mistake:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return _unreadable_character(file, text, error)
    line, column = mark.line + 1, mark.column + 1
    problem, context = str(getattr(error, "problem", "") or ""), str(getattr(error, "context", "") or "")
    lines = lines_of(text)
    source = excerpt(lines, line) or ""
    if template := re.search(r"(?:[:\-,\[] +)(\{\{)", source[:column]):
        column = template.start(1) + 1
        return Mistake(Where(file, line, column), MUST_BE_QUOTED, quoted_hint(source, column), source)
    start = getattr(error, "context_mark", None)
    character = lines[mark.line][column - 1 : column] if mark.line < len(lines) else ""
    if "flow" in context and character not in _NEED_QUOTES and start is not None:
        opening, closing = ("[", "]") if "sequence" in context else ("{", "}")
        place = Where(file, start.line + 1, start.column + 1)
        message = f"{opening} is never closed"
        return Mistake(place, message, f"add the missing {closing}", excerpt(lines, place.line))
    message, hint = _explained(problem, context, character)
    return Mistake(Where(file, line, column), message, hint, source)


def escape_mistake(file: str, text: str) -> Mistake:
    """Of an escape that is no character; the parser does not say which."""
    for number, line in enumerate(lines_of(text), 1):
        for escape in re.finditer(r"\\U([0-9A-Fa-f]{8})", line):
            if int(escape[1], 16) > sys.maxunicode:
                where = Where(file, number, escape.start() + 1)
                return Mistake(where, f"{escape[0]} is no character", "the last one is \\U0010FFFF", line)
    return Mistake(Where(file), "an escape (\\x, \\u or \\U) is no character")


def _explained(problem: str, context: str, character: str) -> tuple[str, str | None]:
    own_line = 'put it in "quotes", or give the value its own line'
    match character:
        case "\t":
            return "a tab stands here; YAML is indented with spaces only", "replace the tab by spaces"
        case "@" | "`" | "%":
            return f"a value that starts with {character} must be in quotes", None
    if "flow" in context:
        brackets = "[ ]" if "sequence" in context else "{ }"
        return f"inside {brackets} a value with {character} must be in quotes", own_line
    if context == "while scanning an alias":
        return "a value with * must be in quotes inside [ ] or { }, and where it starts with *", own_line
    if "mapping values are not allowed" in problem:
        return (
            "a key cannot stand here: check the indentation, or quote a value that holds ': '",
            'write for example  name: "a: b"',
        )
    if "quoted scalar" in context and "end of stream" in problem:
        return "the quote that opens here is never closed", None
    if "undefined alias" in problem:
        return f"{problem.removeprefix('found ')}; a value that starts with * must be in quotes", None
    return f"this is not YAML: {', '.join(part for part in (context, problem) if part)}", None


def _unreadable_character(file: str, text: str, error: yaml.YAMLError) -> Mistake:
    position = getattr(error, "position", 0)
    before = text[:position]
    line = before.count("\n") + 1
    column = position - (before.rfind("\n") + 1) + 1
    code = text[position : position + 1]
    shown = f"U+{ord(code):04X}" if code else "one"
    return Mistake(
        Where(file, line, column), f"the character {shown} cannot stand in YAML; is this a text file?"
    )
