"""User types by chance, full of what two languages may take differently. The same for the same seed."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

from loadctl.scenario.user_type import Body, Check, Json, Repeat, Request, Step, Task, Think, UserType
from tests.engines.answers_by_chance import KEYS, NUMERALS
from tests.records import replace

WORDS = [
    "x",
    "ñandú",
    "😀",
    "%41",
    "&=?;+/",
    "'",
    "!*()~-_.",
    "<>^`|",
    "a b",
    '"q"',
    "\\",
    "\t",
    "\u2028",
    "\x7f",
]
HEADERS = ["X-A", "x-b", "Accept", "Content-Type", "user-agent", "10", "2"]
VARIABLES = ["v0", "v1", "v2", "v3", "never"]
PATHS = [
    "id",
    "items.0.id",
    "nested.1",
    "none",
    "list",
    "$.items[*].id",
    "empty",
    "nested.a.b",
    "items.9",
    "$['10']",
]
SOURCES = r"""
$
$.id
$.id
$.items
$.items[*].id
$.items[*]
$.items[0].name
$.items[-1].id
$.list
$.list[*][*]
$.nested
$.nested['1']
$["10"]
$.nested[*]
$.none
$.empty
$.__proto__
header X-Token
header content-type
cookie sid
regex id="?(\w+)
regex (?i)TOKEN=(\d+)|$
regex [^\W\d_]{2,}
regex (?m)^\s*(\S+)$
regex \bname\b.
regex (?<=:)\s?\d+
""".strip().splitlines()
SURE = [
    "3",
    "-0.5",
    "1e21",
    "1.0",
    "9007199254740993",
    "1e-7",
    "'it'",
    '"ñ\'s😀"',
    "true",
    "false",
    "null",
    "user",
    "row.word",
    "row.number",
    "row.long",
    "row.empty",
    "row.awkward",
]
"""Expressions that always have a value."""
PERHAPS = [*VARIABLES, "v0.id", "v0.nested", "v1.id", "row.gone", "random_choice(v1)", "int(row.awkward)"]
CALLS = [
    "uuid()",
    "random_floats(3)",
    "random_floats(random_int(0,4))",
    "random_string(7)",
    "random_choice(random_floats(2))",
    "int(row.number)",
    "float(row.number)",
    "int(true)",
    "float('9007199254740993')",
]
PATIENT_S = 60.0


class UserTypes:
    """`host`: a URL of the server, for requests that do not only name a path; `files`: what may be uploaded."""

    def __init__(self, seed: int, host: str, files: Sequence[Path]) -> None:
        self._chance = random.Random(seed)
        self._pick = self._chance.choice
        self._host = host
        self._files = [str(path) for path in files]
        self._requests = 0

    def one(self, number: int) -> UserType:
        tasks = [
            Task(f"t{at}", self._chance.randint(1, 5), self._flow(self._chance.randint(1, 4), depth=2))
            for at in range(self._chance.randint(1, 3))
        ]
        return UserType(
            name=f"U{number}",
            weight=1,
            start=self._start(),
            tasks=tasks,
            headers=self._headers(),
            data=[self._row() for _ in range(3)],
        )

    def _often(self, share: float) -> bool:
        return self._chance.random() < share

    def _start(self) -> list[Step]:
        if self._often(0.4):
            return []
        first: list[Step] = [self._request(capture={"v0": "$"}), *self._flow(self._pick([0, 0, 1]), depth=1)]
        return [replace(step, once=self._often(0.5)) for step in first]

    def _flow(self, steps: int, depth: int) -> list[Step]:
        return [self._step(depth) for _ in range(steps)]

    def _step(self, depth: int) -> Step:
        if self._often(0.1):
            low = self._pick([0.0, 0.1, 0.25])
            return Think(low, low + self._pick([0.0, 0.1, 1 / 3]))
        if depth and self._often(0.12):
            looks = self._pick([None, *VARIABLES])
            flow = self._flow(self._chance.randint(1, 2), depth - 1)
            return Repeat(self._chance.randint(1, 3), flow, looks)
        return self._request()

    def _request(self, capture: dict[str, str] | None = None) -> Request:
        self._requests += 1
        method = self._pick(["GET", "GET", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
        if capture is None:
            names = self._chance.sample(VARIABLES[:4], self._pick([0, 0, 1, 1, 2]))
            capture = {name: self._pick(SOURCES) for name in names}
        return Request(
            method=method,
            url=self._url(),
            endpoint=f"{method} {self._requests}",
            query={self._word(): self._listed() for _ in range(self._pick([0, 0, 1, 3]))},
            headers=self._headers(),
            body=self._body() if method in {"POST", "PUT", "PATCH"} and self._often(0.8) else None,
            capture=capture,
            check=self._check(),
            timeout_s=PATIENT_S,
        )

    def _url(self) -> str:
        absolute = [f"{self._host}/abs", f"{self._host.upper()}?u="]
        start = self._pick(["/", "/", "/a b/ñ", "/p%20q/", "/?a=1", *absolute])
        if self._often(0.05):
            return "{{ row.url }}" + self._template()
        return start + "".join([self._template(self._word()) for _ in range(self._pick([0, 0, 1, 2]))])

    def _headers(self) -> dict[str, str]:
        names = self._chance.sample(HEADERS, self._pick([0, 0, 1, 3]))
        return {name: self._pick(["plain", "ñ", f"a {self._expression()}"]) for name in names}

    def _check(self) -> Check:
        asks = self._pick(["", "", "", "status", "has", "lacks", "json", "text", "within"])
        if asks == "status":
            return Check(
                status=self._pick([[(200, 299)], [(200, 200), (404, 404)], [(500, 599), (201, 203)]])
            )
        if asks == "has":
            return Check(has=[self._pick(PATHS), self._pick([*PATHS, "id{{ row.empty }}"])])
        if asks == "lacks":
            return Check(lacks=[self._pick(PATHS)])
        if asks == "json":
            wanted: Json = self._pick([self._json(1), self._expression(), self._number()])
            if re.search("[0-9]{16}", json.dumps(wanted)):
                wanted = 0  # reading a scenario refuses what no response can be equal to
            return Check(json={self._pick(PATHS): wanted})
        if asks == "text":
            return Check(text=[self._pick(["id", "ñ", self._expression()])])
        return Check(within_s=PATIENT_S) if asks else Check()

    def _body(self) -> Body:
        kind = self._pick(["json", "json", "json", "form", "files", "raw"])
        if kind == "json":
            return Body(kind="json", json=self._json(3))
        if kind == "form":
            listed = {self._key(): self._listed() for _ in range(self._chance.randint(0, 4))}
            return Body(kind="form", fields=listed)
        if kind == "raw":
            return Body(kind="raw", raw=self._template(self._word()) + self._word())
        fields: dict[str, Json] = {self._key(): self._template() for _ in range(self._chance.randint(0, 2))}
        names = self._chance.sample(["file", 'a"b', "1"], self._chance.randint(1, 2))
        files = {name: self._pick(self._files) for name in names}
        return Body(kind="files", fields=fields, files=files)

    def _json(self, depth: int) -> Json:
        if depth and self._often(0.4):
            return {self._key(): self._json(depth - 1) for _ in range(self._chance.randint(0, 4))}
        if depth and self._often(0.3):
            return [self._json(depth - 1) for _ in range(self._chance.randint(0, 3))]
        return self._pick([self._scalar(), self._scalar(), False])

    def _listed(self) -> Json:
        """What a form or a query may hold."""
        if self._often(0.2):
            return [self._scalar() for _ in range(self._chance.randint(0, 3))]
        return self._scalar()

    def _scalar(self) -> Json:
        values: list[Json] = [None, True, self._number(), self._word(), self._expression(), self._template()]
        return self._pick(values)

    def _number(self) -> float:
        number: float = json.loads(self._pick(NUMERALS[:-1]))
        return number

    def _template(self, before: str = "") -> str:
        return before + self._expression() + self._word()

    def _expression(self) -> str:
        return "{{ " + self._inner(2) + " }}"

    def _inner(self, depth: int) -> str:
        if self._often(0.1):
            return self._pick(PERHAPS)
        if depth == 0 or self._often(0.4):
            return self._pick(SURE)
        low = self._pick(["-5", "0", "user", "int(row.number)"])
        high = self._pick(["5000", "4294967295", "float('1e3')", "int('077')"])
        ranges = [f"random_int({low}, {high})", f"random_float({low}, 0.7e3)", f"random_float(0.1, {high})"]
        inner = self._inner(depth - 1)
        if inner == "9007199254740993":
            inner = "0"  # reading a scenario refuses it as an argument
        return self._pick([*ranges, *CALLS, f"str({inner})"])

    def _row(self) -> dict[str, str]:
        row = {"word": self._word(), "long": self._word() * 40, "empty": "", "10": "ten", "2": "two"}
        row["number"] = self._pick(["7", " 12 ", "+5", "-0"])
        row["awkward"] = self._pick(
            [
                "-3.50",
                "1e2",
                "0x1f",
                "٣",
                "1_000",
                "9007199254740993",
                ".5",
                "1.",
                "1e999",
                "--1",
                "NaN",
                "",
                "0" * 40,
            ]
        )
        row["url"] = self._pick([f"{self._host}/row", "/row ñ", "row", "ftp://x", "http:///"])
        return row

    def _word(self) -> str:
        return self._pick(WORDS)

    def _key(self) -> str:
        return self._pick(KEYS)
