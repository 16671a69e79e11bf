"""What a script says of the run itself fails it, and never saves it."""

from __future__ import annotations

import pytest

from loadctl.analysis.judgement import RunFacts, judge
from loadctl.results.recording import Event, Recording, ScriptFault, Shard
from loadctl.results.result import Result
from loadctl.results.verdict import Finding
from loadctl.scenario.scenario import Script
from tests.records import replace
from tests.results.recorded import recording, scenario, shard, steady, target

FACTS = RunFacts(engine="locust", engine_version=None, shards=1, started_at="2026-11-23T08:20:00Z")
FAULT = ScriptFault(1.5, "KeyError: 'id'", "own.py:12")


def said(*faults: ScriptFault, count: int = 0, code: int | None = None, index: int = 0) -> Shard:
    return replace(shard(index), script_faults=faults, script_faults_count=count, script_code=code)


def judged(*shards: Shard, errors: int = 0) -> Result:
    seconds = steady(60, errors={"status_500": errors} if errors else None)
    made: Recording = recording(seconds, shards=shards)
    return judge(scenario(targets=[target("error_rate", 1.0)]), made, FACTS)


def of_script(result: Result) -> list[Finding]:
    return [finding for finding in result.findings if finding.id.startswith("script")]


def test_an_exception_in_a_listener_fails_the_run_with_its_place_and_its_count() -> None:
    result = judged(said(FAULT, count=206))
    [finding] = of_script(result)
    assert (finding.id, finding.severity) == ("script_fault", "critical")
    assert finding.message == (
        "your script raised an exception outside its tasks 206 times: KeyError: 'id' (own.py:12)"
    )
    assert (finding.evidence["count"], finding.evidence["where"]) == (206, "own.py:12")
    assert (result.verdict, result.exit_code) == ("FAIL", 1)
    assert result.reasons == (f"Y{finding.message[1:]}.",)


def test_the_faults_of_all_shards_are_added_and_the_first_one_is_told() -> None:
    early, other = ScriptFault(0.5, "ValueError: no", ""), ScriptFault(2.0, "KeyError: 'id'", "own.py:40")
    [finding] = of_script(judged(said(FAULT, other, count=5), said(early, FAULT, count=2, index=1)))
    assert finding.message == (
        "your script raised an exception outside its tasks 7 times: ValueError: no, the first of 3 different ones"
    )


def test_one_fault_is_told_as_one() -> None:
    [finding] = of_script(judged(said(FAULT, count=1)))
    assert "outside its tasks once: KeyError" in finding.message


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([3], "the script set exit code 3"),
        ([-1], "the script set exit code -1"),
        ([2, 2], "the script set exit code 2"),
        ([1, None, 42], "the script set exit codes 1, 42"),
    ],
)
def test_an_exit_code_of_the_script_fails_the_run(codes: list[int | None], message: str) -> None:
    result = judged(*(said(code=code, index=k) for k, code in enumerate(codes)))
    assert [finding.message for finding in of_script(result)] == [message]
    assert (result.verdict, result.exit_code) == ("FAIL", 1)


def test_what_an_exit_code_stands_for_is_told() -> None:
    judges = [replace(said(code=21, index=k), script_why=f"{k} were not met") for k in (1, 2, 2)]
    [finding] = of_script(judged(*judges))
    assert finding.message == "the script set exit code 21 (1 were not met; 2 were not met)"


def test_a_code_of_0_makes_nothing_better() -> None:
    assert judged(said(code=0)).verdict == "PASS"
    bad = judged(said(code=0), errors=5)
    assert (bad.verdict, of_script(bad)) == ("FAIL", [])


def test_a_script_that_had_to_be_ended_has_not_given_its_verdict() -> None:
    """Its last hook may judge the run, so a PASS would be a guess."""
    ended = Event(85.0, "stop", "engine processes did not end with the plan", {"overtime": True})
    made = replace(recording(steady(60), shards=(shard(0),)), events=(ended,))
    own = replace(scenario(targets=[target("error_rate", 1.0)]), script=Script("locustfile", "own.py"))
    result = judge(own, made, FACTS)
    [finding] = of_script(result)
    assert finding.id == "script-unfinished"
    assert finding.message.startswith("your script was still running at 1:25")
    assert (result.verdict, result.exit_code) == ("INCONCLUSIVE", 3)
    without = judge(replace(own, script=None), made, FACTS)
    assert (without.verdict, of_script(without)) == ("PASS", [])
