"""What a user writes: texts with units, templates, scenarios, targets, data files, descriptions of an API, reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from loadctl.analysis.imported import judge_imported
from loadctl.cli.app import explain
from loadctl.engines import ENGINES, export, read_report
from loadctl.engines.artillery.engine import javascript_plan
from loadctl.engines.artillery.own_script import read_flows, read_own_script
from loadctl.engines.artillery.pattern import Untranslatable
from loadctl.engines.locust.own_script import from_file, read_own_file
from loadctl.engines.shard_plan import shard_plan
from loadctl.errors import LoadctlError, UsageError
from loadctl.reports.ci.junit import junit
from loadctl.reports.ci.markdown import markdown
from loadctl.reports.terminal.plan import plan_document, show_plan, unjudgeable_lines, users_lines
from loadctl.reports.terminal.screen import render
from loadctl.results.imported import impossible
from loadctl.results.result import dumps
from loadctl.run.machine import this_machine
from loadctl.run.manifest import Manifest, from_text, scenario_hash, to_text
from loadctl.scenario import units
from loadctl.scenario.consent import consent_of, places_of
from loadctl.scenario.expectation import expect
from loadctl.scenario.openapi.document import base_of_file, read_openapi
from loadctl.scenario.openapi.scenario_text import scenario_text
from loadctl.scenario.reading.document import Sources, Text
from loadctl.scenario.reading.scenario_file import read_scenario, read_targets
from loadctl.scenario.reading.targets import Applicable
from loadctl.scenario.reading.user_types import read_rows
from loadctl.scenario.rescale import rescaled
from loadctl.scenario.scenario import Scenario, Script
from loadctl.scenario.target import parse_stop_rule
from loadctl.scenario.template import check_template, endpoint_path, json_plan, text_plan
from tests.fuzz.harness import Reader
from tests.records import replace

ROOT = Path(__file__).parents[2]
USERS = (ROOT / "scenarios" / "users.yaml").read_text() + "Operator: {tasks: [{get: /admin}]}\n"
MACHINE = this_machine()
SMALL = "host: http://localhost\nload: [{users: 2, for: 5s}]\n"


def _text(data: bytes) -> str:
    """As input_file.read_text decodes. Raises: UsageError."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("not UTF-8") from error


def _units(data: bytes) -> None:
    """Each of the forms of a number with its unit."""
    text = data.decode(errors="replace")
    read: Sequence[Callable[[str], object]] = (
        *(units.parse_duration, units.parse_pause, units.parse_rate, units.parse_percent, units.parse_bytes),
        *(units.parse_users, units.parse_number, units.parse_user_levels, units.parse_rate_levels),
        parse_stop_rule,
    )
    for one in read:
        try:
            one(text)
        except ValueError as error:
            if str(error).startswith("Exceeds the limit"):  # Python's own words: of int()
                raise AssertionError(text) from error


def _template(data: bytes) -> None:
    text = data.decode(errors="replace")
    if check_template(text) is None:
        json.dumps([text_plan(text), json_plan({"a": [text]})], allow_nan=False)
    try:
        endpoint_path(text)
    except ValueError:
        return


def _sources(scenario: str, users: str | None = None, targets: str | None = None) -> Sources:
    return Sources(
        scenario=Text("s.yaml", scenario),
        users=None if users is None else Text("users.yaml", users),
        targets=None if targets is None else Text("targets.yaml", targets),
        read=lambda _: "user,password,email,age\nann,x,a@b,3\nbob,y,c@d,4\n",
        resolve=lambda path: path,
        env={
            "X": "{{ x }}",
            "API_TOKEN": "abcdefgh",
            "TOKEN": "t0ken",
            "API_USER": "u",
            "PASSWORD": "geheim7",
            "API_PASSWORD": "pässword",
        },
    )


def _scenario(data: bytes) -> None:
    """Read, shown, expected, planned for both engines, exported, and written to a run directory and read again."""
    _used(read_scenario("s", _sources(_text(data), USERS, "latency_p95: 200ms")))


def _users(data: bytes) -> None:
    text = _text(data)
    _used(read_scenario("s", _sources(f"{SMALL}users: {{MLPlatformUser: 3, HighLoadUser: 1}}", text)))


