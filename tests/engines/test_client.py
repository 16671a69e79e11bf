"""The journey client against servers that behave badly, beside httpx where both accept what comes."""

from __future__ import annotations

import base64
import gzip
import random
import re
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import brotli  # type: ignore[import-untyped]
import httpx
import pytest

from tests.engines.scripted import CLOSE, RESET, Act, Runtime, Server

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"
SOON_S = 0.3
LARGE = bytes(range(256)) * 16384
TEXT = b"a body worth packing " * 50

Answer = tuple[int, bytes] | str
"""Status and body, or an error class."""
Script = Callable[[int, bytes], Sequence[Act]]


@dataclass(frozen=True)
class Case:
    """`script` answers `asks`; `sent`: how many requests the server must have seen, all retries included."""

    name: str
    script: Script
    expected: Sequence[Answer]
    asks: Sequence[Mapping[str, Any]] = ({},)
    sent: int | None = None
    connections: int | None = None
    httpx: bool = True
    """httpx must answer the same; False where it is more lenient, waits without end, or repeats nothing alike."""


def always(*acts: Act) -> Script:
    return lambda _n, _request: acts


def in_turn(*scripts: Sequence[Act]) -> Script:
    return lambda n, _request: scripts[min(n, len(scripts) - 1)]


def with_body(body: bytes, encoding: str) -> bytes:
    return OK + f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def bare_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def drip(drop: bytes) -> list[Act]:
    return [act for _ in range(20) for act in (drop, 0.05)]


