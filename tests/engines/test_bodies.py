"""What captures and checks make of a body is the same on both engines: numbers, order of keys, characters, packing."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from loadctl.engines.artillery.pattern import to_javascript
from loadctl.engines.shard_plan import user_type_plan
from loadctl.scenario.user_type import Check, Json, Request, Task, UserType
from tests.engines.answers_by_chance import KEYS, NUMERALS, STRINGS, Answers
from tests.engines.scripted import Runtime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadctl.engines.artillery.locate import Artillery

LONG = "7" * 5000
JSON = "application/json"
REGEX = 'regex "([^"]*)"'


@dataclass(frozen=True)
class Case:
    """A body, what looks at it, and what that finds (JSON), says (after "! "), or None."""

    body: str | bytes
    found: str | None
    source: str = "$"
    kind: str = JSON
    packed: str = ""

    @property
    def bytes(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else self.body.encode()

    def given(self) -> dict[str, Any]:
        headers = [("Content-Type", self.kind)] if self.kind else []
        headers += [("Content-Encoding", self.packed)] if self.packed else []
        return {
            "body": self.bytes.decode("latin-1"),
            "headers": headers,
            "source": self.source,
            "patterns": self.patterns,
        }

    @property
    def patterns(self) -> dict[str, list[str]]:
        kind, _, pattern = self.source.partition(" ")
        return {self.source: list(to_javascript(pattern))} if kind == "regex" else {}


def beyond(path: str) -> str:
    return (
        f"! {path} holds a number beyond ±9007199254740991, which JSON does not carry exactly; let the service send "
        "it as text, or look at its digits with  regex  (capture) or  text  (check)"
    )


def no_json(body: str, why: str = "", kind: str = JSON) -> Case:
    return Case(body, f"! expected JSON, got {len(body.encode())} bytes{why} ({kind})", kind=kind)


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def mapping(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


TOO_DEEP = " nested deeper than 200 levels"
CASES = [
    # whole numbers and others that not every reader of JSON keeps
    Case("9007199254740991", "9007199254740991"),
    Case("-9007199254740991", "-9007199254740991"),
    *[
        Case(numeral, beyond("$"))
        for numeral in ("9007199254740992", "-9007199254740993", "1e16", "1e21", "1e999", "-1e999", LONG)
    ],
    Case('{"a": [{"b": 9007199254740993}, 1]}', beyond("$.a"), "$.a"),
    Case('{"items": [{"id": 1}, {"id": 12345678901234567890}]}', beyond("$.items[*].id"), "$.items[*].id"),
    Case(f'{{"a": {LONG}, "b": 2, "c": 1e999, "d": -{LONG}}}', "2", "$.b"),
    Case('{"id": 12345678901234567890}', '"12345678901234567890"', 'regex "id": ([0-9]+)'),
    Case("[1.0, -0, -0.0, 1e3, 1e-5, 1e-7, 5e-324, 1e-400]", "[1,0,0,1000,0.00001,1e-7,5e-324,0]"),
    # what is no JSON, and what only looks as if it were none
    *[
        no_json(body)
        for body in ("NaN", '{"a": -Infinity}', "", "[1,]", "{'a':1}", "01", "1 2", '"\t"', "nul")
    ],
    no_json(f'{{"a": {LONG}, "b": NaN}}'),
    Case("<a>", "! expected JSON, got 3 bytes (no content type)", kind=""),
    Case(" \t\r\n[ ] ", "[]"),
    Case('{"a":1,"b":2,"a":3}', '{"a":3,"b":2}'),
    Case(
        '{"z":1,"10":1,"2":{"b":1,"0":2},"01":3,"4294967295":4}',
        '{"2":{"0":2,"b":1},"10":1,"z":1,"01":3,"4294967295":4}',
    ),
    Case('{"__proto__":1,"constructor":2}', '{"__proto__":1,"constructor":2}'),
    Case(
        '["\\ud83d", "\\uD83D\\uDE00", "\\ude00", "\\\\ud83d", "\\ud83d\\ud83d\\ude00"]',
        '["\ufffd","😀","\ufffd","\\\\ud83d","\ufffd😀"]',
    ),
    Case('{"\\ud83d":1}', '{"\ufffd":1}'),
    # deep nesting
    Case(nested(200), nested(200)),
    no_json(nested(201), TOO_DEEP),
    no_json(nested(2000), TOO_DEEP),
    no_json(nested(100_000), TOO_DEEP),
    no_json("[" * 2000, TOO_DEEP),
    Case(mapping(200), mapping(200)),
    no_json(mapping(201), TOO_DEEP),
    Case(f"[{','.join(['[{}]'] * 300)}]", f"[{','.join(['[{}]'] * 300)}]"),
    Case(json.dumps(["[{" * 300, '"\\' * 300]), json.dumps(["[{" * 300, '"\\' * 300], separators=(",", ":"))),
    # characters
    *[
        Case('"ñ€"'.encode(codec), '"ñ€"', kind=f"text/plain; charset={label}")
        for label, codec in {
            "utf-8": "utf-8",
            "UTF8": "utf-8",
            "windows-1252": "cp1252",
            "cp1252": "cp1252",
            "iso-8859-15": "iso-8859-15",
            "ISO8859-15": "iso-8859-15",
            '"utf-16le"': "utf-16-le",
            "utf-16be": "utf-16-be",
            "UTF-16": "utf-16",
            "windows-1252 ; x=1": "utf-8-sig",
        }.items()
    ],
    Case('"ñ"'.encode("latin-1"), '"ñ"', kind="application/json;charset=ISO-8859-1"),
    Case('"ñ"'.encode("latin-1"), '"ñ"', REGEX, kind="text/html; Charset = 'latin1'"),
    Case('"Привет"'.encode("koi8-r"), '"Привет"', REGEX, kind="text/html; charset=KOI8-R"),
    Case('"ñ"'.encode("utf-16"), '"ñ"', REGEX, kind=""),
    Case('"ñ"'.encode("utf-16-be"), '"ñ"', REGEX, kind="text/plain; charset=utf-16be"),
    Case("ñ".encode("utf-8-sig"), '"ñ"', "regex ^.*"),
    Case('\ufeff{"a":1}', "1", "$.a"),
    no_json("\ufeff\ufeff1"),
    Case('"ñ"'.encode("latin-1"), '"\ufffd"', REGEX),
    Case('"ñ"'.encode("latin-1"), "! the body is not the UTF-8 that it should be"),
    Case('"ñ"'.encode("utf-16")[:-1], "! the body is not the UTF-16 that it should be"),
    *[
        Case(
            '"日本"'.encode("shift-jis"),
            "! the body is in the character set Shift_JIS, which loadctl cannot read; let the service send UTF-8",
            source,
            kind="text/html; charset=Shift_JIS",
        )
        for source in ("$", REGEX)
    ],
    Case('{"a":1}', "1", "$.a", kind="application/json; charset=Shift_JIS"),
    # packing that nobody asked for
    *[
        Case(
            b"(\xb5/\xfd\x04",
            f"! the body is packed as {name}, which loadctl cannot unpack; ask for gzip or deflate (Accept-Encoding)",
            source,
            packed=packed,
        )
        for packed, name in {"zstd": "zstd", "gzip, ZSTD": "zstd", "compress, gzip": "compress"}.items()
        for source in ("$", REGEX)
    ],
    Case("1", "1", packed="identity"),
]


def both(artillery: Artillery, given: Sequence[dict[str, Any]]) -> list[Any]:
    """What both engines say, which must be the same."""
    python = Runtime("locust").run("run_body", given)
    javascript = Runtime("artillery", artillery).run("run_body", given)
    for each, one, other in zip(given, python, javascript, strict=True):
        assert other == one, each
    found: list[Any] = python
    return found


def test_what_captures_find(artillery: Artillery) -> None:
    found = both(artillery, [case.given() for case in CASES])
    for case, got in zip(CASES, found, strict=True):
        assert got == case.found, case


@pytest.mark.parametrize("seed", range(2))
def test_bodies_by_chance_are_read_alike(artillery: Artillery, seed: int) -> None:
    chance = random.Random(seed)
    answers = Answers(seed)
    answers._chance = chance
    bodies = [*NUMERALS, *STRINGS, *[f'{{"z":1,{json.dumps(key)}:2}}' for key in KEYS]]
    bodies += [answers._document() for _ in range(2000)]
    sources = ["$", "$.nested", "$.items[*].id", "$.list[*][*]", "$['10']", REGEX]
    cases = [Case(_spoiled(chance, body), None, chance.choice(sources)) for body in bodies]
    found = both(artillery, [case.given() for case in cases])
    kinds = {str(each)[:14] for each in found}
    assert len(kinds) > 20
    assert "! expected JSO" in kinds


def _spoiled(chance: random.Random, body: str) -> str:
    """One sign of some is another."""
    if not body or chance.random() < 0.7:
        return body
    at = chance.randrange(len(body))
    return body[:at] + chance.choice('"\\{}[]:,0e-. \n\x00ñ') + body[at + 1 :]


WANTED: list[tuple[str, str, Json, str | None]] = [
    ('{"a": 1.0}', "a", 1, None),
    ('{"a": -0.0}', "a", 0, None),
    ('{"a": 0.5}', "a", 0.5, None),
    ('{"a": 1e-7}', "a", 1e-7, None),
    ('{"a": {"10": 1, "2": [null]}}', "a", {"2": [None], "10": 1}, None),
    ('{"a": [1, {"b": true}]}', "a", [1, {"b": 1}], 'expected a to be [1,{"b":1}], got [1,{"b":true}]'),
    ('{"a": 1e-7}', "a", 0.00001, "expected a to be 0.00001, got 1e-7"),
    ('{"a": {"10": 1, "2": 2}}', "a", "x", 'expected a to be "x", got {"2":2,"10":1}'),
    ('{"a": 9007199254740993}', "a", 5, beyond("a")),
    ('{"a": [9007199254740993]}', "a", [9007199254740992], beyond("a")),
    ('{"a": 1e999}', "a", None, beyond("a")),
    ('{"a": null}', "a", None, None),
    ("{}", "a", None, None),
    ('{"a": 1e999, "b": 1}', "b", 1, None),
]


def test_what_checks_say(artillery: Artillery) -> None:
    given = [_given(body, Check(json={path: wanted})) for body, path, wanted, _ in WANTED]
    found = both(artillery, given)
    for (body, _, wanted, said), got in zip(WANTED, found, strict=True):
        assert got == (said if said and said.startswith("! ") else [said]), (body, wanted)


def test_a_text_is_looked_for_in_what_the_body_says(artillery: Artillery) -> None:
    check = Check(text=["ñ€"])
    given = [
        _given('"ñ€"'.encode(codec), check, f"text/plain; charset={codec}")
        for codec in ("utf-8", "cp1252", "utf-16")
    ]
    assert both(artillery, given) == [[None]] * 3
    assert both(artillery, [_given('"ñ€"'.encode("cp1252"), check)]) == [
        ['expected the text "ñ€" in the body']
    ]


def test_presence_needs_no_exact_number(artillery: Artillery) -> None:
    body = '{"a": 9007199254740993}'
    assert both(artillery, [_given(body, Check(has=["a"])), _given(body, Check(lacks=["a"]))]) == [
        [None],
        beyond("a"),
    ]


def _given(body: str | bytes, check: Check, kind: str = JSON) -> dict[str, Any]:
    request = Request(method="GET", url="/", endpoint="GET /", check=check)
    plan: Any = user_type_plan(UserType(name="U", weight=1, tasks=[Task("only", 1, [request])]))
    [step] = plan["tasks"][0]["flow"]
    return {**Case(body, None, kind=kind).given(), "check": step["check"]}
