"""Every kind of broken scenario, with its exact message and place: what users meet first when they write one."""

from collections.abc import Mapping, Sequence

import pytest

from loadctl.errors import InvalidInput, Mistake
from loadctl.scenario.reading.document import Sources, Text
from loadctl.scenario.reading.scenario_file import read_scenario

ONCE_HINT = (
    " | as in  start: [{post: /login, once: true}]; several steps:  {repeat: 1, once: true, flow: […]}"
)
USERS = "Operator: {tasks: [{get: /admin}]}\nHeavy: {weight: 3, tasks: [{get: /}]}\n"
FILES = {"accounts.csv": "email,age\na@b.c,3\n", "ragged.csv": "a,b\n1,2\n3\n", "empty.csv": "a,b\n,\n"}
FILES["own.py"] = "class Operator(HttpUser):\n    pass\n"
DIGITS = "look for its digits in the body, with  text:"
TOP = "host: http://localhost:8000\ntasks: [{get: /items}, {post: /predict}]\nload: [{users: 5, for: 10s}]\n"


def mistakes(
    text: str,
    *,
    table: str | None = None,
    users: str | None = USERS,
    env: Mapping[str, str] | None = None,
    host: str | None = None,
    engine: str | None = None,
    targets: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> Sequence[Mistake]:
    sources = Sources(
        scenario=Text("s.yaml", text),
        users=Text("users.yaml", users) if users else None,
        targets=Text("targets.yaml", table) if table else None,
        read={**FILES, **(files or {})}.get,
        resolve=lambda path: None if "missing" in path else f"/project/{path}",
        env=env or {},
    )
    with pytest.raises(InvalidInput) as error:
        read_scenario("s", sources, host=host, engine=engine, targets=targets)
    return error.value.mistakes


def lines(found: Sequence[Mistake]) -> list[str]:
    return [f"{m.where}  {m.message}" + (f" | {m.hint}" if m.hint else "") for m in found]


@pytest.mark.parametrize(
    ("stages", "wanted"),
    [
        ("{users: 50, over: 30}", ["3:26  over: 30 has no unit; write 30s, 30m or 30h"]),
        (
            "{target: 50, duration: 30s}",
            [
                "3:9  unknown key 'target' in a stage of load; here it is called 'users'",
                "3:21  unknown key 'duration' in a stage of load; here it is called 'for'",
            ],
        ),
        (
            "{vus: 3, hold-for: 1s}",
            [
                "3:9  unknown key 'vus' in a stage of load; here it is called 'users'",
                "3:17  unknown key 'hold-for' in a stage of load; here it is called 'for'",
            ],
        ),
        (
            "{arrivalRate: 3, rampTo: 4}",
            [
                "3:9  unknown key 'arrivalRate' in a stage of load; here it is called 'rate'",
                (
                    "3:25  unknown key 'rampTo' in a stage of load; "
                    "a ramp is a stage of its own, as in  - {rate: 50/s, over: 1m}"
                ),
            ],
        ),
        (
            "{concurrency: 3, ramp-up: 1m}",
            [
                "3:9  unknown key 'concurrency' in a stage of load; here it is called 'users'",
                "3:25  unknown key 'ramp-up' in a stage of load; here it is called 'over'",
            ],
        ),
        (
            "{users: 5, spawn_rate: 2}",
            ["3:19  unknown key 'spawn_rate' in a stage of load; here it is called 'over'"],
        ),
        (
            "{users: 5, iterations: 2}",
            [
                (
                    "3:19  unknown key 'iterations' in a stage of load; "
                    "a load ends after a time (for:), not after a number of turns"
                )
            ],
        ),
        (
            "{users: 5, ovr: 3s, for: 1s}",
            ["3:19  unknown key 'ovr' in a stage of load; did you mean 'over'?"],
        ),
        (
            "{users: 5}",
            [
                "3:8  a stage needs over: or for: | over: 30s ramps from the level before, for: 5m holds the level"
            ],
        ),
        ("{users: 5, rate: 3/s, for: 3s}", ["3:8  a stage has either users: or rate:, not both"]),
        (
            "{for: 3s}",
            ["3:8  a stage has either users: or rate: | closed: users: 50 · open: rate: 300/s"],
        ),
        (
            "{users: 5, for: 500ms}",
            ["3:24  for: 500ms is not whole seconds; a stage lasts 1s, 2s, … 5m, … 4h"],
        ),
        (
            "{users: 5, for: 1:30}",
            ["3:24  for: '1:30' is not a duration; write for example 500ms, 30s, 1m30s or 2h"],
        ),
        ("{users: 5, for:}", ["3:23  for: has no value"]),
        (
            "{users: 5.5, for: 3s}",
            ["3:16  users: '5.5' is not a number of users; write for example 50, or 100..1000 with step:"],
        ),
        ("{rate: 300, for: 1s}", ["3:15  rate: 300 has no unit; write 300/s, 300/min or 300/h"]),
        (
            "{users: 1..10, for: 1s}",
            ["3:8  a staircase needs step: | as in  {users: 100..1000, step: 100, for: 80s}"],
        ),
        ("{users: 1..10, step: 4, for: 1s}", ["3:29  steps of 4 do not lead from 1 to 10"]),
        ("{users: 1..10, step: 3, over: 1s}", ["3:8  a staircase needs for:, how long each level is held"]),
        ("{users: 1..999999, step: 1, for: 1s}", ["3:33  999,999 steps are too many; at most 500"]),
        (
            "{users: 5, step: 5, for: 1s}",
            ["3:25  step: belongs to a range of levels, as in  users: 100..1000"],
        ),
        ("{users: 0, for: 3s}", ["3:7  no stage of this load has any users"]),
        (
            "{users: 1, for: 3s, warmup: true}",
            ["3:7  no stage of this load is scored: it is all warm-up and ramp-down"],
        ),
        ("{users: 1, for: 3s, warmup: yes}", ["3:36  warmup: 'yes' is neither true nor false"]),
        (
            "{users: 5, for: 1s}, {users: 6, for: 1s, warmup: true}",
            ["3:29  a warm-up stage follows a scored one; warm-up stages come first"],
        ),
        (
            "{users: 5, for: 1s}, {rate: 3/s, for: 1s}",
            ["3:29  users: and rate: are mixed; the whole load is either closed (users) or open (rate)"],
        ),
        (
            "{users: 5, for: 1s, name: a}, {users: 6, for: 1s, name: a}",
            ["3:64  two stages are named 'a'; targets and reports could not tell them apart"],
        ),
        (
            "5",
            ["3:8  a stage of load is a mapping with keys such as users:, rate:, step:, over:, for:, name:"],
        ),
    ],
)
def test_mistakes_in_the_load(stages: str, wanted: list[str]) -> None:
    text = f"host: http://localhost:8000\ntasks: [{{get: /}}]\nload: [{stages}]\n"
    assert lines(mistakes(text)) == [f"s.yaml:{line}" for line in wanted]


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        (
            "{url: /x}",
            ["3:6  unknown key 'url' in a request; the method is the key, as in  get: /items"],
        ),
        ("{weight: 2}", ["3:5  a request names its method and path, as in  get: /items"]),
        ("{get: /x, post: /y}", ["3:5  a request has one method; this one has get and post"]),
        ("{get: items}", ["3:11  a path starts with /; write /items"]),
        (
            "{get: 'http://'}",
            [
                (
                    "3:11  'http://' is not a complete URL: this is not an http:// or https:// URL | "
                    "write a path such as /items"
                )
            ],
        ),
        ("{get: /a b}", ["3:11  a URL holds no spaces; write %20, or + in a query"]),
        (
            "{get: '/x/{{ random_int(1, 2) }}'}",
            [
                (
                    "3:11  a call in a path needs name: random_int() would make every value an endpoint of its own; "
                    "add for example  name: GET /items/{id}"
                )
            ],
        ),
        (
            "{get: '/{{ randint(1, 2) }}', name: x}",
            ["3:11  there is no helper randint(); did you mean random_int(low, high)?"],
        ),
        ("{get: '/{{ tok }}'}", ["3:11  nothing captures 'tok' | Captured in this user type: nothing"]),
        (
            "{get: /, capture: {token: $.t}, query: {t: '{{ tokn }}'}}",
            ["3:48  nothing captures 'tokn'; did you mean 'token'? | Captured in this user type: token"],
        ),
        (
            "{get: /, json: ['{{ row.email }}']}",
            ["3:21  row: this user type has no data: | as in  data: accounts.csv"],
        ),
        (
            "{get: /, check: {json: {id: 12345678901234567890, n: [1.0, '{{ 1e16 }}']}}}",
            [
                f"3:33  a number beyond ±9007199254740991 cannot be compared exactly | {DIGITS}",
                f"3:64  a number beyond ±9007199254740991 cannot be compared exactly | {DIGITS}",
            ],
        ),
        ("{get: /, json: {}, form: {}}", ["3:24  a request has one body; this one has json and form"]),
        (
            "{post: /, files: {document: missing.pdf}}",
            ["3:33  no such file: missing.pdf | paths are relative to the file that names them"],
        ),
        (
            "{get: /, capture: {a: b.c}}",
            [
                (
                    "3:27  a: 'b.c' is not a place in a response | "
                    'write a JSON path "$.a.b[*].c", "header NAME", "cookie NAME" or "regex PATTERN"'
                )
            ],
        ),
        ("{get: /, capture: {row: $.a}}", ["3:29  'row' is not a valid variable name"]),
        (
            "{get: /, check: {status: 2x}}",
            ["3:30  status: takes 200, 2xx or a list of them, as in  [200, 404]"],
        ),
        (
            "{get: /, check: {status: []}}",
            ["3:30  status: takes 200, 2xx or a list of them, as in  [200, 404]"],
        ),
        (
            "{get: /, check: {max_time: 3s}}",
            ["3:22  unknown key 'max_time' in check; here it is called 'within'"],
        ),
        ("{get: /, expect: 200}", ["3:14  unknown key 'expect' in a request; here it is called 'check'"]),
        ("{get: /, headers: {A b: c}}", ["3:29  'A b' is not a valid header name"]),
        *[
            (
                f"{{get: /, headers: {{{name}: x}}}}",
                [f"3:{26 + len(name)}  {name}: the engine's HTTP client decides this; leave the header out"],
            )
            for name in ("Expect", "keep-alive", "Transfer-Encoding", "UPGRADE")
        ],
        (
            "{get: /, headers: {Connection: upgrade}}",
            ["3:36  Connection: write close or keep-alive, not 'upgrade'"],
        ),
        ("{get: /, headers: [a]}", ["3:23  headers: is a mapping, as in  headers: {name: value}"]),
        ("{get: /, timeout: 5}", ["3:23  timeout: 5 has no unit; write 5s, 5m or 5h"]),
        ("{get: /, weight: 0}", ["3:22  weight: '0' is not a whole number above 0"]),
        (
            "{get: /, think: 1s}",
            [
                "3:14  unknown key 'think' in a request; a pause is a step of its own in a flow, as in  - think: 1s"
            ],
        ),
        ("{flow: []}", ["3:12  flow: is a list of steps | as in  flow: [{get: /items}]"]),
        ("{flow: [{think: 1s}]}", ["3:12  this flow sends no request"]),
        (
            "{flow: [{get: /, weight: 3}]}",
            ["3:22  weight: belongs to a task; the steps of a flow are all taken"],
        ),
        ("{get: /, once: true}", ["3:14  once: is only for steps of start:" + ONCE_HINT]),
        (
            "{flow: [{think: 1s, once: true}, {repeat: 2, once: true, flow: [{get: /, once: false}]}]}",
            [f"3:{at}  once: is only for steps of start:{ONCE_HINT}" for at in (25, 50, 78)],
        ),
        (
            "{get: /, once: maybe}",
            [
                "3:14  once: is only for steps of start:" + ONCE_HINT,
                "3:20  once: 'maybe' is neither true nor false",
            ],
        ),
        (
            "{flow: [{repeat: 3, while: page, flow: [{get: /a}]}]}",
            ["3:32  nothing captures 'page' | Captured in this user type: nothing"],
        ),
        (
            "{repeat: 3, flow: [{get: /x}]}",
            ["3:14  repeat: is a step of a flow | as in  flow: [{repeat: 10, flow: […]}]"],
        ),
    ],
)
def test_mistakes_in_a_task(task: str, wanted: list[str]) -> None:
    text = f"host: http://localhost:8000\nload: [{{users: 5, for: 10s}}]\ntasks: [{task}]\n"
    shifted = [f"s.yaml:3:{int(line[2 : line.index(' ')]) + 4}{line[line.index(' ') :]}" for line in wanted]
    assert lines(mistakes(text)) == shifted


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("baseUrl: x", ["4:1  unknown key 'baseUrl' in a scenario; here it is called 'host'"]),
        ("stages: []", ["4:1  unknown key 'stages' in a scenario; here it is called 'load'"]),
        ("thresholds: {}", ["4:1  unknown key 'thresholds' in a scenario; here it is called 'targets'"]),
        ("wait_time: 1s", ["4:1  unknown key 'wait_time' in a scenario; here it is called 'think'"]),
        (
            "vus: 3",
            [
                "4:1  unknown key 'vus' in a scenario; set the number of users in load:, as in  - {users: 50, for: 5m}"
            ],
        ),
        ("host: http://x", ["4:1  'host' appears twice in this mapping; the first is on line 1"]),
        ("think: 3", ["4:8  think: 3 has no unit; write 3s, 3m or 3h"]),
        ("think: 3s..1s", ["4:8  think: '3s..1s' goes backwards; write 1s..3s"]),
        ("think: 1s\npace: 2s", ["5:7  a user type has think: or pace:, not both"]),
        (
            "data: missing.csv",
            ["4:7  no such file: missing.csv | paths are relative to the file that names them"],
        ),
        ("timeout: 0s", ["4:10  timeout: must be longer than 0s"]),
        ("drain: 3", ["4:8  drain: 3 has no unit; write 3s, 3m or 3h"]),
        ("seed: abc", ["4:7  seed: 'abc' is not a whole number"]),
        ("verify: no", ["4:9  verify: 'no' is neither true nor false"]),
        (
            "ca: missing.pem",
            ["4:5  ca: no such file: missing.pem | paths are relative to the file that names them"],
        ),
        ("health: health", ["4:9  health: takes a path such as /health, or none; not 'health'"]),
        ("engine: k6", ["4:9  unknown engine 'k6' in this version; there are locust, artillery"]),
        ("environment: staging", ["4:1  environment: belongs to artillery:"]),
        (
            "stop_when: {error_rate: 5%}",
            ["4:12  stop_when: is a rule or a list of rules, as in  error_rate > 50% for 10s; or never"],
        ),
        (
            "stop_when: error_rate over 5%",
            [
                (
                    "4:12  stop_when: 'error_rate over 5%' is not a rule; "
                    "write METRIC > LIMIT for TIME, as in  error_rate > 50% for 10s"
                )
            ],
        ),
        (
            "stop_when: [error_rat > 5% for 10s]",
            ["4:13  stop_when: unknown metric 'error_rat' in stop_when; did you mean 'error_rate'?"],
        ),
        (
            "stop_when: error_rate < 5% for 10s",
            [
                (
                    "4:12  stop_when: error_rate is bad above (>) its limit, "
                    "so '<' would stop a run that goes well"
                )
            ],
        ),
        (
            "stop_when: latency_p95 > 200 for 10s",
            ["4:12  stop_when: 200 has no unit; write 200ms or 200s"],
        ),
        (
            "stop_when: error_rate > 5% for 1s",
            ["4:12  stop_when: for 1s: from 2s to 1h; shorter than that is noise"],
        ),
        (
            "before: make up && sleep 1",
            [
                (
                    "4:9  before: only a shell understands '&&', and no shell runs it | "
                    "write  sh -c '…'  if you need one; in quotes it is an ordinary character"
                )
            ],
        ),
        (
            "rate_limit: {limit: 100, by: key}",
            ["4:21  limit: 100 has no unit; write 100/s, 100/min or 100/h"],
        ),
        ("rate_limit: {limit: 100/s, by: color}", ["4:32  by: takes key, user, ip, all, not 'color'"]),
        ("rate_limit: {limit: 100/s}", ["4:13  rate_limit needs by:"]),
        (
            "max_in_flight: 5",
            ["4:1  max_in_flight: belongs to a load with rate:; a number of users is its own limit"],
        ),
        (
            "headers: {A: '${TOKEN}'}",
            ["4:14  TOKEN is not set in the environment | set it, or give a default: ${TOKEN:-secret}"],
        ),
        (
            "goal: ${1}",
            [
                (
                    "4:7  ${1} does not name an environment variable | "
                    "write ${NAME} or ${NAME:-default}; $${ writes ${ itself"
                )
            ],
        ),
        (
            "users: 5",
            [
                "2:1  tasks: belongs to a user type; with users:, put it inside one of them",
                (
                    "4:8  users: names user types, as in  users: {MLPlatformUser: 1} | "
                    "set the number of users in load:, as in  - {users: 50, for: 5m}"
                ),
            ],
        ),
    ],
)
def test_mistakes_at_the_top(key: str, wanted: list[str]) -> None:
    assert lines(mistakes(TOP + key)) == [f"s.yaml:{line}" for line in wanted]


