"""The recorder, on both engines: a request belongs to the second in which it ended, and is never lost or leaked."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.engines.locust.inside.recorder.recorder import Recorder
from loadctl.engines.redaction import Redaction, credentials, values_of
from loadctl.results.histogram import Histogram, bucket_of
from loadctl.results.interval import Second
from loadctl.results.wire import frame
from tests.engines.scripted import Runtime
from tests.spellings import SECRET, SPELLINGS

VECTORS = Path(__file__).parents[1] / "results" / "histogram-vectors.json"


class Tape:
    """A recorder on a clock of our own. `tell` carries a command out and returns the lines that it wrote."""

    def __init__(self, tell: Callable[..., list[str]], **options: Any) -> None:
        self._tell = tell
        self._now = 100.0
        self._tokens = 0
        self.lines: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self.do("new", now=self._now, **options)

    def do(self, command: str, **given: Any) -> None:
        for line in self._tell(command, **given):
            assert line.endswith("\n")
            assert frame.parse(line) is not None, line
            self.raw.append(line)
            self.lines.append(json.loads(line))

    @property
    def now(self) -> float:
        return self._now

    @now.setter
    def now(self, now: float) -> None:
        self._now = now
        self.do("clock", now=now)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["kind"] == kind]

    def begin(self, endpoint: str) -> int:
        self._tokens += 1
        self.do("begin", token=self._tokens, endpoint=endpoint)
        return self._tokens

    def request(self, endpoint: str = "GET /", *, us: int = 1000, **outcome: Any) -> None:
        if "body" in outcome:
            outcome["body"] = base64.b64encode(outcome["body"]).decode()
        self.do("end", token=self.begin(endpoint), us=us, **outcome)


class InPython:
    """The recorder of Locust's process."""

    def _keep(self, line: str) -> None:
        self._written.append(line)

    def __call__(self, command: str, **given: Any) -> list[str]:
        self._written: list[str]
        if command == "new":
            self._now, self._tokens = given["now"], dict[int, Any]()
            redact = Redaction(given["secrets"]) if "secrets" in given else str
            names = given.get("redact_names", False)
            self._recorder = Recorder(
                self._keep,
                redact=redact,
                redact_names=names,
                secret_variables=given.get("secret_variables", ()),
                clock=lambda: self._now,
            )
        self._written = []
        token = given.pop("token", None)
        if command == "clock":
            self._now = given["now"]
        elif command == "begin":
            self._tokens[token] = self._recorder.begin(given["endpoint"])
        elif command in {"end", "end_untimed", "abandon", "rename"}:
            if "body" in given:
                given["body"] = base64.b64decode(given["body"])
            if known := given.pop("known", None):
                headers = given.pop("headers", ())
                given["held"] = lambda names: [*values_of(names, known), *credentials(headers)]
            getattr(self._recorder, command)(self._tokens[token], **given)
        elif command == "gauges":
            for name, value in given.items():
                setattr(self._recorder, name, value)
        elif command != "new":
            getattr(self._recorder, command)(**given)
        return self._written


class InJavaScript:
    """The recorder of Artillery's process, in one that does nothing else."""

    def __init__(self, node: Path) -> None:
        script = Path(__file__).with_name("run_recorder.mjs")
        self.process = subprocess.Popen(
            [str(node), str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, command: str, **given: Any) -> list[str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"command": command, **given}) + "\n")
        self.process.stdin.flush()
        written: list[str] = json.loads(self.process.stdout.readline())
        return written


Start = Callable[..., Tape]


@pytest.fixture(scope="module")
def started(runtime: Runtime) -> Iterator[Start]:
    """Makes recorders that have begun."""
    tell = InJavaScript(runtime.artillery.node) if runtime.artillery else InPython()
    yield partial(_start, tell)
    if isinstance(tell, InJavaScript):
        with tell.process as process:
            process.terminate()


def _start(tell: InPython | InJavaScript, **options: Any) -> Tape:
    tape = Tape(tell, **options)
    tape.do("start", t0=tape.now)
    return tape


def test_buckets_are_those_of_the_shared_vectors(started: Start) -> None:
    for us, bucket, _ in json.loads(VECTORS.read_text()):
        tape = started()
        tape.request(us=us)
        tape.request(us=us, error="timeout", ttfb_us=us)
        tape.now += 1
        tape.do("write_frames")
        (line,) = tape.of("frame")
        for name in ("ok", "failed", "ttfb"):
            cell = line["cells"]["GET /"][name]
            assert cell == {"n": 1, "sum_us": us, "min_us": us, "max_us": us, "h": {str(bucket): 1}}


