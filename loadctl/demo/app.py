"""The demo system as a raw ASGI application: counts, limits, faults and a metrics page around the API."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any

import psutil

from loadctl.demo import api
from loadctl.demo.treatment import UNTOUCHED, Treatment, Treatments
from loadctl.demo.truth import Truth

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_EDGES_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class _Series:
    """Requests of one method and handler: how many of each status, durations by bucket (not summed up)."""

    statuses: dict[int, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(_EDGES_S) + 1))
    sum_s: float = 0.0


class MetricsPage:
    """The Prometheus text format, with the names that official client libraries use.

    Counts every answered request, probes and scrapes included, since this process began."""

    def __init__(self) -> None:
        self.in_progress = 0
        self._series: dict[tuple[str, str], _Series] = {}
        self._process = psutil.Process()

    def observe(self, method: str, handler: str, status: int, duration_s: float) -> None:
        series = self._series.get((method, handler))
        if series is None:
            series = self._series[method, handler] = _Series()
        series.statuses[status] = series.statuses.get(status, 0) + 1
        series.buckets[bisect_left(_EDGES_S, duration_s)] += 1
        series.sum_s += duration_s

    def text(self) -> str:
        return "\n".join([*self._process_lines(), *self._http_lines(), ""])

    def _process_lines(self) -> Iterator[str]:
        memory = self._process.memory_info()
        yield from _single(
            "process_cpu_seconds_total", "counter", "CPU time used, in seconds.", time.process_time()
        )
        yield from _single("process_resident_memory_bytes", "gauge", "Resident memory, in bytes.", memory.rss)
        yield from _single("process_virtual_memory_bytes", "gauge", "Virtual memory, in bytes.", memory.vms)
        started_s = self._process.create_time()
        yield from _single(
            "process_start_time_seconds", "gauge", "Start, in seconds since the epoch.", started_s
        )
        if not psutil.POSIX:
            return
        import resource

        yield from _single("process_open_fds", "gauge", "Open file descriptors.", self._process.num_fds())
        soft_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        yield from _single("process_max_fds", "gauge", "Largest number of open file descriptors.", soft_limit)

    def _http_lines(self) -> Iterator[str]:
        yield from _single(
            "http_requests_in_progress", "gauge", "Requests being worked on.", self.in_progress
        )
        yield from _head("http_requests_total", "counter", "Requests answered.")
        for (method, handler), series in sorted(self._series.items()):
            labels = f'method="{method}",handler="{handler}"'
            for status, count in sorted(series.statuses.items()):
                yield f'http_requests_total{{{labels},status="{status}"}} {count}'
        name = "http_request_duration_seconds"
        yield from _head(name, "histogram", "From the request read to the answer written, in seconds.")
        for (method, handler), series in sorted(self._series.items()):
            labels = f'method="{method}",handler="{handler}"'
            total = 0
            for edge, count in zip([*map(str, _EDGES_S), "+Inf"], series.buckets, strict=True):
                total += count
                yield f'{name}_bucket{{{labels},le="{edge}"}} {total}'
            yield f"{name}_sum{{{labels}}} {series.sum_s!r}"
            yield f"{name}_count{{{labels}}} {total}"


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"


def _single(name: str, kind: str, meaning: str, value: float) -> Iterator[str]:
    yield from _head(name, kind, meaning)
    yield f"{name} {value!r}"


Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CONNECTION = "loadctl.connection"
"""In the scope: the `Connection` that the request came in on."""
READ_AT = "loadctl.read_at_s"
"""In the scope: when its last byte was read, on time.perf_counter."""


class Connection:
    """`used`: it has carried a request that counts."""

    __slots__ = ("transport", "used")

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.used = False

    def reset(self) -> None:
        """Send RST: with a linger of zero, closing throws everything away."""
        accepted = self.transport.get_extra_info("socket")
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Exchange:
    """A request that was read whole."""

    __slots__ = ("_body", "_headers", "_read_at_s", "_receive", "_send", "connection", "method", "path")

    def __init__(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.connection: Connection = scope[CONNECTION]
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._read_at_s: float = scope[READ_AT]
        self._body = body
        self._receive = receive
        self._send = send

    @property
    def user_agent(self) -> bytes:
        return self._headers.get(b"user-agent", b"")

    @property
    def api_key(self) -> str | None:
        """From X-API-Key, or a bearer token that begins with `demo-` (others are sessions of POST /login)."""
        key = self._headers.get(b"x-api-key")
        if key is None:
            scheme, _, token = self._headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer" or not token.startswith(b"demo-"):
                return None
            key = token
        return key.decode("latin-1")

    def call(self) -> api.Call:
        return api.Call(self.path, self._headers.get(b"content-type", b""), self._body)

    @property
    def client_left(self) -> bool:
        return self.connection.transport.is_closing()

    async def write(self, answer: api.Answer, body_delay_s: float) -> float:
        """Write the answer, its body later by the delay; the service time in seconds."""
        headers = [
            (b"content-type", answer.content_type),
            (b"content-length", b"%d" % len(answer.body)),
            *answer.headers,
        ]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if body_delay_s > 0:
            await asyncio.sleep(body_delay_s)
        await self._send({"type": "http.response.body", "body": answer.body})
        return time.perf_counter() - self._read_at_s

    async def until_client_leaves(self) -> None:
        """The body was read, so the next message can only be the disconnect."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def read_whole(scope: Scope, receive: Receive, send: Send) -> Exchange | None:
    """The request with all of its body; None: the client left before its end."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        if not message["more_body"]:
            return Exchange(scope, body, receive, send)


_PROBE_AGENT = b"loadctl-probe"
_FAILED = api.refusal(500, "the model failed (a fault of the demo system)")


class DemoApp:
    """`age_s` is the clock of the faults: seconds since the demo system first listened."""

    def __init__(self, treatments: Treatments, truth: Truth, age_s: Callable[[], float]) -> None:
        self._treatments = treatments
        self._truth = truth
        self._age_s = age_s
        self._exposition = MetricsPage()
        self._limiter = api.RateLimiter()
        self._other_limiter = api.OtherLimiter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = await read_whole(scope, receive, send)
        if exchange is None:
            return
        self._exposition.in_progress += 1
        try:
            if exchange.path == "/metrics":
                self._truth.scrapes += 1
                await self._look_on(exchange)
            elif exchange.user_agent.startswith(_PROBE_AGENT):
                self._truth.probes += 1
                await self._look_on(exchange)
            else:
                await self._serve(exchange)
        finally:
            self._exposition.in_progress -= 1

    async def _look_on(self, exchange: Exchange) -> None:
        """A probe or a scrape: no fault but a hang of everything touches it, and it does not count."""
        if self._treatments.hangs_everything(self._age_s()):
            await exchange.until_client_leaves()
        else:
            await self._respond(exchange, self._answer(exchange), UNTOUCHED)

    async def _serve(self, exchange: Exchange) -> None:
        """A request that counts: it belongs to the load."""
        if not exchange.connection.used:
            exchange.connection.used = True
            self._truth.connections += 1
        counted = self._truth.received(f"{exchange.method} {_handler_name(exchange)}")
        refused, limits = self._limit(exchange)
        treatment = (
            UNTOUCHED if refused else self._treatments.of_request(self._age_s(), self._exposition.in_progress)
        )
        if treatment.fate in ("reset", "hang"):
            await self._leave_unanswered(exchange, treatment)
            return
        if treatment.wait_s > 0:
            await asyncio.sleep(treatment.wait_s)
        if treatment.burn_s > 0:
            burn_cpu(treatment.burn_s)
        ready = refused or (_FAILED if treatment.fate == "error" else self._answer(exchange))
        if limits:
            ready = replace(ready, headers=(*ready.headers, *limits))
        abandoned = exchange.client_left
        duration_s = await self._respond(exchange, ready, treatment)
        self._truth.answered(counted, ready.status, int(duration_s * 1e6), abandoned=abandoned)

    async def _leave_unanswered(self, exchange: Exchange, treatment: Treatment) -> None:
        if treatment.fate == "reset":
            self._truth.resets += 1
            exchange.connection.reset()
        else:
            self._truth.hangs += 1
        await exchange.until_client_leaves()
        self._truth.unanswered()

    def _limit(self, exchange: Exchange) -> tuple[api.Answer | None, tuple[tuple[bytes, bytes], ...]]:
        """A refusal if the request's API key does not allow it, and the headers that tell its limit."""
        key = exchange.api_key
        if key is None:
            return None, ()
        now_s = time.monotonic()
        try:
            allowance = self._limiter.take(key, now_s)
        except KeyError:
            return api.refusal(401, "this API key is not known"), ()
        if allowance is None:
            return None, ()
        allowed = allowance.retry_after_s is None
        other = self._treatments.other_limit(self._age_s())
        if other is not None:
            allowed = self._other_limiter.takes(key, other, now_s)
        why = f"more than {allowance.limit} requests a second for this API key"
        return None if allowed else api.refusal(429, why), _limit_headers(allowance)

    def _answer(self, exchange: Exchange) -> api.Answer:
        if exchange.path == "/metrics":
            if exchange.method not in ("GET", "HEAD"):
                return api.refusal(405, f"{exchange.method} is not allowed here", ((b"allow", b"GET"),))
            return api.Answer(200, self._exposition.text().encode(), content_type=CONTENT_TYPE)
        return api.answer(api.handler_of(exchange.path), exchange.method, exchange.call())

    async def _respond(self, exchange: Exchange, ready: api.Answer, treatment: Treatment) -> float:
        """Write the answer; the service time in seconds."""
        duration_s = await exchange.write(ready, treatment.body_delay_s)
        self._exposition.observe(exchange.method, _handler_name(exchange), ready.status, duration_s)
        return duration_s


def burn_cpu(seconds: float) -> None:
    """Keep this thread's core busy, under a name that a profiler shows. Nothing else is served meanwhile."""
    end_s = time.thread_time() + seconds
    while time.thread_time() < end_s:
        sum(range(500))  # a few µs of work: reading the clock alone would be system time


def _handler_name(exchange: Exchange) -> str:
    if exchange.path == "/metrics":
        return exchange.path
    handler = api.handler_of(exchange.path)
    return api.UNKNOWN if handler is None else handler.name


def _limit_headers(allowance: api.Allowance) -> tuple[tuple[bytes, bytes], ...]:
    headers = [
        (b"x-ratelimit-limit", b"%d" % allowance.limit),
        (b"x-ratelimit-remaining", b"%d" % allowance.remaining),
        (b"x-ratelimit-reset", b"%d" % allowance.reset_s),
    ]
    if allowance.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % allowance.retry_after_s))
    return tuple(headers)
