"""What a server says, by chance, full of what two languages may take differently. The same for the same seed."""

from __future__ import annotations

import json
import random
import zlib

from tests.engines.scripted import RESET, Act

NUMERALS = [
    "0",
    "-0",
    "-0.0",
    "1",
    "1.0",
    "1e3",
    "-1.5E-3",
    "0.1",
    "1e-6",
    "1e-7",
    "5e-324",
    "1e16",
    "1e21",
    "1e22",
    "0.30000000000000004",
    "1.7976931348623157e308",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993.0",
    "9007199254740993",
    "-9007199254740993",
    "123456789012345678901234567890",
    "100000000000000000000.0",
    "1e400",
]
KEYS = [
    "id",
    "10",
    "2",
    "1",
    "01",
    "-1",
    "ñ",
    "😀",
    "__proto__",
    "constructor",
    "$map",
    "$expr",
    'a"b',
    "a.b",
    "",
]
STRINGS = [
    r'""',
    r'"x"',
    r'"\u00e9\n\/\u2028"',
    r'"\ud83d\ude00"',
    r'"\ud83d"',
    r'"12"',
    r'"1e2"',
    r'"\u007f<&"',
    *('"ñ 😀"', '" -7 "'),
]


class Answers:
    """What a server says to request number n of a life; the same to whoever lives it."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.first = 0
        """The number of the life's first request, counted over all that the server saw."""

    def __call__(self, number: int, request: bytes) -> list[Act]:
        self._chance = random.Random(f"{self._seed}/{number - self.first}")
        if self._chance.random() < 0.02:
            broken: list[Act] = [RESET, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", b"SPAM\r\n\r\n"]
            return [self._chance.choice(broken), RESET]
        status = self._chance.choice([*[200] * 12, 201, 204, 302, 307, 404, 429, 500])
        body = b"" if status == 204 else self._body()
        lines = [f"HTTP/1.1 {status} Said".encode(), *self._fields()]
        if status in {302, 307}:
            lines.append(
                b"Location: " + self._chance.choice([b"/next?a=1", b"next \xc3\xb1", b"?q#f", b"http://["])
            )
        body, encoding = self._packed(body)
        lines += [b"Content-Encoding: " + encoding] if encoding else []
        is_chunked = status != 204 and self._chance.random() < 0.2
        lines.append(b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % len(body))
        framed = (
            b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            if is_chunked and body
            else b"0\r\n\r\n"
            if is_chunked
            else body
        )
        without = status == 204 or request.startswith(b"HEAD ")
        return [b"\r\n".join(lines) + b"\r\n\r\n" + (b"" if without else framed)]

    def _fields(self) -> list[bytes]:
        fields = [
            b"Content-Type: application/json",
            b"Set-Cookie: sid=s%d; Path=/" % self._chance.randint(0, 9),
            b"Set-Cookie: gone=1; Max-Age=0",
            b"Set-Cookie: w=\xf1 x; path=/a",
            b"X-Token: \xc3\xb1 1",
            b"x-token: \xff2",
        ]
        return self._chance.sample(fields, self._chance.randint(0, 3))

    def _packed(self, body: bytes) -> tuple[bytes, bytes]:
        pick = self._chance.random()
        if pick < 0.1:
            packer = zlib.compressobj(wbits=31)
            return packer.compress(body) + packer.flush(), b"gzip"
        return (zlib.compress(body), b"deflate") if pick < 0.15 else (body, b"")

    def _body(self) -> bytes:
        awkward = [
            *(
                b"",
                b"\xef\xbb\xbf{}",
                b'{"id": NaN}',
                b'{"id": Infinity}',
                b'{"id": \xff}',
                b'{"id": 01}',
                b"[1,]",
                b'{"id": "\t"}',
            ),
            *(
                'id="42" TOKEN=77 ñandú_ name: 5'.encode(),
                b"\n  first\r\nname\x85: 3\x1c x",
                b'"text"',
                b"-0",
                b"[[1],2]",
            ),
        ]
        return self._chance.choice(awkward) if self._chance.random() < 0.15 else self._document().encode()

    def _document(self) -> str:
        items = ", ".join(
            [
                f'{{"id": {self._value(1)}, "name": {self._value(0)}}}'
                for _ in range(self._chance.randint(0, 3))
            ]
        )
        parts = [
            f'"id": {self._value(1)}',
            f'"items": [{items}]',
            f'"nested": {{"1": {self._value(0)}, "a": {{"b": {self._value(1)}}}, "0": [], "z": 1.0}}',
            f'"list": [[{self._value(0)}, {self._value(0)}], {self._value(0)}, [[1.0]]]',
            f'"10" :{self._value(0)}',
            f'"\\u0031": {self._value(0)}',
            '"none": null, "empty": [], "id": ' + self._value(2),
            f'"__proto__": {{"id": {self._value(0)}}}',
        ]
        return "{" + ", ".join(self._chance.sample(parts, self._chance.randint(5, len(parts)))) + "}"

    def _value(self, depth: int) -> str:
        pick = self._chance.choice
        if depth and self._chance.random() < 0.3:
            pairs = [
                f"{json.dumps(pick(KEYS))}:{self._value(depth - 1)}"
                for _ in range(self._chance.randint(0, 4))
            ]
            return "{" + ", ".join(pairs) + "}"
        if depth and self._chance.random() < 0.2:
            return f"[{', '.join([self._value(depth - 1) for _ in range(self._chance.randint(0, 3))])}]"
        return pick([pick(NUMERALS), pick(NUMERALS), pick(STRINGS), "true", "false", "null"])
