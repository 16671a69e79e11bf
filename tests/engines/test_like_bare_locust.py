"""Locustfiles as people write them (tests/locustfiles), run by bare Locust and by loadctl: the same requests, the same
events, the same statistics. Each user takes a fixed number of steps, so no count depends on how long a test was.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.engines.side_by_side import Ended, Run, compare, loadctl_only, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FAIL, REFUSED, TOO_FEW = 1, 2, 3
"""loadctl's exit codes. So few requests cannot meet the target that every test has, an error rate of 1 %; they fail
it where a failure is scored, and what comes in the first second is not."""
EITHER = (FAIL, TOO_FEW)
ENDS = ["test_stopping", "test_stop", "quitting", "quit"]
WHOLE_TEST = {"init", "test_start", "spawning_complete", "test_stopping", "test_stop", "quitting", "quit"}


@dataclass(frozen=True)
class Case:
    """A run, the requests that come to the server, and how both programs end."""

    run: Run
    requests: Mapping[str, int]
    bare: int = 0
    ours: tuple[int, ...] = (TOO_FEW,)
    unlike: frozenset[str] = field(default_factory=frozenset)
    """What is not the same, and why it need not be, is said where it stands."""
    ours_alone: Callable[[Ended], None] | None = None
    """What loadctl tells of the run, and bare Locust does not."""


def _case(
    file: str,
    requests: Mapping[str, int],
    *,
    bare: int = 0,
    ours: tuple[int, ...] = (TOO_FEW,),
    unlike: str = "",
    ours_alone: Callable[[Ended], None] | None = None,
    **run: Any,
) -> Case:
    return Case(Run(file, **run), requests, bare, ours, frozenset(unlike.split()), ours_alone)


def _latency_ends_with_the_stream(ours: Ended) -> None:
    assert len(ours.measured()) == 6
    for endpoint in ours.measured():
        assert ours.minimum_ms(endpoint) >= 250, endpoint


def _retries_keep_their_class(ours: Ended) -> None:
    errors = [cells["GET in vain"]["errors"] for cells in ours.cells if "GET in vain" in cells]
    assert errors == [{"status_503": 1}]


def _text_of_failures_is_kept(ours: Ended) -> None:
    """Locust's truth test decides what is a failure, whatever was given for the exception."""
    failed = {endpoint for endpoint, (_, failures) in ours.measured().items() if failures}
    assert failed == {
        f"queue {name}" for name in ("text", "exception", "number", "mapping", "measured failure")
    }
    messages = {example["endpoint"]: example["message"] for example in ours.result["examples"]}
    assert messages["queue text"] == "quota exceeded"
    assert messages["queue number"] == "503"


def _users_that_ended_are_told(ours: Ended) -> None:
    assert ours.counter("completed") == 10
    told = [finding for finding in ours.result["findings"] if "by themselves" in finding["message"]]
    assert len(told) == 1, ours.result["findings"]
    assert "10" in told[0]["message"]


def _number_of_the_verdict_is_told(ours: Ended) -> None:
    finding = ours.finding("script_verdict")
    assert finding is not None
    assert finding["severity"] == "critical"
    assert "3" in finding["message"]


