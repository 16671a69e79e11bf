"""What one request of a locustfile counts as: every task once, under the recorder and under Locust alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loadctl.results.interval import Interval, Second
from loadctl.results.wire import frame
from tests.engines.scripted import CLOSE, RESET, Act, Server

HEAD = b"HTTP/1.1 200 OK\r\n"
BODY_S = 0.2


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


STREAMS: dict[str, Sequence[Act]] = {
    "chunks": (
        HEAD + b"transfer-encoding: chunked\r\n\r\n",
        chunk(b"a\n"),
        BODY_S,
        chunk(b"b\n"),
        b"0\r\n\r\n",
    ),
    "events": (
        HEAD + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        chunk(b"data: a\n\n"),
        BODY_S,
        chunk(b"data: [DONE]\n\n"),
        0.3,
        b"0\r\n\r\n",
    ),
    "length": (HEAD + b"content-length: 10\r\n\r\n", b"hello", BODY_S, b"world"),
    "close": (HEAD + b"connection: close\r\n\r\n", b"hello", BODY_S, b"world", CLOSE),
    "cut-length": (HEAD + b"content-length: 10\r\n\r\n", b"hello", BODY_S, CLOSE),
    "cut-chunks": (HEAD + b"transfer-encoding: chunked\r\n\r\n", chunk(b"a\n"), BODY_S, CLOSE),
    "reset": (HEAD + b"content-length: 10\r\n\r\n", b"hello", BODY_S, RESET),
}


def answer(_: int, request: bytes) -> Sequence[Act]:
    """/stream/KIND/… or /status/NNN/…; anything else is answered at once."""
    verb, what = [*request.split(b" ")[1].decode().split("/"), ""][1:3]
    if verb == "stream":
        return STREAMS[what]
    status = what.encode() if verb == "status" else b"200"
    return [b"HTTP/1.1 " + status + b" X\r\ncontent-length: 2\r\nlocation: /status/301\r\n\r\nok"]


@dataclass
class Told:
    """What one run said; `cells` of all its seconds together."""

    cells: dict[str, Interval]
    stats: dict[str, dict[str, Any]]
    errors: list[list[Any]]
    raised: dict[str, str]
    examples: dict[str, tuple[str, str]]
    """Class and message by endpoint."""
    unfinished: dict[str, list[float]]
    answered: int

    @property
    def total(self) -> dict[str, Any]:
        return self.stats["Aggregated"]

    def counts(self) -> dict[str, tuple[int, int]]:
        """Requests and failures by endpoint."""
        return {name: (cell.completed, cell.failed.count) for name, cell in self.cells.items()}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(answer) as server:
        yield server


def run(server: Server, script: str, *, bare: bool = False, rate_limited: bool = False) -> Told:
    given = {"script": script, "host": server.url, "bare": bare, "rate_limited": rate_limited}
    before = len(server.requests)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("run_sessions.py"))],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    cells: dict[str, Interval] = {}
    for line in told["lines"]:
        found = frame.parse(json.dumps(line))
        assert found is not None, line
        if isinstance(found, Second):
            for endpoint, cell in found.cells.items():
                cells.setdefault(endpoint, Interval()).merge(cell)
    return Told(
        cells=cells,
        stats={entry["name"]: entry for entry in told["stats"]},
        errors=told["errors"],
        raised=told["raised"],
        examples={
            line["endpoint"]: (line["class"], line["message"])
            for line in told["lines"]
            if line["kind"] == "example"
        },
        unfinished=told["lines"][-1]["unfinished"] if told["lines"] else {},
        answered=len(server.requests) - before,
    )


def both(text: str) -> str:
    """The same tasks for HttpUser and FastHttpUser."""
    tasks = text.replace("\n", "\n    ")
    return f"import gevent\nclass Plain(HttpUser):\n    {tasks}\nclass Fast(FastHttpUser):\n    {tasks}\n"


CAUGHT = both("""
@task
def forgets(self):
    self.client.get("/status/500", name="forgets", catch_response=True)
