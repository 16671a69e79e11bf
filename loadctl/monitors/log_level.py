"""Where the level of a log line stands, and what an error without a level looks like. Pure; any text has an answer.

A level stands in the head of a line, before its message: alone, in brackets, as level=…, or joined to a name
(`app.ERROR:`, `ERROR/MainProcess`). The head is made of times, brackets, separators and names; the first word that is
none of these begins the message, and nothing in it is a level. Without a level, a line is an error where it begins as a
runtime reports one that nobody caught (`panic: `, `TypeError: `, `PHP Fatal error: `).
"""

from __future__ import annotations

import re

HEAD = 160
"""Characters in which a level stands."""
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
_KEYS = frozenset({"level", "lvl", "severity", "levelname", "loglevel", "log.level"})
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
"""What carries a line and is no part of it."""

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
    """The level of a line without colours, in capitals, whichever it is; "" where it tells of an error without one."""
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
        return _said_by(uncaught[0])
    return _in_head(line, start)


def _said_by(opening: str) -> str:
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
            found = token["value"].strip('"').lower() if token["key"].lower() in _KEYS else None
            if found is not None:
                return found.upper() if found in LEVELS else None
        elif kind == "word":
            word = token["word"]
            found = _in_word(word, first=not (names or words))
            if found is None and _TIME.fullmatch(word):
                timed = True
                continue
            if found is None and timed and (uncaught := UNCAUGHT.match(line, token.start("word"))):
                return _said_by(uncaught[0])
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
