"""Values at rest: numbers by name, of which a recording of hours holds a hundred thousand with the same few names."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType


class Values(Mapping[str, float]):
    """As the dictionary it was made of, in a third of the memory."""

    __slots__ = ("_numbers", "_places")

    def __init__(self, values: Mapping[str, float]) -> None:
        self._places = _places(tuple(values))
        self._numbers = array("d", values.values())

    def __getitem__(self, name: str) -> float:
        return self._numbers[self._places[name]]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._numbers)


@lru_cache(maxsize=1000)
def _places(names: tuple[str, ...]) -> Mapping[str, int]:
    return {name: place for place, name in enumerate(names)}


@lru_cache(maxsize=1000)
def shared(items: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """One dictionary for all that are equal."""
    return MappingProxyType(dict(items))
