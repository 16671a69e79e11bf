"""What a 429 says of its limit: missing, untrue, or all well."""

from __future__ import annotations

import pytest

from loadctl.analysis.rate_limit import RATE_LIMITED, header_findings
from loadctl.results.recording import Example
from loadctl.results.verdict import Finding
from loadctl.scenario.scenario import RateLimit

TRUE = {"Retry-After": "1", "X-RateLimit-Limit": "600", "X-RateLimit-Remaining": "0"}


def found(headers: dict[str, str], *, served: bool = True, error_class: str = RATE_LIMITED) -> list[Finding]:
    """Of a declared limit of 10/s."""
    said = "\n".join(f"{name}: {value}" for name, value in headers.items())
    answer = Example(3.0, "GET /", error_class, 429, said)
    return header_findings(RateLimit(10, "key"), [answer], served=served)


@pytest.mark.parametrize(
    "headers",
    [
        TRUE,
        {**TRUE, "X-RateLimit-Limit": "10"},
        {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "RateLimit-Limit": "36000;w=3600"},
    ],
)
def test_headers_that_are_there_and_true_are_not_spoken_of(headers: dict[str, str]) -> None:
    assert found(headers) == []


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Retry-After": "soon"}, 'Retry-After "soon" is neither seconds nor a date'),
        (
            {"Retry-After": "3600"},
            "Retry-After asks for 1 h, although requests were accepted all along",
        ),
        ({"X-RateLimit-Limit": "100"}, "they name a limit of 100, but the declared one is 10.0/s"),
        ({"X-RateLimit-Remaining": "7"}, "7 requests remain, although this one was refused"),
    ],
)
def test_what_is_not_true_is_a_warning(headers: dict[str, str], words: str) -> None:
    [finding] = found({**TRUE, **headers})
    assert (finding.id, finding.severity) == ("rate-limit-headers", "warning")
    assert words in finding.message
    assert finding.advice


def test_a_long_wait_is_true_where_nobody_is_served() -> None:
    assert found({**TRUE, "Retry-After": "3600"}, served=False) == []


def test_what_is_missing_is_a_note() -> None:
    [finding] = found({})
    assert (finding.id, finding.severity) == ("rate-limit-headers", "info")
    assert "carry no Retry-After and no X-RateLimit-Limit" in finding.message


def test_nothing_is_said_of_answers_that_were_not_of_the_limit() -> None:
    assert found({}, error_class="status_500") == []
