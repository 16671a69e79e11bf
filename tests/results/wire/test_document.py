"""The fixed keys of result.json, its schema, and the way there and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadctl.analysis.judgement import RunFacts, judge
from loadctl.errors import UsageError
from loadctl.results.recording import Event, Example, VirtualUsers
from loadctl.results.result import Resources, ResourceUse, Result, dumps, loads, schema
from tests.records import replace
from tests.results.recorded import (
    P95,
    P99,
    load,
    readings,
    recording,
    scenario,
    shard,
    steady,
    target,
    user_type,
)

UNWATCHED = ResourceUse(watched=None, absent={"cpu": "no", "memory": "no"})
FACTS = RunFacts(
    engine="locust",
    engine_version="2.47.1",
    shards=1,
    started_at="2026-11-23T08:20:00Z",
    run_dir="runs/20261123T082000Z-api-locust-91c0",
)


def judged(n: int = 30, per_second: int = 20, errors: int = 1, *, pace_s: float | None = 1.0) -> Result:
    made = recording(
        steady(n, [4.0] * per_second, errors={"status_503": errors}),
        readings=readings(n, cpu_pct=12.0, memory_bytes=2e8, cores_available=4),
        events=[Event(0.0, "stage", "hold", {"level": 10})],
        examples=[Example(2.0, "GET /", "status_503", 503, "model busy", "{}")],
        shards=[shard(last_t=n - 1, slow=[900.0])],
    )
    targets = [
        target(P95, 200, 50),
        target(P99, 5),
        target("throughput", 500, 1000),
        target("error_rate", 1, 0.1),
    ]
    return judge(
        scenario(load("10 30 hold"), targets, user_types=[user_type("GET /", pace_s=pace_s)]), made, FACTS
    )


def keys(value: object) -> set[str]:
    return set(cast("dict[str, object]", value))


def test_the_fixed_keys_are_there() -> None:
    document = json.loads(dumps(judged()))
    assert keys(document) >= {
        *(
            "schema",
            "verdict",
            "exit_code",
            "reasons",
            "scenario",
            "engine",
            "host",
            "model",
            "started_at",
            "window",
        ),
        *("stages", "counters", "summary", "scores", "findings", "resources", "run_dir"),
    }
    assert document["schema"] == "loadctl.result/1"
    assert keys(document["engine"]) >= {"name", "version"}
    assert keys(document["window"]) == {"start_s", "end_s"}
    assert keys(document["stages"][0]) >= {"name", "start_s", "end_s", "warmup", "planned", "summary"}
    assert keys(document["counters"]) == {
        *(
            "started",
            "completed",
            "failed",
            "unfinished",
            "rate_limited",
            "planned_arrivals",
            "begun",
            "dropped",
        )
    }
    endpoint = document["summary"]["endpoints"][0]
    assert keys(endpoint) >= {
        *("endpoint", "completed", "failed", "throughput_per_s", "error_rate", "latency_ms", "errors")
    }
    assert keys(endpoint["latency_ms"]) >= {"p50", "p95", "p99", "p999", "mean", "min", "max"}
    assert keys(document["summary"]["total"]) >= {"corrected_latency_ms"}
    assert keys(document["scores"][0]) >= {
        *("metric", "scope", "status", "judged", "value", "unit", "target", "critical", "n")
    }
    assert keys(document["findings"][0]) >= {"id", "severity", "message", "evidence", "advice"}
    assert keys(document["resources"]) >= {"system", "generator"}


def test_an_absent_number_is_null_with_its_reason_beside_it() -> None:
    document = json.loads(dumps(judged(n=3)))
    latency = document["summary"]["total"]["latency_ms"]
    assert latency["p99"] is None
    assert latency["absent"]["p99"] == "needs 1,000 successes, has 60"
    assert document["counters"]["planned_arrivals"] is None
    assert next(s for s in document["scores"] if s["metric"] == P99)["reason"] == latency["absent"]["p99"]


ITS_MEANING_IS_DESCRIBED = {
    "target",
    "planned_arrivals",
    "begun",
    "dropped",
    "p50_ms",
    "p95_ms",
    "why",
    "status",
}


def nulls_without_reason(value: object, place: str = "") -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from nulls_without_reason(item, place)
    elif isinstance(value, dict):
        explained = {*value.get("absent", {}), *ITS_MEANING_IS_DESCRIBED} | (
            {"value"} if "reason" in value else set()
        )
        for key, item in value.items():
            if item is None and key not in explained:
                yield f"{place}.{key}"
            yield from nulls_without_reason(item, f"{place}.{key}")


@pytest.mark.parametrize("n", [0, 3, 30])
def test_no_null_stands_without_a_reason(n: int) -> None:
    for made in (
        judged(n),
        judged(n, per_second=0, errors=0),
        replace(judged(n), resources=Resources(system=UNWATCHED, generator=UNWATCHED)),
    ):
        assert list(nulls_without_reason(json.loads(dumps(made)))) == []


def test_counts_are_integers_and_verdicts_plain_words() -> None:
    document = json.loads(dumps(judged()))
    assert all(type(v) is int for v in document["counters"].values() if v is not None)
    assert (document["verdict"], document["exit_code"]) == ("FAIL", 1)


def test_there_and_back_is_the_same_result() -> None:
    result = judged()
    assert loads(dumps(result)) == result


@settings(max_examples=30)
@given(st.integers(0, 30), st.integers(0, 40), st.integers(0, 3), st.none() | st.just(0.5))
def test_every_result_is_strict_json_of_the_published_form(
    n: int, per_second: int, errors: int, pace_s: float | None
) -> None:
    result = judged(n, per_second, errors, pace_s=pace_s)
    text = dumps(result)

    def refuse(constant: str) -> object:
        raise AssertionError(constant)

    json.loads(text, parse_constant=refuse)
    assert loads(text) == result


def test_the_schema_names_every_key_with_its_type() -> None:
    published = json.loads(json.dumps(schema()))
    document = json.loads(dumps(judged()))
    assert published["$schema"].startswith("https://json-schema.org/")
    added = {"smoke", "targets_judged", "targets_total", "repeat_may_help"}
    assert set(published["required"]) | added == keys(document)
    assert added <= set(published["properties"])
    assert set(published["$defs"]["Counters"]["required"]) == keys(document["counters"])
    for name in ("Scope", "Score", "Counters", "EndpointSummary", "Point", "ResourceUse"):
        assert published["$defs"][name]["description"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "this is not a result"),
        ("[]", "this result has the form None"),
        ('{"schema": "loadctl.result/2"}', "this result has the form 'loadctl.result/2'"),
        ('{"schema": "loadctl.result/1"}', "this result is damaged: Object missing required field `verdict`"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(text: str, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        loads(text)
    assert says in str(refused.value)
    assert refused.value.hint


def test_nan_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumps(replace(judged(), peak=float("nan")))


def test_what_an_engine_s_users_are_made_of_is_kept_where_it_was_said() -> None:
    result = judged()
    assert "users" not in json.loads(dumps(result))["engine"]
    told = replace(result, engine=replace(result.engine, users="the script's own users and clients"))
    document = json.loads(dumps(told))
    assert document["engine"]["users"] == "the script's own users and clients"
    assert loads(dumps(told)).engine == told.engine


def test_places_of_users_are_kept_beside_the_count_of_arrivals() -> None:
    result = judged()
    assert not {"extension", "virtual_users"} & json.loads(dumps(result))["engine"].keys()
    told = replace(
        result,
        engine=replace(result.engine, extension="engine loadctl", virtual_users=VirtualUsers(12, 9, 3)),
    )
    engine = json.loads(dumps(told))["engine"]
    assert engine["extension"] == "engine loadctl"
    assert engine["virtual_users"] == {"created": 12, "completed": 9, "failed": 3}
    assert loads(dumps(told)).engine == told.engine


def test_a_result_of_an_older_version_is_read_whole() -> None:
    """`old/result.json` was written before results were structs, and lacks the keys that came after the first form."""
    text = (Path(__file__).parent / "old" / "result.json").read_text()
    old, read = json.loads(text), json.loads(dumps(loads(text)))
    assert read["resources"].pop("companions") == []
    added = {key: read.pop(key) for key in read.keys() - old.keys()}
    assert added == {"smoke": False, "targets_judged": 2, "targets_total": 4, "repeat_may_help": False}
    assert read == old
    assert set(cast("list[str]", schema()["required"])) <= old.keys()
