"""A real Prometheus that scrapes the demo system, asked as a run asks it; and answers of servers that are none."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.errors import UsageError
from loadctl.monitors.background import Lost
from loadctl.monitors.prometheus.page import MetricsPageSource
from loadctl.monitors.prometheus.server import PrometheusSource, QueryResult, found_in
from loadctl.results.recording import Event, Reading
from loadctl.scenario.watch import PrometheusServer
from tests.monitors.prometheus_server import demo_system, prometheus_server

COUNTED = 'sum(http_requests_total{handler!="/metrics"})'


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    with demo_system() as address:
        yield address


@pytest.fixture(scope="module")
def server(demo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus_server(tmp_path_factory.mktemp("prometheus"), demo) as url:
        yield url


@pytest.fixture
def ask(server: str) -> Iterator[Callable[..., PrometheusSource]]:
    made: list[PrometheusSource] = []

    def make(url: str = server, **queries: str) -> PrometheusSource:
        source = PrometheusSource(PrometheusServer(url=url, queries=queries))
        source.period_s = 0.05
        made.append(source)
        return source

    yield make
    for source in made:
        source.close(99)


Ask = Callable[..., PrometheusSource]


def reading(source: PrometheusSource, wanted: Callable[[Reading], bool] = lambda _: True) -> Reading:
    return next(one for one in observations(source) if isinstance(one, Reading) and wanted(one))


def observations(source: PrometheusSource | MetricsPageSource) -> Iterator[Reading | Event]:
    """For 30 s, as the sampler would fetch them."""
    began = time.monotonic()
    while time.monotonic() - began < 30:
        yield from source.sample(time.monotonic() - began)
        time.sleep(0.01)


def has(name: str) -> Callable[[Reading], bool]:
    return lambda one: name in one.values


def test_the_counter_of_the_system_agrees_with_the_requests_that_were_sent(demo: str, ask: Ask) -> None:
    """Exactly, by both ways, while the load goes on: Prometheus' scrapes, and our own of the page."""
    with httpx.Client(base_url=f"http://{demo}", trust_env=False) as client:
        assert client.get("/health").status_code == 200  # so that the series is there
        server = ask(counted=COUNTED, cpu="rate(process_cpu_seconds_total[1m])")
        page = MetricsPageSource(f"http://{demo}/metrics", [], {})
        page.period_s = 0.1
        server.check()
        page.check()
        reading(server, has("counted"))
        time.sleep(1)  # several scrapes: now it has seen that one request
        server.sample(1.0)
        known = reading(server, has("counted")).values["counted"]
        first = next(one for one in observations(page) if isinstance(one, Reading))
        assert first.values["server_requests"] == 0
        for n in range(500):
            assert client.get("/models" if n % 5 else "/health").status_code == 200
            server.sample(1.0)
    at_server = reading(server, lambda one: one.values.get("counted", 0) >= known + 500)
    assert at_server.values["counted"] - known == 500
    at_page = next(
        one
        for one in observations(page)
        if isinstance(one, Reading) and one.values.get("server_requests", 0) >= 500
    )
    assert at_page.values["server_requests"] == 500
    page.close(99)


def test_the_page_of_the_demo_tells_its_process_and_its_latencies(demo: str) -> None:
    page = MetricsPageSource(f"http://{demo}/metrics", ["http_requests_in_progress"], {})
    page.period_s = 0.5
    with httpx.Client(base_url=f"http://{demo}", trust_env=False) as client:
        full = None
        for one in observations(page):
            for _ in range(20):
                client.get("/health")
            if isinstance(one, Reading) and "server_p95_ms" in one.values:
                full = one
                break
    page.close(99)
    assert full is not None
    assert {"cpu_cores", "memory_bytes", "open_fds", "open_fds_limit", "server_errors_per_s"} <= set(
        full.values
    )
    assert 10e6 < full.values["memory_bytes"] < 1e9
    assert 0 < full.values["server_p50_ms"] <= full.values["server_p95_ms"] < 1000
    assert full.values["http_requests_in_progress"] >= 1  # the scrape itself


def test_a_reading_bears_the_time_for_which_it_was_asked(ask: Ask) -> None:
    source = ask(one="scalar(vector(1))", clock="time()")
    began_wall, began = time.time(), time.monotonic()
    seen = next(
        one
        for one in iter(lambda: next(iter(source.sample(time.monotonic() - began)), None), 0)
        if isinstance(one, Reading)
    )
    assert seen.values["one"] == 1
    assert seen.values["clock"] - began_wall == pytest.approx(seen.t, abs=0.05)
    assert (seen.source, seen.subject) == ("prometheus", "system")


def test_of_several_series_each_is_told_and_the_largest_has_the_name(ask: Ask) -> None:
    seen = reading(
        ask(q='label_replace(vector(3), "a", "x", "", "") or label_replace(vector(5), "a", "y", "", "")')
    )
    assert seen.values == {'q{a="x"}': 3, 'q{a="y"}': 5, "q": 5}
    assert seen.notes == {"q": "the largest of 2 series"}


def test_no_data_is_left_out_with_a_note(ask: Ask) -> None:
    source = ask(missing="no_such_series", nothing="vector(0) / 0", there="vector(2)")
    source.check()
    seen = reading(source)
    assert seen.values == {"there": 2}
    assert seen.notes["missing"] == "no data"
    assert seen.notes["nothing"] == "its value is nan, which is not a number"


