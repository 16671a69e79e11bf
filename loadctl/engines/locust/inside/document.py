"""JSON as a response brings it, read so that both engines find the same."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from .draw import LARGEST, in_order, one_kind

DEPTH_MAX = 200
_HALF = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape; the group is half of a surrogate pair, which no UTF-8 can send again."""
_DIGITS_MAX = 400
_BLOCK = 4096


def read_json(text: str) -> object:
    """Raises ValueError; the message ends a sentence about the body, or is empty where it is no JSON."""
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
    """JSON with blanks around it, or, which is quicker to find out, without."""
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
