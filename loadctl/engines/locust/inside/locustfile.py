"""The user's file: loading it, and which of its classes user k is."""

# ruff: noqa: PTH119 - pathlib costs 5 ms of the start

from __future__ import annotations

import logging
import os
import sys
import traceback
from functools import reduce
from math import gcd
from typing import TYPE_CHECKING, Any

from locust.util.load_locustfile import load_locustfile

from .load import sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ScriptError(Exception):
    """The script cannot be run; the message is one sentence for people."""


def load(path: str, arguments: Sequence[str] = ()) -> tuple[dict[str, type], Sequence[object]]:
    name = os.path.basename(path)
    sys.argv = ["locust", "-f", path, "--headless", *arguments]
    logging.basicConfig(
        level=logging.INFO, format="[%(asctime)s] %(levelname)s/%(name)s: %(message)s", stream=sys.stderr
    )
    try:
        *_, classes, shapes = load_locustfile(path)  # older versions: a docstring first
    except Exception as error:  # noqa: BLE001 - whatever the user's file raises
        traceback.print_exc()
        raise ScriptError(f"{name} cannot be loaded: {sentence(error)}{_line_in(error, path)}") from None
    except SystemExit as error:
        raise ScriptError(f"{name} ended the process while it was loaded (exit {error.code})") from None
    if not classes:
        raise ScriptError(
            f"{name} has no user class; Locust runs classes derived from HttpUser, FastHttpUser or User"
        )
    return classes, shapes


def _line_in(error: BaseException, path: str) -> str:
    if isinstance(error, SyntaxError):
        return ""  # its own text has the line
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f" (line {lines[-1]})" if lines else ""


def chosen_classes(classes: Mapping[str, type], weights: Mapping[str, int], path: str) -> list[type]:
    if missing := [name for name in weights if name not in classes]:
        known = ", ".join(sorted(classes))
        raise ScriptError(f"{os.path.basename(path)} has no user class {missing[0]}; it has {known}")
    chosen = [
        classes[name]
        for name in (weights or classes)
        if weights.get(name, 0) > 0 or (not weights and _wanted(classes[name]))
    ]
    if not chosen:
        raise ScriptError("all user classes have the weight 0")
    return chosen


def _wanted(user_class: Any) -> bool:
    return bool(user_class.weight > 0 or user_class.fixed_count > 0)


def rotation(chosen: Sequence[Any], weights: Mapping[str, int]) -> Any:
    """User k's class: those with a fixed_count first, then smooth weighted round-robin, the same in every shard."""
    fixed = [] if weights else [c for c in chosen for _ in range(c.fixed_count)]
    shares = {
        c: round(weights.get(c.__name__, c.weight) * 100) for c in chosen if weights or not c.fixed_count
    }
    if not shares:
        shares = dict.fromkeys(chosen, 1)
    divisor = reduce(gcd, shares.values()) or 1
    total = sum(share // divisor for share in shares.values())
    credit = dict.fromkeys(shares, 0)
    cycle = []
    for _ in range(total):
        for user_class, share in shares.items():
            credit[user_class] += share // divisor
        most = max(credit, key=credit.__getitem__)
        credit[most] -= total
        cycle.append(most)
    return lambda index: fixed[index] if index < len(fixed) else cycle[(index - len(fixed)) % len(cycle)]
