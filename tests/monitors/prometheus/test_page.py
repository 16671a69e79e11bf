"""A page on a real server that answers, redirects, fails, dawdles and comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loadctl.errors import UsageError
from loadctl.monitors.background import Lost
from loadctl.monitors.prometheus import http as http_page
from loadctl.monitors.prometheus.page import MetricsPageSource
from loadctl.monitors.source import Observation
from loadctl.results.recording import Event, Reading

GOOD = b"db_pool_in_use 3\nprocess_resident_memory_bytes 5e7\n"


class Site:
    """What the server answers next may be changed at any time; `seen` are the requests' headers."""

    def __init__(self) -> None:
        self.answer = (200, GOOD)
        self.headers: dict[str, str] = {}
        self.stalls = threading.Event()
        self.leave = threading.Event()
        self.seen: list[dict[str, str]] = []
        self.url = ""
        self.connections: set[tuple[str, int]] = set()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.seen.append({name.lower(): value for name, value in self.headers.items()})
            site.connections.add(self.client_address)
            if site.stalls.is_set():
                site.leave.wait(20)
            status, body = site.answer
            elsewhere = self.path.startswith("/moved")
            self.send_response(307 if elsewhere else status)
            for name, value in site.headers.items() if elsewhere else ():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    yield site
    site.leave.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def watch(site: Site) -> Iterator[Callable[..., MetricsPageSource]]:
    """A source of the site that asks a hundred times a second; closed at the end."""
    made: list[MetricsPageSource] = []

    def make(path: str = "/metrics?token=s3cret", **headers: str) -> MetricsPageSource:
        source = MetricsPageSource(site.url + path, ["db_pool_*"], headers)
        source.period_s = 0.01
        source._background._retry_s = 0.01
        made.append(source)
        return source

    yield make
    for source in made:
        source.close(99)


