"""The screen of `try`: every request once, what was sent, what came back, and where it stands in the file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from textwrap import wrap

from loadctl.reports.printable import hanging, printable, shortened
from loadctl.results.exchange import Exchange
from loadctl.scenario.scenario import Scenario

_NAME_MAX = 34
_BODY_LINES = 4
_STATUS = re.compile(r"expected status (.+), got \d+")


def opening(scenario: Scenario) -> str:
    who = "one user of each type" if len(scenario.user_types) > 1 else "one user"
    where = (
        "" if scenario.name.startswith(scenario.shown_host) else f" on {printable(scenario.shown_host, 120)}"
    )
    return f"{printable(scenario.name, 120)}{where}: {who}, each request once"


def exchange_lines(exchange: Exchange, scenario: Scenario, *, width: int = 80) -> list[str]:
    """One request: a line where all went well, with what was sent and received where it did not."""
    room = min(_NAME_MAX, max(len(endpoint) for endpoint in scenario.endpoints))
    name = shortened(printable(exchange.endpoint), room)
    if exchange.outcome == "skipped":
        return hanging(f"  {name:<{room}}    –  ", f"not sent: {printable(exchange.message)}", width)
    status = "–" if exchange.status is None else str(exchange.status)
    head = f"  {name:<{room}}  {status:>3}  {_latency(exchange.latency_ms):>7}   "
    if exchange.outcome == "expected":
        body = exchange.message or exchange.received_body or "(no body)"
        lines = [shortened(head + printable(body), width)]
    else:
        lines = _failure(head, exchange, width)
    for variable, value in exchange.captured.items():
        lines.append(shortened(f"       captured  {variable} = {printable(value)}", width))
    return lines


def closing(exchanges: Sequence[Exchange], run: str, *, brief: bool = False) -> str:
    """The last line; `run` is the command that comes next. `brief`: it stands alone, so it names what failed."""
    failed = [exchange for exchange in exchanges if exchange.outcome == "failed"]
    skipped = sum(exchange.outcome == "skipped" for exchange in exchanges)
    sent = len(exchanges) - skipped
    rest = f", {skipped} not sent" if skipped else ""
    if not failed:
        return f"{sent} of {sent} answered as expected{rest}.   Next: {run}"
    what = ""
    if brief:
        first = failed[0]
        got = first.status or first.error
        what = f": {printable(first.endpoint, 60)} ({got}), {_place(first)}" + (
            " and others" if len(failed) > 1 else ""
        )
    return f"{len(failed)} of {sent} failed{rest}{what}."


def _failure(head: str, exchange: Exchange, width: int) -> list[str]:
    what = printable(_STATUS.sub(r"expected \1", exchange.message))
    if exchange.error == "generator":
        what = f"not sent: {what}"
    place = _place(exchange)
    if len(head) + len(what) + 3 + len(place) <= width:
        lines = [f"{head}{what}{place:>{width - len(head) - len(what)}}"]
    else:
        lines = [*hanging(head, what, width), f"       in        {place}"]
    if exchange.url is not None:
        path = "/" + exchange.url.partition("://")[2].partition("/")[2]
        line = "" if f"{exchange.method} {path}" == exchange.endpoint else f"{exchange.method} {path}  "
        if line or exchange.sent_body:
            lines += _body("       sent      ", line + (exchange.sent_body or ""), width)
    if exchange.status is not None:
        lines += _body("       received  ", _explained(exchange.received_body), width)
    return lines


def _body(head: str, text: str, width: int) -> list[str]:
    indent = " " * len(head)
    found = wrap(printable(text, 2000), max(20, width - len(head))) or [""]
    if len(found) > _BODY_LINES:
        found = [*found[: _BODY_LINES - 1], shortened(found[_BODY_LINES - 1] + "……", width - len(head))]
    return [f"{head if number == 0 else indent}{line}" for number, line in enumerate(found)]


def _explained(body: str | None) -> str:
    """The body; of the validation errors of FastAPI only what is wrong."""
    if body is None:
        return "(no body)"
    try:
        errors = json.loads(body)["detail"]
        found = [f"{'.'.join(map(str, e['loc'][1:])) or e['loc'][0]}: {e['msg']}" for e in errors]
        return "; ".join(found) or body
    except (ValueError, TypeError, KeyError, IndexError):
        return body


def _latency(ms: float | None) -> str:
    if ms is None:
        return "–"
    return "<1 ms" if ms < 1 else f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _place(exchange: Exchange) -> str:
    return f"{exchange.where.file}:{exchange.where.line}"
