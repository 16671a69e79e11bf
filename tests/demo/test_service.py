"""`--service SPEC`: service times that a test can know."""

from __future__ import annotations

from random import Random
from statistics import median

import pytest

from loadctl.demo.treatment import Bimodal, Constant, LogNormal, ServiceTime, parse_service
from loadctl.errors import UsageError


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("constant:20ms", Constant(0.02)),
        ("lognormal:20ms,0.5", LogNormal(0.02, 0.5)),
        ("bimodal:20ms,200ms@10%", Bimodal(0.02, 0.2, 0.1)),
    ],
)
def test_a_service_time_is_read(text: str, service: ServiceTime) -> None:
    assert parse_service(text) == service


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("20ms", "there is no service time '20ms' with 1 value(s)"),
        ("constant:20ms,5", "there is no service time 'constant' with 2 value(s)"),
        ("constant:20", "'20' is not a duration such as 20ms"),
        ("lognormal:20ms,wide", "'wide' is not a number such as 0.5"),
        ("lognormal:20ms,nan", "a sigma of nan is not between 0 and 5"),
        ("bimodal:20ms,200ms", "'' is not a share such as 10%"),
    ],
)
def test_a_service_time_that_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_service(text)
    assert refused.value.message == f"--service {text}: {message}"


def test_the_median_of_a_lognormal_service_time_is_the_one_named() -> None:
    random = Random(1)
    drawn = [LogNormal(0.02, 0.5).draw_s(random) for _ in range(5000)]
    assert median(drawn) == pytest.approx(0.02, rel=0.03)


def test_a_bimodal_service_time_is_rare_in_the_share_named() -> None:
    random = Random(1)
    drawn = [Bimodal(0.02, 0.2, 0.1).draw_s(random) for _ in range(5000)]
    assert set(drawn) == {0.02, 0.2}
    assert drawn.count(0.2) / len(drawn) == pytest.approx(0.1, abs=0.01)