def seen(source: MetricsPageSource, wanted: Callable[[Observation], bool]) -> Observation:
    """The first observation that is wanted; losses before it are passed over."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            for one in source.sample(1.0):
                if wanted(one):
                    return one
        except Lost:
            pass
        time.sleep(0.005)
    raise AssertionError("it never came")


def lost(source: MetricsPageSource) -> str:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            source.sample(1.0)
        except Lost as error:
            return str(error)
        time.sleep(0.005)
    raise AssertionError("it was never lost")


def is_reading(one: Observation) -> bool:
    return isinstance(one, Reading)


Make = Callable[..., MetricsPageSource]


def test_it_is_scraped_in_the_text_format_with_the_headers(site: Site, watch: Make) -> None:
    reading = seen(watch(Authorization="Bearer abc"), is_reading)
    assert isinstance(reading, Reading)
    assert (reading.subject, reading.source, reading.entity) == ("system", "metrics", f"{site.url}/metrics")
    assert reading.values == {"db_pool_in_use": 3, "memory_bytes": 5e7}
    assert site.seen[0]["accept"] == "text/plain;version=0.0.4"
    assert site.seen[0]["authorization"] == "Bearer abc"


def test_every_scrape_has_a_connection_of_its_own(site: Site, watch: Make) -> None:
    source = watch()
    for _ in range(3):
        seen(source, is_reading)
    assert len(site.connections) >= 3


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, b"oops", "answered 500"),
        (401, b"", "answered 401; it requires credentials (headers:)"),
        (200, b"<html>", "is not in the Prometheus text format: it is an HTML page"),
        (200, b"db_pool_in_use three", "has a line that is not NAME{LABELS} VALUE: db_pool_in_use"),
    ],
)
def test_what_fails_in_mid_watch_is_a_loss_with_a_reason_and_back_later(
    site: Site, watch: Make, status: int, body: bytes, reason: str
) -> None:
    source = watch()
    seen(source, is_reading)
    site.answer = status, body
    assert lost(source) == f"{site.url}/metrics {reason}"
    site.answer = 200, GOOD
    seen(source, is_reading)


def test_a_page_that_hangs_is_lost_and_never_keeps_the_sampler_waiting(
    site: Site, watch: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_page, "_TRY_S", 0.2)
    source = watch()
    seen(source, is_reading)
    site.stalls.set()
    assert lost(source) == f"{site.url}/metrics did not answer within 0.2 s"
    site.stalls.clear()
    seen(source, is_reading)


def test_a_page_too_large_is_not_read_to_its_end(
    site: Site, watch: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_page, "PAGE_MAX", 1_000_000)
    site.answer = 200, b"# no end\n" * 200_000
    assert lost(watch()) == f"{site.url}/metrics is larger than 1 MB"


def test_a_redirect_on_the_same_host_is_followed(site: Site, watch: Make) -> None:
    site.headers = {"Location": "/metrics/"}
    seen(watch("/moved"), is_reading)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://192.0.2.1/metrics", "redirects to another host, 192.0.2.1: use its URL"),
        ("/moved/again", "redirects more than 3 times"),
    ],
)
def test_headers_never_follow_a_redirect_elsewhere(
    site: Site, watch: Make, location: str, reason: str
) -> None:
    site.headers = {"Location": location}
    assert lost(watch("/moved", Authorization="Bearer abc")) == f"{site.url}/moved {reason}"


def test_several_workers_are_one_event(site: Site, watch: Make) -> None:
    source = watch()
    pages = [
        b"process_start_time_seconds 5\nhttp_requests_total 9\n",
        b"process_start_time_seconds 6.5\nhttp_requests_total 4\n",
    ]
    flips = threading.Event()

    def flip() -> None:
        while not flips.wait(0.02):
            pages.reverse()
            site.answer = 200, pages[0]

    thread = threading.Thread(target=flip)
    thread.start()
    event = seen(source, lambda one: isinstance(one, Event))
    flips.set()
    thread.join()
    assert isinstance(event, Event)
    assert event.kind == "several_workers"
    assert "several workers answer" in event.message


def test_a_restart_bears_the_time_at_which_the_process_began(site: Site, watch: Make) -> None:
    source = watch()
    page = "process_start_time_seconds {}\nhttp_requests_total {}\n"
    site.answer = 200, page.format(time.time() - 1000, 100).encode()
    seen(source, is_reading)
    time.sleep(0.3)
    site.answer = 200, page.format(time.time() - 0.05, 1).encode()
    began = time.monotonic() - 0.05
    event = seen(source, lambda one: isinstance(one, Event))
    now = time.monotonic()
    assert isinstance(event, Event)
    assert event.kind == "service_restarted"
    assert event.t == pytest.approx(1.0 - (now - began), abs=0.3)
    assert event.detail["cause"] == "its start time on the metrics page changed"


def test_a_restart_that_ends_the_watch_is_told_at_its_end(site: Site, watch: Make) -> None:
    source = watch()
    page = "process_start_time_seconds {}\nhttp_requests_total {}\n"
    site.answer = 200, page.format(time.time() - 1000, 100).encode()
    seen(source, is_reading)
    source._background.stop()
    site.answer = 200, page.format(time.time(), 1).encode()
    source._look()
    assert [one.kind for one in source.close(50) if isinstance(one, Event)] == ["service_restarted"]


def test_the_last_scrape_is_of_the_end_of_the_watch(site: Site, watch: Make) -> None:
    """So that what the server counted can be held against what was sent."""
    source = watch()
    source.period_s = 60
    page = "process_start_time_seconds 5\nhttp_requests_total {}\n"
    site.answer = 200, page.format(100).encode()
    seen(source, is_reading)
    site.answer = 200, page.format(350).encode()
    (last,) = source.close(50)
    assert isinstance(last, Reading)
    assert last.values["server_requests"] == 250


def test_at_the_start_a_good_page_is_accepted(watch: Make) -> None:
    watch().check()


def test_at_the_start_nobody_there_is_an_error(free_port: int) -> None:
    source = MetricsPageSource(
        f"http://user:pw@127.0.0.1:{free_port}/metrics?token=s3cret", [], {"X-Key": "abc"}
    )
    with pytest.raises(
        UsageError, match=rf"http://127.0.0.1:{free_port}/metrics cannot be reached"
    ) as raised:
        source.check()
    assert raised.value.hint
    assert "nothing was sent" in str(raised.value)
    for secret in ("s3cret", "abc", "pw"):
        assert secret not in str(raised.value)
        assert secret not in source.name


def test_at_the_start_a_page_without_anything_wanted_is_an_error(site: Site, watch: Make) -> None:
    site.answer = 200, b"up 1\nscrape_duration_seconds 2\n"
    with pytest.raises(
        UsageError, match="nor any of the series; it has up, scrape_duration_seconds"
    ) as raised:
        watch().check()
    assert "series: [NAME" in str(raised.value.hint)


@pytest.mark.parametrize("value", ["two\nlines", "\ud800"])
def test_a_header_that_cannot_be_sent_is_said_without_it(watch: Make, value: str) -> None:
    with pytest.raises(UsageError, match="a header cannot be sent as it is written") as raised:
        watch(**{"X-Key": value}).check()
    assert "two" not in str(raised.value)
