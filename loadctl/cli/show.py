"""`loadctl show`: what a scenario would do, without doing it."""

from __future__ import annotations

import json
import sys

from loadctl.cli.arguments import Duration, EngineName, Host, JsonFlag, Rate, ScenarioArg, TargetOption, Users


def show(
    scenario: ScenarioArg = None,
    *,
    host: Host = None,
    engine: EngineName = None,
    users: Users = None,
    rate: Rate = None,
    duration: Duration = None,
    target: TargetOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw the load, and say what to expect and which targets can be judged."""
    from loadctl.cli.planning import planned
    from loadctl.cli.project import Overrides
    from loadctl.cli.telling import columns
    from loadctl.reports.plan import plan_document, show_plan
    from loadctl.scenario.expectation import expect

    overrides = Overrides(host or None, engine, target or (), users, rate, duration)
    found = planned(scenario, overrides)
    expectation = expect(found)
    if as_json:
        sys.stdout.write(json.dumps(plan_document(found, expectation), indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(show_plan(found, expectation, width=columns()))
