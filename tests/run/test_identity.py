"""What makes two runs comparable: that they sent the same, from the same machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadctl.run.directory import RunDirectory
from loadctl.run.machine import this_machine
from loadctl.run.manifest import identity_of, traffic_hash
from loadctl.scenario.reading.document import Sources, Text
from loadctl.scenario.reading.scenario_file import read_scenario
from loadctl.scenario.scenario import Scenario
from tests.truth.kept import RECORDED

SHOP = """
host: http://localhost:8000
goal: it stays quick
think: 100ms..300ms
tasks:
  - {get: /products, weight: 6}
  - {post: /cart, json: {where: left, files: [1]}, check: {status: 2xx}}
load: [{users: 10, over: 5s, warmup: true}, {users: 20, for: 1m, name: hold}]
targets: {latency_p95: 200ms}
watch: {metrics: /metrics}
"""


def scenario(text: str = SHOP, folder: Path = Path("nowhere")) -> Scenario:
    sources = Sources(
        scenario=Text("shop.yaml", text),
        users=None,
        targets=None,
        read=lambda _: None,
        resolve=lambda name: str(folder / name),
        env={},
    )
    return read_scenario("shop", sources)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("http://localhost:8000", "http://localhost:9000/v2"),
        ("it stays quick", "it never fails"),
        ("latency_p95: 200ms", "latency_p95: 20ms, error_rate: 1%"),
        ("watch: {metrics: /metrics}", "watch: {metrics: /other}"),
        ("watch: {metrics: /metrics}", "before: ./start\nafter: ./stop"),
        ("\nthink", "\n\n# a comment\nthink"),
    ],
)
def test_the_same_is_sent_whatever_it_is_judged_by_and_wherever_it_goes(before: str, after: str) -> None:
    assert traffic_hash(scenario(SHOP.replace(before, after))) == traffic_hash(scenario())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/products", "/product"),
        ("weight: 6", "weight: 5"),
        ("100ms..300ms", "100ms..200ms"),
        ("where: left", "where: right"),
        ("files: [1]", "files: [2]"),
        ("users: 20", "users: 21"),
        ("for: 1m", "for: 2m"),
        ("over: 5s, warmup: true", "over: 5s"),
        ("think", "seed: 7\nthink"),
        ("think", "headers: {X-Tenant: a}\nthink"),
        ("think", "timeout: 5s\nthink"),
        ("status: 2xx", "status: 200"),
    ],
)
def test_what_is_sent_is_told_apart(before: str, after: str) -> None:
    assert traffic_hash(scenario(SHOP.replace(before, after))) != traffic_hash(scenario())


def test_files_count_by_what_is_in_them(tmp_path: Path) -> None:
    def hashed(folder: str, content: str) -> str:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "a.csv").write_text(content)
        text = SHOP.replace("json: {where: left, files: [1]}", "files: {sheet: a.csv}")
        return traffic_hash(scenario(text, tmp_path / folder))

    here = hashed("here", "1,2\n")
    assert hashed("elsewhere", "1,2\n") == here
    assert hashed("here", "1,3\n") != here


def test_scripts_count_by_their_text_not_by_their_place(tmp_path: Path) -> None:
    def hashed(folder: str, content: str) -> str:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "f.py").write_text(content)
        text = "host: http://localhost:8000\nlocustfile: f.py\nload: [{users: 10, for: 1m}]\n"
        return traffic_hash(scenario(text, tmp_path / folder))

    here = hashed("here", "one = 1\n")
    assert hashed("elsewhere", "one = 1\n") == here
    assert hashed("here", "one = 2\n") != here


def test_a_run_of_an_earlier_version_is_identified_as_far_as_it_says() -> None:
    identity = identity_of(RunDirectory(RECORDED / "linear").manifest())
    assert identity.traffic_hash is not None
    assert (identity.engine, identity.shards, identity.architecture, identity.cpu_model) == (
        "locust",
        1,
        None,
        None,
    )


def test_a_machine_is_known_by_its_processor() -> None:
    machine = this_machine()
    assert machine.architecture
    assert 0 < machine.cores <= machine.cpu_count
