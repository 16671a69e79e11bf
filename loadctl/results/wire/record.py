"""How the records of result.json are declared: once, as msgspec structs from which its JSON Schema follows too.

A key without a default is always there. One with a plain default is optional: it is left out while it has that value.
A default from `written` is written out: the key is always there although a constructor may omit it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Part:
    """A record within another. `path`: where it first occurs, as in `summary.endpoints[]`; empty for the outermost."""

    path: str
    record: type
    texts: Mapping[str, str]
    """What each key means: its docstring."""


def parts_of(record: type[Record]) -> Iterator[Part]:
    """`record` and all records within it, from the outside inwards."""
    from msgspec import inspect

    from loadctl.scenario.reading.json_schema import docstrings_of

    seen: set[type] = set()
    waiting = deque([("", inspect.type_info(record))])
    while waiting:
        path, form = waiting.popleft()
        match form:
            case inspect.Metadata(type=inner):
                waiting.append((path, inner))
            case inspect.VarTupleType(item_type=inner):
                waiting.append((f"{path}[]", inner))
            case inspect.UnionType(types=types):
                waiting.extend((path, one) for one in types)
            case inspect.StructType(cls=cls, fields=fields) | inspect.DataclassType(cls=cls, fields=fields):
                if cls not in seen:
                    seen.add(cls)
                    texts = docstrings_of(cls)
                    yield Part(
                        path, cls, {**_tag(cls), **{one.encode_name: texts[one.name] for one in fields}}
                    )
                    waiting.extend((f"{path}.{one.encode_name}".lstrip("."), one.type) for one in fields)


def _tag(record: type) -> Mapping[str, str]:
    """The key that names the form of a file."""
    config = getattr(record, "__struct_config__", None)
    return {config.tag_field: f"The form of this file: {config.tag}."} if config and config.tag_field else {}


def document_schema(record: type[Record], title: str) -> dict[str, Any]:
    """The JSON Schema of a whole file."""
    form = schema_of(record)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return {**form["$defs"].pop(record.__name__), "$defs": form["$defs"], **head}


def schema_of(record: type[Record]) -> dict[str, Any]:
    """Its JSON Schema; every key without a default is required."""
    published = msgspec.json.schema(record)
    for part in parts_of(record):
        form = published["$defs"][part.record.__name__]
        properties = form["properties"]
        form["required"] = [key for key, value in properties.items() if "default" not in value]
        for key, text in part.texts.items():
            properties[key]["description"] = text
    return published
