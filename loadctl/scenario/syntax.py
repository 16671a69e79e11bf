"""What is wrong with a text that is no YAML, in words of the person who wrote it, not of the parser."""

from __future__ import annotations

import re

import yaml

from loadctl.errors import Mistake, Where

MUST_BE_QUOTED = "a value that starts with {{ must be in quotes"


def quoted_hint(line: str, column: int) -> str:
    """How to write the `{{ … }}` that starts at `column` (from 1) of `line`, its key before it."""
    key = re.search(r"([\w.-]+: *)$", line[: column - 1])
    template = re.match(r"\{\{.*?\}\}[^\s,}\]]*", line[column - 1 :])
    return f'write  {key[1] if key else ""}"{template[0] if template else "{{ … }}"}"'


def excerpt(text: str, line: int) -> str | None:
    """Line number `line` (from 1), cut as YAML cuts lines; None where there is none."""
    lines = re.split(r"\r\n|[\r\n\x85\u2028\u2029]", text)
    return lines[line - 1].rstrip() if 0 < line <= len(lines) else None


def syntax_mistake(file: str, text: str, error: yaml.YAMLError) -> Mistake:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return _unreadable_character(file, text, error)
    line, column = mark.line + 1, mark.column + 1
    problem, context = str(getattr(error, "problem", "") or ""), str(getattr(error, "context", "") or "")
    source = excerpt(text, line) or ""
    if template := re.search(r"(?:[:\-,\[] +)(\{\{)", source[:column]):
        column = template.start(1) + 1
        return Mistake(Where(file, line, column), MUST_BE_QUOTED, quoted_hint(source, column), source)
    start = getattr(error, "context_mark", None)
    if "flow" in context and "stream end" in problem and start is not None:
        line, column, source = start.line + 1, start.column + 1, excerpt(text, start.line + 1) or ""
    message, hint = _explained(problem, context, source[column - 1 : column])
    return Mistake(Where(file, line, column), message, hint, source)


def _explained(  # noqa: PLR0911 - a table of cases
    problem: str, context: str, character: str
) -> tuple[str, str | None]:
    own_line = 'put it in "quotes", or give the value its own line'
    brackets = "[ ]" if "sequence" in context else "{ }"
    match character:
        case "\t":
            return "a tab stands here; YAML is indented with spaces only", "replace the tab by spaces"
        case "@" | "`" | "%":
            return f"a value that starts with {character} must be in quotes", None
    if "stream end" in problem and "flow" in context:
        return f"{brackets[0]} is never closed", f"add the missing {brackets[2]}"
    if "flow" in context:
        shown = character if character in "?{}[]&*!|>'\"%@`#" and character else problem
        return f"inside {brackets} a value with {shown} must be in quotes", own_line
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
