"""The Prometheus text format: the bytes of a metrics page → the wanted samples. Pure.

Nothing about the page is trusted: anything but such a page raises NotAnExposition, no other error,
and length and number of the lines that are parsed are limited.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import islice
from typing import TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]
SeriesKey: TypeAlias = tuple[str, Labels]
"""Name and labels: one series of a page."""

_SHOWN_MAX = 50
_NAME_MAX = 300


def labelled(name: str, labels: Labels) -> str:
    """`db_pool_in_use{pool="main"}`, as people write it; without labels the bare name."""
    if not labels:
        return name
    inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)
    return f"{name}{{{inside}}}"[:_NAME_MAX]


def each(name: str, series: Mapping[Labels, float]) -> tuple[dict[str, float], str | None]:
    """One value for each series that has labels, the largest first and 50 at most; a note where more were left out."""
    with_labels = ((labels, value) for labels, value in series.items() if labels)
    shown = sorted(with_labels, key=lambda one: (-one[1], one[0]))
    values = {labelled(name, labels): value for labels, value in shown[:_SHOWN_MAX]}
    if len(shown) <= _SHOWN_MAX:
        return values, None
    return values, f"{len(shown)} series; the {_SHOWN_MAX} largest are recorded one by one"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


_LINES_MAX = 10_000
_LINE_MAX = 8192
_NAMES_MAX = 20_000

_LINE = re.compile(rb"^[ \t]*([A-Za-z_:][A-Za-z0-9_:]{0,255})(?=[ \t{])[^\n]*", re.MULTILINE)
_SAMPLE = re.compile(
    rb"^[ \t]*[A-Za-z_:][A-Za-z0-9_:]*(?:[ \t]+|[ \t]*\{[^\n]*\}[ \t]*)"
    rb"[-+]?(?:[0-9.]+(?:e[-+]?[0-9]+)?|nan|inf)(?=\s|$)",
    re.MULTILINE | re.IGNORECASE,
)
_TYPE = re.compile(rb"^#[ \t]+TYPE[ \t]+([A-Za-z_:][A-Za-z0-9_:]{0,255})[ \t]+([a-z]+)", re.MULTILINE)
_TEXT = re.compile(rb"^[ \t\r]*[^#\s]", re.MULTILINE)
"""A line that is neither empty nor a comment; an empty page is a page too: nothing has been counted yet."""


_PLAIN = re.compile(
    rb"[ \t]*([A-Za-z_:][A-Za-z0-9_:]*(?:[ \t]*\{[^\n]*\})?)[ \t]*"
    rb"(?<=[} \t])([-+]?(?:[0-9][0-9.]*(?:[eE][-+]?[0-9]+)?|NaN|Inf))(?:[ \t]+-?[0-9]+)?[ \t\r]*"
)
"""The head of a sample (name and labels) and its value, maybe a time; not an exemplar, which has braces too."""


class NotAnExposition(ValueError):
    """This is not a page in the Prometheus text format; the message continues "the page …"."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`value` is finite. `counter`: it only grows, until its owner restarts."""

    name: str
    labels: Labels
    value: float
    counter: bool


@dataclass(frozen=True, slots=True)
class Exposition:
    """The wanted samples of one page; `others`: a few names of the unwanted ones."""

    samples: Sequence[Sample]
    notes: Mapping[str, str] = field(default_factory=dict)
    others: Sequence[str] = ()


