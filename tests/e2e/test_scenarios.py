"""Scenarios as users write them, on the demo system: what is sent, how it is counted, what is kept secret."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.e2e.shell import Going, Shell

pytestmark = pytest.mark.e2e

EVERYTHING = """
goal: Everything a user type can say
data: accounts.csv
start:
  - post: /login
    form: {user: "{{ row.name }}", password: "${DEMO_PASSWORD}"}
    capture: {token: $.token}
headers:
  Authorization: Bearer {{ token }}
  X-Note: "${secret:NOTE:-none}"
tasks:
  - weight: 3
    post: /predict
    json: {model: churn, features: "{{ random_floats(8) }}"}
    check: {status: 2xx, has: prediction, json: {model: churn}, within: 2s}
  - name: browse
    flow:
      - get: /models
        query: {page: 1}
        capture: {ids: "$.items[*].id"}
        check: {text: churn}
      - think: 20ms
      - repeat: 2
        while: ids
        flow:
          - get: /models/{{ random_choice(ids) }}
            name: GET /models/{id}
            check: {has: version}
think: 20ms..60ms
load:
  - {users: 4, over: 1s, warmup: true}
  - {users: 4, for: 3s}
targets: {error_rate: 1%, latency_p50: 200ms}
"""
PASSWORD = "planted-secret-4711"
NOTE = "planted-note-0815"


def artefacts(folder: Path) -> str:
    """Every byte of every file of a run directory, unpacked."""
    texts = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            texts.append((gzip.decompress(data) if path.suffix == ".gz" else data).decode(errors="replace"))
    return "\n".join(texts)


def test_all_of_a_user_type_is_sent_and_counted_and_no_secret_is_written(loadctl: Shell) -> None:
    loadctl.write("scenarios/all.yaml", EVERYTHING)
    loadctl.write("scenarios/accounts.csv", "name\nann\nbob\n")
    env = {"DEMO_PASSWORD": PASSWORD, "NOTE": NOTE}
    ended = loadctl("run", "--demo", "--truth", "truth.json", "--fault", "errors=2%", "--json", env=env)
    assert ended.code in {0, 1}, ended.err
    truth = json.loads((loadctl.folder / "truth.json").read_text())
    counters = ended.result["counters"]
    assert counters["started"] == counters["completed"] + counters["unfinished"] == truth["requests"]
    assert set(truth["by_endpoint"]) == {"POST /login", "POST /predict", "GET /models", "GET /models/{id}"}
    errors = {row["endpoint"]: row["errors"] for row in ended.result["summary"]["endpoints"] if row["errors"]}
    assert all(set(classes) == {"status_500"} for classes in errors.values())
    run_dir = next((loadctl.folder / "runs").glob("*Z-*"))
    everything = artefacts(run_dir) + ended.out + ended.err
    assert PASSWORD not in everything
    assert NOTE not in everything
    assert all(path.stat().st_mode & 0o077 == 0 for path in run_dir.rglob("*") if path.is_file())


def test_the_same_seed_sends_the_same_and_another_seed_something_else(loadctl: Shell) -> None:
    loadctl.write(
        "scenarios/seeded.yaml",
        "pace: 100ms\n"
        "tasks:\n  - {get: /models, weight: 2}\n  - get: /health\n  - get: /models/churn\n"
        "load: [{users: 5, for: 4s}]\ntargets: {error_rate: 1%}\n",
    )

    def mix(going: Going) -> dict[str, int]:
        endpoints = going.wait().result["summary"]["endpoints"]
        return {row["endpoint"]: row["completed"] for row in endpoints}

    runs = [loadctl.start("run", "--demo", "--seed", seed, "--json") for seed in ("7", "7", "8")]
    first, again, other = map(mix, runs)
    assert sum(first.values()) == pytest.approx(180, abs=5)  # users come evenly over the first second
    assert all(abs(first[name] - again[name]) <= 3 for name in first)  # only the edges of the run are chance
    assert any(abs(first[name] - other[name]) > 3 for name in first)


def test_a_locustfile_runs_as_it_is(loadctl: Shell) -> None:
    loadctl.write(
        "load/locustfile.py",
        "from locust import FastHttpUser, HttpUser, constant, task\n"
        "class Reader(HttpUser):\n"
        "    wait_time = constant(0.05)\n"
        "    @task\n"
        "    def models(self):\n"
        "        self.client.get('/models')\n"
        "class Writer(FastHttpUser):\n"
        "    wait_time = constant(0.05)\n"
        "    @task\n"
        "    def missing(self):\n"
        "        self.client.get('/models/none', name='GET /models/{id}')\n",
    )
    loadctl.write(
        "scenarios/mine.yaml",
        "locustfile: ../load/locustfile.py\nusers: {Reader: 3, Writer: 1}\n"
        "load: [{users: 8, for: 4s}]\ntargets: {error_rate: 50%}\n",
    )
    ended = loadctl("run", "--demo", "--truth", "truth.json", "--json")
    assert ended.code == 0, ended.err
    truth = json.loads((loadctl.folder / "truth.json").read_text())
    counters = ended.result["counters"]
    assert counters["completed"] + counters["unfinished"] == truth["requests"] > 100
    rows = {row["endpoint"]: row for row in ended.result["summary"]["endpoints"]}
    assert rows["GET /models"]["failed"] == 0
    assert rows["GET /models/{id}"]["errors"] == {"status_404": rows["GET /models/{id}"]["failed"]}
    assert rows["GET /models"]["completed"] > 2 * rows["GET /models/{id}"]["completed"]


def test_a_public_host_is_refused_where_nobody_can_be_asked(loadctl: Shell) -> None:
    loadctl.write(
        "scenarios/prod.yaml",
        "host: https://www.example.com\ntasks: [{get: /}]\nload: [{users: 1, for: 1s}]\n",
    )
    ended = loadctl("run")
    assert ended.code == 2
    assert "www.example.com is not a private host" in ended.err
    assert "nothing was sent" in ended.err
    assert "--allow-host www.example.com" in ended.err
    assert not (loadctl.folder / "runs").exists()


@pytest.mark.quiet
def test_users_follow_the_plan_up_and_down(loadctl: Shell) -> None:
    loadctl.write(
        "scenarios/hills.yaml",
        "think: 20ms..60ms\ntasks: [{get: /models}]\n"
        "load: [{users: 40, over: 3s}, {users: 40, for: 2s}, {users: 10, over: 2s}, {users: 10, for: 2s}]\n"
        "targets: {error_rate: 1%}\n",
    )
    ended = loadctl("run", "--demo", "--workers", "2", "--json")
    timeline = {point["t_s"]: point for point in ended.result["timeline"]}
    planned = {t: point["planned"] for t, point in timeline.items()}
    for t in range(9):
        near = [planned[other] for other in (t - 1, t, t + 1) if other in planned]
        slack = max(2, 0.02 * max(near))
        assert min(near) - slack <= timeline[t]["users"] <= max(near) + slack, (t, timeline[t], near)
