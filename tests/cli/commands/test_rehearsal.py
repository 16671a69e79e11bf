"""A rehearsal's process: what it tells is passed on at once, and how it breaks is said."""

from __future__ import annotations

import sys
import time

import pytest

from loadctl.cli.commands.try_ import rehearse
from loadctl.engines.base import Command
from loadctl.errors import RunError
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.user_type import Request, Task, UserType

ONE = Request(method="GET", url="/", endpoint="GET /")
SCENARIO = Scenario(
    name="x",
    host="http://localhost",
    load=Load("closed", [Stage(1, 1, 1.0, "1 user")]),
    user_types=[UserType(name="x", weight=1, tasks=[Task("GET /", 1, [ONE])])],
)
LINE = '{"request": 0, "outcome": "expected", "status": 200}'


def python(code: str) -> Command:
    return Command([sys.executable, "-c", code])


def test_each_request_is_told_as_soon_as_it_is_over() -> None:
    began = time.monotonic()
    told = rehearse(SCENARIO, python(f"print('{LINE}', flush=True); import time; time.sleep(60)"))
    assert next(told).status == 200
    told.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 20


def test_other_output_is_passed_over() -> None:
    found = list(rehearse(SCENARIO, python(f"print('hello'); print('{LINE}'); print('{{')")))
    assert [exchange.endpoint for exchange in found] == ["GET /"]


@pytest.mark.parametrize(
    ("code", "why"),
    [("raise SystemExit('boom')", "boom"), ("import os; os._exit(3)", "it exited with 3")],
)
def test_a_process_that_breaks_is_an_error_in_its_own_words(code: str, why: str) -> None:
    with pytest.raises(RunError, match=why):
        list(rehearse(SCENARIO, python(code)))


def test_a_process_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadctl.cli.commands.try_._SPARE_S", -29.9)  # a tenth of a second beyond the timeout
    with pytest.raises(RunError, match="the engine reported no request"):
        list(rehearse(SCENARIO, python("import time; time.sleep(60)")))