@pytest.mark.parametrize(
    ("targets", "wanted"),
    [
        ("latency_p59: 3ms", ["4:11  unknown metric 'latency_p59' in targets; did you mean 'latency_p99'?"]),
        ("p95: 3ms", ["4:11  unknown metric 'p95' in targets; here it is called 'latency_p95'"]),
        ("latency_p95: 200", ["4:24  latency_p95: 200 has no unit; write 200ms or 200s"]),
        (
            "memory: 1G",
            ["4:19  memory: '1G' is not a size; write for example 512MB, 1GB (10⁹) or 1GiB (2³⁰)"],
        ),
        ("error_rate: 1", ["4:23  error_rate: 1 has no unit; write 1%"]),
        (
            "latency_p95: {critical: 200ms}",
            [
                (
                    "4:24  latency_p95: critical is the only limit; a single limit is written without braces | "
                    "write  latency_p95: 200ms   (beyond it the run fails)"
                )
            ],
        ),
        (
            "latency_p95: {target: 200ms, critical: 100ms}",
            [
                (
                    "4:24  latency_p95: the target 200 ms is above the critical limit 100 ms; "
                    "it would fail before it warns | swap the two"
                )
            ],
        ),
        (
            "throughput: {target: 200/s, critical: 300/s}",
            [
                (
                    "4:23  throughput: the target 200/s is below the critical limit 300/s; "
                    "it would fail before it warns | swap the two"
                )
            ],
        ),
        (
            "endpoints: {POST /predcit: {latency_p95: 3ms}}",
            [
                (
                    "4:23  no request is named 'POST /predcit'; did you mean 'POST /predict'? | "
                    "This scenario sends: GET /items, POST /predict"
                )
            ],
        ),
        ("stages: {peak: {latency_p95: 3ms}}", ["4:20  no stage is named 'peak' | This load has: 5 users"]),
        (
            "endpoints: {GET /items: {cpu: 3%}}",
            ["4:36  cpu is measured for the whole run, not for one endpoint"],
        ),
        ("metrics: {pool: 3ms}", ["4:27  pool: '3ms' is not a number; write for example 95"]),
        (
            "breaking_point: 700/s",
            ["4:27  breaking_point: this load counts in users; write for example 700 users"],
        ),
        ("latency_p95: {max: 3ms}", ["4:25  unknown key 'max' in a target; here it is called 'critical'"]),
    ],
)
def test_mistakes_in_targets(targets: str, wanted: list[str]) -> None:
    assert lines(mistakes(TOP + f"targets: {{{targets}}}")) == [f"s.yaml:{line}" for line in wanted]


