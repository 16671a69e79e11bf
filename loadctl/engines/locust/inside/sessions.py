"""HttpUser and FastHttpUser under our recorder, without a change to the script.

Their sessions are wrapped where every request passes: what is in flight is known, the name is the path without query,
nothing is sent after the end of the load, and nothing is sent twice. The outcome comes from Locust's own `request`
event, so that catch_response, rename_request and clients of other protocols count as they do in Locust.
"""

# ruff: noqa: SLF001 - what is watched here has no public names

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gevent import getcurrent
from geventhttpclient.client import HTTPClient
from geventhttpclient.connectionpool import ConnectionPool
from geventhttpclient.response import HTTPConnectionClosed
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.exception import StopUser

from .classify import classify
from .limit import limit_headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cells import Flight
    from .recorder import Recorder

_BODY_KEPT = 65536


class _Request:
    """One request of a script, from before it is sent until Locust's event tells how it ended."""

    __slots__ = ("flight", "greenlet", "late_us", "name", "response")

    def __init__(self, flight: Flight, greenlet: object, late_us: int) -> None:
        self.flight = flight
        self.greenlet = greenlet
        self.late_us = late_us
        self.name: str | None = None
        """What Locust calls it; another name in the event: the script renamed it."""
        self.response: object = None
        """Kept alive until then, because it is found by its id."""


class Sessions:
    """Between Locust's sessions and the recorder. Records nothing before `open`."""

    def __init__(self, recorder: Recorder, *, timeout_s: float, rate_limited: bool, log: Callable[..., None]):
        self._recorder = recorder
        self._timeout_s = timeout_s
        self._rate_limited = rate_limited
        self._log = log
        self._now: dict[object, _Request] = {}
        """By greenlet: inside the session's request method."""
        self._waiting: dict[int, _Request] = {}
        """By id of the response: in a `with` block of the script (catch_response)."""
        self.open = False

    def install(self) -> None:
        for session in (HttpSession, FastHttpSession):
            session.request = self._wrapped(session.request, blocks_forever=session is HttpSession)
        _send_once()

    def forget(self, greenlet: object) -> None:
        """A task ended: what it never told the outcome of (an exception in the with block) is no request."""
        for key, request in list(self._waiting.items()):
            if request.greenlet is greenlet:
                del self._waiting[key]
                self._recorder.abandon(request.flight)

    def _wrapped(self, original: Callable[..., Any], *, blocks_forever: bool) -> Callable[..., Any]:
        def request(session: Any, method: str, url: str, *args: Any, **options: Any) -> Any:
            if not self.open:
                return original(session, method, url, *args, **options)
            user = session.user
            leave_if_asked(user)
            if blocks_forever:  # requests waits for ever, unless told otherwise
                options.setdefault("timeout", self._timeout_s)
            name = (args[0] if args else options.get("name")) or session.request_name
            path = urlsplit(session._build_url(url)).path or "/"
            flight = self._recorder.begin(_endpoint(method, name or path))
            me = getcurrent()
            mine = self._now[me] = _Request(flight, me, _lateness_us(user, flight))
            try:
                response = original(session, method, url, *args, **options)
            except BaseException:
                # No event will come: an invalid URL, a kill. A script's exception is counted with its task.
                if self._now.pop(me, None) is not None:
                    self._recorder.abandon(flight)
                raise
            if self._now.pop(me, None) is not None:
                mine.name = response.request_meta["name"]
                mine.response = response.request_meta["response"]
                self._waiting[id(mine.response)] = mine
            return response

        return request

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int | None,
        *,
        response: Any = None,
        exception: BaseException | None = None,
        **_: object,
    ) -> None:
        """Locust's `request` event: one request has ended. Must not raise."""
        if not self.open:
            return
        request = self._waiting.pop(id(response), None) or self._now.pop(getcurrent(), None)
        if request is None:
            flight, late_us = self._recorder.begin(_endpoint(request_type, name)), 0
        else:
            flight, late_us = request.flight, request.late_us
            if request.name not in {None, name}:
                self._recorder.rename(flight, _endpoint(request_type, name))
        self._log(
            request_type, name, response_time, response_length, error=exception, endpoint=flight.endpoint.name
        )
        status, error = _outcome(response, exception)
        expected_429 = self._rate_limited and status == 429
        if response_time is None and error is None:
            self._recorder.note(f"{flight.endpoint.name}: the script gave no response time; not counted")
            self._recorder.abandon(flight)
            return
        self._recorder.end(
            flight,
            us=round((response_time or 0.0) * 1000) + late_us,
            error=None if expected_429 else error,
            size=int(response_length or 0),
            rate_limited=expected_429,
            status=status,
            message=_limit_of(response) if expected_429 else "" if exception is None else str(exception),
            body=_body(response) if error else b"",
        )


def leave_if_asked(user: Any) -> None:
    """Raise StopUser in a task or on_start of a user that must leave. Requests of its on_stop are let through."""
    place = getattr(user, "loadctl_place", None)
    if place is not None and place.leaving and (place.in_task or place.starting):
        raise StopUser


def _lateness_us(user: Any, flight: Flight) -> int:
    """Open model: the first request of a turn counts from when its arrival was due."""
    place = getattr(user, "loadctl_place", None)
    if place is None or place.due is None or place.starting:
        return 0
    due: float = place.due
    place.due = None
    return max(0, round((flight.began - due) * 1e6))


def _outcome(response: Any, exception: BaseException | None) -> tuple[int | None, str | None]:
    """Status, where there was a response, and class of the failure, if it was one."""
    status = getattr(response, "status_code", None)
    status = status if isinstance(status, int) and status > 0 else None
    return status, classify(exception, status) if exception is not None else None


def _endpoint(method: str, name: str) -> str:
    return name if name.startswith(f"{method} ") else f"{method} {name}"


def _limit_of(response: Any) -> str:
    return limit_headers((str(name), str(value)) for name, value in response.headers.items())


def _body(response: Any) -> bytes:
    """The first part of a failed response, where it has been read already."""
    content = getattr(response, "_cached_content", None) or getattr(response, "_content", None)
    return content[:_BODY_KEPT] if isinstance(content, bytes) else b""


def _send_once() -> None:
    """geventhttpclient sends a GET again, up to `concurrency` + 1 times, when the connection breaks before an answer:
    one GET reached a resetting server 12 times and no failure was reported. A second socket for the same request is
    refused here, which holds for all its versions; connections that the server closed while they were idle do not
    come so far, get_socket looks at them first. (HttpUser's urllib3 does not repeat.)
    """
    original_request, original_get_socket = HTTPClient.request, ConnectionPool.get_socket
    sent: dict[object, int] = {}

    def request(client: Any, *args: Any, **options: Any) -> Any:
        me = getcurrent()
        sent[me] = 0
        try:
            return original_request(client, *args, **options)
        finally:
            sent.pop(me, None)

    def get_socket(pool: Any) -> Any:
        me = getcurrent()
        if me in sent:
            sent[me] += 1
            if sent[me] > 1:
                raise HTTPConnectionClosed("the connection was closed before an answer; not sent again")
        return original_get_socket(pool)

    HTTPClient.request, ConnectionPool.get_socket = request, get_socket