@given(st.lists(st.integers(0, 3_600_000_000), min_size=1))
def test_what_is_recorded_is_what_the_results_read(started: Start, values: list[int]) -> None:
    tape = started()
    for us in values:
        tape.request(us=us)
    tape.now += 1
    tape.do("write_frames")
    second = frame.parse(tape.raw[0])
    assert isinstance(second, Second)
    assert second.cells["GET /"].ok == Histogram.of(values)
    assert set(second.cells["GET /"].ok.buckets) == {bucket_of(us) for us in values}


def test_there_is_a_frame_for_every_second_also_for_empty_ones(started: Start) -> None:
    tape = started()
    tape.request()
    tape.now += 3.5
    tape.request()
    tape.do("write_frames")
    assert [line["t"] for line in tape.of("frame")] == [0, 1, 2]
    assert [bool(line["cells"]) for line in tape.of("frame")] == [True, False, False]
    tape.do("bye")
    assert [line["t"] for line in tape.of("frame")] == [0, 1, 2, 3]


def test_a_request_belongs_to_the_second_in_which_it_ended_however_late_the_timer_is(started: Start) -> None:
    tape = started()
    token = tape.begin("GET /slow")
    tape.now += 1.7
    tape.do("end", token=token, us=1_700_000)
    tape.do("bye")
    first, second = tape.of("frame")
    assert first["cells"] == {"GET /slow": {"in_flight": 1}}
    assert second["cells"]["GET /slow"]["ok"]["n"] == 1


def test_nothing_is_written_for_a_last_part_of_a_second_in_which_nothing_was(started: Start) -> None:
    tape = started()
    tape.now += 1.01
    tape.do("bye")
    assert [line["t"] for line in tape.of("frame")] == [0]


def test_outcomes_go_to_their_own_places(started: Start) -> None:
    tape = started()
    tape.request(us=10, size=100)
    tape.request(us=20, error="status_500", size=7, status=500, message="no", body=b"oops")
    tape.request(us=30, rate_limited=True, status=429, message="retry-after: 1")
    tape.request(us=40, error="generator", message="no ports left")
    tape.do("turn")
    tape.do("fault", message="ValueError: x")
    tape.do("bye")
    line = tape.of("frame")[0]
    cell = line["cells"]["GET /"]
    assert cell["ok"]["sum_us"] == 10
    assert cell["failed"]["sum_us"] == 20
    assert cell["errors"] == {"status_500": 1}
    assert (cell["rate_limited"], cell["bytes"], cell["in_flight"]) == (1, 107, 0)
    assert (line["turns"], line["faults"]) == (1, 2)
    totals = tape.of("bye")[0]["totals"]
    assert (totals["started"], totals["completed"], totals["failed"], totals["rate_limited"]) == (3, 3, 1, 1)
    examples = [(e["endpoint"], e["class"], e["message"], e["body"]) for e in tape.of("example")]
    assert examples == [
        ("GET /", "status_500", "no", "oops"),
        ("GET /", "rate_limited", "retry-after: 1", ""),
        ("GET /", "generator", "no ports left", ""),
        ("(script)", "generator", "ValueError: x", ""),
    ]


def test_a_success_whose_latency_nobody_knows_is_counted_and_no_percentile_is_told() -> None:
    """Only clients in a locustfile have such."""
    tape = _start(InPython())
    for _ in range(300):
        tape.request(us=1000)
    tape.do("end_untimed", token=tape.begin("GET /"), ttfb_us=700, size=9)
    tape.do("bye")
    second = frame.parse(tape.raw[0])
    assert isinstance(second, Second)
    cell = second.cells["GET /"]
    assert (cell.completed, cell.ok.count, cell.ok.untimed, cell.in_flight, cell.bytes) == (301, 301, 1, 0, 9)
    assert (cell.ttfb.count, cell.ttfb.sum_us) == (1, 700)
    assert (cell.ok.quantile_us(0.5), cell.ok.nearest_rank_us(0.5), cell.ok.mean_us) == (None, None, None)
    assert tape.of("bye")[0]["totals"]["completed"] == 301