def test_a_query_that_is_refused_is_told_once_in_the_servers_words_and_others_go_on(ask: Ask) -> None:
    source = ask(bad="sum(", there="vector(2)", range="up[1m]")
    found = []
    for one in observations(source):
        found.append(one)
        if sum(isinstance(one, Reading) for one in found) == 3:
            break
    events = [one for one in found if isinstance(one, Event)]
    assert [event.kind for event in events] == ["query_failed"]
    assert "refuses the query bad: bad_data: " in events[0].message
    readings = [one for one in found if isinstance(one, Reading)]
    assert all(one.values == {"there": 2} for one in readings)
    assert readings[-1].notes["bad"].startswith("bad_data: ")
    assert readings[-1].notes["range"] == "its result is a matrix; a value at one time is needed"


def test_a_query_that_is_refused_at_the_start_ends_the_run_before_it_begins(ask: Ask) -> None:
    with pytest.raises(UsageError, match=r"queries: bad: bad_data: .*nothing was sent") as raised:
        ask(there="vector(2)", bad="sum(").check()
    assert str(raised.value.hint).endswith("/graph")


def test_a_server_that_is_no_prometheus_is_said_at_the_start(demo: str, ask: Ask) -> None:
    with pytest.raises(
        UsageError, match="is not a Prometheus server: its /api/v1/query answered 404"
    ) as raised:
        ask(f"http://{demo}", one="vector(1)").check()
    assert raised.value.hint


def test_nobody_there_is_said_at_the_start(free_port: int) -> None:
    server = PrometheusServer(
        url=f"http://127.0.0.1:{free_port}", queries={"a": "up"}, headers={"Authorization": "Bearer s3cret"}
    )
    with pytest.raises(UsageError, match="cannot be reached") as raised:
        PrometheusSource(server).check()
    assert "s3cret" not in str(raised.value)


class _Changing(BaseHTTPRequestHandler):
    answer = (200, b"")

    def do_GET(self) -> None:
        status, body = type(self).answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def changing() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Changing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


VECTOR = json.dumps(
    {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "7"]}]}}
).encode()


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (503, b"Service Unavailable", "answered 503"),
        (200, b"<html>", "is not a Prometheus server: its /api/v1/query answered 200 without a result"),
        (200, b"[" * 100_000, "is not a Prometheus server: its /api/v1/query answered 200 without a result"),
        (401, b"{}", "answered 401; it requires credentials (headers:)"),
    ],
)
def test_a_server_that_fails_in_mid_watch_is_lost_and_back_later(
    changing: str, status: int, body: bytes, reason: str
) -> None:
    source = PrometheusSource(PrometheusServer(url=changing, queries={"q": "up"}))
    source.period_s = source._background._retry_s = 0.01
    _Changing.answer = 200, VECTOR
    assert reading(source).values == {"q": 7}
    _Changing.answer = status, body
    with pytest.raises(Lost) as raised:
        list(observations(source))
    assert str(raised.value) == f"{changing} {reason}"
    _Changing.answer = 200, VECTOR
    back = None
    deadline = time.monotonic() + 15
    while back is None and time.monotonic() < deadline:
        try:
            back = reading(source)
        except Lost:
            time.sleep(0.01)
    source.close(99)
    assert back is not None


def test_it_is_asked_once_more_at_the_end_of_the_watch(changing: str) -> None:
    source = PrometheusSource(PrometheusServer(url=changing, queries={"q": "up"}))
    source.period_s = 60
    _Changing.answer = 200, VECTOR
    assert reading(source).values == {"q": 7}
    _Changing.answer = 200, VECTOR.replace(b'"7"', b'"8"')
    (last,) = source.close(50)
    assert isinstance(last, Reading)
    assert last.values == {"q": 8}


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"resultType": "scalar", "result": [1, "2.5"]}, QueryResult({"q": 2.5})),
        ({"resultType": "vector", "result": []}, QueryResult({}, "no data")),
        ({"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {}]}]}, None),
        ({"resultType": "string", "result": [1, "x"]}, None),
        (
            {"resultType": "scalar", "result": [1, "+Inf"]},
            QueryResult({}, "its value is inf, which is not a number"),
        ),
        ({}, QueryResult({}, "the answer cannot be read")),
        ([], QueryResult({}, "the answer cannot be read")),
    ],
)
def test_answers_of_every_kind(data: object, found: QueryResult | None) -> None:
    read = found_in("q", data)
    assert found is None or read == found
    assert read.values or read.note


ANY_JSON = st.recursive(
    st.one_of(
        st.none(),
        st.floats(),
        st.integers(-(10**400), 10**400),
        st.sampled_from(["vector", "scalar", "1", "NaN", "x"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["resultType", "result", "metric", "value"]), inner, max_size=4),
    ),
)


@given(
    st.one_of(
        ANY_JSON,
        st.fixed_dictionaries({"resultType": st.sampled_from(["vector", "scalar"]), "result": ANY_JSON}),
    )
)
def test_no_answer_breaks_it(data: object) -> None:
    found = found_in("q", data)
    assert all(abs(value) < float("inf") for value in found.values.values())
    assert found.values or found.note
