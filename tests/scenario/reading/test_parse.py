import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from loadctl.errors import InvalidInput
from loadctl.scenario.reading.document import Sources, Text
from loadctl.scenario.reading.scenario_file import applicable_to, read_scenario, read_targets
from loadctl.scenario.scenario import RateLimit, Scenario, Script
from loadctl.scenario.target import Target
from loadctl.scenario.user_type import Body, Check, Repeat, Request, Think
from loadctl.scenario.watch import Watch
from tests.records import replace

EXAMPLES = sorted(Path(__file__).parents[1].joinpath("examples").glob("*.yaml"))
USERS = "Operator: {think: 1s, tasks: [{get: /admin}]}\nHighLoadUser: {think: 0s..10ms, tasks: [{get: /models}]}\n"
HOST = "host: http://localhost:8000\n"
LOAD = "load: [{users: 5, for: 10s}]\n"
TASKS = "tasks: [{get: /items}]\n"


def read(
    text: str,
    *,
    users: str | None = None,
    table: str | None = None,
    env: Mapping[str, str] | None = None,
    rows: str = "email,age\nann@example.com,42\nbob@example.com,7\n",
    packaged: bool = False,
    host: str | None = None,
    engine: str | None = None,
    targets: Sequence[str] = (),
) -> Scenario:
    sources = Sources(
        scenario=Text("scenarios/api.yaml", text),
        users=Text("scenarios/users.yaml", users) if users else None,
        targets=Text("targets.yaml", table) if table else None,
        read=lambda path: rows if path.endswith(".csv") else None,
        resolve=lambda path: f"/project/{path}",
        env=env or {},
        packaged=packaged,
    )
    return read_scenario("api", sources, host=host, engine=engine, targets=targets)


def limits(targets: Sequence[Target]) -> list[tuple[str, str, float | None, float, str]]:
    return [(t.metric, str(t.scope), t.target, t.critical, t.unit) for t in targets]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_everyday_scenarios_are_valid(path: Path) -> None:
    scenario = read(path.read_text(encoding="utf-8"), users=USERS, env={"PASSWORD": "hunter2"})
    assert scenario.goal
    assert scenario.user_types or scenario.script


def test_there_are_twelve_everyday_scenarios() -> None:
    assert len(EXAMPLES) == 12


def test_a_small_scenario_is_complete() -> None:
    scenario = read(HOST + "think: 500ms..2s\n" + TASKS + LOAD)
    (visitor,) = scenario.user_types
    assert (scenario.name, scenario.source, scenario.packaged) == ("api", "scenarios/api.yaml", False)
    assert (scenario.engine, scenario.host, scenario.load.model) == (
        "locust",
        "http://localhost:8000",
        "closed",
    )
    assert (scenario.timeout_s, scenario.drain_s, scenario.max_in_flight, scenario.seed) == (30, 10, 1000, 1)
    assert (visitor.name, visitor.weight, visitor.think) == ("api", 1, Think(0.5, 2))
    assert scenario.endpoints == ["GET /items"]
    assert limits(scenario.targets) == [("error_rate", "run", None, 1.0, "%")]


