"""Whatever stands in the files: a Scenario or InvalidInput, and soon."""

from contextlib import suppress
from datetime import timedelta

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadctl.errors import InvalidInput
from loadctl.scenario.reading.document import Sources, Text
from loadctl.scenario.reading.scenario_file import read_scenario

BOUNDED = settings(
    max_examples=50,
    deadline=timedelta(seconds=2),
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
WORDS = [
    "host",
    "goal",
    "engine",
    "users",
    "load",
    "targets",
    "watch",
    "tasks",
    "think",
    "pace",
    "start",
    "headers",
    "data",
    "flow",
    "repeat",
    "while",
    "get",
    "post",
    "query",
    "json",
    "form",
    "files",
    "body",
    "capture",
    "check",
    "status",
    "has",
    "within",
    "timeout",
    "weight",
    "name",
    "over",
    "for",
    "step",
    "warmup",
    "rate",
    "endpoints",
    "stages",
    "metrics",
    "target",
    "critical",
    "latency_p95",
    "error_rate",
    "breaking_point",
    "locustfile",
    "artillery",
    "environment",
    "rate_limit",
    "limit",
    "by",
    "health",
    "drain",
    "seed",
    "allow_hosts",
    "pid",
    "process",
    "<<",
    "Operator",
]
VALUES = [
    "http://localhost:8000",
    "http://[::1",
    "http://a:b@c:99999",
    "/items",
    "/{{x}}",
    "{{row.a}}",
    "{{random_int(1,2)}}",
    "{{",
    "30s",
    "1m30s",
    "1s..2s",
    "5/s",
    "1..9/s",
    "50",
    "100..1000",
    "0..0",
    "999999999..1",
    "2xx",
    "1%",
    "1GB",
    "7_users",
    "${X}",
    "${PASS:-secret}",
    "${",
    "$${X}",
    "$.a[*].b",
    "header_X",
    "POST_/predict",
    "accounts.csv",
    "locust",
    "artillery",
    "true",
    "no",
    "null",
    "-1",
    "1e999",
    ".nan",
    "0x10",
    "''",
    "'",
    "2026-01-01",
]
scalars = st.one_of(
    st.sampled_from(VALUES).map(lambda value: value.replace("_", " ")),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=5)), inner, max_size=6),
    ),
    max_leaves=30,
)
stages = st.lists(
    st.dictionaries(st.sampled_from(["users", "rate", "over", "for", "step", "name", "warmup"]), scalars),
    max_size=4,
)
REQUEST_WORDS = ["get", "post", "name", "json", "form", "check", "capture", "headers", "weight", "flow"]
requests = st.dictionaries(st.sampled_from(REQUEST_WORDS), trees)
plausible = st.fixed_dictionaries(
    {"host": st.just("http://h"), "load": stages, "tasks": st.lists(requests, max_size=3)},
    optional={
        "targets": st.dictionaries(st.sampled_from(WORDS), trees),
        "users": trees,
        "watch": trees,
        "data": scalars,
    },
)


def read(scenario: str, users: str, targets: str, option: str = "cpu=1%") -> None:
    sources = Sources(
        scenario=Text("s.yaml", scenario),
        users=Text("users.yaml", users),
        targets=Text("targets.yaml", targets),
        read=lambda _: "a,b\n1,2\n",
        resolve=lambda path: path,
        env={"X": "{{ x }}"},
    )
    with suppress(InvalidInput):
        read_scenario("s", sources, targets=(option,))


@BOUNDED
@given(st.text(max_size=300), st.text(max_size=30))
def test_any_text(text: str, option: str) -> None:
    read(text, text, text, option)


@BOUNDED
@given(st.text(alphabet="{}[]:-?*&!|>'\"#%@`, \n\tab1<", max_size=120))
def test_any_punctuation(text: str) -> None:
    read(text, text, text)


@BOUNDED
@given(st.dictionaries(st.sampled_from(WORDS), trees, max_size=12), trees)
def test_any_tree(tree: object, other: object) -> None:
    read(*(yaml.safe_dump(part, allow_unicode=True) for part in (tree, other, other)))


@BOUNDED
@given(plausible, trees)
def test_any_nearly_right_tree(tree: object, other: object) -> None:
    read(*(yaml.safe_dump(part, allow_unicode=True) for part in (tree, other, other)))
