"""What a user type does, request by request: from its records, through the plan, to the bytes at a server."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from loadctl.engines.artillery.engine import javascript_plan
from loadctl.engines.shard_plan import user_type_plan
from loadctl.scenario.consent import consent_of
from loadctl.scenario.load import Load
from loadctl.scenario.prng import Stream, hash32
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.user_type import Body, Check, Json, Repeat, Request, Step, Task, Think, UserType
from tests.engines.scripted import CLOSE, Act, Runtime, Server

Acts = Sequence[tuple[str, int, float | None]]
TURN: Acts = [("turn", 0, None)]


def ok(document: Json = None, *, status: int = 200, headers: str = "") -> list[Act]:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return [head.encode() + body]


def get(url: str = "/", **more: Any) -> Request:
    return Request(method="GET", url=url, endpoint=more.pop("endpoint", f"GET {url}"), **more)


def post(body: Body, **more: Any) -> Request:
    return Request(method="POST", url="/", endpoint="POST /", body=body, **more)


def user_type(*flow: Step, **more: Any) -> UserType:
    return UserType(name="U", weight=1, tasks=more.pop("tasks", [Task("only", 1, flow)]), **more)


class Told:
    """What a server and a recorder were told."""

    def __init__(self, server: Server, calls: Sequence[Mapping[str, Any]]) -> None:
        self.requests = server.requests
        self.connections = server.connections
        self.calls = calls

    @property
    def lines(self) -> list[str]:
        return [request.split(b" HTTP/1.1", 1)[0].decode() for request in self.requests]

    @property
    def ends(self) -> list[Mapping[str, Any]]:
        return [call for call in self.calls if call["call"] == "end"]

    @property
    def errors(self) -> list[str | None]:
        return [end.get("error") for end in self.ends]

    @property
    def faults(self) -> list[str]:
        return [call["message"] for call in self.calls if call["call"] == "fault"]

    def header(self, name: str) -> list[str | None]:
        pattern = re.compile(rb"\r\n%b: ([^\r]*)\r\n" % name.encode(), re.IGNORECASE)
        return [
            match[1].decode() if (match := pattern.search(request)) else None for request in self.requests
        ]

    @property
    def bodies(self) -> list[str]:
        return [request.partition(b"\r\n\r\n")[2].decode() for request in self.requests]


class Live(Protocol):
    def __call__(
        self,
        user: UserType | Sequence[UserType],
        script: Callable[[int, bytes], Sequence[Act]] = ...,
        acts: Acts = ...,
        *,
        requests_max: int = ...,
        seed: int = ...,
        rotation: Sequence[int] = ...,
        rate_limit: Mapping[str, Json] | None = ...,
    ) -> Told: ...


@pytest.fixture(scope="module")
def live(runtime: Runtime) -> Live:
    """Lets users of the types take turns, against a server that answers by the script."""

    def lived(
        user: UserType | Sequence[UserType],
        script: Callable[[int, bytes], Sequence[Act]] = lambda _n, _request: ok(),
        acts: Acts = TURN,
        *,
        requests_max: int = 10_000,
        seed: int = 1,
        rotation: Sequence[int] = (0,),
        rate_limit: Mapping[str, Json] | None = None,
    ) -> Told:
        types = [user] if isinstance(user, UserType) else user
        scenario = Scenario(name="x", host="http://h", load=Load("closed", ()), user_types=types)
        with Server(script) as server:
            plan = {
                "host": server.url,
                "seed": seed,
                "rate_limit": rate_limit,
                "tls": {"verify": True, "ca": None, "cert": None},
                "consent": consent_of(scenario).plan,
                "secret_headers": [],
                "user_types": [user_type_plan(each) for each in types],
                "rotation": rotation,
                **javascript_plan(scenario),
            }
            calls = runtime.run("run_journey", {"plan": plan, "acts": acts, "requests_max": requests_max})
            return Told(server, calls)

    return lived


# -- one request -------------------------------------------------------------------------------------------------


def test_a_request_is_told_with_its_latency_first_byte_and_size(live: Live) -> None:
    told = live(user_type(get()), lambda _n, _r: [0.05, *ok("x")])
    [end] = told.ends
    assert end["endpoint"] == "GET /"
    assert end.get("error") is None
    assert 50_000 <= end["ttfb_us"] <= end["us"] < 1_000_000
    assert end["size"] == 3
    assert told.calls[-1] == {"call": "turn"}


def test_latency_counts_from_when_an_arrival_was_due_for_its_first_request_only(live: Live) -> None:
    told = live(user_type(get(), get("/b")), acts=[("turn", 0, 2.0)])
    first, second = told.ends
    assert first["us"] >= 2_000_000
    assert first["ttfb_us"] >= 2_000_000
    assert second["us"] < 1_000_000


def test_latency_of_an_arrival_with_start_steps_counts_from_due_in_the_first_of_them(live: Live) -> None:
    told = live(user_type(get("/b"), start=[get("/a")]), acts=[("turn", 0, 2.0)])
    assert [end["us"] >= 2_000_000 for end in told.ends] == [True, False]


CHECKS: list[tuple[str, Check, list[Act], str | None, str]] = [
    ("below 400", Check(), ok(status=302), None, ""),
    ("404", Check(), ok(status=404), "status_404", "expected status below 400, got 404"),
    (
        "503 against 2xx",
        Check(status=[(200, 299)]),
        ok(status=503),
        "status_503",
        "expected status 2xx, got 503",
    ),
    ("404 allowed", Check(status=[(200, 200), (404, 404)]), ok(status=404), None, ""),
    (
        "200, not 201",
        Check(status=[(201, 201), (203, 204)]),
        ok(),
        "check_failed",
        "expected status 201 or 203..204, got 200",
    ),
    ("has", Check(has=["a.b", "c.0.d"]), ok({"a": {"b": 0}, "c": [{"d": False}]}), None, ""),
    (
        "has not",
        Check(has=["a.b"]),
        ok({"a": {}}),
        "check_failed",
        "expected a.b in the response, it is absent or null",
    ),
    (
        "has null",
        Check(has=["a"]),
        ok({"a": None}),
        "check_failed",
        "expected a in the response, it is absent or null",
    ),
    ("lacks", Check(lacks=["errors"]), ok({"errors": None}), None, ""),
    (
        "lacks not",
        Check(lacks=["errors"]),
        ok({"errors": ["x"]}),
        "check_failed",
        'expected no errors in the response, got ["x"]',
    ),
    ("json", Check(json={"a.b": 1, "c": [True]}), ok({"a": {"b": 1.0}, "c": [True]}), None, ""),
    ("json differs", Check(json={"a": 1}), ok({"a": True}), "check_failed", "expected a to be 1, got true"),
    ("json absent", Check(json={"a": "x"}), ok({}), "check_failed", 'expected a to be "x", got nothing'),
    ("json of the user", Check(json={"id": "{{ user }}"}), ok({"id": 0}), None, ""),
    (
        "json large",
        Check(json={"a": 1}),
        ok({"a": 2**53}),
        "check_failed",
        "a holds a number beyond ±9007199254740991",
    ),
    (
        "json within",
        Check(json={"a": [{"b": 1}]}),
        ok({"a": [{"b": True}]}),
        "check_failed",
        'expected a to be [{"b":1}], got [{"b":true}]',
    ),
    ("lacks 1.0", Check(lacks=["a"]), ok({"a": 1.0}), "check_failed", "expected no a in the response, got 1"),
    ("no number", Check(has=["a"]), ok({"a": float("nan")}), "check_failed", "expected JSON, got 10 bytes"),
    ("text", Check(text=["ab"]), ok("xaby"), None, ""),
    ("no text", Check(text=["ab"]), ok("xy"), "check_failed", 'expected the text "ab" in the body'),
    (
        "no JSON",
        Check(has=["a"]),
        [b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n<a>"],
        "check_failed",
        "expected JSON, got 3 bytes (text/html)",
    ),
    ("in time", Check(within_s=2), ok(), None, ""),
    (
        "too late",
        Check(within_s=0.02),
        [0.05, *ok()],
        "check_failed",
        "expected an answer within 20 ms, it took",
    ),
    ("no answer", Check(), [CLOSE], "reset", "the server ended the kept connection"),
]


@pytest.fixture(scope="module")
def checked(live: Live) -> Mapping[str, Mapping[str, Any]]:
    """All checks in one process: a task each, in one flow."""
    flow = [get(f"/{at}", endpoint=name, check=check) for at, (name, check, *_) in enumerate(CHECKS)]
    told = live(user_type(*flow), lambda _, request: CHECKS[int(request.split()[1][1:])][2])
    return {end["endpoint"]: end for end in told.ends}


@pytest.mark.parametrize("name", [name for name, *_ in CHECKS])
def test_checks(name: str, checked: Mapping[str, Mapping[str, Any]]) -> None:
    _, _, _, error, message = next(row for row in CHECKS if row[0] == name)
    end = checked[name]
    assert end.get("error") == error
    assert end.get("message", "").startswith(message)


def test_a_failure_keeps_status_and_body_for_people(live: Live) -> None:
    [end] = live(user_type(get()), lambda _n, _r: ok({"detail": "busy"}, status=503)).ends
    assert (end["status"], end["body"]) == (503, '{"detail": "busy"}')


@pytest.mark.parametrize(
    ("declared", "error", "limited"),
    [({"per_s": 10, "by": "key"}, None, True), (None, "status_429", False)],
)
def test_a_429_is_expected_where_a_rate_limit_is_declared(
    live: Live, declared: Mapping[str, Json] | None, error: str | None, limited: bool
) -> None:
    [end] = live(user_type(get()), lambda _n, _r: ok(status=429), rate_limit=declared).ends
    assert (end.get("error"), end.get("rate_limited")) == (error, limited)


def test_of_an_expected_429_is_kept_what_its_headers_say_of_the_limit(live: Live) -> None:
    headers = "Retry-After: 3\r\nX-Other: 1\r\nX-RateLimit-Limit: 10\r\nRateLimit: limit=10, remaining=0\r\n"
    declared: Mapping[str, Json] = {"per_s": 10, "by": "key"}
    [end] = live(user_type(get()), lambda _n, _r: ok(status=429, headers=headers), rate_limit=declared).ends
    assert end["message"] == "retry-after: 3\nx-ratelimit-limit: 10\nratelimit: limit=10, remaining=0"


# -- what is sent ------------------------------------------------------------------------------------------------


def test_bodies(live: Live, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("file")
    told = live(
        user_type(
            post(
                Body(
                    kind="json",
                    json={"a": [1, 2.0, None, True, "ü"], "n": "{{ int('3') }}", "t": "u{{ user }}"},
                )
            ),
            post(Body(kind="json", json={})),
            post(Body(kind="form", fields={"a": "x y&z", "b": ["1", "{{ user }}"], "ü": "{{ row.name }}"})),
            post(Body(kind="raw", raw="id={{ user }}")),
            post(Body(kind="raw", raw="<a/>"), headers={"content-type": "text/xml"}),
            post(
                Body(kind="files", fields={"title": "{{ row.name }}"}, files={"doc": str(tmp_path / "a.txt")})
            ),
            data=[{"name": "Ann ö"}],
        )
    )
    *bodies, multipart = told.bodies
    assert bodies == [
        '{"a":[1,2,null,true,"ü"],"n":3,"t":"u0"}',
        "{}",
        "a=x+y%26z&b=1&b=0&%C3%BC=Ann+%C3%B6",
        "id=0",
        "<a/>",
    ]
    *kinds, multipart_kind = told.header("content-type")
    assert kinds == [
        "application/json",
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain; charset=utf-8",
        "text/xml",
    ]
    boundary = str(multipart_kind).removeprefix("multipart/form-data; boundary=")
    assert multipart.replace(boundary, "B").split("\r\n") == [
        "--B",
        'Content-Disposition: form-data; name="title"',
        "",
        "Ann ö",
        "--B",
        'Content-Disposition: form-data; name="doc"; filename="a.txt"',
        "Content-Type: text/plain",
        "",
        "file",
        "--B--",
        "",
    ]
    assert told.errors == [None] * 6


def test_values_in_a_url_are_percent_encoded_but_a_url_may_begin_with_one(live: Live) -> None:
    told = live(
        user_type(
            get("/next", capture={"next": "$.next", "cursor": "$.cursor"}),
            get("/items/{{ cursor }}?after={{ cursor }}", query={"q": "{{ cursor }}", "n": [1, 2]}),
            get("{{ next }}"),
        ),
        lambda _n, _request: ok({"next": "/a/b?c=d&e=f", "cursor": "a/b+c=&ü"}),
    )
    assert told.lines == [
        "GET /next",
        "GET /items/a%2Fb%2Bc%3D%26%C3%BC?after=a%2Fb%2Bc%3D%26%C3%BC&q=a%2Fb%2Bc%3D%26%C3%BC&n=1&n=2",
        "GET /a/b?c=d&e=f",
    ]


def test_a_header_is_left_out_until_its_variable_is_captured(live: Live) -> None:
    told = live(
        user_type(
            get("/a", headers={"x-kind": "own"}),
            get("/b", capture={"token": "$.token"}),
            get("/c"),
            headers={"Authorization": "Bearer {{ token }}", "X-Kind": "all"},
        ),
        lambda _n, _r: ok({"token": "t1"}),
    )
    assert told.header("authorization") == [None, None, "Bearer t1"]
    assert told.header("x-kind") == ["own", "all", "all"]


def test_cookies_belong_to_a_user(live: Live) -> None:
    told = live(
        user_type(get()),
        lambda n, _r: ok(headers=f"Set-Cookie: sid={n}\r\n"),
        [("turn", 0, None), ("turn", 1, None), ("turn", 0, None), ("turn", 1, None)],
    )
    assert told.header("cookie") == [None, None, "sid=0", "sid=1"]
    assert told.connections == 2


def test_user_k_gets_row_k_modulo_their_number(live: Live) -> None:
    rows = [{"name": "Ann"}, {"name": "Bob"}]
    told = live(
        user_type(get("/{{ row.name }}/{{ user }}", endpoint="GET /"), data=rows),
        acts=[("turn", k, None) for k in (0, 1, 2, 5)],
    )
    assert told.lines == ["GET /Ann/0", "GET /Bob/1", "GET /Ann/2", "GET /Bob/5"]


def test_user_types_follow_the_rotation(live: Live) -> None:
    types = [user_type(get("/a")), user_type(get("/b"))]
    told = live(types, acts=[("turn", k, None) for k in range(6)], rotation=[0, 1, 0])
    assert told.lines == [f"GET /{kind}" for kind in "abaaba"]


# -- flows -------------------------------------------------------------------------------------------------------


def test_start_steps_are_taken_once(live: Live) -> None:
    told = live(user_type(get("/task"), start=[get("/login"), get("/home")]), acts=[*TURN, *TURN])
    assert told.lines == ["GET /login", "GET /home", "GET /task", "GET /task"]


def test_start_steps_that_broke_are_taken_again_with_the_next_turn(live: Live) -> None:
    told = live(
        user_type(get("/task"), start=[get("/login", capture={"token": "$.token"})]),
        lambda n, _r: ok({"token": "t"} if n else {}),
        [*TURN, *TURN],
    )
    assert told.lines == ["GET /login", "GET /login", "GET /task"]
    assert told.errors == ["check_failed", None, None]
    assert told.calls[1] == {"call": "turn"}


def test_a_capture_that_finds_nothing_fails_the_request_and_ends_the_turn(live: Live) -> None:
    told = live(user_type(get("/a", capture={"id": "$.id"}), get("/b")), lambda _n, _r: ok({"id": None}))
    assert told.lines == ["GET /a"]
    assert told.errors == ["check_failed"]
    assert told.ends[0]["message"] == "capture id: $.id found nothing"


def test_a_failed_request_ends_the_turn_only_where_it_has_captures(live: Live) -> None:
    flow = [get("/a"), get("/b", capture={"id": "$.id"}), get("/c")]
    told = live(user_type(*flow), lambda _n, _r: ok(status=500))
    assert told.lines == ["GET /a", "GET /b"]


SOURCES = [
    ("$.a.b", "1"),
    ("$.list[1]", "y"),
    ("$.list[-1]", "z"),
    ("$['a']['b']", "1"),
    ("$.items[*].id", "[3,4]"),
    ("$.items[*].tags[*]", '["p","q"]'),
    ("$.none[*].id", "[]"),
    ("$.half", "2.5"),
    ("$.whole", "2"),
    ("header x-request-id", "r1"),
    ("cookie sid", "s1"),
    (r'regex "half": ([\d.]+)', "2.5"),
    (r"regex wh\w+", "whole"),
]
DOCUMENT: Json = {
    "a": {"b": 1},
    "list": ["x", "y", "z"],
    "items": [{"id": 3, "tags": ["p"]}, {"id": 4, "tags": ["q"]}, {}],
    "none": [],
    "half": 2.5,
    "whole": 2.0,
}


def test_what_captures_can_read(live: Live) -> None:
    capture = {f"v{at}": source for at, (source, _) in enumerate(SOURCES)}
    flow = [post(Body(kind="raw", raw=f"{{{{ {name} }}}}")) for name in capture]
    told = live(
        user_type(get("/", capture=capture), *flow),
        lambda _n, _r: ok(DOCUMENT, headers="X-Request-Id: r1\r\nSet-Cookie: sid=s1\r\n"),
    )
    assert told.bodies[1:] == [value for _, value in SOURCES]


def pages(_n: int, request: bytes) -> Sequence[Act]:
    """Three pages; the last has no next."""
    page = int(found[1]) if (found := re.search(rb"cursor=(\d)", request)) else 0
    return ok({"ids": [page * 10], **({"next": page + 1} if page < 2 else {})})


def test_while_ends_a_loop_when_its_variable_finds_nothing_more(live: Live) -> None:
    capture = {"cursor": "$.next", "ids": "$.ids"}
    loop = Repeat(
        9,
        [
            get("/list?cursor={{ cursor }}", endpoint="GET /list", capture=capture),
            Think(0.5, 0.5),
            get("/items/{{ random_choice(ids) }}", endpoint="GET /items/{id}"),
        ],
        while_="cursor",
    )
    told = live(user_type(get("/list", capture=capture), loop), pages)
    assert told.lines == [
        "GET /list",
        "GET /list?cursor=1",
        "GET /items/10",
        "GET /list?cursor=2",
        "GET /items/20",
    ]
    assert told.errors == [None] * 5
    assert [call["seconds"] for call in told.calls if call["call"] == "sleep"] == [0.5, 0.5]


@pytest.mark.parametrize(("value", "rounds"), [("", 0), ([], 0), ({}, 0), (0, 2), (False, 2), (" ", 2)])
def test_while_looks_for_what_is_empty(live: Live, value: Json, rounds: int) -> None:
    loop = Repeat(2, [get("/b")], while_="v")
    told = live(user_type(get("/a", capture={"v": "$.v"}), loop), lambda _n, _r: ok({"v": value}))
    assert told.lines == ["GET /a"] + ["GET /b"] * rounds


def test_a_length_of_ones_own_is_not_sent(live: Live) -> None:
    body = Body(kind="raw", raw="four")
    told = live(
        user_type(post(body, headers={"content-LENGTH": "9"}), headers={"Content-Length": "{{ user }}"})
    )
    assert told.header("Content-Length") == ["4"]


def test_repeat_goes_round_as_often_as_it_says(live: Live) -> None:
    assert live(user_type(Repeat(3, [get("/a"), get("/b")]))).lines == ["GET /a", "GET /b"] * 3


def test_no_request_begins_after_the_user_was_told_to_stop(live: Live) -> None:
    told = live(user_type(Repeat(9, [get("/a")])), acts=[*TURN, *TURN], requests_max=4)
    assert len(told.requests) == 4
    assert told.errors == [None] * 4


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (get("/{{ random_choice(row) }}", endpoint="E"), "random_choice needs a list"),
        (get("/{{ nothing }}", endpoint="E"), "nothing was not captured"),
        (get("/{{ row.age }}", endpoint="E"), "there is no .age in"),
        (
            get("/", endpoint="E", headers={"X": "{{ row.lines }}"}),
            "a header cannot hold a control character",
        ),
        (get("{{ row.name }}", endpoint="E"), "a URL begins with / or http, not with 'x'"),
    ],
)
def test_what_cannot_be_rendered_is_our_fault_and_sends_nothing(
    live: Live, request_: Request, message: str
) -> None:
    told = live(user_type(request_, get("/b"), data=[{"name": "x", "lines": "a\r\nb: c"}]))
    [fault] = told.faults
    assert fault.startswith(message)
    assert told.requests == []
    assert told.calls[-1] == {"call": "turn"}


def test_a_new_arrival_keeps_connections_and_nothing_else(live: Live) -> None:
    login = get("/login", capture={"token": "$.token"})
    user = user_type(
        get("/{{ user }}", endpoint="E"), start=[login], headers={"Authorization": "{{ token }}"}
    )
    told = live(
        user,
        lambda _n, _r: ok({"token": "t"}, headers="Set-Cookie: a=1\r\n"),
        [("turn", 0, None), ("become", 0, 7), ("turn", 0, None)],
    )
    assert told.lines == ["GET /login", "GET /0", "GET /login", "GET /7"]
    assert told.header("authorization") == [None, "t", None, "t"]
    assert told.header("cookie") == [None, "a=1", None, "a=1"]
    assert told.connections == 1


def test_what_is_taken_once_stays_with_the_place(live: Live) -> None:
    """Captures, cookies, and the account; what ordinary steps captured and set goes with the arrival."""
    login = get("/login/{{ row.name }}", capture={"token": "$.n"}, once=True)
    ordinary = get("/list", capture={"first": "$.n"})
    user = user_type(
        get("/{{ user }}/{{ row.name }}", endpoint="E"),
        start=[login, ordinary],
        headers={"X-Token": "{{ token }}", "X-First": "{{ first }}"},
        data=[{"name": "ann"}, {"name": "bob"}, {"name": "eve"}],
    )
    told = live(
        user,
        lambda n, _r: ok({"n": f"n{n}"}, headers=f"Set-Cookie: c{n}=1; Path=/\r\n"),
        [("become", 1, 5), ("turn", 1, None), ("become", 1, 9), ("turn", 1, None)],
    )
    assert told.lines == ["GET /login/bob", "GET /list", "GET /1/bob", "GET /list", "GET /1/bob"]
    assert told.header("x-token") == [None, "n0", "n0", "n0", "n0"]
    assert told.header("x-first") == [None, None, "n1", None, "n3"]
    assert told.header("cookie") == [None, "c0=1", "c0=1; c1=1", "c0=1", "c0=1; c3=1"]


def test_what_stays_with_the_place_has_its_latest_value(live: Live) -> None:
    """A session that the system renews or ends in a later answer."""
    sent = ["sid=1; Path=/", "sid=2; Path=/", "sid=; Path=/; Max-Age=0", "sid=4; Path=/"]
    again: Acts = [("turn", 0, None), ("become", 0, 1)]
    told = live(
        user_type(
            get("/{{ token }}", endpoint="E", capture={"token": "$.n"}),
            start=[get("/login", capture={"token": "$.n"}, once=True)],
        ),
        lambda n, _r: ok({"n": n}, headers=f"Set-Cookie: {sent[min(n, 3)]}\r\n"),
        [*again, *again, *again, *TURN],
    )
    assert told.lines == ["GET /login", "GET /0", "GET /1", "GET /2", "GET /3"]
    assert told.header("cookie") == [None, "sid=1", "sid=2", None, "sid=4"]


@pytest.mark.parametrize("captures", [{}, {"token": "$.token"}])
def test_a_once_step_that_failed_is_taken_by_the_next_arrival(
    live: Live, captures: Mapping[str, str]
) -> None:
    steps = [
        get("/before", once=True),
        get("/login", capture=captures, once=True),
        get("/each"),
        get("/after", once=True),
    ]
    failing = iter((ok({}, status=503), list[Act]([CLOSE])))

    def answer(_n: int, request: bytes) -> Sequence[Act]:
        return next(failing, ok({"token": "t"})) if b"/login" in request else ok({"token": "t"})

    again: Acts = [("turn", 0, None), ("become", 0, 1)]
    told = live(user_type(get("/task"), start=steps), answer, [*again, *again, *again, *TURN])
    rest = ["GET /each", "GET /task"]
    if captures:  # a request that captures ends the arrival when it fails
        first = ["GET /before", "GET /login", "GET /login"]
        assert told.lines == [*first, "GET /login", "GET /each", "GET /after", "GET /task", *rest]
    else:
        first = ["GET /before", "GET /login", "GET /each", "GET /after", "GET /task"]
        assert told.lines == [*first, "GET /login", *rest, "GET /login", *rest, *rest]


def test_a_flow_that_is_taken_once_is_taken_again_as_a_whole(live: Live) -> None:
    flow: list[Step] = [
        get("/form", capture={"csrf": "$.n"}),
        get("/login/{{ csrf }}", endpoint="L"),
        Think(0.1, 0.2),
    ]
    statuses = [200, 429, 200, 200, 200]
    told = live(
        user_type(get("/task"), start=[Repeat(1, flow, once=True), Think(0.3, 0.4, once=True)]),
        lambda n, _r: ok({"n": n}, status=statuses[min(n, 4)]),
        [("turn", 0, None), ("become", 0, 1), ("turn", 0, None), ("become", 0, 2), ("turn", 0, None)],
        rate_limit={"per_s": 1, "by": "key"},
    )
    assert told.lines == [
        *("GET /form", "GET /login/0", "GET /task"),
        *("GET /form", "GET /login/3", "GET /task", "GET /task"),
    ]
    pauses = [call["seconds"] for call in told.calls if call["call"] == "sleep"]
    assert [0.1 <= pause < 0.2 for pause in pauses] == [True, False, True], pauses


def test_an_arrival_draws_the_same_whether_its_place_is_new_or_not(live: Live) -> None:
    draw = get("/{{ random_int(0, 1000000) }}", endpoint="T")
    login = get("/login/{{ random_int(0, 1000000) }}", endpoint="L", once=True)
    user = user_type(draw, start=[login])
    old = live(user, acts=[("turn", 0, None), ("become", 0, 7), ("turn", 0, None)])
    new = live(user, acts=[("become", 3, 7), ("turn", 3, None)])
    arrival = Stream(hash32(1, 7))
    arrival.weighted_index([1])  # its task
    assert old.lines[-1] == new.lines[-1] == f"GET /{arrival.random_int(0, 1000000)}"
    assert [old.lines[0], new.lines[0]] == [
        f"GET /login/{Stream(hash32(1, -1 - place)).random_int(0, 1000000)}" for place in (0, 3)
    ]


# -- chance ------------------------------------------------------------------------------------------------------

CHANCE = user_type(
    tasks=[
        Task("a", 3, [get("/a/{{ random_int(1, 1000) }}", endpoint="A")]),
        Task(
            "b",
            1,
            [
                Think(0.1, 0.9),
                post(Body(kind="json", json={"f": "{{ random_floats(2) }}", "i": "{{ uuid() }}"})),
            ],
        ),
    ]
)


def test_the_same_seed_sends_the_same_requests(live: Live) -> None:
    acts: Acts = [("turn", k, None) for _ in range(10) for k in (0, 3)]
    first, again, other = (live(CHANCE, acts=acts, seed=seed) for seed in (1, 1, 2))
    sent = [(told.lines, told.bodies) for told in (first, again, other)]
    assert sent[0] == sent[1] != sent[2]


def test_a_user_draws_in_the_order_that_every_engine_follows(live: Live) -> None:
    told = live(CHANCE, acts=[("turn", 4, None)] * 20, seed=9)
    stream = Stream(hash32(9, 4))
    expected: list[object] = []
    for _ in range(20):
        if stream.weighted_index([3, 1]) == 0:
            expected.append(f"GET /a/{stream.random_int(1, 1000)}")
        else:
            expected.append(0.1 + (0.9 - 0.1) * (stream.next() / 2**32))
            expected.append(
                json.dumps({"f": stream.random_floats(2), "i": stream.uuid()}, separators=(",", ":"))
            )
    pauses = iter([call["seconds"] for call in told.calls if call["call"] == "sleep"])
    seen: list[object] = []
    for line, body in zip(told.lines, told.bodies, strict=True):
        seen += [line] if line.startswith("GET") else [next(pauses), body]
    assert seen == expected


def test_tasks_are_chosen_by_weight(live: Live) -> None:
    ends = live(replace(CHANCE, think=None), acts=[("turn", 0, None)] * 400).ends
    count = Counter(end["endpoint"] for end in ends)
    assert 260 <= count["A"] <= 340
