"""Quantities of Kubernetes: `500m`, `429151n`, `408Ki`, `1e3`.

Source: Kubernetes API reference, "Quantity". `k` is 10³; 1024 is `Ki` only.
"""

from __future__ import annotations

import re

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,2})|(n|u|m|[kMGTPE]|[KMGTPE]i)?)")
_SUFFIXES = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    **{letter: 1000.0 ** (power + 1) for power, letter in enumerate("kMGTPE")},
    **{f"{letter}i": 1024.0 ** (power + 1) for power, letter in enumerate("KMGTPE")},
}
_LONGEST = 40


def quantity(text: object) -> float:
    """In the unit without a prefix: cores, bytes. Raises ValueError for what is no quantity."""
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise ValueError(f"{str(text)[:_LONGEST]!r} is no quantity")
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no quantity")
    number, exponent, suffix = found.groups()
    if exponent is not None:
        return float(f"{number}e{exponent}")
    return float(number) * _SUFFIXES.get(suffix or "", 1.0)
