"""One request of a rehearsal (`try`): what was sent, what came back, and whether that was expected."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec

from loadctl.errors import Where
from loadctl.results.wire.frame import finite
from loadctl.results.wire.record import Whole
from loadctl.scenario.scenario import Scenario

SCHEMA = "loadctl.try/1"
NO_ANSWER = frozenset({"connect_refused", "connect_timeout", "dns", "tls"})
"""Classes of failures that mean that nobody was there to talk to."""

Outcome = Literal["expected", "failed", "skipped"]


class Answer(msgspec.Struct, kw_only=True):
    """`skipped`: never sent, `message` says why. Bodies: text of at most 2 kB without secrets; None: there is none."""

    outcome: Outcome
    url: str | None = None
    """As sent, templates filled in; None where nothing was sent."""
    sent_headers: Mapping[str, str] = {}
    sent_body: str | None = None
    status: Whole | None = None
    latency_ms: Annotated[float, msgspec.Meta(ge=0, le=1e15)] | None = None
    error: str | None = None
    """Class of the failure, as in the errors of a run."""
    message: str = ""
    received_headers: Mapping[str, str] = {}
    received_body: str | None = None
    received_bytes: Whole | None = None
    captured: Mapping[str, str] = {}
    """Variable → its value as JSON, shortened."""


class _Line(Answer, kw_only=True):
    """What an engine writes of an exchange; `request` is counted over `scenario.requests()`."""

    request: Whole


class Exchange(Answer, kw_only=True):
    """An answer, and the request of the scenario that it belongs to."""

    user_type: str
    endpoint: str
    where: Where
    method: str


def read_exchange(line: str, scenario: Scenario) -> Exchange | None:
    """A line of a rehearsing engine; None for one that is not (a script may print)."""
    try:
        answer = msgspec.convert(json.loads(line, parse_float=finite, parse_constant=finite), _Line)
    except (ValueError, RecursionError):
        return None
    owners = [
        (user_type.name, request) for user_type in scenario.user_types for request in user_type.requests()
    ]
    if answer.request >= len(owners):
        return None
    name, request = owners[answer.request]
    if answer.error == "timeout":
        default = (
            request.timeout_s == scenario.timeout_s == Scenario.__dataclass_fields__["timeout_s"].default
        )
        limit = (
            f"{request.timeout_s:g} s default; set timeout: in the request"
            if default
            else f"{request.timeout_s:g} s"
        )
        answer.message = f"timeout: {limit}"
    return Exchange(
        user_type=name,
        endpoint=request.endpoint,
        where=request.where,
        method=request.method,
        **{field: getattr(answer, field) for field in Answer.__struct_fields__},
    )


def exchanges_document(scenario: Scenario, exchanges: Sequence[Exchange]) -> Mapping[str, object]:
    """The rehearsal for machines."""
    return {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "source": scenario.source,
        "host": scenario.shown_host,
        "expected": sum(exchange.outcome == "expected" for exchange in exchanges),
        "failed": sum(exchange.outcome == "failed" for exchange in exchanges),
        "skipped": sum(exchange.outcome == "skipped" for exchange in exchanges),
        "requests": [
            {**msgspec.structs.asdict(exchange), "where": str(exchange.where)} for exchange in exchanges
        ],
    }
