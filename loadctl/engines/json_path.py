"""JSON paths, as captures and checks write them: parsed into steps, and followed. Standard library only."""

from __future__ import annotations

import re

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(-?\d+|\*)\]|\[(?:'([^']*)'|"([^"]*)")\]""")
NOTHING = object()
"""Not found; null counts as not found."""


def json_path(path: str) -> tuple[str | int | None, ...]:
    """The steps of `$.a[0].b[*]`: a name, an index, or None for `[*]`; raises ValueError."""
    at = 1
    steps: list[str | int | None] = []
    while path[:1] == "$" and at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            break
        name, index, *quoted = step.groups()
        if index is None:
            steps.append(next(q for q in (name, *quoted) if q is not None))
        else:
            steps.append(None if index == "*" else int(index))
        at = step.end()
    if at != len(path) or not path:
        raise ValueError(f"{path} is not a JSON path like $.items[*].id")
    return tuple(steps)


def dotted(path: str) -> tuple[str | int | None, ...]:
    """The steps of the short form in checks: `data.user.name`, `items.0.id`, or a JSON path."""
    if path.startswith("$"):
        return json_path(path)
    return tuple(path.split("."))


def lookup(document: object, steps: tuple[str | int | None, ...]) -> object:
    """The value at the end of `steps`, or NOTHING. After a `[*]` a list of all values found, perhaps empty."""
    for at, step in enumerate(steps):
        if step is None:
            if not isinstance(document, list):
                return NOTHING
            found = [lookup(item, steps[at + 1 :]) for item in document]
            if None in steps[at + 1 :]:
                found = [inner for outer in found if isinstance(outer, list) for inner in outer]
            return [item for item in found if item is not NOTHING]
        if isinstance(document, dict):
            document = document.get(step if type(step) is str else str(step))
        elif isinstance(document, list) and (isinstance(step, int) or step.isdigit()):
            index = int(step)
            document = document[index] if -len(document) <= index < len(document) else None
        else:
            document = None
        if document is None:
            return NOTHING
    return NOTHING if document is None else document