def redirect(status: int, location: str, more: str = "") -> list[Act]:
    return [f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\n{more}Content-Length: 0\r\n\r\n".encode()]


def echo(_n: int, request: bytes) -> Sequence[Act]:
    """Say what was asked: request line, telling headers, body."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    telling = sorted(
        h for h in headers if h.lower().startswith((b"cookie", b"authorization", b"content-type"))
    )
    said = b" | ".join([line.removesuffix(b" HTTP/1.1"), *telling, body])
    return [OK + b"Content-Length: %d\r\n\r\n" % len(said) + said]


def after(*acts: Act) -> Script:
    """These acts for the first request, an echo for all that follow."""
    return lambda n, request: acts if n == 0 else echo(n, request)


TWICE: Sequence[Mapping[str, Any]] = ({}, {})
IDLE: Sequence[Mapping[str, Any]] = ({}, {"pause_s": 0.1})
SOON: Sequence[Mapping[str, Any]] = ({"timeout_s": SOON_S},)
KEPT_FOR_2_S = OK + b"Keep-Alive: timeout=2\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ELSEWHERE = [
    "a=1; Domain=example.org",
    "b=1; Path=/other",
    "c=1; Secure",
    "d=1; Expires=Thu, 01-Jan-1970 00:00:00 GMT",
    "e=1",
]
SESSION = "Set-Cookie: sid=1; Path=/; HttpOnly\r\n"

CASES = [
    # -- where a response ends -------------------------------------------------------------------------------
    Case("a length", always(HELLO), [(200, b"hello")] * 2, TWICE, sent=2, connections=1),
    Case("byte by byte", always(*[b for i in HELLO for b in (bytes([i]), 0.001)]), [(200, b"hello")]),
    Case("an empty body", always(OK + b"Content-Length: 0\r\n\r\n"), [(200, b"")] * 2, TWICE, connections=1),
    Case("4 MiB", always(OK + b"Content-Length: %d\r\n\r\n" % len(LARGE), LARGE), [(200, LARGE)] * 2, TWICE),
    Case(
        "chunks",
        always(CHUNKED + chunk(b"hel") + chunk(b"lo") + chunk(b"")),
        [(200, b"hello")] * 2,
        TWICE,
        connections=1,
    ),
    Case(
        "chunks cut anywhere",
        always(CHUNKED + b"5", 0.02, b"\r", 0.02, b"\nhe", 0.02, b"llo\r", 0.02, b"\n0\r\n\r\n"),
        [(200, b"hello")],
    ),
    Case(
        "chunk extensions and trailers",
        always(CHUNKED + b"5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
        [(200, b"hello")] * 2,
        TWICE,
        connections=1,
    ),
    Case(
        "the end of the connection",
        always(OK + b"\r\nhello", CLOSE),
        [(200, b"hello")] * 2,
        TWICE,
        sent=2,
        connections=2,
    ),
    Case("HTTP/1.0", always(b"HTTP/1.0 200 OK\r\n\r\nhello", CLOSE), [(200, b"hello")]),
    Case(
        "HTTP/1.0 keep-alive",
        always(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"),
        [(200, b"hello")] * 2,
        TWICE,
        connections=1,
        httpx=False,
    ),
    Case(
        "HEAD has no body",
        always(OK + b"Content-Length: 5\r\n\r\n"),
        [(200, b"")] * 2,
        [{"method": "HEAD"}] * 2,
        connections=1,
    ),
    Case(
        "HEAD without a length",
        always(OK + b"\r\n"),
        [(200, b"")] * 2,
        [{"method": "HEAD"}] * 2,
        connections=1,
    ),
    Case(
        "HEAD answered with a body",
        always(HELLO),
        [(200, b"")] * 2,
        [{"method": "HEAD"}, {"method": "HEAD", "pause_s": 0.05}],
        connections=2,
        httpx=False,
    ),
    Case("204", always(b"HTTP/1.1 204 No\r\n\r\n"), [(204, b"")] * 2, TWICE, connections=1),
    Case(
        "204 with a body",
        in_turn([b"HTTP/1.1 204 No\r\n\r\nhello"], [HELLO]),
        [(204, b""), (200, b"hello")],
        IDLE,
        connections=2,
        httpx=False,
    ),
    Case(
        "304 with a length",
        always(b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n"),
        [(304, b"")] * 2,
        TWICE,
        connections=1,
    ),
    Case(
        "100 and 103 before",
        always(b"HTTP/1.1 100 Go on\r\n\r\n", 0.02, b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n", HELLO),
        [(200, b"hello")] * 2,
        TWICE,
        connections=1,
    ),
    Case(
        "a lower-case reason-less status",
        always(b"HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nhello"),
        [(200, b"hello")],
    ),
    Case(
        "Connection: close",
        always(OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", CLOSE),
        [(200, b"hello")] * 2,
        TWICE,
        sent=2,
        connections=2,
    ),
    Case(
        "two responses to one request",
        in_turn([HELLO + HELLO.replace(b"hello", b"other")], [HELLO.replace(b"hello", b"third")]),
        [(200, b"hello"), (200, b"third")],
        IDLE,
        connections=2,
        httpx=False,
    ),
    Case(
        "line ends of their own before and after",
        always(b"\r\n" + HELLO + b"\r\n"),
        [(200, b"hello")] * 2,
        TWICE,
        connections=1,
        httpx=False,
    ),
    Case(
        "40 kB of headers",
        always(
            OK
            + b"".join(b"X-%d: %b\r\n" % (i, b"x" * 1000) for i in range(40))
            + b"Content-Length: 2\r\n\r\nok"
        ),
        [(200, b"ok")],
    ),
    Case(
        "Upgrade offered",
        always(OK + b"Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 5\r\n\r\nhello"),
        [(200, b"hello")],
    ),
    Case("404 with a body", always(b"HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone"), [(404, b"gone")]),
    # -- what is no response ---------------------------------------------------------------------------------
    Case("garbage", always(b"hello\r\n\r\n"), ["protocol"], sent=1),
    Case(
        "70 kB of headers",
        always(OK + b"X: " + b"x" * 70_000 + b"\r\nContent-Length: 2\r\n\r\nok"),
        ["protocol"],
        httpx=False,
    ),
    Case("headers without end", always(OK, *[b"X: %b\r\n" % (b"x" * 8000)] * 40, 0.5), ["protocol"]),
    Case(
        "1xx without end", always(*[b"HTTP/1.1 100 Go on\r\n\r\n" * 100] * 40, 0.5), ["protocol"], httpx=False
    ),
    Case(
        "trailers without end",
        always(CHUNKED + b"2\r\nok\r\n0\r\n", *[b"X: %b\r\n" % (b"x" * 8000)] * 40, 0.5),
        ["protocol"],
    ),
    Case("two lengths", always(OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), ["protocol"]),
    Case(
        "the same length twice",
        always(OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
        ["protocol"],
        httpx=False,
    ),
    Case(
        "a length and chunks",
        always(OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ["protocol"],
        httpx=False,
    ),
    Case("a negative length", always(OK + b"Content-Length: -5\r\n\r\nhello"), ["protocol"]),
    Case("a length that is no number", always(OK + b"Content-Length: five\r\n\r\nhello"), ["protocol"]),
    Case(
        "a folded header",
        always(OK + b"X: a\r\n b\r\nContent-Length: 5\r\n\r\nhello"),
        ["protocol"],
        httpx=False,
    ),
    Case("a NUL in a header", always(OK + b"X: a\0b\r\nContent-Length: 5\r\n\r\nhello"), ["protocol"]),
    Case("a bad chunk size", always(CHUNKED + b"hello\r\n"), ["protocol"]),
    Case("a chunk size that never ends", always(CHUNKED + b"hello", 1.0), ["protocol"], httpx=False),
    Case("a header line that never ends", always(OK + b"\0", 1.0), ["protocol"], httpx=False),
    Case("a chunk longer than it says", always(CHUNKED + b"3\r\nhello\r\n0\r\n\r\n"), ["protocol"]),
    Case(
        "101",
        always(b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
        ["protocol"],
        httpx=False,
    ),
    # -- connections that break ------------------------------------------------------------------------------
    Case("closed without an answer", always(CLOSE), ["reset"], sent=1),
    Case("reset without an answer", always(RESET), ["reset"], sent=1),
    Case("a POST reset", always(RESET), ["reset"], [{"method": "POST", "body": "x"}], sent=1),
    Case(
        "reset on a kept connection",
        in_turn([HELLO], [RESET]),
        [(200, b"hello"), "reset"],
        TWICE,
        sent=2,
        connections=1,
    ),
    Case("closed in the head", always(OK + b"Content-Le", CLOSE), ["reset"]),
    Case("closed in the body", always(OK + b"Content-Length: 9\r\n\r\nhello", CLOSE), ["reset"]),
    Case("reset in the body", always(OK + b"Content-Length: 9\r\n\r\nhello", 0.05, RESET), ["reset"]),
    Case("closed in a chunk", always(CHUNKED + b"9\r\nhello", CLOSE), ["reset"]),
    Case("closed before the last chunk", always(CHUNKED + chunk(b"hello"), CLOSE), ["reset"]),
    Case(  # RFC 9112 §6.3: then the end of the connection is the end of the body
        "closed in an encoding without chunks",
        always(OK + b"Transfer-Encoding: gzip\r\n\r\nhello", CLOSE),
        [(200, b"hello")],
        httpx=False,
    ),
    Case("closed after 100", always(b"HTTP/1.1 100 Go on\r\n\r\n", CLOSE), ["reset"]),
    Case(
        "closed while idle",
        in_turn([HELLO, CLOSE], [HELLO]),
        [(200, b"hello")] * 2,
        IDLE,
        sent=2,
        connections=2,
    ),
    Case(
        "408 and closed while idle",
        in_turn([HELLO, 0.02, b"HTTP/1.1 408 Idle\r\nContent-Length: 0\r\n\r\n", CLOSE], [HELLO]),
        [(200, b"hello")] * 2,
        IDLE,
        sent=2,
        connections=2,
    ),
    Case(
        "refused before the body was read",
        always(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 0.2, CLOSE),
        [(413, b"")],
        [{"method": "POST", "body": "x" * 1000, "times": 8000, "headers": {"X-Do-Not-Read": "1"}}],
        httpx=False,
    ),
    Case(
        "refused and closed before the body was read",
        always(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", CLOSE),
        [(413, b"")] * 8,
        [{"method": "POST", "body": "x" * 1000, "times": 8000, "headers": {"X-Do-Not-Read": "1"}}] * 8,
        httpx=False,
    ),
    # -- time ------------------------------------------------------------------------------------------------
    Case("no answer", always(1.0), ["timeout"], SOON, sent=1),
    Case(
        "a head that drips",
        always(*[act for byte in OK for act in (bytes([byte]), 0.05)]),
        ["timeout"],
        SOON,
        httpx=False,
    ),
    Case(
        "headers that drip",
        always(OK, *drip(b"X: y\r\n")),
        ["timeout"],
        SOON,
        httpx=False,
    ),
    Case(
        "a body that drips",
        always(OK + b"Content-Length: 99\r\n\r\n", *drip(b"x")),
        ["timeout"],
        SOON,
        httpx=False,
    ),
    Case("chunks that drip", always(CHUNKED, *drip(chunk(b"x"))), ["timeout"], SOON, httpx=False),
    Case("redirects that drip", always(0.1, *redirect(302, "/again")), ["timeout"], SOON, httpx=False),
    Case(
        "timeouts of many lengths, in any order",
        in_turn([HELLO], [0.5]),
        [(200, b"hello"), "timeout"],
        [{"timeout_s": 3.0}, {"timeout_s": SOON_S}],
        sent=2,
        httpx=False,
    ),
    Case(
        "a timeout, then another request",
        in_turn([0.5], [HELLO]),
        ["timeout", (200, b"hello")],
        [{"timeout_s": SOON_S}, {}],
        sent=2,
        connections=2,
        httpx=False,
    ),
    # -- packing ---------------------------------------------------------------------------------------------
    Case("gzip", always(with_body(gzip.compress(TEXT), "gzip")), [(200, TEXT)]),
    Case(
        "gzip in two members",
        always(with_body(gzip.compress(TEXT) + gzip.compress(TEXT), "x-gzip")),
        [(200, TEXT * 2)],
        httpx=False,
    ),
    Case(
        "gzip in chunks",
        always(
            OK
            + b"Content-Encoding: GZIP\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunk(gzip.compress(TEXT)[:20]),
            chunk(gzip.compress(TEXT)[20:]) + chunk(b""),
        ),
        [(200, TEXT)],
    ),
    Case("deflate", always(with_body(zlib.compress(TEXT), "deflate")), [(200, TEXT)]),
    Case("deflate without its header", always(with_body(bare_deflate(TEXT), "deflate")), [(200, TEXT)]),
    Case("br", always(with_body(brotli.compress(TEXT), "br")), [(200, TEXT)]),
    Case("br in gzip", always(with_body(gzip.compress(brotli.compress(TEXT)), "br, gzip")), [(200, TEXT)]),
    Case("an encoding nobody knows", always(with_body(b"hello", "zip")), [(200, b"hello")]),
    Case("damaged gzip", always(with_body(b"not gzip", "gzip")), ["protocol"]),
    Case("gzip cut short", always(with_body(gzip.compress(TEXT)[:-9], "gzip")), ["protocol"], httpx=False),
    Case(
        "gzip and HEAD",
        always(OK + b"Content-Encoding: gzip\r\nContent-Length: 50\r\n\r\n"),
        [(200, b"")],
        [{"method": "HEAD"}],
    ),
    # -- redirects -------------------------------------------------------------------------------------------
    *[
        Case(
            f"{status} after {method}",
            after(*redirect(status, "/to?a=1#part")),
            [(200, expected)],
            [{"method": method, "body": body, "headers": {"Content-Type": "text/x"}}],
            sent=2,
            connections=1,
            httpx=expected.startswith(method.encode()),
        )
        for status, method, body, expected in [  # httpx keeps the Content-Type of a body it drops
            (301, "GET", "", b"GET /to?a=1 | Content-Type: text/x | "),
            (301, "POST", "x=1", b"GET /to?a=1 | "),
            (302, "POST", "x=1", b"GET /to?a=1 | "),
            (303, "POST", "x=1", b"GET /to?a=1 | "),
            (307, "POST", "x=1", b"POST /to?a=1 | Content-Type: text/x | x=1"),
            (308, "PUT", "x=1", b"PUT /to?a=1 | Content-Type: text/x | x=1"),
        ]
    ],
    Case(
        "302 after PUT",
        after(*redirect(302, "/to")),
        [(200, b"PUT /to | Content-Type: text/x | x")],
        [{"method": "PUT", "body": "x", "headers": {"Content-Type": "text/x"}}],
        httpx=False,
    ),
    Case(
        "a relative redirect",
        after(*redirect(302, "../up/there")),
        [(200, b"GET /a/up/there | ")],
        [{"path": "/a/b/c?d=/e"}],
    ),
    Case(
        "a redirect with blanks and umlauts",
        after(*redirect(302, "/a b/ü")),
        [(200, b"GET /a%20b/%C3%BC | ")],
    ),
    Case("a redirect without a place", always(b"HTTP/1.1 302 Go\r\nContent-Length: 0\r\n\r\n"), [(302, b"")]),
    Case("300 is no redirect", always(*redirect(300, "/to")), [(300, b"")]),
    Case("a redirect to ftp", always(*redirect(302, "ftp://example.org/")), ["protocol"], sent=1),
    Case(
        "a redirect to a closed port",
        always(*redirect(302, "http://127.0.0.1:1/")),
        ["connect_refused"],
        sent=1,
    ),
    Case(
        "ten redirects",
        lambda n, request: redirect(302, f"/{n}") if n < 10 else echo(n, request),
        [(200, b"GET /9 | ")],
        sent=11,
    ),
    Case("eleven redirects", lambda n, _: redirect(302, f"/{n}"), ["redirect_limit"], sent=11, httpx=False),
    Case(
        "Authorization stays at home",
        after(*redirect(302, "/to")),
        [(200, b"GET /to | Authorization: Bearer t | ")],
        [{"headers": {"Authorization": "Bearer t"}}],
    ),
    # -- cookies ---------------------------------------------------------------------------------------------
    Case(
        "a cookie comes back",
        after(OK + SESSION.encode() + b"Content-Length: 0\r\n\r\n"),
        [(200, b""), (200, b"GET / | Cookie: sid=1 | ")],
        TWICE,
    ),
    Case(
        "a cookie of a redirect",
        after(*redirect(302, "/to", SESSION)),
        [(200, b"GET /to | Cookie: sid=1 | ")],
    ),
    Case(
        "cookies end",
        in_turn(
            redirect(302, "/a", SESSION),
            redirect(302, "/b", "Set-Cookie: sid=; Max-Age=0; Path=/\r\n"),
            [HELLO],
        ),
        [(200, b"hello"), (200, b"hello")],
        TWICE,
    ),
    Case(
        "cookies with ages that no number can hold",
        after(
            OK
            + b"".join(
                b"Set-Cookie: %b; Max-Age=%b\r\n" % (cookie, age)
                for cookie, age in [
                    (b"a=1", b"9" * 400),
                    (b"b=1", b"-" + b"9" * 400),
                    (b"c=1", b"9" * 9000),
                    (b"d=1", b"-" + b"9" * 9000),
                ]
            )
            + b"Content-Length: 0\r\n\r\n"
        ),
        [(200, b""), (200, b"GET / | Cookie: a=1; c=1 | ")],
        TWICE,
        httpx=False,
    ),
    Case(
        "cookies that are not for here",
        after(
            *redirect(
                302,
                "/to",
                "".join(f"Set-Cookie: {cookie}\r\n" for cookie in ELSEWHERE),
            )
        ),
        [(200, b"GET /to | Cookie: e=1 | ")],
    ),
    *[
        Case(
            f"Set-Cookie: {cookie}",
            after(*redirect(302, "/a/to", f"Set-Cookie: {cookie}\r\n")),
            [(200, b"GET /a/to | " + (f"Cookie: {sent} | ".encode() if sent else b""))],
            [{"path": "/a/b"}],
            httpx=False,
        )
        for cookie, sent in [  # RFC 6265 §5: what a cookie that is strangely written is for
            ("a=1; Expires=0", "a=1"),
            ("a=1; Expires=-1", "a=1"),
            ("a=1; Expires=yesterday", "a=1"),
            ("a=1; expires=Sun, 06 Nov 1994 08:49:37 GMT", ""),
            ("a=1; Expires=Sunday, 06-Nov-94 08:49:37 GMT", ""),
            ("a=1; Expires=Sun Nov  6 08:49:37 1994", ""),
            ("a=1; Expires=1994-11-06 08:49:37", "a=1"),
            ("a=1; Expires=Fri, 31 Feb 1994 08:49:37 GMT", ""),
            ("a=1; Expires=Fri, 32 Jan 1994 08:49:37 GMT", "a=1"),
            ("a=1; Expires=Fri, 06 Nov 1994 25:49:37 GMT", "a=1"),
            ("a=1; Expires=06 Nov 1994 08:49:37; Expires=0", ""),
            ("a=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=60", "a=1"),
            ("a=1; Expires=Fri, 06 Nov 2099 08:49:37 GMT; Max-Age=0", ""),
            ("a=1; Max-Age=+5; Path=/", "a=1"),
            ("a=1; Max-Age=-1", ""),
            ("a=1; Max-Age=1.5", "a=1"),
            ("a=1; Max-Age", "a=1"),
            ("a=1; Max-Age=", "a=1"),
            ("a=1; Path=a", "a=1"),
            ("a=1; Path=", "a=1"),
            ("a=1; Path=/a/", "a=1"),
            ("a=1; Path=/A", ""),
            ("a=1; Path=/b; Path=/a", "a=1"),
            ("a=1; Path=/a; Path=b", "a=1"),
            ("a=1; Domain=", "a=1"),
            ("a=1; Domain=.127.0.0.1", "a=1"),
            ("a=1; Domain=0.0.1", ""),
            ("a=1; Domain=com", ""),
            ("a=1; Secure", ""),
            ("a=1; secure=no", ""),
            ("a=1; HttpOnly; SameSite=Strict; Partitioned; Priority=High", "a=1"),
            ("__Host-a=1; Path=/a", "__Host-a=1"),
            ('a="1 2"', 'a="1 2"'),
            ("a=1=2=3", "a=1=2=3"),
            ("a =  1 ; Path=/", "a=1"),
            ("a=", "a="),
            ("a", ""),
            ("=1", ""),
            ("", ""),
            (";a=1", ""),
            ("a=1;;;Path=/", "a=1"),
            ("a=1, b=2", "a=1, b=2"),
            ("a=\u00e4\u20ac", "a=\u00e4\u20ac"),
            ("a=1\t2", ""),
        ]
    ],
    # -- requests --------------------------------------------------------------------------------------------
    Case(
        "a POST without a body",
        lambda _, request: [HELLO if b"content-length: 0\r\n" in request.lower() else CLOSE],
        [(200, b"hello")],
        [{"method": "POST"}],
    ),
    Case(
        "user and password in the URL",
        echo,
        [(200, b"GET /x | Authorization: Basic YTpi | ")],
        [{"path": "/x", "user": "a:b@"}],
    ),
    Case(
        "blanks, umlauts and escapes in a path",
        echo,
        [(200, b"GET /a%20b/%C3%BC%2F?q=%22x%22 | ")],
        [{"path": '/a b/ü%2F?q="x"'}],
        httpx=False,
    ),
]
LIVES = [
    Case("a pause of 6 s", always(HELLO), [(200, b"hello")] * 2, [{}, {"pause_s": 6}], connections=1),
    Case(
        "a server that closes after 2 s, and says so",
        always(KEPT_FOR_2_S),
        [(200, b"hello")] * 3,
        [{}, {"pause_s": 1.2}, {"pause_s": 1.2}],
        connections=1,
    ),
    Case(
        "a pause that is longer than the server waits",
        in_turn([KEPT_FOR_2_S, 6.0, CLOSE], [HELLO]),
        [(200, b"hello")] * 2,
        [{}, {"pause_s": 2.6}],
        sent=2,
        connections=2,
        httpx=False,
    ),
    *[
        Case(
            f"{method} with a body",
            always(HELLO),
            [(200, b"hello")] * 2,
            [{"method": method, "body": "x"}] * 2,
            connections=1,
        )
        for method in ("GET", "DELETE")
    ],
    Case(
        "Connection: close that is asked for",
        always(HELLO),
        [(200, b"hello")] * 2,
        [{"headers": {"Connection": "close"}}] * 2,
        connections=2,
        httpx=False,
    ),
]
"""How long a connection lives. In a process without the others, whose start takes a while."""


def url_of(server: Server, ask: Mapping[str, Any]) -> str:
    return server.url.replace("://", f"://{ask.get('user', '')}") + str(ask.get("path", "/"))


def simple(answer: Mapping[str, Any]) -> Answer:
    return answer["error"] if "error" in answer else (answer["status"], base64.b64decode(answer["body"]))


@dataclass(frozen=True)
class Outcome:
    answers: Sequence[Mapping[str, Any]]
    sent: int
    connections: int


@pytest.fixture(scope="module")
def outcomes(runtime: Runtime) -> Mapping[str, Outcome]:
    """All cases of a list at once, in one process: what takes longest decides."""
    return {**together(runtime, CASES), **together(runtime, LIVES)}


def together(runtime: Runtime, cases: Sequence[Case]) -> Mapping[str, Outcome]:
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(case.script)) for case in cases]
        answers = runtime.clients(
            [
                {"requests": [{**ask, "url": url_of(server, ask)} for ask in case.asks]}
                for case, server in zip(cases, servers, strict=True)
            ]
        )
        return {
            case.name: Outcome(got, len(server.requests), server.connections)
            for case, got, server in zip(cases, answers, servers, strict=True)
        }


@pytest.mark.parametrize("case", [*CASES, *LIVES], ids=lambda case: case.name)
def test_the_client_understands_or_refuses(case: Case, outcomes: Mapping[str, Outcome]) -> None:
    outcome = outcomes[case.name]
    assert [simple(answer) for answer in outcome.answers] == list(case.expected), outcome.answers
    for answer in outcome.answers:
        assert answer.get("error") != "timeout" or SOON_S <= answer["took_s"] <= SOON_S + 2
    assert case.sent in {None, outcome.sent}
    assert case.connections in {None, outcome.connections}


@pytest.mark.parametrize("case", [case for case in CASES if case.httpx], ids=lambda case: case.name)
def test_httpx_sees_the_same(case: Case) -> None:
    with Server(case.script) as server, httpx.Client(trust_env=False, follow_redirects=True) as client:
        for ask, expected in zip(case.asks, case.expected, strict=True):
            time.sleep(ask.get("pause_s", 0))
            body = str(ask.get("body", "")).encode() * int(ask.get("times", 1))
            try:
                response = client.request(
                    str(ask.get("method", "GET")),
                    url_of(server, ask),
                    headers=ask.get("headers"),
                    content=body or None,
                    timeout=ask.get("timeout_s", 2),
                )
                seen: Answer = (response.status_code, response.content)
            except httpx.HTTPError:
                seen = "error"
            assert seen == ("error" if isinstance(expected, str) else expected)


CLASSES = {"timeout", "reset", "protocol", "redirect_limit", "connect_refused", "dns", "tls", "other"}
SEEDS = [
    HELLO + HELLO,
    CHUNKED + b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
    with_body(gzip.compress(TEXT), "gzip"),
    b"".join(act for act in redirect(302, "?a=b", SESSION) if isinstance(act, bytes)),
    b"HTTP/1.1 100 Go on\r\n\r\n" + HELLO,
]


def damaged(number: int) -> bytes:
    """One of SEEDS with a few bytes changed, dropped, doubled or put in; the same for the same number."""
    chance = random.Random(number)
    data = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data))
        data[at : at + chance.randint(0, 3)] = chance.choice(
            [b"", b"\0", b"\r\n", b":", b"9", b"\xff", data[at : at + 9]]
        )
    return bytes(data)


def test_damaged_responses_end_in_a_class_and_in_time(runtime: Runtime) -> None:
    """A hundred and fifty of them; nothing raises what is not Failed, nothing hangs."""

    def script(_n: int, request: bytes) -> Sequence[Act]:
        number = re.match(rb"GET /(\d{1,6})", request)
        return [damaged(int(number[1]) if number else 0), 0.05, CLOSE]

    with Server(script) as server:
        asks = [{"url": f"{server.url}/{number}", "timeout_s": 1.0} for number in range(150)]
        answers = [answer for [answer] in runtime.clients([{"requests": [ask]} for ask in asks])]
    assert {answer["error"] for answer in answers if "error" in answer} <= CLASSES
    assert max(answer["took_s"] for answer in answers) < 1.5
    assert 10 < sum("error" in answer for answer in answers) < 140


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_a_few_bytes_that_unpack_to_a_lot_are_refused(runtime: Runtime, encoding: str) -> None:
    if encoding == "gzip":  # the first member is just as large as may be
        packer = zlib.compressobj(wbits=31)
        packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
        packed += gzip.compress(b"x")
    else:
        packed = brotli.compress(bytes((64 << 20) + 1), quality=1)
    with Server(always(with_body(packed, encoding))) as server:
        [[answer]] = runtime.clients([{"requests": [{"url": server.url}]}])
    assert (answer["error"], answer["message"]) == ("other", "the unpacked body is larger than 64 MiB")


def test_many_packed_nothings_are_unpacked_soon(runtime: Runtime) -> None:
    nothing = gzip.compress(b"")
    with Server(always(with_body(nothing * 100_000, "gzip"))) as server:
        began = time.monotonic()
        [[answer]] = runtime.clients([{"requests": [{"url": server.url}]}])
    assert simple(answer) == (200, b"")
    assert time.monotonic() - began < 12


def test_an_answer_that_came_while_the_generator_was_busy_is_no_timeout(runtime: Runtime) -> None:
    with Server(always(0.4, HELLO)) as server:
        ask = {"url": server.url, "timeout_s": 0.6, "busy_s": 0.8}
        [[answer]] = runtime.clients([{"requests": [ask]}])
    assert simple(answer) == (200, b"hello"), answer
    assert answer["took_s"] > 0.6


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_credentials_do_not_follow_a_redirect_to_another_origin(runtime: Runtime, host: str) -> None:
    """Cookies know hosts, not ports; what was written into the headers by hand stays with its origin."""
    with Server(echo) as other:
        place = f"http://{host}:{other.port}/to"
        with Server(lambda _n, _r: redirect(307, place, "Set-Cookie: a=1\r\n")) as server:
            headers = {"Authorization": "Bearer t", "Cookie": "own=1", "Content-Type": "text/x"}
            ask = {"url": server.url, "method": "POST", "body": "x", "headers": headers}
            [[answer]] = runtime.clients([{"requests": [ask]}])
    cookie = b"Cookie: a=1 | " if host == "127.0.0.1" else b""
    assert simple(answer) == (200, b"POST /to | Content-Type: text/x | " + cookie + b"x")


def test_a_connection_that_the_server_has_closed_is_not_used(runtime: Runtime) -> None:
    """As a server that closes without announcing it: what it has seen of the end is noticed, without waiting for it."""
    with Server(lambda _n, _r: [HELLO, CLOSE]) as server:
        asks = [{"url": server.url, "pause_s": 0.02}] * 30
        [answers] = runtime.clients([{"requests": asks}])
        assert [simple(answer) for answer in answers] == [(200, b"hello")] * 30
        assert (len(server.requests), server.connections) == (30, 30)


def test_a_request_that_meets_the_end_of_its_connection_says_so(runtime: Runtime) -> None:
    with Server(in_turn([HELLO], [RESET])) as server:
        [[_, answer]] = runtime.clients([{"requests": [{"url": server.url}] * 2}])
        assert (answer["error"], answer["stale"]) == ("reset", True)
        assert answer["message"] == "the server ended the kept connection before any of the response came"
    with Server(in_turn([HELLO], [OK + b"Content-Le", RESET])) as server:
        [[_, answer]] = runtime.clients([{"requests": [{"url": server.url}] * 2}])
        assert (answer["error"], answer["stale"]) == ("reset", False), "a part of the response came"
    with Server(always(RESET)) as server:
        [[answer]] = runtime.clients([{"requests": [{"url": server.url}]}])
        assert (answer["error"], answer["stale"]) == ("reset", False), "a new connection"
