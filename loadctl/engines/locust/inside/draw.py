"""scenario/prng.py, loaded by its path: loadctl itself need not be importable in the engine's Python."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loadctl.scenario import prng
else:
    _spec = importlib.util.spec_from_file_location(
        f"{__package__}.prng", Path(__file__).resolve().parents[3] / "scenario" / "prng.py"
    )
    prng = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(prng)

Stream = prng.Stream
hash32 = prng.hash32
LARGEST = prng.LARGEST
as_json = prng.as_json
in_order = prng.in_order
one_kind = prng.one_kind
text = prng.text
FREE_HELPERS: Mapping[str, Callable[..., object]] = {
    "int": prng.to_int,
    "float": prng.to_float,
    "str": text,
    "now": prng.now,
    "timestamp": prng.timestamp,
}
"""Helpers that draw nothing; the others are methods of Stream."""