def _targets(data: bytes) -> None:
    text = _text(data)
    _used(read_scenario("s", _sources(f"{SMALL}tasks: [{{get: /items}}]", None, text)))
    read_targets(Text("t.yaml", text), Applicable(["GET /items"], (), "closed"))


def _used(scenario: Scenario) -> None:
    expectation = expect(scenario)
    show_plan(scenario, expectation, width=80)
    json.dumps(plan_document(scenario, expectation), allow_nan=False)
    [*users_lines(scenario), *unjudgeable_lines(expectation)]
    consent_of(scenario)
    list(places_of(scenario))
    if scenario.load.stages:
        for one in ({"duration_s": 7.0}, {"users": 3} if scenario.load.model == "closed" else {"rate": 3.0}):
            try:
                rescaled(scenario, **one)
            except LoadctlError:
                continue
    if scenario.script is None:
        json.dumps(shard_plan(scenario, 0, 2), allow_nan=False, ensure_ascii=False).encode()
        for engine in ENGINES:
            try:
                export(replace(scenario, engine=engine))
            except LoadctlError:
                continue
        with suppress(Untranslatable):
            json.dumps(javascript_plan(scenario), allow_nan=False)
    manifest = Manifest(
        id="20261130T190000Z-s-locust-0000",
        scenario=scenario,
        scenario_hash=scenario_hash(scenario),
        engine="locust",
        engine_version="2.0",
        shards=1,
        argv=["run"],
        machine=MACHINE,
        created_at="2026-11-30T19:00:00.000Z",
        pid=1,
    )
    text = to_text(manifest)
    text.encode()
    from_text(text, Path("run.json"))


def _rows(data: bytes) -> None:
    read_rows(_text(data))


def _openapi(data: bytes) -> None:
    """What comes of it is a scenario that is valid as it is."""
    document = read_openapi(Text("openapi.yaml", _text(data)))
    base = base_of_file(document)
    draft = scenario_text(document, base.url)
    sources = _sources(draft.text)
    read_scenario("s", replace(sources, env=dict.fromkeys(draft.variables, "value") | dict(sources.env)))


def _report(data: bytes) -> None:
    """As `score` reads it: bytes that are no UTF-8 are replaced."""
    text = data.decode("utf-8-sig", "replace")
    report = read_report([Text("r.json", text)])
    if impossible(report):
        raise UsageError("no run can have it")
    endpoints = [row.endpoint for row in report.endpoints]
    known = Applicable(endpoints, stages=(), model=report.model)
    targets = read_targets(Text("targets.yaml", TARGETS), known)
    result = judge_imported(report, targets)
    for form in (dumps, render, markdown, junit):
        form(result).encode()


TARGETS = (ROOT / "targets.yaml").read_text()


def _script(data: bytes) -> None:
    """An Artillery script, with the user types that it may hold."""
    with TemporaryDirectory(prefix="fuzz-") as folder:
        path = Path(folder, "s.yml")
        path.write_bytes(data)
        own = read_own_script(str(path), "staging", {"X": "1"}, {"variables": '{"rate": 3}'})
        read_flows(Script("artillery", str(path), environment="staging"), 30.0, {})
        if own.load is not None:
            assert own.load.excess is None


def _locustfile(data: bytes) -> None:
    with TemporaryDirectory(prefix="fuzz-") as folder:
        path = Path(folder, "l.py")
        path.write_bytes(data)
        read_own_file([str(path)], {})


def _configuration(data: bytes) -> None:
    for name in ("locust.conf", "pyproject.toml"):
        try:
            from_file(_text(data), name)
        except UsageError:
            continue


def _explained(read: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """What is refused is said in words that can be written."""

    def reading(data: bytes) -> None:
        try:
            read(data)
        except LoadctlError as error:
            explain(error).encode("utf-8", "replace")
            raise

    return reading


def _files(folder: str, pattern: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / folder).glob(pattern))]


def _also_as_json(texts: Sequence[bytes]) -> tuple[bytes, ...]:
    """JSON is YAML too, and can be mutated as a tree."""
    return (*texts, *(json.dumps(yaml.safe_load(text), default=str).encode() for text in texts))


