"""One example of every key of a scenario, where it may stand. Tests read each with the reader of scenarios.

An example that says nothing of host, tasks or load stands beside those of any scenario.
"""

from __future__ import annotations

from collections.abc import Mapping

from loadctl.scenario.reading.commands import CommandShape
from loadctl.scenario.reading.keys import Shape
from loadctl.scenario.reading.requests import CheckShape, RequestShape
from loadctl.scenario.reading.scenario_file import RateLimitShape, ScenarioShape
from loadctl.scenario.reading.stages import StageShape
from loadctl.scenario.reading.targets import LimitsShape
from loadctl.scenario.reading.user_types import FlowShape, PauseShape, RepeatShape, UserTypeShape
from loadctl.scenario.reading.watch import LogsShape, PageShape, PrometheusShape, WatchShape
from loadctl.scenario.target import Metric

_TWO_LIMITS = "targets: {latency_p95: {target: 50ms, critical: 200ms}}"
_VERSUS = "targets: {latency_p95: {vs: main, worse_by: 10%}}"
_ONCE = "start: [{post: /login, capture: {token: $.token}, once: true}]\nload: [{rate: 50/s, for: 5m}]"
_PAGES = """tasks:
  - flow:
      - {get: /items, capture: {next: $.next}}
      - repeat: 20
        while: next
        flow: [{get: "{{ next }}", capture: {next: $.next}}]"""
_TOKEN = 'headers: {Authorization: "Bearer ${API_TOKEN}"}'
_LIMIT = "rate_limit: {limit: 100/s, by: all}"
_PROMETHEUS = """watch:
  prometheus:
    url: http://localhost:9090
    queries: {db_pool_in_use: sum(db_pool_used)}"""

