"""The cookies of one user: as much of RFC 6265 as a load test meets. http.cookiejar costs more than a request."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from math import inf
from time import time
from typing import NamedTuple

COOKIES_MAX = 200
_AGE = re.compile(rb"[+-]?[0-9]+")


class _Key(NamedTuple):
    domain: str
    path: str
    name: bytes


class _Cookie(NamedTuple):
    value: bytes
    host_only: bool
    secure: bool
    expires: float


class Jar:
    __slots__ = ("_cookies", "_lines")

    def __init__(self) -> None:
        self._cookies: dict[_Key, _Cookie] = {}
        self._lines: dict[tuple[str, bool], bytes] | None = {}
        """Header lines by host and scheme, made once; None: they also depend on the path or the time of day."""

    def __len__(self) -> int:
        return len(self._cookies)

    def clear(self) -> None:
        self._cookies.clear()
        self._lines = {}

    def value(self, name: bytes) -> bytes | None:
        """The value of the cookie stored last under `name`, whatever its domain and path."""
        return next((c.value for key, c in reversed(self._cookies.items()) if key.name == name), None)

    def store(self, line: bytes, *, host: str, target: bytes) -> None:
        """The value of one Set-Cookie header, answering a request for `target` (path and query) at `host`."""
        pair, *attributes = line.split(b";")
        name, equals, value = (part.strip() for part in pair.partition(b"="))
        if not equals or not name:
            return
        given = {k.strip().lower(): v.strip() for k, _, v in (a.partition(b"=") for a in attributes)}
        domain = given.get(b"domain", b"").decode("ascii", "replace").lstrip(".").lower()
        if domain and domain != host and not (_below(host, domain) and "." in domain):
            return
        path = given.get(b"path", b"").decode("latin-1")
        if not path.startswith("/"):
            path = target.partition(b"?")[0].decode("latin-1").rpartition("/")[0] or "/"
        key = _Key(domain or host, path, name)
        expires = _expires(given)
        if expires <= time():
            self._cookies.pop(key, None)
        elif key in self._cookies or len(self._cookies) < COOKIES_MAX:
            self._cookies[key] = _Cookie(value, not domain, b"secure" in given, expires)
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


def _expires(given: dict[bytes, bytes]) -> float:
    """Seconds since 1970; infinity for a cookie of the session. Max-Age goes before Expires."""
    age = given.get(b"max-age", b"")
    if _AGE.fullmatch(age):
        return time() + float(
            age
        )  # int refuses thousands of digits, and float cannot add the hundreds it takes
    try:
        return parsedate_to_datetime(given[b"expires"].decode("latin-1").replace("-", " ")).timestamp()
    except (KeyError, ValueError, OverflowError):
        return inf
