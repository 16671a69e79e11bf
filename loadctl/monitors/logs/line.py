"""A line of a log: whether it is an error, its level and its message. Pure; any text has an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

HEAD = 160
"""Characters in which a level is looked for."""
ERRORS = frozenset(
    {"error", "err", "critical", "crit", "fatal", "panic", "dpanic", "emerg", "emergency", "alert", "severe"}
    | {"ftl", "pnc", "erro", "fata", "pani"}
)
"""The last ones as zerolog and logrus write them on a console."""
OTHERS = frozenset(
    {"trace", "debug", "verbose", "info", "inf", "notice", "note", "warn", "warning", "wrn", "log", "config"}
    | {"trc", "dbg", "debu", "fine", "finer", "finest", "success", "dbug", "information"}
)
LEVELS = ERRORS | OTHERS
INFORMS = frozenset({"info", "inf", "information", "notice", "note", "log", "success"})
_TEXT_LEVEL_KEYS = frozenset({"level", "lvl", "severity", "levelname", "loglevel", "log.level"})
_NAMES_MAX = 4
_WORDS_MAX = 1
_TOKENS_MAX = 20
_TOKEN = re.compile(
    r"""\s* (?: (?P<group>\[[^\]\[]{0,80}\]|\([^()\n]{0,60}\)|<[^<>]{0,60}>)
            | (?P<key>[\w.@-]{1,40})=(?P<value>"[^"]{0,80}"|[^\s"]{0,80})
            | (?P<separator>[-–|:#*,;>]+)(?=\s|\[|$)
            | (?P<word>[^\s\[\](|<>"]+\(?\w*\)?)
            | (?P<bar>\|) )""",
    re.VERBOSE,
)
_TIME = re.compile(
    r"(?:[\d:.,/TZ+-]*\d[\d:.,/TZ+-]*(?:AM|PM)?|Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec"
    r"|Mon|Tue|Wed|Thu|Fri|Sat|Sun|AM|PM|UTC|GMT|[CE]E?S?T|[DIWEFA](?=,)),?:?"
)
_PIECES = re.compile(r"[|:/]")
_NAME = re.compile(r"[\w.$@*/#-]*[._$@/#\d:-][\w.$@*/:#-]*[,:]?")
"""Of a logger, a file, a thread or a program: no word of a sentence looks like this."""
_LETTERED = re.compile(r"(?:(E|F)\d{4} \d\d:\d\d:\d\d\.|(fail|crit): )")
_LETTERS = {"E": "ERROR", "F": "FATAL", "fail": "ERROR", "crit": "CRITICAL"}
"""Kubernetes' own programs (klog), and .NET."""
_PRIORITY = re.compile(r"<(\d{1,3})>\d?")
_SYSLOG_ERROR = 3
_ENVELOPE = re.compile(
    r"\d{4}-\d\d-\d\dT\S+ std(?:out|err) [FP] "  # containerd, CRI-O
    r"|[\w.-]{1,60}\s+\|\s(?=\S)"  # docker compose
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]+ [\w./-]+(?:\[\d+\])?: "  # syslog
)
"""A prefix of a line that is not part of it."""

_EXCEPTION = (
    r"(?:[A-Za-z_$][\w$]*(?:\.|::|\\))*(?:[A-Z$][\w$]*)?(?:Error|Exception|Throwable|Interrupt|Failure)"
)
EXCEPTION = re.compile(rf"\*\* \({_EXCEPTION}\)|{_EXCEPTION}(?::|$| \()")
UNCAUGHT = re.compile(
    rf"""(?:PHP\s)?(?:(?:Recoverable|Catchable|recoverable)\s)?(?:Fatal|fatal|Parse)\serror:\s
       | (?:http:\s)?panic(?:\sserving\s\S+:|\srecovered:|:)\s?
       | thread\s'[^']*'\s(?:\(\d+\)\s)?panicked\sat
       | Exception\sin\sthread\s | Unhandled\s[Ee]xception | [Uu]ncaught\s | Unhandled\s(?:promise\s)?[Rr]ejection
       | \(node:\d+\)\sUnhandledPromiseRejection | Internal\sServer\sError:\s/ | terminate\scalled\s(?:after|without)
       | Segmentation\sfault | \*\*\s\({_EXCEPTION} | =(?:ERROR|CRASH)\sREPORT=
       | \S+:\d+:in\s.{{1,80}}:\s.{{0,200}}\({_EXCEPTION}\)$
       | {_EXCEPTION}(?::\s|$|\s\()""",
    re.VERBOSE,
)


def level_of(line: str) -> str | None:
    """The level of a line without colours, in capitals, whichever it is; "" for an error without a level."""
    envelope = _ENVELOPE.match(line)
    start = envelope.end() if envelope else 0
    first = line[start : start + 1]
    if first == "<" and (priority := _PRIORITY.match(line, start)):
        return "ERROR" if int(priority[1]) % 8 <= _SYSLOG_ERROR else "INFO"
    if first in {"E", "F", "f", "c"} and (lettered := _LETTERED.match(line, start)):
        return _LETTERS[lettered[1] or lettered[2]]
    if first in {" ", "\t"}:
        return None
    if uncaught := UNCAUGHT.match(line, start):
        return _level_by(uncaught[0])
    return _in_head(line, start)


def _level_by(opening: str) -> str:
    low = opening.lower()
    return "PANIC" if "panic" in low else "FATAL" if "fatal" in low else ""


def _in_head(line: str, at: int) -> str | None:
    end, names, words, timed = at + HEAD, 0, 0, False
    for _ in range(_TOKENS_MAX):
        token = _TOKEN.match(line, at, end)
        if token is None:
            return None
        kind, at = token.lastgroup, token.end()
        if kind == "group":
            found = _in_group(token["group"][1:-1])
            timed = True
        elif kind == "value":
            found = token["value"].strip('"').lower() if token["key"].lower() in _TEXT_LEVEL_KEYS else None
            if found is not None:
                return found.upper() if found in LEVELS else None
        elif kind == "word":
            word = token["word"]
            found = _in_word(word, first=not (names or words))
            if found is None and _TIME.fullmatch(word):
                timed = True
                continue
            if found is None and timed and (uncaught := UNCAUGHT.match(line, token.start("word"))):
                return _level_by(uncaught[0])
            if found is None:
                named = _NAME.fullmatch(word) is not None and not word.startswith("/")
                names, words = names + named, words + (not named)
                if names > _NAMES_MAX or words > (_WORDS_MAX if timed else 0):
                    return None
        else:
            found = None
        if found is not None:
            return found
    return None


def _in_group(inner: str) -> str | None:
    """[error], [core:error], [12:00:00 ERR], [2026-11-24 12:00:00,123: ERROR/MainProcess]; not [an error of mine]."""
    words = inner.replace(":", " ").replace("/", " ").replace("|", " ").split()
    plain = [word for word in words if not _TIME.fullmatch(word)]
    for place, word in enumerate(plain[:4]):
        if word.lower() in LEVELS and (word.isupper() or len(plain) == 1 or (":" in inner and place <= 1)):
            return word.upper()
    return None


def _in_word(word: str, *, first: bool) -> str | None:
    """ERROR, ERROR:app, app.db:ERROR:, local.ERROR:, 12:00:00|ERROR|app; of small letters only `error:` that begins."""
    if "//" in word or word[0] in "/?=" or "=" in word:
        return None
    pieces = [piece for piece in _PIECES.split(word) if not piece[:1].isdigit()]
    for place, piece in enumerate(pieces):
        bare = piece.rpartition(".")[2].rstrip(",;")
        low = bare.lower()
        if low not in LEVELS:
            continue
        if bare.isupper() and (len(pieces) == 1 or place <= 1):
            return bare
        if first and place == 0 and len(pieces) > 1 and pieces[1] == "" and piece == bare:
            return bare.upper()
    return None


CUT = 4096
"""Characters of a line that are looked at."""
_FOLDED_OF = 1000
_JSON_LEVEL_KEYS = ("level", "severity", "levelname", "lvl", "log.level", "loglevel", "@l")
_MONGO_LEVELS = {"E": "ERROR", "F": "FATAL"}
"""In the field s."""
_MESSAGE_FIELDS = ("message", "msg", "event", "error", "text", "@m", "log")
_NUMERIC_ERROR = 50
"""bunyan and pino: 50 is error, 60 fatal, in the field level."""

_CAUSE = re.compile(r"(?:Caused by|Suppressed|Next): |During handling of the above|The above exception was")
_RAISED = re.compile(r"([A-Za-z_][\w.]*)(?::|$)")
_JSON_LEVEL = re.compile(r'"(?:level|severity|levelname|lvl|log\.level|loglevel|@l)"\s*:\s*"(\w+)"')
_OPENINGS: Mapping[str, str] = {
    "E": "E",
    "F": "F",
    "f": "fail: ",
    "<": "<",
    "S": "Segmentation",
    "t": "terminate ",
    "=": "=CRASH",
}
"""Of lines that are errors without any of the words of `_may_complain`."""
_CONTAINERD = re.compile(r"\d{4}-\d\d-\d\dT\S{1,40} std(?:out|err) [FP] ")
_FRAME = re.compile(r"\s+at .{0,200}[:(]")

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
            found = _compiled(self.errors).search(line[:CUT])
            return LogError("", self._message(line)) if found else None
        if line[:1] == "{" or line[:2] == " {":
            return self._of_json(line)
        level = _error_level_of(line)
        return None if level is None else LogError(level, self._message(line))

    def unlevelled(self, line: str) -> LogError:
        """The line as an error that has no level."""
        return LogError("", self._message(line))

    def _of_json(self, line: str) -> LogError | None:
        if not (_may_complain(line) or self._may_be_numbered(line) or '"s":"E"' in line or '"s":"F"' in line):
            return None
        fields = _fields(line)
        if fields is None:  # cut or broken: the level is looked for as in any line
            cut = _JSON_LEVEL.search(line, 0, CUT)
            level = cut[1].upper() if cut and cut[1].lower() in ERRORS else None
            return None if level is None else LogError(level, self._message(line))
        text = _field(fields, _MESSAGE_FIELDS)
        message = text if isinstance(text, str) else line
        value = _field(fields, (self.level,) if self.level else _JSON_LEVEL_KEYS)
        level = _error_level_of(message) if value is None and text is message else None
        if _is_error(value):
            level = cleaned(str(value)).upper()[:20]
        elif value is None and isinstance(fields.get("s"), str):
            level = _MONGO_LEVELS.get(str(fields["s"]))
        return None if level is None else LogError(level, self._message(message))

    def _may_be_numbered(self, line: str) -> bool:
        name = "level" if self.level is None else self.level.rpartition(".")[2]
        return _is_numbered(line, f'"{name}"')

    def _message(self, text: str) -> str:
        return cleaned(self.hidden(text))


class Entries:
    """The lines of one log in their order. A stack trace belongs to the line before it, whatever
    level that has; one without such a line is one error.
    """

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._head = ""
        """The last line that a stack trace may follow; empty: none."""
        self._is_error = False
        """The head was counted."""
        self._in_traceback = self._is_owned = self._is_chained = False
        """Of Python: within one; it belongs to a line before it, or is the cause of another."""

    def error(self, line: str) -> LogError | None:
        if self._reader.errors is not None:
            return self._reader.error(line)
        first = line[:1]
        if first == "{" and line.startswith('{"log":"'):
            line = _carried(line)
            first = line[:1]
        elif first == "2" and (envelope := _CONTAINERD.match(line)):
            line = line[envelope.end() :]
            first = line[:1]
        if first in {" ", "\t"} and line[:2] != " {":
            return self._frame(line)
        if not first:
            self._head = ""
            return None
        if self._in_traceback or first in {"T", "C", "S", "D", "N"}:
            continued, found = self._continued(line)
            if continued:
                return found
        found = self._reader.error(line)
        if found is not None and not found.level and EXCEPTION.match(line, 0, CUT) and self._is_of_head():
            self._head = ""
            return None
        self._head, self._is_error, self._is_chained = line, found is not None, False
        return found

    def _is_of_head(self) -> bool:
        """An exception after a line that announces it: an error, or a warning; after info it is an uncaught one."""
        if not self._head or EXCEPTION.match(self._head, 0, CUT):
            return False
        return self._is_error or (level_of(cleaned(self._head)) or "INFO").lower() not in INFORMS

    def _frame(self, line: str) -> LogError | None:
        """The first frame of a trace that was not announced: the line before it is the error."""
        if self._in_traceback or self._is_error or not self._head or not _FRAME.match(line):
            return None
        head, self._head = self._head, ""
        return None if level_of(cleaned(head)) else self._reader.unlevelled(head)

    def _continued(self, line: str) -> tuple[bool, LogError | None]:
        """Whether the line is part of a trace, and the error that it completes."""
        if line.startswith("Traceback (most recent call last)"):
            self._is_owned = self._is_chained or self._is_of_head()
            self._in_traceback, self._is_chained, self._head = True, False, ""
            return True, None
        if self._in_traceback:
            self._in_traceback = False
            raised = _RAISED.match(line, 0, CUT)
            if raised is None or raised[1].lower() in LEVELS:
                return False, None
            return True, None if self._is_owned else self._reader.unlevelled(line)
        self._is_chained = _CAUSE.match(line) is not None
        return self._is_chained, None


def _carried(line: str) -> str:
    """What Docker's json-file driver wraps."""
    fields = _fields(line)
    text = None if fields is None else fields.get("log")
    return text.rstrip("\n") if isinstance(text, str) else line


def cleaned(line: str) -> str:
    line = line[:CUT]
    return line.strip() if line.isprintable() else _CONTROL.sub(" ", _ANSI.sub("", line)).strip()


def folded(message: str) -> str:
    """The message with its numbers, ids and times as #, so that equal complaints count together."""
    words = message[:_FOLDED_OF].split(" ")
    return " ".join(word if word.isalpha() else _folded_word(word) for word in words)[:300]


def _folded_word(word: str) -> str:
    if word.isdecimal():
        return "#"
    return _ID.sub("#", word) if _DIGIT.search(word) else word


def _error_level_of(line: str) -> str | None:
    """The level of a plain line that is an error, "" where it has none; None: it is not an error."""
    first = line[:1]
    if (first in _OPENINGS and line.startswith(_OPENINGS[first])) or _may_complain(line):
        level = level_of(cleaned(line)) if first not in {" ", "\t"} else None
        if level is not None and (not level or level.lower() in ERRORS):
            return level
    return None


def _may_complain(line: str) -> bool:
    """A prefilter: it must be true of every line that can be an error, so extend it with each new spelling."""
    low = line[:CUT].lower()
    return (
        "err" in low
        or "crit" in low
        or "fata" in low
        or "pani" in low
        or "emerg" in low
        or "alert" in low
        or "severe" in low
        or "except" in low
        or "ftl" in low
        or "pnc" in low
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
    return word in ERRORS or (word.isdecimal() and len(word) <= 3 and int(word) >= _NUMERIC_ERROR)


@lru_cache(maxsize=8)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _is_numbered(line: str, field: str) -> bool:
    """Whether the field (with its quotes) may hold the number of an error; cheap, for most lines hold none."""
    at = line.find(field, 0, CUT)
    while at >= 0:
        at += len(field)
        value = line[at : at + 8].lstrip(' :"')
        if (value[:1] in {"5", "6", "7", "8", "9"} and value[1:2].isdigit()) or value[:3].isdigit():
            return True
        at = line.find(field, at, CUT)
    return False