def test_the_shared_table_may_speak_of_other_scenarios_but_not_in_wrong_words() -> None:
    table = "endpoints: {POST /other: {latency_p95: 1}}\nstages: {peak: {latncy_p95: 1s}}\n"
    assert lines(mistakes(TOP, table=table)) == [
        "targets.yaml:1:40  latency_p95: 1 has no unit; write 1ms or 1s",
        "targets.yaml:2:17  unknown metric 'latncy_p95' in targets; did you mean 'latency_p95'?",
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "",
            [
                "s.yaml:1:1  a scenario is a mapping with keys such as goal:, host:, engine:, users:, load:, targets:"
            ],
        ),
        (
            "tasks: [{get: /}]\nload: [{users: 1, for: 1s}]",
            [
                (
                    "s.yaml:1:1  no host: say which system to load | "
                    "host: http://localhost:8080, --host URL or LOADCTL_HOST"
                )
            ],
        ),
        (
            "host: localhost:80\ntasks: [{get: /}]\nload: [{users: 1, for: 1s}]",
            ["s.yaml:1:7  host: 'localhost:80' has no scheme; write http://localhost:80"],
        ),
        (
            "host: http://h/api?x=1\ntasks: [{get: /}]\nload: [{users: 1, for: 1s}]",
            [
                "s.yaml:1:7  host: write scheme, host, port and perhaps a path; a query belongs in the requests"
            ],
        ),
        (
            "host: http://h\ntasks: [{get: /}]",
            ["s.yaml:1:1  a scenario needs load:, its stages | as in  load: [{users: 50, for: 5m}]"],
        ),
        (
            "host: http://h\nload: [{users: 1, for: 1s}]",
            ["s.yaml:1:1  a scenario needs tasks:, or users: with tasks | as in  tasks: [{get: /items}]"],
        ),
        (
            "host: http://h\nload: [{users: 1, for: 1s}]\nusers: {Oprator: 1, Heavy: 2, Operator: x}",
            [
                (
                    "s.yaml:3:9  no user type is named 'Oprator'; did you mean 'Operator'? | "
                    "users.yaml has: Operator, Heavy"
                ),
                "s.yaml:3:41  Operator: 'x' is not a whole number above 0 | a weight, or a whole user type in place",
                "users.yaml:2:17  the weight of a shared user type belongs in the scenario: users: {Heavy: 2}",
            ],
        ),
        (
            "host: http://h\nload: [{rate: 5/s, for: 1s}]\nthink: 1s\ntasks: [{get: /}]",
            [
                "s.yaml:3:1  think: has no effect with rate:, which decides when each user arrives; leave it out"
            ],
        ),
        (
            "host: http://h\nload: [{users: 1, for: 1s}]\nlocustfile: missing.py\ntasks: [{get: /}]\nengine: artillery",
            [
                "s.yaml:3:13  locustfile: no such file: missing.py | paths are relative to the file that names them",
                "s.yaml:4:1  tasks: and locustfile: exclude each other; the script defines what users do",
                "s.yaml:5:9  locustfile: runs on locust, not on artillery",
            ],
        ),
        (
            "artillery: a.yml\nusers: {WebsiteUser: 3}",
            [
                (
                    "s.yaml:2:1  users: picks classes of a locustfile; an Artillery script has weights of its own"
                    " | leave users: out"
                )
            ],
        ),
        (
            "host: http://h\nlocustfile: own.py\nusers: {Operator: 3}",
            [
                "s.yaml:3:9  'Operator' is a user type and a class of own.py | give one of them another name",
            ],
        ),
        (
            TOP + "arguments: [--tenant, acme]\nenvironment: staging",
            [
                "s.yaml:4:1  arguments: belongs to locustfile:",
                "s.yaml:5:1  environment: belongs to artillery:",
            ],
        ),
        (
            "host: http://h\nload: [{users: 1, for: 1s}]\ndata: accounts.csv\ntasks: [{get: '/{{ row.emial }}'}]",
            ["s.yaml:4:15  accounts.csv has no column 'emial'; did you mean 'email'? | It has: email, age"],
        ),
        (
            "host: http://h\nload: [{users: 1, for: 1s}]\ndata: ragged.csv\ntasks: [{get: /}]",
            ["ragged.csv:3  1 values in this row, but 2 columns"],
        ),
        (
            "host: http://h\nload: [{users: 1, for: 1s}]\ndata: empty.csv\ntasks: [{get: /}]",
            ["empty.csv:1  there are no rows; the first one names the columns"],
        ),
    ],
)
def test_mistakes_of_a_whole_file(text: str, wanted: list[str]) -> None:
    assert lines(mistakes(text)) == wanted