def test_all_parts_of_a_request_are_read() -> None:
    text = (
        HOST
        + LOAD
        + (
            "headers: {Accept: application/json}\n"
            "tasks:\n"
            "  - weight: 3\n"
            "    put: /items/{{ int('4') }}?v=1.10\n"
            "    name: PUT /items/{id}\n"
            "    query: {page: 1.10, tag: [a, b], on: true}\n"
            "    headers: {X-Version: 1.10}\n"
            "    json: {n: 1, when: 2026-01-01, deep: [{ok: true, nothing: null}]}\n"
            "    capture: {a: '$.items[*].id', b: header Location, c: cookie sid, d: 'regex id=(\\d+)'}\n"
            "    check: {status: [2xx, 404], has: data.id, lacks: [errors], json: {a: 1}, text: ok, within: 500ms}\n"
            "    timeout: 1m\n"
        )
    )
    (task,) = read(text).user_types[0].tasks
    assert (task.name, task.weight) == ("PUT /items/{id}", 3)
    (request,) = task.flow
    assert isinstance(request, Request)
    assert replace(request, where=Request(method="", url="", endpoint="").where) == Request(
        method="PUT",
        url="/items/{{ int('4') }}?v=1.10",
        endpoint="PUT /items/{id}",
        query={"page": "1.10", "tag": ["a", "b"], "on": "true"},
        headers={"X-Version": "1.10"},
        body=Body(kind="json", json={"n": 1, "when": "2026-01-01", "deep": [{"ok": True, "nothing": None}]}),
        capture={"a": "$.items[*].id", "b": "header Location", "c": "cookie sid", "d": "regex id=(\\d+)"},
        check=Check(
            status=((200, 299), (404, 404)),
            has=("data.id",),
            lacks=("errors",),
            json={"a": 1},
            text=("ok",),
            within_s=0.5,
        ),
        timeout_s=60,
    )
    assert str(request.where) == "scenarios/api.yaml:5:5"


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("form: {title: Report, n: 1.10}", Body(kind="form", fields={"title": "Report", "n": "1.10"})),
        (
            "form: {title: Report}, files: {document: a.pdf}",
            Body(kind="files", fields={"title": "Report"}, files={"document": "/project/a.pdf"}),
        ),
        ("body: 'a=b'", Body(kind="raw", raw="a=b")),
        ("json: '{{ random_floats(8) }}'", Body(kind="json", json="{{ random_floats(8) }}")),
        ("json: null", Body(kind="json", json=None)),
    ],
)
def test_a_request_has_one_kind_of_body(body: str, wanted: Body) -> None:
    request = read(HOST + LOAD + f"tasks: [{{post: /x, {body}}}]").requests()[0]
    assert request.body == wanted


def test_a_flow_is_one_task_with_pauses_and_loops() -> None:
    scenario = read(next(path for path in EXAMPLES if path.stem == "04-pages").read_text(encoding="utf-8"))
    (task,) = scenario.user_types[0].tasks
    first, loop = task.flow
    assert isinstance(first, Request)
    assert isinstance(loop, Repeat)
    assert (task.name, loop.times, loop.while_) == ("all pages", 20, "cursor")
    assert [type(step) for step in loop.flow] == [Request, Think, Request]
    assert scenario.endpoints == ["GET /items", "GET /items/{id}"]


def test_user_types_come_from_users_yaml_by_weight_or_stand_in_place() -> None:
    text = HOST + LOAD + "users:\n  Operator: 2\n  Reader: {weight: 16, pace: 2s, tasks: [{get: /a}]}\n"
    operator, reader = read(text, users=USERS).user_types
    assert (operator.name, operator.weight, operator.think) == ("Operator", 2, Think(1, 1))
    assert (reader.name, reader.weight, reader.pace_s) == ("Reader", 16, 2)


def test_an_open_load_ignores_the_pauses_of_shared_user_types() -> None:
    scenario = read(HOST + "users: {Operator: 1}\nload: [{rate: 5/s, for: 10s}]", users=USERS)
    assert scenario.load.model == "open"
    assert scenario.user_types[0].think is None


def test_start_steps_of_an_open_load_may_be_taken_once() -> None:
    """In the closed model a start is: the word changes nothing."""
    text = (
        HOST
        + "tasks: [{get: /a}]\nstart:\n  - {post: /login, once: true}\n  - {get: /b, once: false}\n"
        + "  - {think: 1s, once: true}\n  - {repeat: 2, once: true, flow: [{get: /c}]}\n"
    )
    (user,) = read(text + "load: [{rate: 5/s, for: 10s}]").user_types
    assert [step.once for step in user.start] == [True, False, True, True]
    assert [step.once for step in user.tasks[0].flow] == [False]
    (user,) = read(text + LOAD).user_types
    assert [step.once for step in user.start] == [False, False, False, False]


