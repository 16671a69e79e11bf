"""Reading a report that an engine wrote by itself: what the readers of both engines share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError

from loadctl.errors import UsageError
from loadctl.results.verdict import Finding
from loadctl.scenario.units import format_count

if TYPE_CHECKING:
    from loadctl.scenario.reading.document import Text

GENERATOR = "generator"
"""The class of failures that are the load generator's own."""
_FAULTS_SHARE = 0.01
_T = TypeVar("_T")


def validated(file: Text, kind: type[_T], decode: Callable[[str], object] = json.loads) -> _T:
    """The JSON in `file`. Raises: UsageError, with the place of the first fault."""
    try:
        return TypeAdapter(kind).validate_python(decode(file.text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{file.name} is damaged at {place}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file.name} is cut off or damaged: {error}") from error


def utc(seconds: float | None) -> str | None:
    """ISO 8601, from seconds since 1970."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def generator_faults(count: int, requests: int, first: str) -> Iterator[Finding]:
    """More than 1 % of the requests make the figures invalid."""
    if count:
        message = f"{format_count(count)} faults of the load generator itself, first: {first}"
        evidence = {"faults": count, "requests": requests}
        if count > _FAULTS_SHARE * requests:
            yield Finding("generator-faults", "invalid", message, evidence, (), "all")
        else:
            yield Finding("generator-faults", "warning", message, evidence)
