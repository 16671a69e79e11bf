"""A line of a log: is it an error, of what level, and what does it say. Pure; any text has an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

_CUT = 4096
"""Characters of a line that are looked at."""
_HEAD = 120
"""Characters in which the level stands, if it has a place of its own."""
_FOLDED_OF = 1000
_LEVEL_FIELDS = ("level", "severity", "levelname", "lvl", "log.level", "loglevel", "@l")
_MESSAGE_FIELDS = ("message", "msg", "event", "error", "text", "@m", "log")
_ERROR_LEVELS = frozenset(
    {"error", "err", "critical", "crit", "fatal", "panic", "dpanic", "emerg", "emergency", "alert", "severe"}
)
_NUMERIC_ERROR = 50
"""bunyan and pino: 50 is error, 60 fatal, in the field level."""

_ERRORS = r"error|err|critical|crit|fatal|panic|dpanic|emerg|emergency|alert|severe"
_OTHERS = r"trace|debug|verbose|info|inf|notice|warn|warning|wrn|log"
_LOUD = ("ERROR", "CRITICAL", "FATAL")
_QUIET_WORDS = ("INFO", "WARN", "DEBUG", "TRACE", "NOTICE")
_WORD = re.compile(r"(?<![\w/])(ERROR|CRITICAL|FATAL)(?!\w)")
# Level words that are ordinary words too count only where a level stands: level=error, [error], | error |, "error:".
_PLACED = re.compile(
    rf"""(?: \b(?:level|lvl|severity|levelname|loglevel|log\.level)"?\s*[=:]\s*"? (?P<keyed>{_ERRORS}|{_OTHERS})(?!\w)
      | [\[<(|]\s*(?:[\w.:,+-]+[:\s]\s*)? (?P<bracketed>{_ERRORS}|{_OTHERS}) \s*[\]>)|/]
      | (?:^|[\])|\dZ]\s+(?:-\s+)?) (?P<first>{_ERRORS}|{_OTHERS}) (?:\[\d+\])?: )""",
    re.IGNORECASE | re.VERBOSE,
)
# An INFO where a level may stand, also after a time and a name or two: what such a line quotes is no error.
_QUIET = re.compile(
    r"(?:^|[\d\])|Z,>]\s*(?:-\s+)?|[\[<(|.]\s*|\s-\s+|\b(?:UTC|GMT)\s+|^\[?\d\S*(?:\s+\S+){0,2}\s+)"
    r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING)(?=[\s:\]|>)/]|$)"
)
# Kubernetes' own programs (klog) and .NET.
_LETTERED = re.compile(r"(?:(E|F)\d{4} \d\d:\d\d:\d\d\.|(fail): )")
_LETTERS = {"E": "ERROR", "F": "FATAL", "fail": "ERROR"}

_CAUSE = re.compile(r"(?:Caused by|Suppressed): |During handling of the above|The above exception was")
_EXCEPTION = re.compile(
    r"(?:[A-Za-z_$][\w$]*\.)*[A-Z$][\w$]*(?:Error|Exception|Throwable|Exit|Interrupt)(?::|$)"
)
_RAISED = re.compile(rf"(?!(?:{_ERRORS}|{_OTHERS})\b)[A-Za-z_][\w.]*(?::|$)", re.IGNORECASE)

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
# Control characters, line separators, direction marks, and halves of characters, which no file can hold.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_ID = re.compile(
    r"""\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b      # UUID
      | (?<=['"])[\w.-]+(?=['"])                                     # quoted, and a digit in it
      | \b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{0,4}\b | \b(?:[0-9a-fA-F]{1,4}:)+:[0-9a-fA-F:]*     # IPv6
      | \b0x[0-9a-fA-F]+\b | \b(?=[a-fA-F]*\d)[0-9a-fA-F]{8,}\b | \b(?=[A-Za-z]*\d)[A-Za-z0-9]{16,}\b
      | \d+(?:[.:,/T-]\d+)*                                          # numbers, dates, times, IPv4""",
    re.VERBOSE,
)
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class LogError:
    level: str
    message: str
    """One line without colours, control characters and secrets."""


@dataclass(frozen=True, slots=True)
class LogReader:
    """`level`: the field of JSON lines that holds the level, None: the usual names. `errors`: a regular expression that
    alone decides what is an error; whether it ends quickly on hostile lines is up to who wrote it. `hidden` takes
    secrets out of a text: that must come before it is cut and folded, or parts of them stay.
    """

    level: str | None = None
    errors: str | None = None
    hidden: Callable[[str], str] = str

    def error(self, line: str) -> LogError | None:
        """What a line complains about; None: it does not, or it belongs to the line before (indented)."""
        if self.errors is not None:
            found = _compiled(self.errors).search(line[:_CUT])
            return LogError("", self._said(line)) if found else None
        if line[:1] == "{" or line[:2] == " {":
            return self._of_json(line)
        level = _level_of(line)
        return LogError(level, self._said(line)) if level else None

    def _of_json(self, line: str) -> LogError | None:
        if not (_may_complain(line) or self._may_be_numbered(line)):
            return None
        fields = _fields(line)
        if fields is None:  # cut or broken: the level is looked for as in any line
            level = _level_of(line)
            return LogError(level, self._said(line)) if level else None
        said = _field(fields, _MESSAGE_FIELDS)
        message = said if isinstance(said, str) else line
        value = _field(fields, (self.level,) if self.level else _LEVEL_FIELDS)
        level = _level_of(message) if value is None else None
        if _is_error(value):
            level = cleaned(str(value)).upper()[:20]
        return LogError(level, self._said(message)) if level else None

    def _may_be_numbered(self, line: str) -> bool:
        name = "level" if self.level is None else self.level.rpartition(".")[2]
        return _is_numbered(line, f'"{name}"')

    def _said(self, text: str) -> str:
        return cleaned(self.hidden(text))


class Entries:
    """The lines of one log in their order: a stack trace belongs to the error before it and is none of its own."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._in_traceback = False
        self._may_name_exception = False
        """The line before was an error that a stack trace may follow, which begins with the name of the exception."""

    def error(self, line: str) -> LogError | None:
        if self._reader.errors is not None:
            return self._reader.error(line)
        may_continue = self._in_traceback or self._may_name_exception or line[:1] in {"T", "C", "S", "D"}
        if may_continue and self._continues(line):
            return None
        found = self._reader.error(line)
        self._may_name_exception = found is not None and not _EXCEPTION.match(line, 0, _CUT)
        return found

    def _continues(self, line: str) -> bool:
        if line.startswith("Traceback (most recent call last)"):
            self._in_traceback, self._may_name_exception = True, False
            return True
        if self._in_traceback:
            if not line or line[0] in " \t":
                return True
            self._in_traceback = False
            return _RAISED.match(line, 0, _CUT) is not None
        named, self._may_name_exception = self._may_name_exception, False
        return _CAUSE.match(line) is not None or (named and _EXCEPTION.match(line, 0, _CUT) is not None)


def cleaned(line: str) -> str:
    line = line[:_CUT]
    return line.strip() if line.isprintable() else _CONTROL.sub(" ", _ANSI.sub("", line)).strip()


def folded(message: str) -> str:
    """The message with its numbers, ids and times as #, so that equal complaints count together."""
    words = message[:_FOLDED_OF].split(" ")
    return " ".join(word if word.isalpha() else _folded_word(word) for word in words)[:300]


def _folded_word(word: str) -> str:
    if word.isdecimal():
        return "#"
    return _ID.sub("#", word) if _DIGIT.search(word) else word


def _level_of(line: str) -> str | None:
    """The level of a plain line that is an error. One with a place for it is judged by what stands there."""
    if line[:1] in {"E", "F", "f"}:
        lettered = _LETTERED.match(line)
        if lettered:
            return _LETTERS[lettered[1] or lettered[2]]
    if not _may_complain(line) or line[:1] in {" ", "\t"}:
        return None
    text = cleaned(line)
    loud = _WORD.search(text) if any(word in text for word in _LOUD) else None
    stop = min(loud.start() if loud else _HEAD, _HEAD)
    quiet = _QUIET.search(text, 0, stop) if any(word in text for word in _QUIET_WORDS) else None
    placed = _PLACED.search(text, 0, quiet.end() if quiet else stop)
    if placed is not None:
        word = placed[placed.lastgroup or 0].lower()
        return word.upper() if word in _ERROR_LEVELS else None
    return loud[1] if loud and not quiet else None


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


def _fields(line: str) -> Mapping[object, object] | None:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, Mapping) else None


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
    if not isinstance(level, str):
        return False
    word = level.strip().lower()
    return word in _ERROR_LEVELS or (word.isdecimal() and len(word) <= 3 and int(word) >= _NUMERIC_ERROR)


@lru_cache(maxsize=8)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _is_numbered(line: str, field: str) -> bool:
    """Whether the field (with its quotes) may hold the number of an error; cheap, for most lines hold none."""
    at = line.find(field, 0, _CUT)
    while at >= 0:
        at += len(field)
        value = line[at : at + 8].lstrip(' :"')
        if (value[:1] in {"5", "6", "7", "8", "9"} and value[1:2].isdigit()) or value[:3].isdigit():
            return True
        at = line.find(field, at, _CUT)
    return False