def test_users_yaml_is_only_read_where_it_is_named() -> None:
    broken = USERS + "Broken: {tasks: [{get: '/${NOT_SET}'}]}\n"
    assert read(HOST + LOAD + "users: {Operator: 1}", users=broken).endpoints == ["GET /admin"]


def test_rows_of_a_csv_are_text() -> None:
    text = HOST + LOAD + "data: accounts.csv\ntasks: [{post: /login, json: {age: '{{ int(row.age) }}'}}]"
    assert read(text).user_types[0].data == [
        {"email": "ann@example.com", "age": "42"},
        {"email": "bob@example.com", "age": "7"},
    ]


@pytest.mark.parametrize(
    ("rows", "notes"),
    [
        ("id,name\n1,ann\n,\n2,bob\n", ["a.csv: 1 empty row is skipped"]),
        (',,\nid,name\n1,ann\n,,,\n\n \t,""\n2,bob\n,\n', ["a.csv: 4 empty rows are skipped"]),
        ("id,name\n\n1,ann\n2,bob\n\n", []),
    ],
)
def test_empty_rows_of_a_csv_are_skipped_and_counted(rows: str, notes: Sequence[str]) -> None:
    users = "users: {A: {data: a.csv, tasks: [{get: /}]}, B: {data: a.csv, tasks: [{get: /}]}}"
    scenario = read(HOST + LOAD + users, rows=rows)
    assert [each.data for each in scenario.user_types] == [
        [{"id": "1", "name": "ann"}, {"id": "2", "name": "bob"}]
    ] * 2
    assert scenario.notes == tuple(notes)


def test_a_script_brings_its_own_users() -> None:
    scenario = read(HOST + LOAD + "locustfile: ../locustfile.py\nusers: {WebsiteUser: 3}")
    assert scenario.script == Script("locustfile", "/project/../locustfile.py", {"WebsiteUser": 3}, None)
    assert (scenario.engine, scenario.user_types, scenario.endpoints) == ("locust", (), [])


def test_classes_of_a_script_and_user_types_stand_in_one_scenario() -> None:
    users = "users: {OwnClass: 1, Operator: 3, Here: {weight: 2, tasks: [{get: /}]}}"
    scenario = read(HOST + LOAD + f"locustfile: own.py\n{users}", users=USERS)
    assert scenario.script is not None
    assert scenario.script.weights == {"OwnClass": 1, "Operator": 3, "Here": 2}
    assert [(one.name, one.weight) for one in scenario.user_types] == [("Operator", 3), ("Here", 2)]
    assert scenario.common_pace_s is None


def test_a_locustfile_without_load_makes_its_own() -> None:
    scenario = read(HOST + "locustfile: own.py")
    assert scenario.script == Script("locustfile", "/project/own.py", own_load=True)
    assert (scenario.load.model, scenario.load.stages) == ("closed", ())


def test_arguments_of_a_locustfile_may_hold_secrets() -> None:
    text = HOST + LOAD + "locustfile: own.py\narguments: [--tenant, acme, --api-key, '${K}', --rows, 5]"
    scenario = read(text, env={"K": "abcdef"})
    assert scenario.script is not None
    assert scenario.script.arguments == ("--tenant", "acme", "--api-key", "abcdef", "--rows", "5")
    assert list(scenario.secrets) == ["abcdef"]


def test_a_script_may_know_its_host() -> None:
    assert read(LOAD + "locustfile: own.py").host == ""


def test_an_artillery_script_implies_its_engine_and_may_bring_its_own_load() -> None:
    scenario = read("artillery: a.yml\nenvironment: staging")
    assert scenario.script == Script("artillery", "/project/a.yml", {}, "staging")
    assert (scenario.engine, scenario.host, scenario.load.stages) == ("artillery", "", ())