EXAMPLES: Mapping[type[Shape], Mapping[str, str]] = {
    ScenarioShape: {
        "goal": "goal: The shop answers quickly on a normal day",
        "host": "host: http://localhost:8080",
        "engine": "engine: artillery",
        "users": "users: {Reader: {weight: 3, tasks: [{get: /items}]}}",
        "load": "load: [{users: 50, over: 30s, warmup: true}, {users: 50, for: 5m}]",
        "targets": "targets:\n  latency_p95: {target: 50ms, critical: 200ms}\n  error_rate: 1%",
        "watch": "watch: {container: api, metrics: /metrics}",
        "locustfile": "locustfile: locustfile.py",
        "artillery": "artillery: my-test.yml",
        "arguments": "locustfile: locustfile.py\narguments: [--tenant, acme]",
        "environment": "artillery: my-test.yml\nenvironment: staging",
        "max_in_flight": "max_in_flight: 500\nload: [{rate: 300/s, for: 5m}]",
        "rate_limit": _LIMIT,
        "allow_hosts": 'allow_hosts: ["*.staging.example.com"]',
        "health": "health: /health",
        "timeout": "timeout: 10s",
        "drain": "drain: 5s",
        "seed": "seed: 7",
        "ca": "ca: certs/our-ca.pem",
        "cert": "cert: certs/client.pem",
        "verify": "verify: false",
        "stop_when": "stop_when: error_rate > 50% for 10s",
        "before": "before: docker compose up -d --wait api",
        "after": "after: docker compose down",
    },
    StageShape: {
        "users": "load: [{users: 50, for: 5m}]",
        "rate": "load: [{rate: 300/s, for: 5m}]",
        "step": "load: [{users: 100..1000, step: 100, over: 10s, for: 80s}]",
        "over": "load: [{users: 50, over: 30s, for: 5m}]",
        "for": "load: [{users: 50, for: 5m}]",
        "name": "load:\n  - {users: 10, for: 1m, name: before}\n  - {users: 500, for: 1m, name: spike}",
        "warmup": "load: [{users: 20, over: 20s, warmup: true}, {users: 20, for: 2m}]",
    },
    UserTypeShape: {
        "weight": "users: {Reader: {weight: 3, tasks: [{get: /items}]}}",
        "think": "think: 200ms..1s",
        "pace": "pace: 2s",
        "headers": _TOKEN,
        "start": "start: [{post: /login, form: {user: ann}, capture: {token: $.token}}]",
        "tasks": "tasks: [{get: /items, weight: 3}, {post: /orders, json: {item: 7}}]",
        "data": 'data: accounts.csv\ntasks: [{get: "/search", query: {email: "{{ row.email }}"}}]',
    },
    RequestShape: {
        "get": "tasks: [{get: /items}]",
        "post": "tasks: [{post: /orders, json: {item: 7}}]",
        "put": "tasks: [{put: /items/7, json: {price: 5}}]",
        "patch": "tasks: [{patch: /items/7, json: {price: 5}}]",
        "delete": "tasks: [{delete: /items/7}]",
        "head": "tasks: [{head: /items}]",
        "options": "tasks: [{options: /items}]",
        "query": "tasks: [{get: /search, query: {q: red shoes, page: 2}}]",
        "headers": "tasks: [{get: /items, headers: {Accept-Language: de}}]",
        "json": 'tasks: [{post: /predict, json: {features: "{{ random_floats(8) }}"}}]',
        "form": "start: [{post: /login, form: {user: ann, password: demo}}]",
        "files": "tasks:\n  - {post: /documents, form: {title: A}, files: {document: a.pdf}}",
        "body": "tasks: [{post: /soap, body: <a/>, headers: {Content-Type: text/xml}}]",
        "capture": "start: [{post: /login, form: {user: ann}, capture: {token: $.token}}]",
        "check": "tasks: [{get: /cart, check: {status: [200, 404], within: 500ms}}]",
        "timeout": "tasks: [{post: /reports, timeout: 2m}]",
        "name": 'tasks:\n  - {get: "/items/{{ random_int(1, 500) }}", name: "GET /items/{id}"}',
        "once": _ONCE,
        "weight": "tasks: [{get: /items, weight: 3}, {get: /cart, weight: 1}]",
    },
    CheckShape: {
        "status": "tasks: [{get: /cart, check: {status: [200, 404]}}]",
        "has": "tasks: [{post: /predict, check: {has: prediction}}]",
        "lacks": "tasks: [{post: /graphql, check: {lacks: errors}}]",
        "json": "tasks: [{get: /me, check: {json: {user.role: admin}}}]",
        "text": "tasks: [{get: /, check: {text: Welcome}}]",
        "within": "tasks: [{get: /items, check: {within: 500ms}}]",
    },
    FlowShape: {
        "name": "tasks: [{name: browse, flow: [{get: /items}, {get: /items/7}]}]",
        "weight": "tasks:\n  - {weight: 3, flow: [{get: /items}, {get: /items/7}]}\n  - {get: /cart}",
        "flow": "tasks: [{flow: [{get: /items}, {think: 1s}, {get: /items/7}]}]",
    },
    RepeatShape: {
        "repeat": "tasks: [{flow: [{repeat: 10, flow: [{get: /items}, {think: 50ms}]}]}]",
        "while": _PAGES,
        "once": "start: [{repeat: 1, once: true, flow: [{post: /login}, {get: /me}]}]\nload: [{rate: 50/s, for: 5m}]",
        "flow": "tasks: [{flow: [{repeat: 10, flow: [{get: /items}, {think: 50ms}]}]}]",
    },
    PauseShape: {
        "think": "tasks: [{flow: [{get: /items}, {think: 1s..3s}, {get: /items/7}]}]",
        "once": "start: [{post: /login, once: true}, {think: 1s, once: true}]\nload: [{rate: 50/s, for: 5m}]",
    },
    LimitsShape: {"target": _TWO_LIMITS, "critical": _TWO_LIMITS, "vs": _VERSUS, "worse_by": _VERSUS},
    RateLimitShape: {"limit": _LIMIT, "by": _LIMIT},
    WatchShape: {
        "pid": "watch: {pid: 4312}",
        "process": "watch: {process: uvicorn}",
        "container": "watch: {container: [api, database]}",
        "pods": "watch: {pods: ml-platform/app=api}",
        "metrics": "watch: {metrics: /metrics}",
        "prometheus": _PROMETHEUS,
        "logs": "watch: {logs: logs/api.log}",
    },
    PageShape: {
        "page": "watch: {metrics: {page: /metrics, series: db_pool_*}}",
        "series": "watch: {metrics: {page: /metrics, series: [db_pool_*, queue_length]}}",
        "headers": f"watch:\n  metrics:\n    page: /metrics\n    {_TOKEN}",
    },
    PrometheusShape: {
        "url": _PROMETHEUS,
        "queries": _PROMETHEUS,
        "headers": f"{_PROMETHEUS}\n    {_TOKEN}",
    },
    LogsShape: {
        "of": "watch: {logs: {of: [logs/api.log, logs/worker-*.log], level: level}}",
        "level": "watch: {logs: {of: logs/api.log, level: severity}}",
        "errors": 'watch: {logs: {of: logs/api.log, errors: "ERROR|panic:"}}',
    },
    CommandShape: {
        "run": "before: {run: docker compose up -d --wait api, timeout: 2m}",
        "timeout": "before: {run: docker compose up -d --wait api, timeout: 2m}",
    },
}
SECTION_EXAMPLES: Mapping[str, str] = {
    "endpoints": "tasks: [{post: /predict}]\ntargets: {endpoints: {POST /predict: {latency_p95: 400ms}}}",
    "stages": "load: [{users: 50, for: 5m, name: peak}]\ntargets: {stages: {peak: {latency_p95: 500ms}}}",
    "metrics": "watch: {metrics: {page: /metrics, series: db_pool_*}}\ntargets: {metrics: {db_pool_in_use: 95}}",
}
_METRICS: Mapping[str, str] = {
    "ms": "targets: {METRIC: {target: 50ms, critical: 200ms}}",
    "s": "targets: {METRIC: 30s}",
    "/s": "targets: {METRIC: {target: 1000/s, critical: 500/s}}",
    "%": "targets: {METRIC: {target: 70%, critical: 90%}}",
    "error_rate": "targets: {METRIC: {target: 0.1%, critical: 1%}}",
    "bytes": "targets: {METRIC: {target: 512MB, critical: 1GB}}",
    "users": "load: [{users: 100..1000, step: 100, over: 10s, for: 80s}]\ntargets: {METRIC: 600 users}",
    "": "watch: {logs: logs/api.log}\ntargets: {METRIC: 0}",
}
"""By the name of a metric, or by its unit."""


def example_of(metric: Metric) -> str:
    return _METRICS.get(metric.name, _METRICS[metric.unit]).replace("METRIC", metric.name)
