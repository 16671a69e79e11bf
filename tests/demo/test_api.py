"""The ML-platform API over loopback, one system for all requests of this file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

FEATURES = [0.5, 1, -2, 3.25, 0, 1e3, 7, 8]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    argv = [sys.executable, "-m", "loadctl.demo", "--port=0", "--exit-with-parent"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with httpx.Client(base_url=process.stdout.readline().split()[-1], trust_env=False) as client:
            yield client
        process.stdin.close()


def test_models_can_be_listed_and_read_one_by_one(client: httpx.Client) -> None:
    items = client.get("/models").json()["items"]
    assert items[0] == {"id": "churn", "name": "Customer churn", "version": 4}
    for item in items:
        assert client.get(f"/models/{item['id']}").json() == item


@pytest.mark.parametrize("send", [{"json": {"user": "ann"}}, {"data": {"user": "ann", "password": "x"}}])
def test_a_login_gives_a_token_that_is_accepted(client: httpx.Client, send: dict[str, Any]) -> None:
    session = client.post("/login", **send).json()
    assert session["token"] == session["access_token"]
    answer = client.get("/models", headers={"authorization": f"Bearer {session['token']}"})
    assert answer.status_code == 200
    assert "x-ratelimit-limit" not in answer.headers


def test_a_prediction_is_the_same_number_for_the_same_features(client: httpx.Client) -> None:
    answers = [
        client.post("/predict", json={"model": "fraud", "features": FEATURES}).json() for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert answers[0]["version"] == 11
    assert 0 <= answers[0]["prediction"] <= 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/predict", "{", 400),
        ("POST", "/predict", b"\xff", 400),
        ("POST", "/predict", "[]", 422),
        ("POST", "/predict", "{}", 422),
        ("POST", "/predict", json.dumps({"model": "none", "features": FEATURES}), 422),
        ("POST", "/predict", json.dumps({"model": "churn", "features": FEATURES[1:]}), 422),
        ("POST", "/predict", json.dumps({"model": "churn", "features": [*FEATURES[1:], "1"]}), 422),
        ("POST", "/predict", json.dumps({"model": "churn", "features": [*FEATURES[1:], True]}), 422),
        ("POST", "/predict", json.dumps({"model": "churn", "features": [*FEATURES[1:], float("nan")]}), 422),
        ("POST", "/login", "{", 400),
        ("POST", "/login", '{"user": ""}', 422),
        ("GET", "/models/none", None, 404),
        ("GET", "/models/", None, 404),
        ("GET", "/", None, 404),
        ("GET", "/predict", None, 405),
        ("DELETE", "/models", None, 405),
        ("POST", "/metrics", None, 405),
        ("HEAD", "/models", None, 200),
    ],
)
def test_what_is_wrong_is_answered_in_json(
    client: httpx.Client, method: str, path: str, body: str | bytes | None, status: int
) -> None:
    answer = client.request(method, path, content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    if status >= 400:
        assert answer.json()["detail"]
    if status == 405:
        assert answer.headers["allow"] in ("GET", "POST")


@pytest.mark.parametrize("headers", [{"x-api-key": "demo-free"}, {"authorization": "Bearer demo-free"}])
def test_a_key_used_too_often_is_refused_and_told_when_to_come_back(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    answers = [client.get("/models", headers=headers) for _ in range(30)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].headers["x-ratelimit-limit"] == "10"
    assert refused[0].headers["x-ratelimit-remaining"] == "0"
    assert refused[0].headers["x-ratelimit-reset"] == "1"


def test_premium_has_no_limit_and_an_unknown_key_no_entry(client: httpx.Client) -> None:
    assert {client.get("/models", headers={"x-api-key": "demo-premium"}).status_code for _ in range(30)} == {
        200
    }
    assert client.get("/models", headers={"x-api-key": "stolen"}).status_code == 401
    assert client.get("/models", headers={"authorization": "Bearer demo-stolen"}).status_code == 401


def test_every_operation_of_the_openapi_document_works_with_its_own_examples(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    called = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                path = path.replace("{" + parameter["name"] + "}", parameter["example"])  # noqa: PLW2901
            bodies = operation.get("requestBody", {}).get("content", {"none": {}})
            for kind, body in bodies.items():
                sent = {
                    "application/json": "json",
                    "application/x-www-form-urlencoded": "data",
                    "none": "params",
                }
                answer = client.request(method, path, **{sent[kind]: body.get("example")})
                assert answer.status_code == 200, (method, path)
                schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
                named = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
                assert set(named["required"]) <= set(answer.json())
                called += 1
    assert called == 6


def test_metrics_are_prometheus_text_with_the_standard_names(client: httpx.Client) -> None:
    client.get("/models/fraud")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    line = re.compile(r'(# (HELP|TYPE) .+|[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [-+.e0-9]+)')
    lines = answer.text.splitlines()
    assert [one for one in lines if not line.fullmatch(one)] == []
    single = dict(one.split() for one in lines if re.match(r"[a-z_]+ ", one))
    assert float(single["process_resident_memory_bytes"]) > 1e6
    assert 3 < float(single["process_open_fds"]) < float(single["process_max_fds"])
    assert {"process_cpu_seconds_total", "process_start_time_seconds", "http_requests_in_progress"} <= set(
        single
    )
    labels = 'method="GET",handler="/models/{id}"'
    total = int(
        next(one for one in lines if one.startswith(f'http_requests_total{{{labels},status="200"')).split()[1]
    )
    statuses = [one for one in lines if one.startswith(f"http_requests_total{{{labels}")]
    counted = sum(int(one.split()[1]) for one in statuses)
    assert total > 0
    assert f"http_request_duration_seconds_count{{{labels}}} {counted}" in lines
    assert f'http_request_duration_seconds_bucket{{{labels},le="+Inf"}} {counted}' in lines
