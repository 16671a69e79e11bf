"""JSON that a response brought is sent again alike by both engines: digits, order of keys, characters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from loadctl.engines.locust.inside.capture import Reply, whole
from loadctl.engines.locust.inside.render import encode_json
from tests.engines.answers_by_chance import KEYS, NUMERALS, STRINGS
from tests.engines.scripted import Runtime

if TYPE_CHECKING:
    from loadctl.engines.artillery.locate import Artillery

FINITE = [numeral for numeral in NUMERALS if numeral != "1e400"]
ONE_AT_A_TIME = [
    *FINITE,
    *STRINGS,
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "",
    " \t\r\n[ ] ",
    "[1,]",
    "{'a':1}",
    "\ufeff1",
]
ONE_AT_A_TIME += [
    "NaN",
    "[-Infinity]",
    "01",
    "+1",
    "1.",
    ".5",
    "1e",
    "0x1",
    '"\t"',
    '"\\x"',
    '{"a":1,"a":2}',
    "nul",
    "1 2",
]
ONE_AT_A_TIME += [f'{{"z":1,{json.dumps(key)}:2}}' for key in KEYS]
ONE_AT_A_TIME += [
    '{"z":1,"\\u0031":2}',
    '{"z":1,"1" :2}',
    '{"z":1,"\\ud83d":2}',
    '"\\\\ud83d"',
    "0.12345678901234567",
]
ONE_AT_A_TIME += [f"[{numeral} ,{numeral}]" for numeral in FINITE]


class Response:
    def __init__(self, body: bytes) -> None:
        self.body = body
        self.size = len(body)

    def values(self, _name: bytes) -> Any:
        return iter(())


def by_python(text: str) -> str | None:
    try:
        document = Reply(cast("Any", Response(text.encode())), cast("Any", None)).document
    except ValueError:
        return None
    return encode_json(whole(document))


def test_it_is_sent_again_alike(artillery: Artillery) -> None:
    again = Runtime("artillery", artillery).run("run_json", ONE_AT_A_TIME)
    found = dict(zip(ONE_AT_A_TIME, again, strict=True))
    assert found == {text: by_python(text) for text in ONE_AT_A_TIME}
    assert found["9007199254740993"] == "9007199254740993"
    assert found['{"z":1,"1":2}'] == '{"z":1,"1":2}'
    assert found['"\\ud83d"'] == '"\ufffd"'
    assert found["NaN"] is None