_SCENARIOS = [
    *_files("tests/scenario/examples", "*.yaml"),
    *(text for text in _files("scenarios", "*.yaml") if b"host:" in text),
    b"""\
host: http://localhost:8000
users:
  Reader: {weight: 3, think: 1s..2s, data: rows.csv, tasks: [{get: "/items/{{ row.user }}", name: "GET /items/{id}"}]}
  Writer:
    pace: 2s
    start: [{post: /login, form: {user: demo, password: "${API_PASSWORD}"}, capture: {token: $.token}}]
    headers: {Authorization: "Bearer {{ token }}"}
    tasks:
      - {post: /items, json: {n: "{{ random_int(1, 9) }}", f: "{{ random_floats(4) }}"}, check: {status: [200, 2xx]}}
      - name: browse
        flow:
          - {get: /a, capture: {id: "regex id=([0-9]{1,9})"}, check: {json: {$.a: 1.5}, within: 500ms}}
          - {think: 100ms}
          - {repeat: 3, while: id, flow: [{get: "/a/{{ id }}", timeout: 5s, query: {q: [a, b]}}]}
load:
  - {users: 10, over: 5s, warmup: true}
  - {users: 100..1000, step: 100, over: 10s, for: 80s, name: stairs}
  - {users: 10, over: 10s}
targets: {latency_p95: {target: 50ms, critical: 1s}, cpu: 70%, endpoints: {GET /a: {error_rate: 1%}}, metrics: {q: 5}}
watch: {container: api, metrics: {page: /metrics, series: [db_*]}, logs: {of: [x.log], errors: "ERROR|fatal"}}
stop_when: error_rate > 50% for 10s
rate_limit: {limit: 100/s, by: user}
allow_hosts: ["*.example.com", 10.0.0.0/8]
health: /health
drain: 5s
seed: 7
before: [{run: "echo ${X}", timeout: 5s}]
""",
    b"host: http://localhost\nload: [{rate: 1..300/s, step: 23/s, for: 9s}]\ntasks: [{get: /}]\nmax_in_flight: 100\n",
]
_WORDS = (
    *(
        b"host:",
        b"users:",
        b"load:",
        b"tasks:",
        b"{get: /x}",
        b"flow:",
        b"repeat: 3",
        b"think: 1s",
        b"weight: 2",
    ),
    *(
        b"over: 5s",
        b"for: 10s",
        b"step: 1",
        b"rate: 5/s",
        b"warmup: true",
        b"name: a",
        b"check:",
        b"capture:",
    ),
    *(
        b"json:",
        b"form:",
        b"files: {a: b}",
        b"regex ",
        b"$.a[*].b",
        b"header X",
        b"2xx",
        b"1..9",
        b"9h",
        b"999999999",
    ),
    *(
        b"latency_p95: 1ms",
        b"null",
        b"${TOKEN}",
        b"${secret:X}",
        b"&a ",
        b"*a",
        b"http://[::1]:80",
        b"http://a:b@c/",
    ),
)
_OPENAPI = (
    b"""\
openapi: 3.0.3
info: {title: API, version: "1.0"}
servers: [{url: "https://{region}.example.com/v1", variables: {region: {default: eu}}}]
components:
  securitySchemes:
    bearer: {type: http, scheme: bearer}
    key: {type: apiKey, in: header, name: X-Api-Key}
    oauth: {type: oauth2, flows: {password: {tokenUrl: /token, scopes: {}}}}
  schemas:
    Item:
      type: object
      required: [name, price, tags, kind]
      properties:
        name: {type: string, minLength: 3, maxLength: 9}
        price: {type: number, minimum: 0.5, multipleOf: 0.25}
        tags: {type: array, minItems: 2, items: {type: string, enum: [a, b]}}
        kind: {anyOf: [{type: "null"}, {$ref: "#/components/schemas/Kind"}]}
        child: {$ref: "#/components/schemas/Item"}
    Kind: {type: string, pattern: "^(one|two)$", example: one}
security: [{bearer: []}]
paths:
  /login:
    post:
      requestBody: {content: {application/json: {schema: {type: object, required: [username, password], properties: {username: {type: string}, password: {type: string}}}}}}
      responses: {"200": {content: {application/json: {schema: {type: object, properties: {access_token: {type: string}}}}}}}
  /items/{id}:
    parameters: [{in: path, name: id, required: true, schema: {type: integer, minimum: 5}}]
    get:
      operationId: getItem
      parameters: [{in: query, name: page, required: true, schema: {type: integer}, example: 2}]
      responses: {"200": {description: ok}}
  /predict:
    post:
      summary: Predict
      security: [{key: []}]
      requestBody: {content: {application/json: {schema: {allOf: [{$ref: "#/components/schemas/Item"}, {type: object, properties: {more: {type: boolean}}, required: [more]}]}}}}
      responses: {}
""",
    b"""\
{"swagger": "2.0", "info": {"title": "Old", "version": "1"}, "host": "localhost:8000", "basePath": "/api", "schemes": ["http"],
 "paths": {"/search": {"post": {"consumes": ["application/json"], "parameters": [{"in": "body", "name": "b", "schema":
 {"type": "object", "required": ["q"], "properties": {"q": {"type": "string"}, "n": {"type": "integer", "example": 1.10}}}},
 {"in": "header", "name": "X-Trace", "required": true, "type": "string"}], "responses": {"200": {"description": "ok"}}}},
 "/health": {"get": {"responses": {}}}}}
""",
)
_STATISTICS = {
    "name": "/items",
    "method": "GET",
    "last_request_timestamp": 1764500060.5,
    "start_time": 1764500000.25,
    "num_requests": 300,
    "num_none_requests": 0,
    "num_failures": 3,
    "total_response_time": 4500.5,
    "max_response_time": 180.0,
    "min_response_time": 3.0,
    "total_content_length": 90000,
    "response_times": {"5": 200, "12": 80, "150": 20},
}
_HTML = {
    "requests_statistics": [
        {"name": name, "method": method, "num_requests": 300, "num_failures": 3, "avg_response_time": 15.1,
         "min_response_time": 3.0, "max_response_time": 180.0, "avg_content_length": 300.0, "total_rps": 5.0}
        for name, method in (("/items", "GET"), ("Aggregated", ""))
    ],
    "response_time_statistics": [
        {"name": name, "method": method, "0.5": 5, "0.95": 150, "0.99": 160, "1.0": 180}
        for name, method in (("/items", "GET"), ("Aggregated", ""))
    ],
    "failures_statistics": [{"name": "/items", "method": "GET", "error": "HTTPError('500 x')", "occurrences": 3}],
    "exceptions_statistics": [{"msg": "boom", "count": 1}],
    "history": [{"time": "2026-11-30T19:00:01+00:00", "user_count": ["2026-11-30T19:00:01+00:00", 5]}],
    "start_time": "2026-11-30T19:00:00+00:00",
    "end_time": "2026-11-30T19:01:00+00:00",
    "host": "http://localhost:8000",
}  # fmt: skip
_ARTILLERY = {
    "aggregate": {
        "counters": {
            "vusers.created": 300, "vusers.skipped": 2, "http.requests": 300, "http.responses": 299, "http.codes.200": 290,
            "http.codes.302": 4, "http.codes.500": 5, "errors.ETIMEDOUT": 1,
            "plugins.metrics-by-endpoint./items (GET /items/{id}).codes.200": 290, "plugins.metrics-by-endpoint./b.codes.500": 5,
            "plugins.metrics-by-endpoint./b.errors.ETIMEDOUT": 1,
        },
        "summaries": {
            "http.response_time": {"min": 1, "max": 180, "count": 299, "mean": 15.2, "p50": 5, "median": 5, "p75": 12.1,
                                   "p90": 14.9, "p95": 149.9, "p99": 159.2, "p999": 179.5},
            "plugins.metrics-by-endpoint.response_time./items (GET /items/{id})": {"min": 1, "max": 9, "count": 290, "mean": 5,
                                   "p50": 5, "p75": 5, "p90": 6, "p95": 7, "p99": 8, "p999": 9},
        },
        "firstMetricAt": 1764500000123, "lastMetricAt": 1764500060123,
    },
    "intermediate": [],
}  # fmt: skip
_CSV = (
    b"Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    b"Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%\n"
    b"GET,/items,300,3,5,15.1,3.0,180.0,300.0,5.0,0.05,5,6,7,8,12,150,160,160,180,180,180\n"
    b",Aggregated,300,3,5,15.1,3.0,180.0,300.0,5.0,0.05,5,6,7,8,12,150,160,160,180,180,180\n"
)
_REPORTS = (
    json.dumps([_STATISTICS]).encode(),
    json.dumps(_ARTILLERY).encode(),
    _CSV,
    b"<html><script>window.templateArgs = " + json.dumps(_HTML).encode() + b"\n</script></html>",
)
_SCRIPT = b"""\
config:
  target: "http://localhost:{{ $env.X }}"
  phases: [{name: warm up, duration: 5, arrivalRate: 1}, {duration: 1m, arrivalRate: 2, rampTo: 9}, {pause: 2}]
  environments: {staging: {target: "https://staging.example.com", phases: [{duration: 5, arrivalCount: 20, maxVusers: 3}]}}
  tls: {rejectUnauthorized: false}
scenarios:
  - {name: a, flow: [{get: {url: /items}}, {loop: [{post: {url: "http://127.0.0.1/x", json: {a: 1}}}], count: 3}]}
  - {name: b, engine: loadctl, flow: [{get: /items, check: {status: 2xx}}, {think: 1s}]}
"""
_LOCUSTFILE = b"""\
import os
from locust import HttpUser, task
HOST = os.environ.get("HOST", "http://localhost:8000")
class Base(HttpUser):
    abstract = True
    host = HOST + "/api"
class Reader(Base):
    weight = 3
    insecure = True
    @task
    def read(self):
        self.client.get("/items", verify=False)
"""
_CONFIGURATION = (
    b"# comment\nlocustfile = l.py\nhost: http://localhost\nusers = 10\nspawn-rate = 2\nrun-time = 1m\ntags = [a, b]\n",
    b'[tool.locust]\nlocustfile = "l.py"\nusers = 10\nspawn-rate = 2.5\ntags = ["a", "b"]\n',
)