@task
def forgets_a_good_one(self):
    self.client.get("/", name="forgets a good one", catch_response=True)
@task
def forgets_for_ever(self):
    for _ in range(130):
        self.client.get("/", name="for ever", catch_response=True)
@task
def raises(self):
    with self.client.get("/status/500", name="raises", catch_response=True):
        raise KeyError("mine")
@task
def raises_on_a_good_one(self):
    with self.client.get("/", name="raises on a good one", catch_response=True) as r:
        r.no_such_field["a"]
@task
def asserts(self):
    with self.client.get("/status/404", name="asserts", catch_response=True) as r:
        assert r.status_code == 200
@task
def reschedules(self):
    with self.client.get("/", name="reschedules", catch_response=True):
        from locust.exception import RescheduleTask
        raise RescheduleTask
@task
def raises_inside(self):
    try:
        with self.client.get("/status/503", name="raises inside", catch_response=True):
            raise KeyError("mine")
    except KeyError:
        pass
    gevent.sleep(1.1)
@task
def elsewhere(self):
    gevent.spawn(self.client.get, "/status/502", name="elsewhere", catch_response=True).join()
""")


def test_a_response_that_the_script_never_judges_is_counted_by_its_status(server: Server) -> None:
    """Locust alone reports none of these, and the server has answered them all."""
    told = run(server, CAUGHT)
    assert told.counts() == {
        "GET forgets": (2, 2),
        "GET forgets a good one": (2, 0),
        "GET for ever": (260, 0),
        "GET raises": (2, 2),
        "GET raises on a good one": (2, 0),
        "GET asserts": (2, 2),
        "GET reschedules": (2, 0),
        "GET raises inside": (2, 2),
        "GET elsewhere": (2, 2),
    }
    assert sum(cell.completed for cell in told.cells.values()) == told.answered == told.total["num_requests"]
    assert told.total["num_failures"] == 10
    assert told.cells["GET forgets"].errors == {"status_500": 2}
    assert told.cells["GET asserts"].errors == {"status_404": 2}
    assert told.cells["GET raises inside"].in_flight == 0, (
        "it is counted when the block ends, not with the task"
    )
    assert told.raised == {
        "raises": "KeyError",
        "raises_on_a_good_one": "AttributeError",
        "asserts": "AssertionError",
        "reschedules": "RescheduleTask",
    }, "the fault stands beside it"
    assert not told.unfinished


JUDGED = both("""
@task
def saves(self):
    with self.client.get("/status/500", name="saves", catch_response=True) as r:
        r.success()
@task
def condemns(self):
    with self.client.get("/", name="condemns", catch_response=True) as r:
        r.failure("no balance")
@task
def saves_and_raises(self):
    with self.client.get("/status/500", name="saves and raises", catch_response=True) as r:
        r.success()
        raise KeyError("mine")
@task
def condemns_and_raises(self):
    with self.client.get("/", name="condemns and raises", catch_response=True) as r:
        r.failure("no balance")
        raise KeyError("mine")
@task
def later(self):
    r = self.client.get("/status/404", name="later", catch_response=True)
    self.client.get("/", name="between")
    with r:
        r.success()
@task
def side_by_side(self):
    gevent.joinall([gevent.spawn(self.client.get, "/", name="side by side") for _ in range(3)])
@task
def renames(self):
    with self.client.get("/", name="old", catch_response=True) as r:
        r.request_meta["name"] = "new"
        r.request_meta["response_time"] = 77
@task
def silent(self):
    import copy
    from locust.event import EventHook
    quiet = copy.copy(self.client)
    quiet.request_event = EventHook()
    quiet.get("/", name="silent")
""")
NESTED = """
class Nested(HttpUser):
    @task
    def asks_for_a_token_inside(self):
        def sign(request):
            self.client.get("/", name="token")
            return request
        self.client.get("/", name="signed", auth=sign)