def test_the_other_keys_are_read() -> None:
    text = (
        HOST
        + TASKS
        + "load: [{rate: 5/s, for: 10s}]\nwatch: {pid: 12, process: uvicorn}\nrate_limit: {limit: 100/s, by: key}\n"
        "max_in_flight: 50\nallow_hosts: ['*.example.com']\nhealth: /health\ntimeout: 4s\nseed: 7\n"
        "ca: ca.pem\ncert: me.pem\nverify: false\nengine: artillery\n"
    )
    scenario = read(text)
    assert scenario.watch == Watch(pid=12, process="uvicorn")
    assert scenario.rate_limit == RateLimit(100, "key", keys=1, evenly=True)
    assert (scenario.max_in_flight, scenario.seed, scenario.health) == (50, 7, "/health")
    assert (scenario.timeout_s, scenario.drain_s, scenario.requests()[0].timeout_s) == (4, 4, 4)
    assert (scenario.tls.ca, scenario.tls.cert, scenario.tls.verify) == (
        "/project/ca.pem",
        "/project/me.pem",
        False,
    )
    assert (scenario.allow_hosts, scenario.engine) == (("*.example.com",), "artillery")


def test_the_command_line_overrides_host_and_engine() -> None:
    scenario = read(
        "host: ${NOT_SET}\n" + TASKS + LOAD, host="https://api.example.com:8443/", engine="artillery"
    )
    assert (scenario.host, scenario.engine) == ("https://api.example.com:8443", "artillery")


def test_the_environment_is_filled_in_and_its_secrets_are_known() -> None:
    text = (
        "host: http://ann:${PW}@${NAME:-localhost}:8000\n" + LOAD + "goal: ${GOAL} and $${this}\n"
        "headers: {X-Tenant: '${TENANT}'}\n"
        "tasks: [{post: '/${PATH_PART}/${PATH_TOKEN}?k=${secret:QUERY}', query: {q: '${Q}', key: '${K}'},"
        "json: {a: ['${BODY}'], password: plain-text}, name: 'POST ${secret:NAMED}'},"
        "{get: '/e/${PATH_TOKEN}/{{ 1 }}?${Q}'}]\n"
        "rate_limit: {limit: 9/s, by: '${API_KEY_KIND}'}\n"
    )
    env = {"PW": "pa%20ss", "GOAL": "visible-goal", "TENANT": "tenant-1", "PATH_PART": "visible-path"}
    env |= {"QUERY": "query-1", "Q": "q-secret", "BODY": "body-1", "API_KEY_KIND": "user"}
    env |= {"PATH_TOKEN": "path-token", "NAMED": "named-1", "K": "key-1"}
    scenario = read(text, env=env)
    assert scenario.goal == "visible-goal and ${this}"
    assert (scenario.host, scenario.credentials) == ("http://localhost:8000", "ann:pa%20ss")
    assert scenario.address == "http://ann:pa%20ss@localhost:8000"
    assert "pa%20ss" not in repr(replace(scenario, secrets={}))
    assert set(scenario.secrets) == {
        *("ann:pa%20ss", "ann:pa ss", "YW5uOnBhIHNz", "pa%20ss", "pa ss"),
        *("query-1", "key-1", "path-token", "named-1", "plain-text", "user"),
    }
    assert scenario.secrets["key-1"] == "${K}"
    assert scenario.secrets["pa%20ss"] == "${PW}"
    assert scenario.endpoints == ["POST {NAMED}", "GET /e/{PATH_TOKEN}/1"]
    assert [request.url for request in scenario.requests()] == [
        "/visible-path/path-token?k=query-1",
        "/e/path-token/{{ 1 }}?q-secret",
    ]


def test_a_value_from_the_environment_stays_text() -> None:
    request = read(HOST + LOAD + "tasks:\n- post: /x\n  json:\n    n: ${N:-1}\n").requests()[0]
    assert request.body == Body(kind="json", json={"n": "1"})


TABLE = (
    "latency_p95: {target: 50ms, critical: 200ms}\n"
    "throughput: {target: 1000/s, critical: 500/s}\n"
    "memory: 1GiB\n"
    "endpoints: {GET /items: {latency_p95: 40ms}, POST /other: {latency_p95: 40ms}}\n"
    "stages: {elsewhere: {error_rate: 5%}}\n"
)


