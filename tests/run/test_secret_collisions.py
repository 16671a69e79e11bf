"""Secrets that collide with words of a run: whatever a secret's value is, what the run is judged from is the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import to_builtins

from loadctl.cli.judging import judged
from loadctl.monitors.sampler import Sampler
from loadctl.results.recording import Event, Reading
from loadctl.run.directory import RunDirectory
from loadctl.run.machine import this_machine
from loadctl.run.manifest import Manifest, from_text, scenario_hash, to_text
from tests.records import replace
from tests.scenario.reading.test_parse import read

SCENARIO = """
goal: hold ${secret:S}
host: http://127.0.0.1:8080
headers: {Authorization: "Bearer ${S}", X-Mine: "${secret:S}"}
tasks:
  - {get: "/echo/${secret:S}?q=${secret:S}", query: {q: "${secret:S}"}}
  - {get: /echo/churn, check: {text: ["${secret:S}"]}}
  - {name: "POST ${secret:S}", post: /p, json: {model: churn, password: "${S}", deep: [{"a": "x ${secret:S}"}]}}
load:
  - {users: 1, for: 5s, warmup: true}
  - {users: 5, for: 20s, name: hold}
  - {users: 9, for: 20s, name: "${secret:S}"}
targets:
  error_rate: 1%
  cpu: 90%
  throughput: {target: 100/s, critical: 50/s}
  endpoints: {GET /echo/churn: {latency_p95: 40ms}, "GET /echo/{S}": {error_rate: 1%}}
  stages: {hold: {latency_p95: 50ms}, "{S}": {latency_p99: 60ms}}
  metrics: {queue_length: 5}
stop_when: error_rate > 50% for 10s
watch:
  process: uvicorn
  metrics: {page: "/metrics", headers: {X-Scope: "${secret:S}"}}
  prometheus: {url: "http://127.0.0.1:9090", queries: {queue_length: 'x{a="${secret:S}"}'}}
before: ["echo ${secret:S}"]
"""
OF_EVERY_RUN = "closed open churn error_rate 127.0.0.1 8080 9090 PASS locust artillery nothing: system host"


def manifest(secret: str) -> Manifest:
    scenario = read(SCENARIO, env={"S": secret})
    return Manifest(
        id="20261130T190000Z-api-locust-0000",
        scenario=scenario,
        scenario_hash=scenario_hash(scenario),
        engine="locust",
        engine_version="2.0",
        shards=1,
        argv=["run", "api", "--header", f"X-Key: {secret}"],
        machine=replace(this_machine(), platform="Linux"),
        watched="nothing: it is on another machine; give --pid",
        created_at="2026-11-30T19:00:00.000Z",
        pid=1,
    )


def words(value: object) -> Iterator[str]:
    """Every name, text and number in a JSON document, as texts."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from words(part)
    elif isinstance(value, list):
        for part in value:
            yield from words(part)
    else:
        yield value if isinstance(value, str) else json.dumps(value)


PLAIN = manifest("like-no-other-value")
WORDS = sorted({*" ".join({*words(json.loads(to_text(PLAIN))), OF_EVERY_RUN}).split()})


def of_judgement(one: Manifest) -> object:
    """A manifest without the texts that only people read."""
    scenario = one.scenario
    requests = [(r.method, r.endpoint, r.check.status, r.timeout_s) for r in scenario.requests()]
    tasks = [(task.name, task.weight) for user_type in scenario.user_types for task in user_type.tasks]
    watch = scenario.watch
    assert watch.prometheus is not None
    known = replace(scenario, user_types=(), watch=replace(watch, metrics=None, prometheus=None), before=())
    unwatched = (one.watched or "").partition(" ")[0]
    return (
        replace(one, scenario=known, argv=(), scenario_hash="", watched=unwatched),
        requests,
        tasks,
        list(watch.prometheus.queries),
    )


def read_back(secret: str) -> Manifest:
    return from_text(to_text(manifest(secret)), Path("run.json"))


def test_there_are_enough_words() -> None:
    assert len(WORDS) >= 110


@pytest.mark.parametrize("secret", WORDS)
def test_a_secret_that_is_a_word_of_the_manifest_changes_nothing(secret: str) -> None:
    assert of_judgement(read_back(secret)) == of_judgement(from_text(to_text(PLAIN), Path("run.json")))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS) | st.text(st.characters(codec="ascii", categories=["L", "N", "P"])))
    .map("".join)
    .filter(lambda text: text.strip() and "{{" not in text and len(text) < 1000)
)
def test_nor_does_any_other(secret: str) -> None:
    assert of_judgement(read_back(secret)) == of_judgement(from_text(to_text(PLAIN), Path("run.json")))
    if len(secret) > 8 and secret not in to_text(PLAIN):
        assert secret not in to_text(manifest(secret))


RECORDED = Path(__file__).parent.parent / "truth" / "recorded"


@pytest.mark.parametrize("case", ["errors-5", "crash-artillery"])
def test_a_recorded_run_is_judged_the_same_whatever_was_secret(case: str, tmp_path: Path) -> None:
    shutil.copytree(RECORDED / case, tmp_path / "run")
    run = RunDirectory(tmp_path / "run")
    before = to_builtins(judged(run).result)
    known = run.manifest()
    secrets = {word: "${S}" for word in words(json.loads((run.path / "run.json").read_text())) if word}
    run.write_manifest(replace(known, scenario=replace(known.scenario, secrets=secrets)))
    after = to_builtins(judged(run).result)
    differing = {key for key in before if after[key] != before[key]}
    assert differing <= {"findings", "advice"}  # which advise commands


class Named:
    """A monitor whose every word is a secret."""

    name = "container system"
    subject = "system"
    period_s = 60.0

    def sample(self, t: float) -> list[Reading | Event]:
        values = {"cpu_pct": 1.0, 'queue{of="churn"}': 2.0, 'other{of="churn"}': 3.0}
        return [
            Reading(t, "system", "container", "api", values),
            Event(t, "service_crashed", "api is gone", {"exit_code": 1}),
        ]

    def close(self, t: float) -> list[Reading | Event]:
        return []


def test_what_monitors_say_to_a_verdict_is_never_redacted() -> None:
    words_said = ["container", "cpu_pct", "system", "churn", "service_crashed", "sampler", "generator"]
    sampler = Sampler([Named()], secrets=words_said, series=['queue{of="churn"}'])
    sampler.start(0.0)
    sampler.stop()
    seen = sampler.drain()
    readings = [one for one in seen if isinstance(one, Reading) and one.subject == "system"]
    assert readings[0].source == "container"
    assert list(readings[0].values) == ["cpu_pct", 'queue{of="churn"}', 'other{of="[redacted]"}']
    crashes = [one for one in seen if isinstance(one, Event) and one.kind == "service_crashed"]
    assert crashes[0].detail["source"] == "container"