class ExpositionReader:
    """Reads the same page again and again; remembers which names are wanted, and the heads of lines it has parsed.

    The parser takes 40 µs for a line, and from scrape to scrape only the value at its end is new.
    """

    def __init__(self, wanted: Sequence[str]) -> None:
        """`wanted`: names, or patterns with * and ?."""
        self._patterns = tuple(wanted)
        self._known: dict[bytes, bool] = {}
        self._heads: dict[bytes, tuple[str, Labels]] = {}

    def read(self, page: bytes) -> Exposition:
        """Raises: NotAnExposition, nothing else."""
        notes: dict[str, str] = {}
        lines, others = self._wanted_lines(page, notes)
        if not lines and _TEXT.search(page) and not _SAMPLE.search(page):
            raise NotAnExposition(_beginning(page))
        kinds = {match[1]: match[2] for match in islice(_TYPE.finditer(page), _NAMES_MAX)}
        self._note_absent(lines, kinds, notes)
        samples = []
        for name, labels, value in self._parsed(lines):
            if not math.isfinite(value):
                notes[name] = f"the page says {value}, which is not a number"
                continue
            samples.append(Sample(name, labels, value, _is_counter(name, kinds)))
        return Exposition(samples, notes, others)

    def _wanted_lines(self, page: bytes, notes: dict[str, str]) -> tuple[list[bytes], list[str]]:
        lines: list[bytes] = []
        others: dict[bytes, None] = {}
        if len(self._known) > _NAMES_MAX:
            self._known.clear()
        for match in _LINE.finditer(page):
            name = match[1]
            wanted = self._known.get(name)
            if wanted is None:
                wanted = self._known[name] = any(
                    fnmatchcase(name.decode(), pattern) for pattern in self._patterns
                )
            if not wanted:
                if len(others) < 5:
                    others[name] = None
            elif match.end() - match.start() > _LINE_MAX:
                notes[name.decode()] = f"a line of it is longer than {_LINE_MAX} bytes and was left out"
            elif len(lines) >= _LINES_MAX:
                notes["page"] = f"only the first {_LINES_MAX} wanted lines of the page were read"
                break
            else:
                lines.append(match[0])
        return lines, [name.decode() for name in others]

    def _parsed(self, lines: Sequence[bytes]) -> Iterator[tuple[str, Labels, float]]:
        """Raises NotAnExposition."""
        if len(self._heads) > _NAMES_MAX:
            self._heads.clear()
        for line in lines:
            plain = None if b" # " in line else _PLAIN.fullmatch(line)
            known = self._heads.get(plain[1]) if plain else None
            if plain and known:
                try:
                    yield *known, float(plain[2])
                    continue
                except ValueError:  # two points: the parser reports them
                    pass
            name, labels, value = _parsed(line)
            if plain:
                self._heads[plain[1]] = (name, labels)
            yield name, labels, value

    def _note_absent(
        self, lines: Sequence[bytes], kinds: Mapping[bytes, bytes], notes: dict[str, str]
    ) -> None:
        """A histogram asked for by its family's name has no line of that name."""
        for pattern in self._patterns:
            name = pattern.encode()
            if kinds.get(name) == b"histogram" and not any(line.lstrip().startswith(name) for line in lines):
                notes[pattern] = f"it is a histogram: ask for {pattern}_count or {pattern}_sum"


def _parsed(line: bytes) -> tuple[str, Labels, float]:
    """Name, labels and value of a sample, by the official client library. Raises NotAnExposition."""
    from prometheus_client.parser import text_string_to_metric_families

    try:
        # Comments stay away from it: it renames what they call a counter.
        (family,) = text_string_to_metric_families(line.decode("utf-8", "replace"))
        (sample,) = family.samples
    except (ValueError, OverflowError, IndexError):
        # Only its name: the labels may be confidential.
        match = _LINE.match(line)
        name = match[1].decode() if match else "?"
        raise NotAnExposition(f"has a line that is not NAME{{LABELS}} VALUE: {name}") from None
    try:
        value = float(sample.value)
    except OverflowError:  # an integer of hundreds of digits
        value = math.inf
    return sample.name, tuple(sorted(sample.labels.items())), value


def _is_counter(name: str, kinds: Mapping[bytes, bytes]) -> bool:
    kind = kinds.get(name.encode())
    if kind is not None:
        return kind == b"counter"
    stem, _, suffix = name.rpartition("_")
    family = kinds.get(stem.encode())
    if suffix == "total":  # OpenMetrics names the family without it; some pages say no types at all
        return family in {None, b"counter", b"unknown", b"untyped"}
    if suffix == "bucket":
        return family in {None, b"histogram"}
    return suffix in {"count", "sum"} and family in {b"histogram", b"summary"}


def _beginning(page: bytes) -> str:
    kind = "an HTML page" if re.match(rb"\s*<(?:!doctype|html)", page, re.IGNORECASE) else None
    kind = kind or ("JSON" if re.match(rb"\s*[{\[]", page) else "something else")
    return f"is not in the Prometheus text format: it is {kind}"