CASES = {
    "users wait until all are started": _case(
        "wait_for_all.py", {"GET /started 200": 4, "GET /visit 200": 12}
    ),
    "options are read at test_start": _case(
        "options.py",
        {"POST /login 200": 4, **{f"GET /accounts/account-{number} 200": 2 for number in range(4)}},
    ),
    "a task counts the users of each class": _case(
        "class_counts.py", {"GET /admin 200": 1, "GET /readers/3 200": 3, "POST /writers/1 200": 1}, users=5
    ),
    "rows are handed out by messages": _case(
        "data_rows.py", {f"GET /use/row-{number} 200": 2 for number in range(4)}
    ),
    "a shape of two values": _case(
        "shape_stages.py", {"GET /born 200": 4, "GET /gone 200": 4}, users=None, seconds=None
    ),
    "a shape of three values": _case(
        "shape_classes.py", {"GET /born/Reader 200": 2, "GET /born/Writer 200": 2}, users=None, seconds=None
    ),
    "own arguments and variables": _case(
        "arguments.py",
        {"GET /acme/eu/rows 200": 8},
        arguments=("--tenant", "acme", "--rows", "3", "--mode", "hard", "--api-password", "hunter2"),
        env={"LOCUST_API_TOKEN": "t0ken", "LOCUST_REGION": "eu"},
    ),
    "responses judged by the script": _case(
        "judged.py",
        {
            "GET /status/500 500": 4,
            "GET /fine 200": 16,
            "GET /status/404 404": 4,
            "GET /text 200": 8,
            "GET /items/17 200": 4,
            "GET /groups/1 200": 4,
            "GET /groups/2 200": 4,
            "POST /fine 200": 4,
            "GET /redirect/fine 302": 8,
        },
        bare=1,
        ours=EITHER,
    ),
    "own protocol": _case("own_protocol.py", {}, bare=1, ours=EITHER, ours_alone=_text_of_failures_is_kept),
    "streamed bodies": _case(
        "streams.py",
        {
            f"{method} /stream/6/50/{name} 200": 2
            for method, name in (
                ("GET", "lines"),
                ("POST", "content"),
                ("GET", "afterwards"),
                ("GET", "fast-lines"),
                ("GET", "fast-content"),
                ("POST", "fast-read"),
            )
        },
        seconds=3,
        ours_alone=_latency_ends_with_the_stream,
    ),
    "users that end by themselves": _case(
        "stops.py",
        {f"GET /{way} 200": 2 for way in ("raises", "stops", "by-force", "in-set", "on-start")},
        users=10,
        unlike="users",  # in a ramp the first have ended when the last begin
        ours_alone=_users_that_ended_are_told,
    ),
    "users that wait for long": _case("patient.py", {"POST /login 200": 10}, users=10),
    "nested sets and chains": _case(
        "journeys.py",
        {
            "GET /buying/start 200": 2,
            "GET /buying/search 200": 2,
            "POST /buying/cart 200": 2,
            "POST /buying/pay 200": 2,
            "GET /buying/stop 200": 2,
            "GET /chain/first 200": 2,
            "GET /chain/second 200": 2,
            "GET /chain/third 200": 2,
            "GET /inline/start 200": 4,
            "GET /inline/index 200": 4,
        },
        users=6,
    ),
    "own retries": _case(
        "retries.py",
        {"GET /flaky/2/helped 503": 2, "GET /flaky/2/helped 200": 1, "GET /status/503/in-vain 503": 3},
        users=1,
        bare=1,
        ours=EITHER,
        ours_alone=_retries_keep_their_class,
    ),
    "the host stands in the class": _case(
        "class_host.py", {"GET /api/v1/items 200": 2, "GET /api/v2/items 200": 2}, own_host=True
    ),
    "a host with a path": _case(
        "data_file.py", {"POST /api/v1/login/ada 200": 2, "POST /api/v1/login/grace 200": 2}, path="/api/v1"
    ),
    "a data file where the program was started": _case(
        "data_file.py", {"POST /login/ada 200": 2, "POST /login/grace 200": 2}
    ),
    "users log out": _case(
        "logs_out.py",
        {
            "POST /login 200": 4,
            "POST /logout 200": 4,
            "DELETE /session 200": 4,
            "GET /leave-set 200": 2,
        },
    ),
    "tasks of a tag": _case(
        "tagged.py", {"GET /quick 200": 4, "GET /read 200": 4}, options=("--tags", "read")
    ),
    "tasks without a tag": _case(
        "tagged.py", {"GET /untagged 200": 4, "GET /write 200": 4}, options=("--exclude-tags", "read")
    ),
    "waits that keep a pace": _case(
        "paces.py",
        {f"GET /sleep/60/{name} 200": 4 for name in ("Constant", "Pacing", "Throughput", "Between", "Own")},
        users=5,
    ),
    "a listener breaks off the task": _case(
        "breaks_off.py",
        {"GET /first 200": 8, "GET /status/409 409": 8},
        ours=EITHER,
        unlike="stats",  # bare Locust forgets the failures: its own listener is called after the one that raises
    ),
    "faults of user code": _case(
        "faults.py",
        {"GET /before 200": 1, "GET /after 200": 1, "GET /on-start 200": 1, "GET /on-stop 200": 1},
        users=3,
        bare=1,
        unlike="users",
    ),
    "classes and weights are chosen at init": _case(
        "chosen_at_init.py", {"GET /born/Reader 200": 3, "GET /born/Writer 200": 1}
    ),
    "the script starts users of its own": _case("more_users.py", {"GET /visit 200": 12}),
    "users sleep when the test ends": _case(
        "sleepers.py",
        {"GET /poll 200": 2, "GET /login 200": 2, "GET /logout/task 200": 2, "GET /logout/on-start 200": 2},
    ),
    "requests side by side": _case(
        "parallel.py",
        {
            **{f"GET /greenlet/{number} 200": 4 for number in range(3)},
            **{f"GET /status/500/{number} 500": 4 for number in range(3)},
            **{f"GET /thread/{number} 200": 4 for number in (1, 2)},
            "GET /left-behind 200": 4,
            "GET /outer 200": 4,
            "GET /between 200": 4,
            "GET /inner 200": 4,
            "GET /status/500/later 500": 4,
            "GET /meanwhile 200": 4,
        },
        bare=1,
        ours=EITHER,
    ),
    "the script's verdict: a ratio that was kept": _case(
        "own_verdict.py", {"GET /fine 200": 8}, env={"VERDICT": "ratio"}
    ),
    "the script's verdict: a ratio that was not": _case(
        "own_verdict.py",
        {"GET /fine 200": 4, "GET /status/500 500": 4},
        env={"VERDICT": "ratio", "BROKEN": "1"},
        bare=1,
        ours=(FAIL,),
    ),
    "the script's verdict: a number": _case(
        "own_verdict.py",
        {"GET /fine 200": 8},
        env={"VERDICT": "3"},
        bare=3,
        ours=(FAIL,),
        ours_alone=_number_of_the_verdict_is_told,
    ),
    "the script's verdict: all is well": _case(
        "own_verdict.py",
        {"GET /fine 200": 4, "GET /status/500 500": 4},
        env={"VERDICT": "0", "BROKEN": "1"},
        ours=EITHER,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_requests_events_and_statistics(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    compare(tmp_path, case.run, partial(_check_alike, case))


def _check_alike(case: Case, bare: Ended, ours: Ended) -> None:
    assert (bare.code, bare.requests) == (case.bare, case.requests), bare.out
    assert ours.requests == case.requests, ours.out
    assert ours.code in case.ours, ours.out
    assert not ours.aborted
    assert ours.life == bare.life
    assert _notes(ours) == _notes(bare)
    if "users" not in case.unlike:
        assert ours.noted("spawning_complete") == bare.noted("spawning_complete")
    completed, failed = (sum(counts) for counts in zip(*ours.measured().values(), strict=True))
    assert ours.counter("started") == ours.counter("completed") == completed
    assert ours.counter("failed") == failed
    if "stats" not in case.unlike:
        for event in ("test_stop", "quitting"):
            assert _stats(ours, event) == _stats(bare, event)
        assert [completed, failed] == [bare.stats()["requests"], bare.stats()["failures"]]
    if case.ours_alone:
        case.ours_alone(ours)


def _notes(ended: Ended) -> Counter[str]:
    """What users and listeners noted, in no order: users take turns as they please."""
    return Counter(str(note) for note in ended.notes if note["event"] not in WHOLE_TEST)


def _stats(ended: Ended, event: str) -> Any:
    """Ports and folders are each program's own."""
    stats = ended.stats(event)
    for error in stats["errors"]:
        error[2] = re.sub(r"(?<=port=)\d+|(?<=127.0.0.1:)\d+|(?<= )/\S*/", "", error[2])
    return stats


def test_what_the_script_never_judged_counts_by_its_status(tmp_path: Path) -> None:
    """Bare Locust counts it nowhere: a response that catch_response holds back, and a block that raises."""
    requests = {
        f"GET /{path}": 4
        for path in (
            "status/500/bare 500",
            "status/500/raises 500",
            "fine/kept 200",
            "fine/raises 200",
            "fine/judged 200",
            "fine/rescheduled 200",
            "fine/returned 200",
        )
    }
    counted = {
        "GET /status/500/bare": [4, 4],
        "GET /status/500/raises": [4, 4],
        "GET /fine/kept": [4, 0],
        "GET /fine/raises": [4, 0],
        "GET /fine/judged": [4, 4],
        "GET /fine/rescheduled": [4, 0],
        "GET /fine/returned": [4, 0],
    }

    def check(bare: Ended, ours: Ended) -> None:
        assert bare.requests == ours.requests == requests, ours.out
        assert ours.measured() == counted
        assert ours.code in EITHER
        assert bare.life == ours.life

    compare(tmp_path, Run("unjudged.py"), check)


@pytest.mark.parametrize("event", ["init", "test_start"])
def test_a_listener_that_raises_before_the_first_request_refuses(event: str, tmp_path: Path) -> None:
    ours = loadctl_only(tmp_path, Run("listener_raises.py", env={"RAISE_IN": event}))
    assert (ours.code, ours.requests) == (REFUSED, Counter()), ours.out
    assert "no such account" in ours.out
    assert "listener_raises.py" in ours.out


@pytest.mark.parametrize("event", ["spawning_complete", "request", "test_stopping", "test_stop", "quitting"])
def test_a_listener_that_raises_later_fails(event: str, tmp_path: Path) -> None:

    def check(bare: Ended, ours: Ended) -> None:
        assert (bare.code, ours.code) == (2, FAIL), ours.out
        assert bare.requests == ours.requests == {"GET /fine 200": 8}
        assert ours.life == bare.life, "the other listeners are called all the same"
        assert ours.stats() == bare.stats()
        finding = ours.finding("script_fault")
        assert finding is not None
        assert finding["severity"] == "critical"
        assert "no such account" in finding["message"]
        assert "listener_raises.py" in str(finding)
        assert ("8" if event == "request" else "1") in str(finding["evidence"])

    compare(tmp_path, Run("listener_raises.py", env={"RAISE_IN": event}), check)


@pytest.mark.parametrize("how", ["quit", "stop"])
@pytest.mark.parametrize("who", ["task", "listener", "greenlet", "ramp"])
def test_the_script_ends_the_test(who: str, how: str, tmp_path: Path) -> None:
    """Requests under way are finished, and every event of the end comes once."""
    ours = loadctl_only(tmp_path, Run("quits.py", seconds=10, env={"END": f"{who} {how}"}))
    assert ours.noted("ended by") == [{"who": who}], ours.out
    assert not ours.aborted
    complete = [] if who == "ramp" else ["spawning_complete"]
    assert ours.life == ["init", "test_start", *complete, *ENDS]
    assert ours.counter("started") == ours.counter("completed") == ours.requests.total()
    assert ours.stats()["requests"] == ours.requests.total()
    assert ours.result["ended_s"] < 8


def test_the_script_ends_the_test_when_too_much_fails(tmp_path: Path) -> None:
    bare, ours = side_by_side(tmp_path, Run("threshold.py", seconds=30))
    assert bare.code == 1
    assert ours.code in EITHER, ours.out
    for ended in (bare, ours):
        assert ended.noted("too many failures") == [{"entry": True}]
        assert [name for name in ended.life if name != "spawning_complete"] == ["init", "test_start", *ENDS]
    assert ours.counter("failed") == ours.requests.total() == ours.stats()["failures"]
    assert ours.result["ended_s"] < 20


def test_stoptest_before_the_first_request(tmp_path: Path) -> None:
    ours = loadctl_only(tmp_path, Run("stop_test.py"))
    assert ours.code == REFUSED, ours.out
    assert "no licence" in ours.out
    assert not ours.requests


@pytest.mark.parametrize("event", ["init", "test_start"])
def test_the_script_ends_the_test_before_the_first_user(event: str, tmp_path: Path) -> None:
    bare, ours = side_by_side(tmp_path, Run("ends_early.py", env={"END": event}))
    assert (bare.code, bare.requests) == (4, Counter())
    assert (ours.code, ours.requests) == (REFUSED, Counter()), ours.out
    begun = ["init"] if event == "init" else ["init", "test_start"]
    assert ours.life == [*begun, *ENDS], bare.life
    assert "your script ended the test before the load (exit code 4)" in ours.out


def test_test_functions_of_pytest(tmp_path: Path) -> None:
    requests = {
        "GET /items 200": 2,
        "GET /status/404 404": 2,
        "GET /quick 200": 1,
        "GET /status/500 500": 1,
    }

    def check(bare: Ended, ours: Ended) -> None:
        assert bare.code == 1
        assert ours.code in EITHER, ours.out
        assert bare.requests == ours.requests == requests
        assert bare.notes == ours.notes
        assert ours.measured()["GET missing"] == [2, 0]
        assert ours.counter("completed") == 6
        assert ours.counter("failed") == 1

    compare(tmp_path, Run("pytest_style.py", users=2), check)


def test_each_process_knows_its_place(tmp_path: Path) -> None:
    ours = loadctl_only(tmp_path, Run("worker_index.py", options=("--workers", "2")))
    assert sorted(note["index"] for note in ours.noted("worker")) == [0, 1], ours.out
    assert [note["users"] for note in ours.noted("worker")] == [4, 4]
    assert ours.requests == {"GET /part/0 200": 2, "GET /part/1 200": 2}


def test_messages_are_refused_with_more_than_one_process(tmp_path: Path) -> None:
    ours = loadctl_only(tmp_path, Run("data_rows.py", options=("--workers", "2")))
    assert (ours.code, ours.requests) == (REFUSED, Counter()), ours.out
    assert "MasterRunner" in ours.out or "message" in ours.out


def test_an_argument_of_the_script_that_is_missing(tmp_path: Path) -> None:
    env = {"LOCUST_API_TOKEN": "t0ken"}
    bare, ours = side_by_side(tmp_path, Run("arguments.py", env=env))
    assert (bare.code, ours.code) == (2, REFUSED), ours.out
    for ended in (bare, ours):
        assert "the following arguments are required: --tenant" in ended.out
        assert not ended.requests


def test_secrets_among_the_arguments_are_not_shown(tmp_path: Path) -> None:
    arguments = ("--tenant", "acme", "--api-password", "hunter2")
    run = Run("arguments.py", arguments=arguments, env={"LOCUST_API_TOKEN": "t0ken"})
    ours = loadctl_only(tmp_path, run)
    assert ours.requests == {"GET /acme/nowhere/rows 200": 8}, ours.out
    assert ours.noted("password") == [{"length": 7}]
    written = [path for path in (tmp_path / "loadctl" / "runs").rglob("*") if path.is_file()]
    assert not [path for path in written if b"hunter2" in path.read_bytes()]
    assert "hunter2" not in ours.out
