"""Records with other values: dataclasses and the structs of results alike."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import msgspec

_Record = TypeVar("_Record")


def replace(record: _Record, /, **changes: Any) -> _Record:
    if isinstance(record, msgspec.Struct):
        return msgspec.structs.replace(record, **changes)
    return dataclasses.replace(record, **changes)  # type: ignore[type-var]
