"""What a failed request says for itself."""

from __future__ import annotations

import pytest

from loadctl.results.recording import Example
from loadctl.results.summary import failure_text

RECORDED = "expected status 2xx, got 503"


@pytest.mark.parametrize(
    ("error_class", "body", "words"),
    [
        ("status_503", '{"detail": "model busy"}', "model busy"),
        ("status_503", '{"title": "Busy", "status": 503}', "Busy"),
        ("status_503", "model busy", "model busy"),
        ("status_503", '{"code": 7}', '{"code": 7}'),
        ("status_422", '{"detail": [{"msg": "too short"}]}', '{"detail": [{"msg": "too short"}]}'),
        ("status_503", "[" * 100_000, "[" * 100_000),
        ("status_502", "<html><body>Bad gateway", RECORDED),
        ("status_503", " ", RECORDED),
        ("check_failed", '{"detail": "fine"}', RECORDED),
        ("timeout", "", RECORDED),
    ],
)
def test_the_answer_of_the_system_tells_more_than_that_its_status_was_wrong(
    error_class: str, body: str, words: str
) -> None:
    assert failure_text(Example(1, "GET /", error_class, 503, RECORDED, body)) == words