def test_bye_tells_what_is_unfinished_with_ages_and_started_is_completed_plus_unfinished(
    started: Start,
) -> None:
    tape = started()
    tape.request()
    tape.begin("GET /hang")
    tape.now += 0.5
    tape.begin("GET /hang")
    forgotten = tape.begin("GET /gone")
    tape.do("abandon", token=forgotten)
    tape.now += 0.25
    tape.do("bye")
    bye = tape.of("bye")[0]
    assert bye["unfinished"] == {"GET /hang": [750.0, 250.0]}
    assert bye["totals"]["started"] == 3
    assert bye["totals"]["completed"] == 1


def test_a_request_that_is_renamed_belongs_to_its_new_endpoint() -> None:
    """Only clients in a locustfile rename."""
    tape = _start(InPython())
    tape.do("rename", token=tape.begin("GET /old"), endpoint="GET /new")
    tape.now += 0.25
    tape.do("bye")
    assert tape.of("bye")[0]["unfinished"] == {"GET /new": [250.0]}


def test_arrivals_are_begun_or_dropped(started: Start) -> None:
    tape = started()
    tape.do("planned", late_us=300)
    tape.do("planned", late_us=None)
    tape.do("bye")
    line = tape.of("frame")[0]
    assert (line["planned"], line["begun"], line["dropped"]) == (2, 1, 1)
    assert line["late"]["sum_us"] == 300


def test_gauges_are_what_they_were_when_the_second_ended(started: Start) -> None:
    tape = started()
    tape.do("gauges", users=4, leaving=1)
    tape.now += 1
    tape.do("write_frames")
    tape.do("gauges", users=5, leaving=0)
    tape.now += 1
    tape.do("write_frames")
    first, second = map(frame.parse, tape.raw)
    assert isinstance(first, Second)
    assert isinstance(second, Second)
    assert (first.users, first.leaving) == (4, 1)
    assert (second.users, second.leaving) == (5, 0)


def test_users_of_a_locustfile_that_have_ended_are_a_gauge_too() -> None:
    tape = _start(InPython())
    for ended in (2, 0):
        tape.do("gauges", ended=ended)
        tape.now += 1
        tape.do("write_frames")
    first, second = map(frame.parse, tape.raw)
    assert isinstance(first, Second)
    assert isinstance(second, Second)
    assert (first.ended, second.ended) == (2, 0)


def test_endpoint_names_and_error_classes_are_capped_and_said_so_once(started: Start) -> None:
    tape = started()
    for n in range(700):
        tape.request(f"GET /{n}")
        tape.request("GET /0", error=f"status_{n}")
    tape.do("bye")
    cells = tape.of("frame")[0]["cells"]
    assert len(cells) == 501
    assert cells["(other)"]["ok"]["n"] == 200
    assert len(cells["GET /0"]["errors"]) == 101
    assert cells["GET /0"]["errors"]["other"] == 600
    assert sum(cell["ok"]["n"] for cell in cells.values()) == 700
    notes = [line["message"] for line in tape.of("note")]
    assert len(notes) == 2
    assert "more than 500 endpoint names" in notes[0] or "more than 500 endpoint names" in notes[1]


def test_names_and_notes_without_end_fill_neither_lines_nor_memory(started: Start) -> None:
    """500 names of 100 kB in a frame were more than a line may be: the reader threw the second away."""
    tape = started()
    for n in range(300):
        tape.request(f"GET /{n}/{'é' * 100_000}")
        tape.do("note", message=f"note {n} {'x' * 5000}")
    tape.request("GET /0/" + "é" * 100_000, error="reset", message="m" * 1_000_000, body=b"b" * 1_000_000)
    tape.do("bye")
    cells = tape.of("frame")[0]["cells"]
    assert len(cells) == 300
    assert {len(name) for name in cells} == {500}
    assert sum(cell["ok"]["n"] for cell in cells.values()) == 300
    assert cells["GET /0/" + "é" * 492 + "…"]["errors"] == {"reset": 1}
    notes = [line["message"] for line in tape.of("note")]
    assert (len(notes), max(map(len, notes))) == (100, 1024)
    assert "endpoint names are cut after 500 characters" in notes
    assert max(map(len, tape.raw)) < 1 << 20


def test_a_name_that_means_something_to_the_language_is_a_name(started: Start) -> None:
    tape = started()
    for name in ("__proto__", "constructor", "toString"):
        tape.request(name, error=name)
    tape.begin("__proto__")
    tape.do("bye")
    frame_line, bye = tape.of("frame")[0], tape.of("bye")[0]
    assert list(frame_line["cells"]) == ["__proto__", "constructor", "toString"]
    assert [cell["errors"] for cell in frame_line["cells"].values()] == [
        {name: 1} for name in frame_line["cells"]
    ]
    assert list(bye["unfinished"]) == ["__proto__"]