def test_mistakes_on_the_command_line_name_their_option() -> None:
    options = ("oops", "latency_p97=3ms", "GET /itms latency_p50=3ms", "cpu=80")
    assert lines(mistakes(TOP, host="localhost", engine="k6", targets=options)) == [
        "--engine  unknown engine 'k6' in this version; there are locust, artillery",
        "--host  host: 'localhost' has no scheme; write http://localhost",
        (
            "--target 'GET /itms latency_p50=3ms'  no request is named 'GET /itms'; did you mean 'GET /items'? | "
            "This scenario sends: GET /items, POST /predict"
        ),
        "--target 'cpu=80'  cpu: 80 has no unit; write 80%",
        "--target 'latency_p97=3ms'  unknown metric 'latency_p97' in targets; did you mean 'latency_p99'?",
        "--target 'oops'  this is not a target | write for example  --target latency_p95=200ms",
    ]


def test_a_mistake_never_tells_a_secret() -> None:
    found = mistakes(TOP + "timeout: ${API_KEY}", env={"API_KEY": "sk-1234"}, host="ann:pw1234@h")
    assert lines(found) == [
        "--host  host: has no scheme",
        "s.yaml:4:10  timeout: '***' is not a duration; write for example 500ms, 30s, 1m30s or 2h",
    ]
    assert found[1].excerpt == "timeout: ${API_KEY}"