"""
EVENTS = """
class Own(User):
    def fire(self, name, **more):
        given = {"request_type": "grpc", "name": name, "response_time": 5, "response_length": 3} | more
        self.environment.events.request.fire(**given)
    @task
    def failures(self):
        self.fire("text", exception="quota exceeded")
        self.fire("number", exception=7)
        self.fire("true", exception=True)
        self.fire("class", exception=ValueError)
        self.fire("dict", exception={"code": 7})
        self.fire("exception", exception=ConnectionResetError("gone"))
        self.fire("no time", exception="lost", response_time=None)
    @task
    def successes(self):
        self.fire("empty", exception="")
        self.fire("zero", exception=0)
        self.fire("false", exception=False)
        self.fire("empty dict", exception={})
        self.fire("empty list", exception=[])
        self.fire("none", exception=None)
        self.fire("not given")
    @task
    def times(self):
        self.fire("one way", response_time=None)
        self.fire("negative", response_time=-5.5)
        self.fire("float", response_time=1.25)
        self.fire("at once", response_time=0)
        self.fire("empty answer", response_length=0)
        self.fire("more fields", context={"a": 1}, url="x", start_time=3.0)
    @task
    def measured(self):
        import gevent
        with self.environment.events.request.measure("grpc", "measured") as meta:
            gevent.sleep(0.05)
            meta["response_length"] = 9
        with self.environment.events.request.measure("grpc", "measured failure"):
            raise TimeoutError("late")
        with self.environment.events.request.measure("grpc", "judged") as meta:
            meta["exception"] = "too few rows"
"""
TOLD_ALIKE = ("num_requests", "num_failures", "num_none_requests", "total_content_length", "fail_ratio")


@pytest.mark.parametrize("script", [JUDGED, NESTED, EVENTS], ids=["judged", "nested", "events"])
def test_what_locust_counts_is_counted_alike(server: Server, script: str) -> None:
    ours, bare = run(server, script), run(server, script, bare=True)
    assert ours.stats.keys() == bare.stats.keys()
    for name, entry in bare.stats.items():
        assert {key: ours.stats[name][key] for key in TOLD_ALIKE} == {
            key: entry[key] for key in TOLD_ALIKE
        }, name
        assert ours.stats[name]["per_second"] == entry["num_requests"]
        assert ours.stats[name]["failed_per_second"] == entry["num_failures"]
    assert ours.errors == bare.errors
    assert ours.answered == bare.answered
    completed = sum(cell.completed for cell in ours.cells.values())
    failed = sum(cell.failed.count for cell in ours.cells.values())
    assert (completed, failed) == (bare.total["num_requests"], bare.total["num_failures"])
    assert not ours.unfinished


def test_an_exception_of_an_event_is_what_python_calls_true(server: Server) -> None:
    told = run(server, EVENTS)
    assert told.examples == {
        "grpc text": ("other", "quota exceeded"),
        "grpc number": ("other", "7"),
        "grpc true": ("other", "True"),
        "grpc class": ("other", "<class 'ValueError'>"),
        "grpc dict": ("other", "{'code': 7}"),
        "grpc exception": ("reset", "gone"),
        "grpc no time": ("other", "lost"),
        "grpc measured failure": ("timeout", "late"),
        "grpc judged": ("other", "too few rows"),
    }
    assert (told.cells["grpc one way"].completed, told.cells["grpc one way"].ok.untimed) == (1, 1)
    assert told.cells["grpc negative"].ok.max_us == 0
    assert told.cells["grpc float"].ok.max_us == 1250
    assert (told.cells["grpc measured"].ok.min_us or 0) >= 50_000


STREAMED = (
    both("""
@task
def block(self):
    for kind in ("chunks", "length", "close"):
        with self.client.get(f"/stream/{kind}/block", stream=True, catch_response=True) as r:
            assert r.text
        with self.client.get(f"/stream/{kind}/chunks", stream=True, catch_response=True) as r:
            list(r.iter_content())
@task
def afterwards(self):
    self.client.get("/stream/length/afterwards", stream=True).content
@task
def condemned(self):
    with self.client.get("/stream/length/condemned", stream=True, catch_response=True) as r:
        r.text
        r.failure("wrong answer")