def test_three_examples_for_each_endpoint_and_class(started: Start) -> None:
    tape = started()
    for _ in range(5):
        tape.request("GET /a", error="reset")
        tape.request("GET /b", error="reset")
    assert len(tape.of("example")) == 6


def test_secrets_and_credential_headers_never_reach_the_file(started: Start) -> None:
    secret = 'p"ss wörd/'
    tape = started(secrets=[secret, ""], redact_names=True)
    body = json.dumps({"Authorization": "Bearer abc.def", "Cookie": "sid=1", "echo": secret}).encode()
    raw = b"GET / HTTP/1.1\r\nauthorization: Basic Zm9v\r\nSet-Cookie: a=b; c=d\r\n"
    tape.request("GET /hook/p%22ss%20w%C3%B6rd%2F", error="reset", message=f"{secret} refused", body=body)
    tape.request(error="reset", body=raw + b"x" * 1020 + secret.encode())
    named = {
        "password": "pa ss",
        "x-api-key": "kkk",
        "again": json.dumps({"access_token": "ttt"}),
        "token": None,
    }
    tape.request(
        "GET /b", error="reset", body=json.dumps(named).encode(), message="/?api_key=qqq&a=1 said no"
    )
    tape.request(
        "GET /c",
        error="reset",
        body=b"X-Token: zzz\r\nUnexpected token } in JSON",
        message="a+p%22ss+w%C3%B6rd%2F",
    )
    tape.do("note", message=f"it was {secret}")
    tape.do("bye")
    text = "".join(tape.raw)
    for leak in ("p%22ss", "ss w", "abc.def", "sid=1", "Zm9v", "c=d", "pa ss", "kkk", "ttt", "qqq", "zzz"):
        assert leak not in text
    assert "Unexpected token } in JSON" in text
    assert tape.of("example")[0]["endpoint"] == "GET /hook/***"
    assert all(len(example["body"].encode()) <= 1024 for example in tape.of("example"))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_known_in_every_spelling(started: Start, spelling: str) -> None:
    tape = started(secrets=[SECRET])
    tape.request(error="reset", message=f"it said <{spelling}>")
    tape.do("bye")
    assert tape.of("example")[0]["message"] == "it said <***>"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_of_any_length_is_known(started: Start, spelling: str) -> None:
    middle = "x" * 20_000
    tape = started(secrets=[SECRET + middle + SECRET])
    tape.request(error="reset", message=f"it said <{spelling}{middle}{spelling}>")
    tape.do("bye")
    assert tape.of("example")[0]["message"] == "it said <***>"


def test_what_a_user_captured_or_read_under_the_name_of_a_secret_is_hidden(started: Start) -> None:
    tape = started(secrets=["other"], secret_variables=["token", "pin"])
    known = {"token": "abc/def", "id": "order-7", "row": {"pin": "9876", "user": "bob"}, "user": 3}
    body = b'{"echo": ["abc%2Fdef", "9876", "bob", "order-7"]}'
    tape.request(error="status_500", message="no abc/def for bob", body=body, known=known)
    tape.request("GET /2", error="reset", message="abc/def and other", known=None)
    tape.do("bye")
    first, second = tape.of("example")
    assert first["message"] == "no *** for bob"
    assert first["body"] == '{"echo": ["***", "***", "bob", "order-7"]}'
    assert second["message"] == "abc/def and ***"


def test_what_headers_hold_whose_names_say_so_is_hidden(started: Start) -> None:
    tape = started()
    headers = [
        ("Authorization", "Bearer eyJ.abc"),
        ("Cookie", 'sid=c1c1; theme="d2d2"'),
        ("set-cookie", "sid=e3e3; Path=/shop; SameSite=Strict"),
        ("X-Session", "f4f4"),
        ("Accept", "text/html"),
    ]
    said = b'["eyJ.abc", "c1c1", "d2d2", "e3e3", "f4f4", "/shop", "Strict", "text/html"]'
    tape.request(error="status_500", message="eyJ%2eabc", body=said, known={"user": 1}, headers=headers)
    tape.do("bye")
    (example,) = tape.of("example")
    assert example["message"] == "***"
    assert json.loads(example["body"]) == ["***"] * 5 + ["/shop", "Strict", "text/html"]