def test_all_mistakes_of_all_files_are_told_at_once_with_their_lines() -> None:
    text = (
        "host: ${HOST_URL}\n"
        "users:\n"
        "  Heavy: 1\n"
        "  Reader: {think: 3, tasks: [{get: '/{{ tok }}'}, {gte: /x}]}\n"
        "load:\n"
        "  - {users: 50, over: 30}\n"
        "  - {target: 50, for: 1m}\n"
        "targets:\n"
        "  endpoints: {GET /nowhere: {latency_p95: 1s}}\n"
    )
    found = mistakes(text, table="latency_p95: 200")
    assert lines(found) == [
        "s.yaml:1:7  HOST_URL is not set in the environment | set it, or give a default: ${HOST_URL:-secret}",
        "s.yaml:4:19  think: 3 has no unit; write 3s, 3m or 3h",
        "s.yaml:4:36  nothing captures 'tok' | Captured in this user type: nothing",
        "s.yaml:4:52  unknown key 'gte' in a request; did you mean 'get'?",
        "s.yaml:6:23  over: 30 has no unit; write 30s, 30m or 30h",
        "s.yaml:7:6  unknown key 'target' in a stage of load; here it is called 'users'",
        "s.yaml:9:15  no request is named 'GET /nowhere' | This scenario sends: GET /, GET /{tok}",
        "targets.yaml:1:14  latency_p95: 200 has no unit; write 200ms or 200s",
        "users.yaml:2:17  the weight of a shared user type belongs in the scenario: users: {Heavy: 1}",
    ]
    assert found[4].excerpt == "  - {users: 50, over: 30}"
    assert found[-2].excerpt == "latency_p95: 200"