_ALL = (
    Reader(
        "units",
        _units,
        (b"1m30s", b"200ms..1s", b"300/s", b"0.1%", b"1GiB", b"700 users", b"0.5", b"1..300/s", b"100..1000"),
        (b"ms", b"s", b"m", b"h", b"/min", b"%", b"kB", b"TiB", b"..", b" ", b"."),
    ),
    Reader(
        "template",
        _template,
        (
            *(
                b"/items/{{ id }}?page={{ random_int(1, 500) }}",
                b"{{ row.email }}",
                b"{{ int(str(float(row.age))) }}",
            ),
            *(b"{{ random_choice(ids) }} {{ 'a' }} {{ -1.5e3 }}", b'{{ "{{" }}', b"http://{{ host }}/x#y"),
        ),
        (
            b"{{",
            b"}}",
            b"(",
            b")",
            b",",
            b"'",
            b'"',
            b".a",
            b"int(",
            b"str(",
            b"uuid()",
            b"row.x",
            b"1e308",
            b"-",
        ),
    ),
    Reader("scenario", _scenario, _also_as_json(_SCENARIOS), _WORDS),
    Reader("users", _users, _also_as_json([USERS.encode()]), _WORDS),
    Reader("targets", _targets, _also_as_json([TARGETS.encode()]), _WORDS),
    Reader(
        "rows", _rows, (b'user,age\nann,3\n\nbob,"4\n5"\n',), (b",", b'"', b"\r\n", b"\n", b"\n\n", b"''")
    ),
    Reader(
        "openapi",
        _openapi,
        _also_as_json(_OPENAPI),
        (
            *(
                b"$ref: '#/paths'",
                b"allOf",
                b"anyOf",
                b"enum",
                b"example",
                b"type: array",
                b"minItems: 99",
                b"properties",
            ),
            *(
                b"required",
                b"/login",
                b"post",
                b"schema: {}",
                b"{id}",
                b"servers",
                b"tokenUrl: http://[x",
                b"#/components",
            ),
        ),
    ),
    Reader(
        "report",
        _report,
        _REPORTS,
        (b"Aggregated", b"N/A", b"0.99", b"num_requests", b"counters", b"-1", b"p99"),
    ),
    Reader("script", _script, _also_as_json([_SCRIPT]), (*_WORDS, b"phases:", b"arrivalRate: 1", b"target:")),
    Reader(
        "locustfile",
        _locustfile,
        (_LOCUSTFILE,),
        (b"host = ", b"+" + b"a+" * 3000 + b"a", b"class A(B):\n", b"f'{x}'"),
    ),
    Reader(
        "configuration", _configuration, _CONFIGURATION, (b"users", b"=", b"[tool.locust]", b"[", b"#", b";")
    ),
)
WRITTEN: Sequence[Reader] = [replace(reader, read=_explained(reader.read)) for reader in _ALL]
