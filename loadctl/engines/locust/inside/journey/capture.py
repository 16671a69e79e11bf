"""Values out of a response, by the expressions of `capture:` and `check:`, each compiled once."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from .....scenario.prng import LARGEST, in_order, one_kind
from ....json_path import NOTHING, json_path, lookup
from ..client.content import decoded, packed

if TYPE_CHECKING:
    from ..client.client import Client
    from ..client.connection import Response


DEPTH_MAX = 200
_HALF = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape; the group is half of a surrogate pair, which no UTF-8 can send again."""
_DIGITS_MAX = 400
_BLOCK = 4096


def read_json(text: str) -> object:
    """Raises: ValueError; its message ends a sentence about the body, or is empty if it is not JSON."""
    if "\\ud" in text or "\\uD" in text:
        text = _HALF.sub(lambda match: match[0] if match[1] is None else "\\ufffd", text)
    try:
        document = _read(text)
    except json.JSONDecodeError:
        raise ValueError("") from None
    except RecursionError:
        raise _too_deep() from None
    if len(text) > 2 * DEPTH_MAX and _may_be_deep(text) and _is_deep(document):
        raise _too_deep()
    return document


def exact(value: object, where: str) -> object:
    """`value` with numbers of one kind and keys in one order; raises ValueError where a number has been rounded."""
    kind = type(value)
    if kind is str or value is None:
        return value
    if isinstance(value, (int, float)):
        if not -LARGEST <= value <= LARGEST:
            raise ValueError(
                f"{where} holds a number beyond ±{LARGEST}, which JSON does not carry exactly; let the service send it "
                "as text, or look at its digits with  regex  (capture) or  text  (check)"
            )
        return one_kind(value) if kind is float else value
    if isinstance(value, list):
        return [exact(item, where) for item in value]
    if isinstance(value, dict):
        return in_order({key: exact(item, where) for key, item in value.items()})
    return value


def _refuse(_word: str) -> object:
    raise json.JSONDecodeError("no JSON", "", 0)


def _number(digits: str) -> float:
    return int(digits) if len(digits) < _DIGITS_MAX else math.inf


_decoder = json.JSONDecoder(parse_constant=_refuse)
_patient = json.JSONDecoder(parse_constant=_refuse, parse_int=_number)
"""Four times as slow, and reads whole numbers of any length."""


def _read(text: str) -> object:
    """Tries JSON without surrounding whitespace first, which is faster."""
    try:
        document, end = _decoder.raw_decode(text)
    except json.JSONDecodeError:
        end = -1
    except ValueError:  # more digits than int() takes
        return _patient.decode(text)
    return document if end == len(text) else _decoder.decode(text)


def _may_be_deep(text: str) -> bool:
    """Four times as quick as a look at the document. A sum over blocks, each of which may close nothing to its end."""
    depth = 0
    for start in range(0, len(text), _BLOCK):
        end = start + _BLOCK
        opened = text.count("[", start, end) + text.count("{", start, end)
        if depth + opened > DEPTH_MAX:
            return True
        depth += opened - text.count("]", start, end) - text.count("}", start, end)
    return False


def _is_deep(document: object) -> bool:
    level: list[Any] = [[document]]
    for _ in range(DEPTH_MAX + 1):
        level = [
            inner
            for outer in level
            for inner in (outer if type(outer) is list else outer.values())
            if type(inner) is list or type(inner) is dict
        ]
        if not level:
            return False
    return True


def _too_deep() -> ValueError:
    return ValueError(f" nested deeper than {DEPTH_MAX} levels")


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
        return lambda reply: _or_nothing(next(reply.response.values(name), None))
    if kind == "cookie":
        return lambda reply: _or_nothing(reply.client.jar.value(rest.encode()))
    if kind == "regex":
        return _regex(rest)
    path = source.strip()
    steps = json_path(path)
    return lambda reply: exact(lookup(reply.document, steps), path)


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