def test_a_variable_that_is_no_utf_8_is_a_mistake() -> None:
    """Python shows its bytes as halves of characters, which nothing can send."""
    assert lines(mistakes(TOP + "goal: ${X}\n", env={"X": "caf\udce9"})) == [
        "s.yaml:4:7  X is not UTF-8 text in the environment"
    ]


@pytest.mark.parametrize(
    ("targets", "mistake"),
    [
        (
            "{cpu: 140%}",
            "5:16  cpu: 140% is never reached: it is a share of all cores that the system may use",
        ),
        ("{error_rate: 150%}", "5:23  error_rate: 150% is never reached: it is a share of all requests"),
        ("{cpu: {target: 90%, critical: 110%}}", "5:40  cpu: 110% is never reached"),
        ("{endpoints: {GET /: {error_rate: 101%}}}", "5:43  error_rate: 101% is never reached"),
        ("{stages: {5/s: {cpu: 120%}}}", "5:31  cpu: 120% is never reached"),
        ("{error_rate: null}\nstop_when: error_rate > 120% for 5s", "6:12  stop_when: 120% is never reached"),
    ],
)
def test_a_share_beyond_the_whole_is_a_mistake(targets: str, mistake: str) -> None:
    text = f"host: http://a\ntasks: [{{get: /}}]\nload:\n- {{rate: 5/s, for: 5m}}\ntargets: {targets}\n"
    (found,) = lines(mistakes(text))
    assert found.startswith(f"s.yaml:{mistake}")