def test_a_scenario_replaces_whole_lines_of_the_table() -> None:
    own = (
        "targets:\n  latency_p95: 300ms\n  throughput: null\n  error_rate: {target: 0%, critical: 2%}\n"
        "  metrics: {db_pool: 95, free: {target: 20, critical: 10}}\n  stages: {5 users: {latency_p50: 9ms}}\n"
    )
    scenario = read(HOST + LOAD + TASKS + own, table=TABLE)
    assert limits(scenario.targets) == [
        ("latency_p95", "run", None, 300.0, "ms"),
        ("memory", "run", None, 2.0**30, "bytes"),
        ("latency_p95", "GET /items", None, 40.0, "ms"),
        ("error_rate", "run", 0.0, 2.0, "%"),
        ("db_pool", "db_pool", None, 95.0, ""),
        ("free", "free", 20.0, 10.0, ""),
        ("latency_p50", "5 users", None, 9.0, "ms"),
    ]
    by_metric = {target.metric: target for target in scenario.targets}
    assert (by_metric["memory"].own, by_metric["error_rate"].own) == (False, True)
    assert (by_metric["db_pool"].higher_is_better, by_metric["free"].higher_is_better) == (False, True)


def test_target_options_override_everything() -> None:
    options = ("latency_p95=300ms", "GET /items latency_p95=80ms", "throughput=null", "cpu=80%")
    scenario = read(HOST + LOAD + TASKS, table=TABLE, targets=options)
    assert limits(scenario.targets) == [
        ("latency_p95", "run", None, 300.0, "ms"),
        ("memory", "run", None, 2.0**30, "bytes"),
        ("latency_p95", "GET /items", None, 80.0, "ms"),
        ("cpu", "run", None, 80.0, "%"),
        ("error_rate", "run", None, 1.0, "%"),
    ]


@pytest.mark.parametrize(
    ("text", "metric", "value", "unit"),
    [
        ("recovery_time: 30s", "recovery_time", 30, "s"),
        ("log_errors: 0", "log_errors", 0, ""),
        ("max_throughput: 900/s", "max_throughput", 900, "/s"),
        ("ttfb_p95: 1s", "ttfb_p95", 1000, "ms"),
        ("corrected_p99: 1m", "corrected_p99", 60_000, "ms"),
        ("latency_p999: 2s", "latency_p999", 2000, "ms"),
    ],
)
def test_each_metric_has_its_unit(text: str, metric: str, value: float, unit: str) -> None:
    scenario = read(HOST + LOAD + TASKS + f"targets: {{{text}}}")
    assert limits(scenario.targets)[0] == (metric, "run", None, value, unit)


def test_where_the_breaking_point_is_judged_other_limits_only_define_it() -> None:
    own = "targets: {breaking_point: 700 users, max_throughput: 10/s, stages: {5 users: {latency_p95: 1s}}}"
    judged = {
        (t.metric, str(t.scope)): t.judged for t in read(HOST + LOAD + TASKS + own, table=TABLE).targets
    }
    assert judged == {
        ("latency_p95", "run"): False,
        ("throughput", "run"): False,
        ("memory", "run"): False,
        ("latency_p95", "GET /items"): False,
        ("breaking_point", "run"): True,
        ("max_throughput", "run"): True,
        ("latency_p95", "5 users"): True,
        ("error_rate", "run"): False,
    }


def test_an_explicit_null_leaves_errors_unjudged() -> None:
    assert read(HOST + LOAD + TASKS + "targets: {error_rate: null}").targets == ()


def test_a_table_alone_is_held_against_a_scenario_that_was_read_before() -> None:
    scenario = read(HOST + LOAD + TASKS)
    targets = read_targets(Text("other.yaml", TABLE), applicable_to(scenario), targets=("latency_p50=1s",))
    assert limits(targets) == [
        ("latency_p95", "run", 50.0, 200.0, "ms"),
        ("throughput", "run", 1000.0, 500.0, "/s"),
        ("memory", "run", None, 2.0**30, "bytes"),
        ("latency_p95", "GET /items", None, 40.0, "ms"),
        ("latency_p50", "run", None, 1000.0, "ms"),
        ("error_rate", "run", None, 1.0, "%"),
    ]
    with pytest.raises(InvalidInput):
        read_targets(Text("other.yaml", "latncy_p95: 3ms"), applicable_to(scenario))


