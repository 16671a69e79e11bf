"""`watch:` as it is written, and every mistake in it."""

from __future__ import annotations

import pytest

from loadctl.scenario.reading.document import Mistakes, Text
from loadctl.scenario.reading.environment import Environment
from loadctl.scenario.reading.watch import WatchReader
from loadctl.scenario.watch import Logs, MetricsPage, Pods, PrometheusServer, Watch


def read(text: str, **variables: str) -> tuple[Watch, list[str], list[str]]:
    """The record, the mistakes, and the secrets."""
    mistakes = Mistakes()
    node = mistakes.read(Text("w.yaml", text))
    environment = Environment(variables, mistakes)
    assert node is not None
    watch = WatchReader(mistakes, environment).read(environment.fill(node))
    return watch, [f"{m.where}  {m.message}" for m in mistakes.found.values()], list(environment.secrets)


@pytest.mark.parametrize(
    ("text", "watch"),
    [
        ("{pid: 12}", Watch(pid=12)),
        ("{container: api}", Watch(containers=("api",))),
        ("{container: [api, postgres]}", Watch(containers=("api", "postgres"))),
        ("{pods: ml-platform/app=api}", Watch(pods=Pods("ml-platform", "app=api"))),
        ('{pods: "ml/app in (api, worker)"}', Watch(pods=Pods("ml", "app in (api, worker)"))),
        ("{metrics: /metrics}", Watch(metrics=MetricsPage(page="/metrics"))),
        ("{metrics: 'http://h:9/m'}", Watch(metrics=MetricsPage(page="http://h:9/m"))),
        (
            "{metrics: {page: /m, series: [db_pool_*, queue_depth]}}",
            Watch(metrics=MetricsPage(page="/m", series=("db_pool_*", "queue_depth"))),
        ),
        (
            "{prometheus: {url: 'http://p:9090/', queries: {pool: sum(db_pool)}}}",
            Watch(prometheus=PrometheusServer(url="http://p:9090", queries={"pool": "sum(db_pool)"})),
        ),
        ("{logs: logs/a.log}", Watch(logs=Logs(files=("logs/a.log",)))),
        (
            "{container: api, logs: [container, 'logs/*.log']}",
            Watch(containers=("api",), logs=Logs(files=("logs/*.log",), container=True)),
        ),
        (
            "{logs: {of: a.log, level: severity, errors: 'E[0-9]+'}}",
            Watch(logs=Logs(files=("a.log",), level="severity", errors="E[0-9]+")),
        ),
    ],
)
def test_what_can_be_watched(text: str, watch: Watch) -> None:
    found, mistakes, _ = read(text)
    assert mistakes == []
    assert found == watch


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "{container: a, pid: 3}",
            ["1:16  watch: the system is a process or container:, not both"],
        ),
        ("{container: a, pods: n/a=b}", ["1:16  watch: container: and pods: exclude each other"]),
        ("{pods: app=api}", ["1:8  pods: 'app=api' is not NAMESPACE/SELECTOR, as in ml-platform/app=api"]),
        (
            "{pods: Ml/app=api}",
            ["1:8  pods: 'Ml' is not a Kubernetes namespace: lower-case letters, digits and -"],
        ),
        ("{pods: ml/}", ["1:8  pods: 'ml/' is not NAMESPACE/SELECTOR, as in ml-platform/app=api"]),
        ("{metrics: metrics}", ["1:11  metrics: this is not an http:// or https:// URL"]),
        (
            "{metrics: 'http://u:secret-word@h/m'}",
            [
                "1:11  metrics: a URL is shown, so it cannot hold a password; write headers: {Authorization: …}"
            ],
        ),
        (
            "{metrics: {page: /m, series: [a b]}}",
            ["1:30  series: 'a b' is neither the name of a series nor a pattern such as db_pool_*"],
        ),
        ("{prometheus: {url: 'http://p'}}", ["1:14  prometheus needs queries:"]),
        (
            "{prometheus: {url: p, queries: {a: up}}}",
            ["1:20  url: this is not an http:// or https:// URL"],
        ),
        (
            "{prometheus: {url: 'http://p', queries: [up]}}",
            ["1:41  queries: is a mapping, as in  queries: {db_pool_in_use: sum(db_pool_used)}"],
        ),
        (
            "{prometheus: {url: 'http://p', queries: {a b: up}}}",
            ["1:42  'a b' is not a valid series name: letters, digits and _ only"],
        ),
        ("{logs: container}", ["1:8  logs: container needs container: beside it"]),
        (
            "{logs: {of: a, errors: '('}}",
            [
                "1:24  errors: this is not a regular expression: missing ), unterminated subpattern at position 0"
            ],
        ),
        ("{metric: /m}", ["1:2  unknown key 'metric' in watch; did you mean 'metrics'?"]),
    ],
)
def test_every_mistake_has_its_place_and_words(text: str, wanted: list[str]) -> None:
    assert [line.removeprefix("w.yaml:") for line in read(text)[1]] == wanted


def test_headers_of_pages_and_servers_are_secrets() -> None:
    text = "{metrics: {page: /m, headers: {Authorization: 'Bearer ${T}'}}}"
    watch, mistakes, secrets = read(text, T="tok-12345")
    assert mistakes == []
    assert watch.metrics is not None
    assert watch.metrics.headers == {"Authorization": "Bearer tok-12345"}
    assert {"tok-12345", "Bearer tok-12345"} <= set(secrets)
    assert "secret-word" in "".join(read("{metrics: 'http://u:secret-word@h/m'}")[2])


def test_cpu_and_memory_are_judged_where_something_that_has_them_is_named() -> None:
    asked = {"{pid: 1}", "{process: x}", "{container: x}", "{pods: a/b=c}"}
    for text in asked:
        assert read(text)[0].asked, text
    for text in ("{metrics: /m}", "{logs: a.log}"):
        assert not read(text)[0].asked, text