def test_a_pause_under_a_rate_is_told_beside_the_mistakes_of_the_load() -> None:
    found = lines(
        mistakes("host: http://a\nthink: 1s\ntasks: [{get: /}]\nload: [{rate: 5, for: 10}, {rate: 5/s}]\n")
    )
    assert [line.split("  ")[0] for line in found] == [
        "s.yaml:2:1",
        "s.yaml:4:15",
        "s.yaml:4:23",
        "s.yaml:4:28",
    ]


@pytest.mark.parametrize("name", ["email", "emial"])
def test_a_column_that_is_named_without_its_row_is_what_was_meant(name: str) -> None:
    text = (
        f"host: http://a\ndata: d.csv\ntasks: [{{get: '/{{{{ {name} }}}}'}}]\nload: [{{users: 5, for: 5m}}]\n"
    )
    (found,) = lines(mistakes(text, files={"d.csv": "email,password\na,b\n"}))
    assert f"nothing captures '{name}'; did you mean row.email?" in found


def test_every_wrong_row_of_a_data_file_is_told() -> None:
    text = "host: http://a\ndata: d.csv\ntasks: [{get: /}]\nload: [{users: 5, for: 5m}]\n"
    found = lines(mistakes(text, files={"d.csv": "a,b\n1\n1,2\n1,2,3\n"}))
    assert found == [
        "d.csv:2  1 values in this row, but 2 columns",
        "d.csv:4  3 values in this row, but 2 columns",
    ]
