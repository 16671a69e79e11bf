"""The screen of `try`, by hand-made exchanges: narrow, wide, hostile."""

from __future__ import annotations

import pytest

from loadctl.errors import Where
from loadctl.reports.terminal.exchanges import closing, exchange_lines, opening
from loadctl.results.exchange import Exchange, read_exchange
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.user_type import Request, Task, UserType
from tests.records import replace

PLACE = Where("scenarios/api.yaml", 5, 5)
PREDICT = Request(method="POST", url="/predict", endpoint="POST /predict", where=PLACE)
SCENARIO = Scenario(
    name="api",
    host="http://localhost:8000",
    load=Load("closed", [Stage(1, 1, 1.0, "1 user")]),
    user_types=[UserType(name="api", weight=1, tasks=[Task("POST /predict", 1, [PREDICT])])],
)
FAILED = Exchange(
    user_type="api",
    endpoint="POST /predict",
    where=PLACE,
    outcome="failed",
    method="POST",
    url="http://localhost:8000/predict",
    sent_body='{"model": "churn", "features": [0]}',
    status=422,
    latency_ms=6.2,
    error="status_422",
    message="expected status 2xx, got 422",
    received_body='{"detail": [{"loc": ["body", "features"], "msg": "List should have at least 8 items, not 1"}]}',
)
EXPECTED = replace(
    FAILED, outcome="expected", status=200, error=None, message="", received_body='{"ok": true}'
)
SKIPPED = replace(FAILED, outcome="skipped", url=None, status=None, message="its start steps failed")


def test_a_failure_shows_what_was_expected_sent_and_received() -> None:
    assert exchange_lines(FAILED, SCENARIO) == [
        "  POST /predict  422     6 ms   expected 2xx                scenarios/api.yaml:5",
        '       sent      {"model": "churn", "features": [0]}',
        "       received  features: List should have at least 8 items, not 1",
    ]


def test_a_success_is_one_line_with_the_beginning_of_the_answer() -> None:
    assert exchange_lines(EXPECTED, SCENARIO) == ['  POST /predict  200     6 ms   {"ok": true}']
    long = replace(EXPECTED, received_body="x" * 500, latency_ms=0.3)
    (line,) = exchange_lines(long, SCENARIO)
    assert len(line) == 80
    assert "  <1 ms  " in line


def test_what_was_captured_is_shown() -> None:
    lines = exchange_lines(replace(EXPECTED, captured={"token": '"abc"'}), SCENARIO)
    assert lines[1] == '       captured  token = "abc"'


def test_what_was_not_sent_says_why() -> None:
    assert exchange_lines(SKIPPED, SCENARIO) == ["  POST /predict    –  not sent: its start steps failed"]


def test_the_path_is_shown_where_the_name_hides_it() -> None:
    lines = exchange_lines(
        replace(FAILED, url="http://localhost:8000/predict?model=churn", sent_body=None), SCENARIO
    )
    assert lines[1] == "       sent      POST /predict?model=churn"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (None, "(no body)"),
        ("plain text", "plain text"),
        ('{"detail": "no"}', '{"detail": "no"}'),
        ('{"detail": []}', '{"detail": []}'),
        ('{"detail": [{"loc": ["body"], "msg": "must be an object"}]}', "body: must be an object"),
        ("\x1b[2Jgone", "[2Jgone"),
    ],
)
def test_validation_errors_are_told_in_words_and_other_bodies_as_they_are(
    body: str | None, shown: str
) -> None:
    assert exchange_lines(replace(FAILED, received_body=body), SCENARIO)[-1] == f"       received  {shown}"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_is_wider_than_the_screen(width: int) -> None:
    long = replace(
        FAILED,
        message="expected " + "something quite long " * 9,
        sent_body='{"a":' + "1" * 900 + "}",
        received_body="no " * 700,
    )
    for exchange in (FAILED, long, EXPECTED, SKIPPED):
        lines = exchange_lines(exchange, SCENARIO, width=width)
        assert max(map(len, lines)) <= width
        assert len(lines) < 20


@pytest.mark.parametrize(
    ("exchanges", "line"),
    [
        ([EXPECTED] * 3, "3 of 3 answered as expected.   Next: loadctl run api"),
        ([EXPECTED, SKIPPED], "1 of 1 answered as expected, 1 not sent.   Next: loadctl run api"),
        ([EXPECTED, FAILED, EXPECTED], "1 of 3 failed."),
        ([FAILED, SKIPPED], "1 of 1 failed, 1 not sent."),
    ],
)
def test_the_last_line_counts(exchanges: list[Exchange], line: str) -> None:
    assert closing(exchanges, "loadctl run api") == line


def test_alone_the_last_line_names_what_failed() -> None:
    assert closing([FAILED, FAILED], "x", brief=True) == (
        "2 of 2 failed: POST /predict (422), scenarios/api.yaml:5 and others."
    )


def test_the_first_line_says_who_does_what_where() -> None:
    assert opening(SCENARIO) == "api on http://localhost:8000: one user, each request once"
    url = replace(SCENARIO, name="http://localhost:8000/x")
    assert opening(url) == "http://localhost:8000/x: one user, each request once"


def test_lines_that_are_no_exchange_are_passed_over() -> None:
    assert read_exchange("a script printed this", SCENARIO) is None
    assert read_exchange("[1]", SCENARIO) is None
    for text in (
        '{"request": 99, "outcome": "expected"}',
        '{"request": -1, "outcome": "expected"}',
        '{"request": 0, "outcome": "expected", "latency_ms": 1e999}',
        '{"request": 0, "outcome": "fine"}',
        '{"request": 0}',
        "[" * 100_000,
    ):
        assert read_exchange(text, SCENARIO) is None


def test_a_default_timeout_says_where_to_set_another_one() -> None:
    line = (
        '{"request": 0, "outcome": "failed", "error": "timeout", "message": "no complete response in time"}'
    )
    found = read_exchange(line, SCENARIO)
    assert found is not None
    assert found.message == "timeout: 30 s default; set timeout: in the request"
    own = replace(SCENARIO, timeout_s=5.0)
    own = replace(
        own, user_types=[replace(own.user_types[0], tasks=[Task("x", 1, [replace(PREDICT, timeout_s=5.0)])])]
    )
    found = read_exchange(line, own)
    assert found is not None
    assert found.message == "timeout: 5 s"
