"""The text of an OpenAPI document, YAML or JSON → the mapping in it. YAML is read as scenarios are: keys are texts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from loadctl.errors import InvalidInput, Mistake, UsageError, Where
from loadctl.scenario.openapi.sample import number
from loadctl.scenario.reading.document import Bounds, Node, Text, excerpt, lines_of, read_document

_BOUNDS = Bounds(characters=20_000_000, depth=100, nodes=1_000_000, quick=True)
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_MARK = re.compile(
    r"""(?:^|[{,])\s*["']?(?:(?:openapi|swagger)["']?\s*:\s*["']?\d|paths["']?\s*:\s*(?:[{\r\n]|$))""",
    re.MULTILINE,
)


def read_description(text: Text) -> Mapping[str, object]:
    """Raises: InvalidInput where it is neither YAML nor JSON, UsageError where it describes no API."""
    found = _json(text) if text.text.lstrip().startswith(("{", "[")) else _yaml(text)
    if isinstance(found, Mapping) and isinstance(found.get("paths"), Mapping):
        return found
    raise UsageError(f"{text.name} is no OpenAPI document: it has no paths:")


def looks_like_description(text: str) -> bool:
    """Whether a page that was found means to be one, though it may be broken."""
    return not text.lstrip().startswith("<") and _MARK.search(text) is not None


def _json(text: Text) -> object:
    if place := _too_deep(text):
        raise InvalidInput([Mistake(place, f"nested deeper than {_BOUNDS.depth} levels")])
    try:
        return json.loads(text.text)
    except json.JSONDecodeError as error:
        if not text.name.endswith(".json"):
            return _yaml(text)  # where a mapping may be written in braces, too
        line = excerpt(lines_of(text.text), error.lineno)
        where = Where(text.name, error.lineno, error.colno)
        raise InvalidInput([Mistake(where, f"this is not JSON: {error.msg}", None, _short(line))]) from error
    except ValueError as error:  # a number of thousands of digits
        raise UsageError(f"{text.name} is not JSON: {error}") from error


def _yaml(text: Text) -> object:
    node, mistakes = read_document(text, _BOUNDS)
    if mistakes:
        raise InvalidInput(
            [Mistake(m.where, m.message, m.hint, _short(m.excerpt)) for m in mistakes[:10]],
        )
    return None if node is None else _value(node, {})


def _value(node: Node, known: dict[int, object]) -> object:
    """What a node holds. What aliases point at is made once: expanded it could be much larger than the file."""
    if id(node) not in known:
        if node.entries is not None:
            known[id(node)] = {key.text: _value(item, known) for key, item in node.entries.items()}
        elif node.items is not None:
            known[id(node)] = [_value(item, known) for item in node.items]
        elif isinstance(node.value, int | float) and not isinstance(node.value, bool):
            known[id(node)] = number(node.value, node.text)
        else:
            known[id(node)] = node.value
    return known[id(node)]


def _too_deep(text: Text) -> Where | None:
    depth = 0
    for match in _BRACKETS.finditer(text.text):
        if match[0] in "[{":
            depth += 1
            if depth > _BOUNDS.depth:
                before = text.text[: match.start()]
                return Where(text.name, before.count("\n") + 1, match.start() - before.rfind("\n"))
        elif match[0] in "]}":
            depth -= 1
    return None


def _short(line: str | None) -> str | None:
    """A document in one line is no excerpt."""
    return line if line is None or len(line) <= 200 else None
