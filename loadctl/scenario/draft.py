"""A first scenario file, written for people to edit: YAML with comments. Names and texts in it may be hostile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadctl.scenario.document import core_scalar

if TYPE_CHECKING:
    from loadctl.scenario.openapi import Operation
    from loadctl.scenario.user_type import Json

_MOST_TASKS = 40
_WIDTH = 90
_PLAIN = re.compile(r"[A-Za-z0-9/_.~](?:[A-Za-z0-9/_.~%=&?+-]|:(?=[A-Za-z0-9/])| (?=[A-Za-z0-9/(]))*")
_LOAD = """
load:                             # 20 users for a minute; the first 10 s warm up and are not scored
  - {users: 20, over: 10s, warmup: true}
  - {users: 20, for: 50s}
targets:                          # guesses: put your own limits here; beyond one of them the run fails
  latency_p95: 200ms
  latency_p99: 500ms
  error_rate: 1%
"""
_NO_DESCRIPTION = """\
tasks:                            # one is picked after each pause, by weight
  - get: {path}
  # More requests, for example:
  # - get: /items
  #   weight: 4
  # - post: /predict
  #   weight: 10
  #   json: {{text: Hello}}
  #   check: {{status: 2xx, within: 1s}}
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of a scenario file, and what it holds in a few lines for the terminal."""

    text: str
    summary: Sequence[str]


def draft(host: str, path: str, title: str, operations: Sequence[Operation]) -> Draft:
    """`host`: scheme, host and port. Without operations that can be sent, the scenario gets `path`."""
    title = one_line(title, 60)
    tasks = [operation for operation in operations if operation.role == "task"][:_MOST_TASKS]
    start = [operation for operation in operations if operation.role == "start"][:1]
    out = [o for o in operations if o not in tasks and o not in start]
    head = [
        f"# {title}, read from its OpenAPI document." if title else "# A first scenario.",
        "# Edit it; then  loadctl try  sends each request once, and  loadctl run  puts the load on.",
        f"goal: {scalar(f'{title or host} answers 20 users in time')}",
        f"host: {scalar(host)}",
        "think: 200ms..400ms               # pause after each task",
    ]
    lines = [
        *head,
        *_start(start),
        *(_tasks(tasks) if tasks else _NO_DESCRIPTION.format(path=scalar(path)).splitlines()),
        *_left_out(out),
    ]
    return Draft("\n".join(lines) + _LOAD, tuple(_summary(title, [*start, *tasks], out)))


def scalar(text: str) -> str:
    """`text` as a YAML scalar that means it literally: no template, no ${NAME}, no number, no date."""
    text = text.replace("{{", '{{ "{{" }}').replace("${", "$${")
    if _PLAIN.fullmatch(text) and core_scalar(text) == text:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in quoted)


def one_line(text: str, most: int) -> str:
    """For comments and messages: no line ends, no control characters, at most `most` characters."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    clean = " ".join(clean.split())
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def value_lines(value: Json, indent: str) -> list[str]:
    """`value` after a key: on its line where that is short enough, else as a block below it."""
    inline = _inline(value)
    if len(inline) <= _WIDTH - len(indent) or not value or not isinstance(value, Mapping | list):
        return [f" {inline}"]
    lines = [""]
    if isinstance(value, Mapping):
        for key, item in value.items():
            first, *rest = value_lines(item, indent + "  ")
            lines += [f"{indent}{_key(key)}:{first}", *rest]
    else:
        lines += [f"{indent}- {_inline(item)}" for item in value]
    return lines


def _inline(value: Json) -> str:
    if isinstance(value, str):
        plain = scalar(value)
        return plain if re.fullmatch(r"[\w./-]+|\".*\"", plain) else json.dumps(plain, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    return json.dumps(value)


def _key(key: str) -> str:
    """A key is neither a template nor filled from the environment; `<<` and what reads as a value are quoted."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", key) and core_scalar(key) == key:
        return key
    quoted = json.dumps(key, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in quoted)


def _start(start: Sequence[Operation]) -> Iterator[str]:
    for operation in start:
        yield "start:                            # once per user, before its first task"
        yield from _request(operation, weighted=False)
        if operation.token:
            yield f"    capture: {{token: $.{operation.token}}}"
            yield "headers:"
            yield '  Authorization: "Bearer {{ token }}"'


def _tasks(tasks: Sequence[Operation]) -> Iterator[str]:
    yield "tasks:                            # one is picked after each pause, by weight"
    for operation in tasks:
        yield from _request(operation, weighted=True)


def _left_out(out: Sequence[Operation]) -> Iterator[str]:
    if not out:
        return
    yield "  # Left out. Take the # away from those that may be sent under load:"
    for operation in out[:_MOST_TASKS]:
        first, *rest = _request(operation, weighted=True)
        why = operation.why or "one of many"
        yield f"  # {one_line(first.strip(), 100)}   # {why}"
        yield from (f"  # {line[2:]}" for line in rest)
    if len(out) > _MOST_TASKS:
        yield f"  # … and {len(out) - _MOST_TASKS} more"


def _request(operation: Operation, *, weighted: bool) -> Iterator[str]:
    """One item of a list, two spaces in."""
    remarks = [one_line(operation.summary, 60)] if operation.summary else []
    remarks += [f"{one_line(name, 30)} is a guess" for name in operation.guesses[:3]]
    comment = f"   # {'; '.join(remarks)}" if remarks and operation.role != "left out" else ""
    yield f"  - {operation.method}: {scalar(operation.url)}{comment}"
    if weighted:
        yield f"    weight: {operation.weight}"
    if operation.url.split("?")[0] != operation.path:
        yield f"    name: {scalar(endpoint_name(operation))}"
    if operation.headers:
        yield "    headers:" + "\n".join(value_lines(operation.headers, "      "))
    if operation.body_kind is not None:
        first, *rest = value_lines(operation.body, "      ")
        origin = f"   # {operation.origin}" if not first else ""
        yield f"    {operation.body_kind}:{first}{origin}"
        yield from rest


def endpoint_name(operation: Operation) -> str:
    """METHOD + the documented path, without what would be a template."""
    path = re.sub(r"\{{2,}", "{", operation.path).replace("${", "{")
    return f"{operation.method.upper()} {one_line(path, 200)}"


def _summary(title: str, included: Sequence[Operation], out: Sequence[Operation]) -> Iterator[str]:
    count = len(included) + len(out)
    if title:
        yield f"{title}: {count} operation{'' if count == 1 else 's'}; 20 users for 1 min"
    else:
        yield "no OpenAPI document: one GET only, 20 users for 1 min"
    width = max((len(one_line(o.path, 40)) for o in included), default=0)
    for o in included:
        share = "once per user" if o.role == "start" else f"weight {o.weight:>2}    "
        yield f"  {o.method.upper():<5}{one_line(o.path, 40):<{width}}  {share}   {o.origin}".rstrip()
    for why in dict.fromkeys(o.why for o in out):
        names = [f"{o.method.upper()} {one_line(o.path, 40)}" for o in out if o.why == why]
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        yield f"  left out, {_reason(why)}: {', '.join(names[:6])}{more} (commented)"
    yield "  limits p95 200 ms, p99 500 ms, errors 1 %: guesses, edit them"


def _reason(why: str) -> str:
    return {
        "changes data": "they change data",
        "needs a file": "they need a file",
        "needs an account": "they need an account",
    }.get(why, why or "there are so many")
