"""Values out of a response, by the expressions of `capture:` and `check:`, each compiled once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from .draw import one_kind

if TYPE_CHECKING:
    from .client import Client
    from .response import Response

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(-?\d+|\*)\]|\[(?:'([^']*)'|"([^"]*)")\]""")
_HALF = re.compile("[\ud800-\udfff]")


class Nothing:
    """The type of NOTHING: not found (null counts as not found)."""


NOTHING = Nothing()
Source: TypeAlias = "Callable[[Reply], object]"


class Reply:
    """A response with its body read as JSON or text at most once."""

    __slots__ = ("_document", "client", "response")

    def __init__(self, response: Response, client: Client) -> None:
        self.response = response
        self.client = client
        self._document: object = NOTHING

    @property
    def document(self) -> object:
        """The body as JSON; raises ValueError with a sentence."""
        if self._document is NOTHING:
            try:
                text = self.response.body.decode()
                document = _read(text)
                self._document = _mended(document) if "\\ud" in text or "\\uD" in text else document
            except (ValueError, RecursionError):
                kind = next(self.response.values(b"content-type"), b"no content type").decode("latin-1")
                raise ValueError(f"expected JSON, got {self.response.size} bytes ({kind})") from None
        return self._document


def compile_source(source: str) -> Source:
    """`$.a.b[*].c`, `header NAME`, `cookie NAME` or `regex PATTERN`; the function returns the value or NOTHING."""
    kind, _, rest = source.strip().partition(" ")
    rest = rest.strip()
    if kind == "header":
        name = rest.lower().encode()
        return lambda reply: next(
            (v.decode("utf-8", "replace") for v in reply.response.values(name)), NOTHING
        )
    if kind == "cookie":
        return lambda reply: _or_nothing(reply.client.jar.value(rest.encode()))
    if kind == "regex":
        return _regex(rest)
    steps = json_path(source.strip())
    return lambda reply: whole(lookup(reply.document, steps))


def json_path(path: str) -> tuple[str | int | None, ...]:
    """The steps of `$.a[0].b[*]`: a name, an index, or None for `[*]`; raises ValueError."""
    at = 1
    steps: list[str | int | None] = []
    while path[:1] == "$" and at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            break
        name, index, *quoted = step.groups()
        steps.append(
            next(q for q in (name, *quoted) if q is not None)
            if index is None
            else None
            if index == "*"
            else int(index)
        )
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
    """What stands at the end of `steps`, or NOTHING. After a `[*]`: the list of all that is found, perhaps empty."""
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


def whole(value: object) -> object:
    """Numbers of one kind throughout, as templates expect them."""
    if isinstance(value, float):
        return one_kind(value)
    if isinstance(value, list):
        return [whole(item) for item in value]
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    return value


def _mended(value: object) -> object:
    """Without halves of surrogate pairs, which JSON can spell and no UTF-8 can send again."""
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_HALF.sub("\ufffd", key): _mended(item) for key, item in value.items()}
    return value


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse)


def _read(text: str) -> object:
    """JSON with blanks around it, or, which is quicker to find out, without."""
    try:
        document, end = _decoder.raw_decode(text)
    except ValueError:
        end = -1
    return document if end == len(text) else _decoder.decode(text)


def _or_nothing(value: bytes | None) -> object:
    return NOTHING if value is None else value.decode("utf-8", "replace")


def _regex(pattern: str) -> Source:
    compiled = re.compile(pattern)

    def search(reply: Reply) -> object:
        match = compiled.search(reply.response.body.decode("utf-8", "replace"))
        if match is None:
            return NOTHING
        found = match[1] if compiled.groups else match[0]
        return NOTHING if found is None else found

    return search