@task
def done(self):
    with self.client.get("/stream/events/done", stream=True, catch_response=True) as r:
        for part in r.iter_content(None if type(self).__name__ == "Plain" else 1024):
            if "[DONE]" in (part if isinstance(part, str) else part.decode()):
                break
@task
def at_once(self):
    with self.client.get("/at-once", stream=True, catch_response=True) as r:
        r.content
""")
    + """
    @task
    def lines(self):
        list(self.client.iter_lines("/stream/chunks/lines"))
    @task
    def reads_the_stream(self):
        with self.client.get("/stream/chunks/stream", stream=True, catch_response=True) as r:
            while r.stream.readline(b"\\n"):
                pass
class Raw(HttpUser):
    @task
    def lines(self):
        with self.client.get("/stream/chunks/lines", stream=True, catch_response=True) as r:
            list(r.iter_lines())
    @task
    def raw(self):
        for name, read in (("raw", "read"), ("raw1", "read1"), ("rawstream", "stream")):
            for kind in ("chunks", "length", "close"):
                with self.client.get(f"/stream/{kind}/{name}", stream=True, catch_response=True) as r:
                    if read == "stream":
                        list(r.raw.stream(3))
                    else:
                        while getattr(r.raw, read)(3):
                            pass
    @task
    def in_an_except_block(self):
        try:
            raise KeyError
        except KeyError:
            with self.client.get("/stream/length/except", stream=True, catch_response=True) as r:
                r.content
    @task
    def streams_by_the_session(self):
        self.client.stream = True
        self.client.get("/stream/length/session")
"""
)


def test_a_streamed_body_ends_where_the_script_reads_its_end(server: Server) -> None:
    told = run(server, STREAMED)
    assert not told.raised
    at_once, condemned = told.cells.pop("GET /at-once"), told.cells.pop("GET /stream/length/condemned")
    for name, cell in told.cells.items():
        assert (cell.ok.untimed, cell.failed.count) == (0, 0), name
        assert (cell.ok.min_us or 0) >= BODY_S * 1e6, name
        if not name.endswith("session"):
            assert cell.ttfb.count == cell.ok.count, name
            assert (cell.ttfb.min_us or 0) < BODY_S * 1e6, name
    assert condemned.errors == {"check_failed": 2}
    assert (condemned.failed.min_us or 0) >= BODY_S * 1e6
    assert (at_once.ok.count, at_once.ok.untimed) == (2, 0)
    assert told.cells["GET /stream/events/done"].ok.count == 2
    assert told.answered == told.total["num_requests"]
    assert not told.unfinished


UNSEEN = (
    both("""
@task
def leaves_it(self):
    with self.client.get("/stream/length/left", stream=True, catch_response=True):
        pass
@task
def never_looks(self):
    self.client.get("/stream/chunks/never", stream=True)
@task
def the_first_part_only(self):
    with self.client.get("/stream/chunks/part", stream=True, catch_response=True) as r:
        next(iter(r.iter_content(1)))
@task
def times_it(self):
    with self.client.get("/stream/length/timed", stream=True, catch_response=True) as r:
        r.request_meta["response_time"] = 123.0
@task
def an_error(self):
    with self.client.get("/status/500/stream", stream=True, catch_response=True):
        pass
@task
def many(self):
    for _ in range(12):
        self.client.get("/stream/length/many", stream=True)
""")
    + """
class Closes(HttpUser):
    @task
    def closes(self):
        for kind in ("chunks", "length", "close"):
            with self.client.get(f"/stream/{kind}/closed", stream=True, catch_response=True) as r:
                r.close()
