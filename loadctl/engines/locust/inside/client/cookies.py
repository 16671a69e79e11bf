"""The cookies of one user: the part of RFC 6265 that load tests need. http.cookiejar costs more than a request."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import inf
from time import time
from typing import NamedTuple

COOKIES_MAX = 200
_AGE = re.compile(rb"-?[0-9]+")
_CONTROL = re.compile(rb"[\x00-\x1f]")
_TOKENS = re.compile(r"[^\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[^0-9]|$)")
_DAY = re.compile(r"([0-9]{1,2})(?:[^0-9]|$)")
_YEAR = re.compile(r"([0-9]{2,4})(?:[^0-9]|$)")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class _Key(NamedTuple):
    domain: str
    path: str
    name: bytes


class _Cookie(NamedTuple):
    value: bytes
    host_only: bool
    secure: bool
    expires: float


class _Attributes:
    """RFC 6265 §5.2: of each the last that is valid. `domain` and `path` are empty where the request's own count."""

    __slots__ = ("domain", "expires", "path", "secure")

    def __init__(self, attributes: list[bytes]) -> None:
        self.domain = self.path = ""
        self.secure = False
        self.expires = inf
        age: float | None = None
        for attribute in attributes:
            name, _, value = (part.strip() for part in attribute.partition(b"="))
            match name.lower():
                case b"domain" if domain := value.removeprefix(b"."):
                    self.domain = domain.decode("latin-1").lower()
                case b"path":
                    self.path = value.decode("latin-1") if value.startswith(b"/") else ""
                case b"secure":
                    self.secure = True
                case b"max-age" if _AGE.fullmatch(value):
                    # int refuses thousands of digits, and float cannot add the hundreds it takes.
                    age = time() + float(value)
                case b"expires" if (date := _date(value.decode("latin-1"))) != inf:
                    self.expires = date
        if age is not None:
            self.expires = age


class Jar:
    __slots__ = ("_cookies", "_kept", "_lines", "keeps")

    def __init__(self) -> None:
        self._cookies: dict[_Key, _Cookie] = {}
        self._lines: dict[tuple[str, bool], bytes] | None = {}
        """Header lines by host and scheme, made once; None: they also depend on the path or the time of day."""
        self.keeps = False
        """Cookies that are set now outlive `clear`, with whatever value they then have."""
        self._kept: set[_Key] = set()

    def __len__(self) -> int:
        return len(self._cookies)

    def clear(self) -> None:
        self._cookies = {
            key: cookie
            for key, cookie in self._cookies.items()
            if key in self._kept and cookie.expires > time()
        }
        self._changed()

    def value(self, name: bytes) -> bytes | None:
        """The value of the cookie stored last under `name`, whatever its domain and path."""
        return next((c.value for key, c in reversed(self._cookies.items()) if key.name == name), None)

    def secrets(self) -> list[str]:
        """All values that are long enough to be recognised as secrets."""
        values = (cookie.value for cookie in self._cookies.values())
        return [value.decode("utf-8", "replace").strip('"') for value in values if len(value) > 3]

    def store(self, line: bytes, *, host: str, target: bytes) -> None:
        """The value of one Set-Cookie header, answering a request for `target` (path and query) at `host`."""
        pair, *attributes = line.split(b";")
        name, equals, value = (part.strip() for part in pair.partition(b"="))
        if not equals or not name or _CONTROL.search(name + value):
            return
        given = _Attributes(attributes)
        if given.domain and given.domain != host and not _below(host, given.domain):
            return
        path = given.path or target.partition(b"?")[0].decode("latin-1").rpartition("/")[0] or "/"
        key = _Key(given.domain or host, path, name)
        if given.expires <= time():
            self._cookies.pop(key, None)
        elif key in self._cookies or len(self._cookies) < COOKIES_MAX:
            self._cookies[key] = _Cookie(value, not given.domain, given.secure, given.expires)
        if self.keeps:
            self._kept.add(key)
        self._changed()

    def _changed(self) -> None:
        lasting = all(key.path == "/" and cookie.expires == inf for key, cookie in self._cookies.items())
        self._lines = {} if lasting else None

    def header(self, host: str, target: bytes, *, secure: bool) -> bytes:
        """The Cookie header line for a request, with its line end; empty where no cookie applies."""
        if self._lines is None:
            return self._line(host, target, secure=secure)
        line = self._lines.get((host, secure))
        if line is None:
            line = self._lines[host, secure] = self._line(host, target, secure=secure)
        return line

    def _line(self, host: str, target: bytes, *, secure: bool) -> bytes:
        now = time()
        path = target.partition(b"?")[0].decode("latin-1")
        found = [
            (len(key.path), key.name, cookie.value)
            for key, cookie in self._cookies.items()
            if (host == key.domain or (not cookie.host_only and _below(host, key.domain)))
            and (secure or not cookie.secure)
            and cookie.expires > now
            and (key.path == "/" or _within(path, key.path))
        ]
        if not found:
            return b""
        found.sort(key=lambda cookie: -cookie[0])  # stable: longer paths first, then the older
        return b"Cookie: " + b"; ".join([name + b"=" + value for _, name, value in found]) + b"\r\n"


def _below(host: str, domain: str) -> bool:
    return host.endswith("." + domain) and not host.rpartition(".")[2].isdigit()


def _within(path: str, scope: str) -> bool:
    return path == scope or (path.startswith(scope) and (scope.endswith("/") or path[len(scope)] == "/"))


def _date(text: str) -> float:
    """RFC 6265 §5.1.1: a time, a day, a month and a year in any order; infinity for what is no date.

    31 February is 3 March, as with tough-cookie, the library of the other engine.
    """
    clock = day = month = year = None
    for token in _TOKENS.findall(text):
        if clock is None and (match := _TIME.match(token)):
            clock = [int(part) for part in match.groups()]
        elif day is None and (match := _DAY.match(token)):
            day = int(match[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (match := _YEAR.match(token)):
            year = int(match[1])
    if clock is None or day is None or month is None or year is None:
        return inf
    year += 1900 if 70 <= year <= 99 else 2000 if year <= 69 else 0
    hour, minute, second = clock
    if year < 1601 or not 1 <= day <= 31 or hour > 23 or minute > 59 or second > 59:
        return inf
    first = datetime(year, month, 1, hour, minute, second, tzinfo=UTC)
    return first.timestamp() + (day - 1) * 86400.0