def test_a_packaged_scenario_says_so() -> None:
    scenario = read(HOST + LOAD + TASKS, packaged=True)
    assert (scenario.packaged, scenario.source) == (True, "(packaged) api")


_HEAD = "host: http://localhost\ntasks: [{get: /a}]\nload: [{users: 1, for: 1m}]\n"
_ORDINARY = ("error_rate", "run", None, 1.0, "%")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            "latency_p95: {target: 50ms, critical: 200ms, vs: main, worse_by: 10%}",
            [
                ("latency_p95", "run", 50.0, 200.0, "ms"),
                ("latency_p95 vs main", "run", None, 10.0, "%"),
                _ORDINARY,
            ],
        ),
        (
            "latency_p95: {critical: 200ms, vs: main, worse_by: 10%}",
            [
                ("latency_p95", "run", None, 200.0, "ms"),
                ("latency_p95 vs main", "run", None, 10.0, "%"),
                _ORDINARY,
            ],
        ),
        ("cpu: {vs: main, worse_by: 10%}", [("cpu vs main", "run", None, 10.0, "%"), _ORDINARY]),
        (
            "endpoints: {GET /a: {latency_p50: {vs: v1.2, worse_by: 5%}}}",
            [("latency_p50 vs v1.2", "GET /a", None, 5.0, "%"), _ORDINARY],
        ),
    ],
)
def test_a_target_can_be_held_against_a_baseline(
    written: str, expected: list[tuple[str, str, float | None, float, str]]
) -> None:
    assert limits(read(f"{_HEAD}targets: {{{written}}}").targets) == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("{latency_p95: null}", [_ORDINARY]),
        ("{latency_p95: 1s}", [("latency_p95", "run", None, 1000.0, "ms"), _ORDINARY]),
        (
            "{latency_p95: {vs: other, worse_by: 5%}}",  # the limits of the table stay
            [
                ("latency_p95", "run", None, 200.0, "ms"),
                ("latency_p95 vs other", "run", None, 5.0, "%"),
                _ORDINARY,
            ],
        ),
        (
            "{latency_p50: 1s}",
            [
                ("latency_p95", "run", None, 200.0, "ms"),
                ("latency_p95 vs main", "run", None, 10.0, "%"),
                ("latency_p50", "run", None, 1000.0, "ms"),
                _ORDINARY,
            ],
        ),
    ],
)
def test_a_scenario_s_own_target_replaces_also_what_the_table_says_against_a_baseline(
    own: str, expected: list[tuple[str, str, float | None, float, str]]
) -> None:
    table = "latency_p95: {critical: 200ms, vs: main, worse_by: 10%}"
    assert limits(read(f"{_HEAD}targets: {own}", table=table).targets) == expected


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("latency_p95: {vs: main}", "latency_p95: vs: and worse_by: need each other"),
        ("latency_p95: {worse_by: 10%}", "latency_p95: vs: and worse_by: need each other"),
        ("latency_p95: {vs: main, worse_by: 10}", "worse_by: 10 has no unit; write 10%"),
        ("latency_p95: {vs: ../main, worse_by: 10%}", "vs: '../main' is not the name of a baseline"),
        ("latency_p999: {vs: main, worse_by: 10%}", "latency_p999: vs: does not apply here"),
        (
            "endpoints: {GET /a: {throughput: {vs: main, worse_by: 1%}}}",
            "throughput: vs: does not apply here",
        ),
    ],
)
def test_what_cannot_be_held_against_a_baseline_is_a_mistake(written: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(message)):
        read(f"{_HEAD}targets: {{{written}}}")
