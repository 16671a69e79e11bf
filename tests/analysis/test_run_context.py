"""The run context says how to look closer, in a command that this scenario really takes."""

from __future__ import annotations

import pytest

from loadctl.analysis.run_context import RunContext
from loadctl.results.measures.measured import measure
from loadctl.scenario.scenario import Script
from tests.records import replace
from tests.results.recorded import load, recording, scenario, steady


@pytest.mark.parametrize(
    ("script", "model", "advice"),
    [
        (None, "closed", "loadctl try checkout"),
        (Script(key="locustfile", path="f.py"), "closed", "loadctl run checkout --users 1 --duration 10s"),
        (Script(key="artillery", path="f.yml"), "open", "loadctl run checkout --rate 1/s --duration 10s"),
        (Script(key="artillery", path="f.yml", own_load=True), "closed", "loadctl report --json"),
    ],
)
def test_a_script_is_not_tried_but_run_small(script: Script | None, model: str, advice: str) -> None:
    held = load("5 5 hold", model="open" if model == "open" else "closed")
    asked = replace(scenario(held), name="checkout", script=script)
    made = recording(steady(5, [10.0]))
    assert RunContext(asked, made, measure(asked, made)).look_closer.startswith(advice)