"""
)


def test_a_streamed_body_whose_end_was_not_seen_has_no_latency(server: Server) -> None:
    told = run(server, UNSEEN)
    timed, failed = told.cells.pop("GET /stream/length/timed"), told.cells.pop("GET /status/500/stream")
    assert told.cells["GET /stream/length/many"].completed == 24, (
        "connections are given back as without loadctl"
    )
    for name, cell in told.cells.items():
        assert cell.ok.untimed == cell.completed == cell.ttfb.count > 0, name
    assert (timed.ok.sum_us, timed.ok.untimed) == (2 * 123_000, 0), "the script's own word"
    assert failed.errors == {"status_500": 2}
    assert told.answered == told.total["num_requests"]
    assert not told.unfinished


BROKEN = both("""
@task
def cut(self):
    for kind in ("cut-length", "cut-chunks", "reset"):
        try:
            with self.client.get(f"/stream/{kind}", stream=True, catch_response=True) as r:
                list(r.iter_content())
        except Exception:
            pass
@task
def afterwards(self):
    self.client.get("/stream/cut-length/afterwards", stream=True).content
""")


def test_a_streamed_body_that_broke_off_has_failed(server: Server) -> None:
    """Locust alone reports no failure."""
    told = run(server, BROKEN)
    assert "afterwards" in told.raised
    assert {name: cell.ok.count for name, cell in told.cells.items()} == dict.fromkeys(told.cells, 0)
    assert told.cells["GET /stream/reset"].errors == {"reset": 2}
    for kind in ("cut-length", "cut-chunks", "cut-length/afterwards"):
        assert set(told.cells[f"GET /stream/{kind}"].errors) <= {"reset", "protocol"}
        assert told.cells[f"GET /stream/{kind}"].failed.count == 2
    assert not told.unfinished


RETRIES = """
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry
class Retries(HttpUser):
    def ask(self, name, path="/status/503", catch_response=False, **retry):
        self.client.mount("http://", HTTPAdapter(max_retries=Retry(**retry)))
        self.client.get(path, name=name, catch_response=catch_response)
    @task
    def all(self):
        self.ask("total", total=2, status_forcelist=[503])
        self.ask("unjudged", total=2, status_forcelist=[503], catch_response=True)
        self.ask("by status", status=0, status_forcelist=[503])
        self.ask("last answer", total=1, status_forcelist=[503], raise_on_status=False)
        self.ask("redirects", path="/status/301", total=2)
        self.ask("refused", path="http://127.0.0.1:1/", total=1)
        self.ask("cut", path="/stream/cut-length", total=1)
    @task
    def raised(self):
        import requests
        response = requests.get(self.host + "/status/504")
        try:
            response.raise_for_status()
        except requests.HTTPError as error:
            fire = self.environment.events.request.fire
            fire(request_type="own", name="own", response_time=1, response_length=0, exception=error)
class FastRetries(FastHttpUser):
    max_retries = 2
    @task
    def all(self):
        self.client.get("/status/503", name="fast")
        self.client.get("/status/301", name="fast redirects")
"""


def test_own_retries_keep_the_class_of_what_they_gave_up_on(server: Server) -> None:
    told = run(server, RETRIES)
    assert {name: dict(cell.errors) for name, cell in told.cells.items()} == {
        "GET total": {"status_503": 1},
        "GET unjudged": {"status_503": 1},
        "GET by status": {"status_503": 1},
        "GET last answer": {"status_503": 1},
        "GET redirects": {"redirect_limit": 1},
        "GET refused": {"connect_refused": 1},
        "GET cut": {"reset": 1},
        "own own": {"status_504": 1},
        "GET fast": {"status_503": 1},
        "GET fast redirects": {"redirect_limit": 1},
    }


LIMITED = both("""
@task
def refused(self):
    self.client.get("/status/429", name="refused")
    self.client.get("/status/429", name="forgotten", catch_response=True)
    with self.client.get("/status/429", name="saved", catch_response=True) as r:
        r.success()
""")


def test_an_expected_429_is_no_failure_however_the_script_takes_it(server: Server) -> None:
    told = run(server, LIMITED, rate_limited=True)
    for cell in told.cells.values():
        assert (cell.rate_limited, cell.ok.count, cell.failed.count) == (2, 0, 0)
    assert len(told.cells) == 3
    unexpected = run(server, LIMITED)
    assert (
        unexpected.cells["GET refused"].errors
        == unexpected.cells["GET forgotten"].errors
        == {"status_429": 2}
    )
