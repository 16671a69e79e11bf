"""The checks of a response. A failed check says in one sentence what was expected and what was received."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from .....scenario.prng import as_json, in_order
from ....json_path import NOTHING, dotted, lookup
from .capture import Reply, exact
from .render import Scope, Value, compile_json, compile_text, compile_value

Complaint: TypeAlias = "Callable[[Reply, Scope], str | None]"


def compile_status(ranges: Sequence[Sequence[int]]) -> tuple[frozenset[int], str]:
    """The accepted statuses and their description. Without ranges: all below 400."""
    if not ranges:
        return frozenset(range(400)), "below 400"
    words = []
    for low, high in ranges:
        century = low % 100 == 0 and high == low + 99
        words.append(f"{low // 100}xx" if century else str(low) if low == high else f"{low}..{high}")
    return frozenset(status for low, high in ranges for status in range(low, high + 1)), " or ".join(words)


def compile_check(plan: Mapping[str, Any]) -> tuple[Complaint, ...]:
    """All parts but status and within; each is None-returning when it holds, and may raise ValueError."""
    complaints: list[Complaint] = []
    for part, make in (("has", _has), ("lacks", _lacks), ("text", _contains)):
        complaints += [_compiled(each, make) for each in plan[part]]
    return (*complaints, *(_equals(path, expected) for path, expected in plan["json"]))


def _compiled(plan: object, make: Callable[[str], Complaint]) -> Complaint:
    rendered = compile_text(plan)
    if isinstance(rendered, str):
        return make(rendered)
    return lambda reply, scope: make(rendered(scope))(reply, scope)


def _has(path: str) -> Complaint:
    steps = dotted(path)
    message = f"expected {path} in the response, it is absent or null"

    def complaint(reply: Reply, _: Scope) -> str | None:
        return message if lookup(reply.document, steps) is NOTHING else None

    return complaint


def _lacks(path: str) -> Complaint:
    steps = dotted(path)

    def complaint(reply: Reply, _: Scope) -> str | None:
        found = lookup(reply.document, steps)
        if found is NOTHING:
            return None
        return f"expected no {path} in the response, got {_shown(exact(found, path))}"

    return complaint


def _equals(path: str, expected: Sequence[object]) -> Complaint:
    steps = dotted(path)
    value = _compile_expected(expected)

    def complaint(reply: Reply, scope: Scope) -> str | None:
        found = exact(lookup(reply.document, steps), path)
        wanted = value(scope)
        if _same(found, wanted):
            return None
        got = "nothing" if found is NOTHING else _shown(found)
        return f"expected {path} to be {_shown(wanted)}, got {got}"

    return complaint


def _compile_expected(plan: Sequence[object]) -> Value:
    if len(plan) == 1 and not isinstance(plan[0], str):
        return compile_value(plan[0])
    rendered = compile_json(plan)
    if callable(rendered):
        return lambda scope: json.loads(rendered(scope), object_hook=in_order)
    value = json.loads(rendered, object_hook=in_order)
    return lambda _: value


def _contains(words: str) -> Complaint:
    def complaint(reply: Reply, _: Scope) -> str | None:
        return None if words in reply.text else f"expected the text {_shown(words)} in the body"

    return complaint


def _same(found: object, wanted: object) -> bool:
    """Equality of JSON values: true is not 1."""
    if found is NOTHING:
        return wanted is None
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(_same, found, wanted))
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(_same(found[key], wanted[key]) for key in found)
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    return found == wanted


def _shown(value: object) -> str:
    shown = as_json(value)
    return shown if len(shown) <= 80 else shown[:79] + "…"
