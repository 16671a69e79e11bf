"""Values out of a response, by the expressions of `capture:` and `check:`, each compiled once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from .charset import decoded
from .content import packed
from .document import exact, read_json

if TYPE_CHECKING:
    from .client import Client
    from .response import Response

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(-?\d+|\*)\]|\[(?:'([^']*)'|"([^"]*)")\]""")


class Nothing:
    """The type of NOTHING: not found (null counts as not found)."""


NOTHING = Nothing()
Source: TypeAlias = "Callable[[Reply], object]"


class Reply:
    """A response with its body read as JSON or text at most once. Reading it raises ValueError with a sentence."""

    __slots__ = ("_document", "_text", "client", "response")

    def __init__(self, response: Response, client: Client) -> None:
        self.response = response
        self.client = client
        self._document: object = NOTHING
        self._text: str | None = None

    @property
    def document(self) -> object:
        if self._document is NOTHING:
            self._text = self._decoded(strict=True)
            try:
                self._document = read_json(self._text)
            except ValueError as error:
                kind = self._content_type.decode("latin-1") or "no content type"
                size = self.response.size
                raise ValueError(f"expected JSON, got {size} bytes{error} ({kind})") from None
        return self._document

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = self._decoded(strict=False)
        return self._text

    def _decoded(self, *, strict: bool) -> str:
        response = self.response
        if response.notable and (encoding := packed(response.values(b"content-encoding"))):
            raise ValueError(
                f"the body is packed as {encoding}, which loadctl cannot unpack; "
                "ask for gzip or deflate (Accept-Encoding)"
            )
        return decoded(response.body, self._content_type, strict=strict)

    @property
    def _content_type(self) -> bytes:
        for name, value in self.response.headers:  # half the time of next() and a generator
            if name == b"content-type":
                return value
        return b""


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
    path = source.strip()
    steps = json_path(path)
    return lambda reply: exact(lookup(reply.document, steps), path)


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


def _or_nothing(value: bytes | None) -> object:
    return NOTHING if value is None else value.decode("utf-8", "replace")


def _regex(pattern: str) -> Source:
    compiled = re.compile(pattern)

    def search(reply: Reply) -> object:
        match = compiled.search(reply.text)
        if match is None:
            return NOTHING
        found = match[1] if compiled.groups else match[0]
        return NOTHING if found is None else found

    return search
