"""A line of a log: is it an error, of what level, and what does it say. Pure; any text has an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_CUT = 4096
"""Characters of a line that are looked at."""
_LEVEL_FIELDS = ("level", "severity", "levelname", "lvl", "log.level", "loglevel", "@l")
_MESSAGE_FIELDS = ("message", "msg", "event", "error", "text", "@m")
_ERROR_LEVELS = frozenset(
    {"error", "err", "critical", "crit", "fatal", "panic", "dpanic", "emerg", "emergency", "alert", "severe"}
)
_NUMERIC_ERROR = 50
"""bunyan and pino: 50 is error, 60 fatal."""
_LOUD = re.compile(r"\b(ERROR|CRITICAL|FATAL|SEVERE|PANIC|EMERG|ALERT|CRIT)\b")
# In small letters they are ordinary words too, and count only where a level stands: level=error, [error], "error:".
_PLACED = re.compile(
    r"(?:\b(?:level|lvl|severity)\s*[=:]\s*\"?|[\[<(|]\s*|^)(error|err|critical|crit|fatal|panic|emerg|alert|severe)\b"
    r"(?=\s*[\]>)|:\"]|\s|$)",
    re.IGNORECASE,
)
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_FOLDS = (
    re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"),
    re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]*(?:Z|[+-]\d\d:?\d\d)?"),
    re.compile(r"\b0x[0-9a-fA-F]+\b|\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8,}\b"),
    re.compile(r"\b\d+(?:[.:,]\d+)*\b|\d+"),
)


@dataclass(frozen=True, slots=True)
class LogError:
    level: str
    message: str
    """One line without colours and control characters."""


@dataclass(frozen=True, slots=True)
class LogReader:
    """`level`: the field of JSON lines that holds the level, None: the usual names. `errors`: a regular expression that
    alone decides what is an error; whether it ends quickly on hostile lines is up to who wrote it.
    """

    level: str | None = None
    errors: str | None = None

    def error(self, line: str) -> LogError | None:
        """What a line complains about; None: it does not, or it belongs to the line before (indented)."""
        if self.errors is not None:
            found = _compiled(self.errors).search(line[:_CUT])
            return LogError("", cleaned(line)) if found else None
        if line[:1] == "{" or line[:2] == " {":
            return self._of_json(line)
        if not _may_complain(line) or line[:1] in {" ", "\t"}:
            return None
        text = cleaned(line)
        match = _LOUD.search(text) or _PLACED.search(text)
        return LogError(match[1].upper(), text) if match else None

    def _of_json(self, line: str) -> LogError | None:
        if not _may_complain(line) and not _NUMBERED.search(line[:_CUT]) and self.level is None:
            return None
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, Mapping):
            text = cleaned(line)
            match = _LOUD.search(text)
            return LogError(match[1], text) if match else None
        level = _field(fields, (self.level,) if self.level else _LEVEL_FIELDS)
        if not _is_error(level):
            return None
        message = _field(fields, _MESSAGE_FIELDS)
        return LogError(
            cleaned(str(level)).upper()[:20], cleaned(message if isinstance(message, str) else line)
        )


_NUMBERED = re.compile(r'"(?:level|severity|lvl)"\s*:\s*[5-9]\d')


def cleaned(line: str) -> str:
    return _CONTROL.sub(" ", _ANSI.sub("", line[:_CUT])).strip()


def folded(message: str) -> str:
    """The message with its numbers, ids and times as #, so that equal complaints count together."""
    for fold in _FOLDS:
        message = fold.sub("#", message)
    return message[:300]


def _may_complain(line: str) -> bool:
    """Cheap, and never wrong when it says no."""
    low = line[:_CUT].lower()
    return (
        "err" in low
        or "crit" in low
        or "fatal" in low
        or "panic" in low
        or "emerg" in low
        or "alert" in low
        or "severe" in low
    )


def _field(fields: Mapping[object, object], names: tuple[str, ...]) -> object:
    """A value by name; a name with dots may also be a path (log.level)."""
    for name in names:
        if name in fields:
            return fields[name]
        here: object = fields
        for part in name.split(".") if "." in name else ():
            here = here.get(part) if isinstance(here, Mapping) else None
        if here is not None and here is not fields:
            return here
    return None


def _is_error(level: object) -> bool:
    if isinstance(level, bool):
        return False
    if isinstance(level, int | float):
        return level >= _NUMERIC_ERROR
    return isinstance(level, str) and level.strip().lower() in _ERROR_LEVELS


@lru_cache(maxsize=8)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
