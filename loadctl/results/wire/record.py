"""How the records of result.json are declared: once, as msgspec structs from which its JSON Schema follows too.

A key without a default is always there. One with a plain default is optional: it is left out while it has that value.
A default from `written` is written out: the key is always there although a constructor may omit it.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Annotated, Any, TypeAlias

import msgspec

Absent: TypeAlias = Mapping[str, str]
"""Name of a key that is null → why."""


MOST_S = 10_000_000
"""No run is longer, so that counting its seconds comes to an end."""
Whole: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
Number: TypeAlias = Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]
Time: TypeAlias = Annotated[float, msgspec.Meta(ge=-MOST_S, le=MOST_S)]


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of all records of result.json."""


def written(default: Any, *, name: str | None = None) -> Any:
    """A default that is written out; `name`: the key, where that is not the attribute's name."""
    return msgspec.field(default_factory=lambda: copy(default), name=name)


def added(default: int | tuple[()]) -> msgspec.Meta:
    """For a key that is always written now, but that files of older versions lack."""
    return msgspec.Meta(
        extra_json_schema={"default": list(default) if isinstance(default, tuple) else default}
    )


def schema_of(record: type[Record]) -> dict[str, Any]:
    """Its JSON Schema; every key without a default is required."""
    published = msgspec.json.schema(record)
    for form in published["$defs"].values():
        if properties := form.get("properties"):
            form["required"] = [key for key, value in properties.items() if "default" not in value]
    return published
