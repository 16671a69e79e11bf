"""One request of a rehearsal (`try`): what was sent, what came back, and whether that was expected."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Literal, TypeAlias

import msgspec

from loadctl.errors import Where
from loadctl.results.wire.frame import finite
from loadctl.scenario.scenario import Scenario

SCHEMA = "loadctl.try/1"
NO_ANSWER = frozenset({"connect_refused", "connect_timeout", "dns", "tls"})
"""Classes of failures that mean that nobody was there to talk to."""

Outcome = Literal["expected", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """`skipped`: never sent, `message` says why. Bodies: text of at most 2 kB without secrets; None: there is none."""

    user_type: str
    endpoint: str
    where: Where
    outcome: Outcome
    method: str
    url: str | None = None
    """As sent, templates filled in; None where nothing was sent."""
    sent_headers: Mapping[str, str] = field(default_factory=dict)
    sent_body: str | None = None
    status: int | None = None
    latency_ms: float | None = None
    error: str | None = None
    """Class of the failure, as in the errors of a run."""
    message: str = ""
    received_headers: Mapping[str, str] = field(default_factory=dict)
    received_body: str | None = None
    received_bytes: int | None = None
    captured: Mapping[str, str] = field(default_factory=dict)
    """Variable → its value as JSON, shortened."""


_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class _Told(msgspec.Struct, kw_only=True):
    """What an engine says of an exchange; `request` is counted over `scenario.requests()`."""

    request: _Count
    outcome: Outcome
    url: str | None = None
    sent_headers: dict[str, str] = {}
    sent_body: str | None = None
    status: _Count | None = None
    latency_ms: Annotated[float, msgspec.Meta(ge=0, le=1e15)] | None = None
    error: str | None = None
    message: str = ""
    received_headers: dict[str, str] = {}
    received_body: str | None = None
    received_bytes: _Count | None = None
    captured: dict[str, str] = {}


def read_exchange(line: str, scenario: Scenario) -> Exchange | None:
    """A line of a rehearsing engine; None for one that is not (a script may print)."""
    try:
        told = msgspec.convert(json.loads(line, parse_float=finite, parse_constant=finite), _Told)
    except (ValueError, RecursionError):
        return None
    owners = [
        (user_type.name, request) for user_type in scenario.user_types for request in user_type.requests()
    ]
    if told.request >= len(owners):
        return None
    name, request = owners[told.request]
    if told.error == "timeout":
        default = (
            request.timeout_s == scenario.timeout_s == Scenario.__dataclass_fields__["timeout_s"].default
        )
        limit = (
            f"{request.timeout_s:g} s default; set timeout: in the request"
            if default
            else f"{request.timeout_s:g} s"
        )
        told.message = f"timeout: {limit}"
    said = msgspec.structs.asdict(told)
    del said["request"]
    return Exchange(
        user_type=name, endpoint=request.endpoint, where=request.where, method=request.method, **said
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
        "requests": [{**asdict(exchange), "where": str(exchange.where)} for exchange in exchanges],
    }
