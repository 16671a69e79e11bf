"""HttpUser and FastHttpUser under our recorder, without a change to the script.

Their sessions are wrapped where every request passes: what is in flight is known, the name is the path without query,
nothing is sent after the end of the load, and nothing is sent twice. The outcome comes from Locust's own `request`
event, so that catch_response, rename_request and clients of other protocols count as they do in Locust. A request that
Locust would never report (catch_response without its block, or a block that raised) is counted by its status.
"""

# ruff: noqa: SLF001 - the end of a body has no public name in either client

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

import gevent
import locust
from gevent import Greenlet, GreenletExit, getcurrent
from geventhttpclient.connectionpool import ConnectionPool
from geventhttpclient.response import HTTPSocketPoolResponse
from locust import clients
from locust.clients import HttpSession
from locust.contrib import fasthttp
from locust.contrib.fasthttp import FastHttpSession
from locust.exception import StopUser
from urllib3.response import HTTPResponse

from ....redaction import credentials
from ..recorder.cells import ELSEWHERE, Endpoint, Entry, Flight, limit_headers
from .exceptions import classify

if TYPE_CHECKING:
    from ..load.load import Place
    from ..recorder.recorder import Recorder


_LAST_EVENT = b"data: [DONE]"
"""The end of a stream of OpenAI's form: scripts stop reading there, a moment before the end of the body."""
OnEnd: TypeAlias = Callable[[BaseException | None], None]
_BODY_KEPT = 65536
_HELD_MAX = 100
"""Of one greenlet; a task without end may never enter the `with` blocks of its requests."""
_KNOWN_MAX = 10_000
_MOST = 1e12
_SWALLOWED_S = 0.01
"""Before a request is refused: a task that swallows every exception and tries again would hold the hub for ever."""
_Key: TypeAlias = tuple[str, str | None, str | None, str]
"""Method, name, base URL and URL."""


def watch(response: Any, on_end: OnEnd) -> None:
    """Call `on_end` once: with None when the script has read the last byte, with the error when reading it failed.

    Never, if the script leaves the rest unread, or the response is of another client.
    """
    fast: Any = getattr(response, "_response", None)
    plain: Any = getattr(response, "raw", None)
    kind: type = _FastBody
    if fast.__class__ is HTTPSocketPoolResponse:
        body, is_complete = fast, fast.message_complete
    elif plain.__class__ is HTTPResponse and plain._original_response is not None:
        kind, body, is_complete = _PlainBody, plain, plain._original_response.isclosed()
    else:
        return
    if is_complete:
        on_end(None)
    else:
        body.__class__ = kind
        body.on_end = on_end


class _FastBody(HTTPSocketPoolResponse):  # type: ignore[misc]
    """A class, because a bound method in the instance would keep it, and so its connection, alive."""

    on_end: OnEnd | None

    def release(self) -> None:
        super().release()
        on_end, self.on_end = self.on_end, None
        error = sys.exc_info()[1]
        if on_end is not None and (self.message_complete or isinstance(error, Exception)):
            on_end(None if self.message_complete else error)


class _PlainBody(HTTPResponse):
    on_end: OnEnd | None
    _given_up = False

    def read_chunked(
        self, amt: int | None = None, decode_content: bool | None = None
    ) -> Generator[bytes, None, None]:
        for chunk in super().read_chunked(amt, decode_content):
            if _LAST_EVENT in chunk:
                self._tell(None)
            yield chunk

    def close(self) -> None:
        self._given_up = True
        super().close()

    def release_conn(self) -> None:
        super().release_conn()
        error = sys.exc_info()[1]
        if self._is_complete(error):
            self._tell(None)
        elif isinstance(error, Exception):
            self._tell(error)

    def _tell(self, error: Exception | None) -> None:
        on_end, self.on_end = self.on_end, None
        if on_end is not None:
            on_end(error)

    def _is_complete(self, error: BaseException | None) -> bool:
        if self.chunk_left == 0 or getattr(self._original_response, "length", None) == 0:
            return True
        return error is None and not self._given_up


class _ScriptRequest(Flight):
    """One request of a script, from before it is sent until its outcome is counted.

    What most requests never need is not set for each of them.
    """

    entry: Entry = ELSEWHERE
    ended: float | None = None
    """When the reading of a streamed body ended, on the recorder's clock."""
    broken = False
    """It ended before the body did; `error` and `message` say how."""
    is_reported = False
    """Locust has fired its event."""
    held: list[_ScriptRequest] | None = None
    meta: Mapping[str, Any] | None = None
    """Locust's metadata, until its event is fired."""
    name: str | None = None
    """Locust's name for it; if the event has another one, the script renamed it."""
    ms: float | None = None
    """As measured by Locust; for a streamed body, until the head arrived."""
    size = 0
    status: int | None = None
    error: str | None = None
    message = ""
    late_us = 0
    streamed = False
    """The script reads the body itself, after the head has arrived."""


class Sessions:
    """Between Locust's sessions and the recorder. Records nothing before `open` and after `close`."""

    def __init__(self, recorder: Recorder, *, timeout_s: float, rate_limited: bool) -> None:
        self._recorder = recorder
        self._timeout_s = timeout_s
        self._rate_limited = rate_limited
        self._statistics = recorder.statistics
        self._event = locust.events.request
        self._now: dict[object, _ScriptRequest] = {}
        """By greenlet: inside the session's request method."""
        self._held: dict[object, list[_ScriptRequest]] = {}
        """By greenlet: the script has yet to say how it went (catch_response), or to read the body to its end."""
        self._endpoints: dict[_Key, Endpoint] = {}
        """As they were asked before: most scripts ask the same few."""
        self.open = False

    def install(self) -> None:
        for session in (HttpSession, FastHttpSession):
            session.request = self._wrapped(session.request, blocks_forever=session is HttpSession)
        for response in (clients.ResponseContextManager, fasthttp.ResponseContextManager):
            response.__exit__ = self._watched(response.__exit__)
        _send_once()

    def settle(self, greenlet: object = None) -> None:
        """A task has ended: requests without a reported outcome are counted by their status."""
        if self._held and (held := self._held.get(getcurrent() if greenlet is None else greenlet)):
            killed = isinstance(sys.exc_info()[1], GreenletExit)
            for request in held.copy():
                self._settle(request, killed=killed)

    def close(self) -> None:
        """The load has ended. Bodies that are still being read stay unfinished."""
        for held in list(self._held.values()):
            for request in [one for one in held if not one.streamed]:
                self._settle(request)
        self._held.clear()
        self.open = False

    def _wrapped(self, original: Callable[..., Any], *, blocks_forever: bool) -> Callable[..., Any]:
        now, clock, known = self._now, self._recorder.clock, self._endpoints

        def request(session: Any, method: str, url: str, *args: Any, **options: Any) -> Any:
            if not self.open or session.request_event is not self._event:
                return original(session, method, url, *args, **options)
            place = getattr(session.user, "loadctl_place", None)
            if place is not None and place.leaving:
                leave_if_asked(session.user)
            if blocks_forever:  # requests waits for ever, unless told otherwise
                options.setdefault("timeout", self._timeout_s)
                if session.stream:
                    # Locust reads the body all the same, but does not time it.
                    options.setdefault("stream", False)
            name = (args[0] if args else options.get("name")) or session.request_name
            key = method, name, session.base_url, url
            endpoint = known.get(key) or self._endpoint(session, key)
            mine = _ScriptRequest(endpoint, clock())
            endpoint.flights.add(mine)
            if place is not None and place.due is not None:
                mine.late_us = _lateness_us(place, mine)
            if options.get("stream"):
                mine.streamed = True
            me = getcurrent()
            outer = now.get(me)
            now[me] = mine
            try:
                response = original(session, method, url, *args, **options)
            except BaseException:
                # No event will come: an invalid URL, a kill. A script's exception is counted with its task.
                if not mine.is_reported:
                    self._recorder.abandon(mine)
                raise
            finally:
                if outer is None:
                    del now[me]
                else:
                    now[me] = outer
            if not mine.is_reported:
                self._await(me, mine, response)
            return response

        return request

    def _endpoint(self, session: Any, key: _Key) -> Endpoint:
        method, name, _, url = key
        name = name or urlsplit(session._build_url(url)).path or "/"
        endpoint = self._recorder.endpoint(_named(method, name))
        if len(self._endpoints) < _KNOWN_MAX:
            self._endpoints[key] = endpoint
        return endpoint

    def _await(self, greenlet: object, request: _ScriptRequest, response: Any) -> None:
        """The script will report the outcome in a `with` block."""
        meta = request.meta = response.request_meta
        request.name, request.ms = meta["name"], meta["response_time"]
        meta["response"]._loadctl_request = request
        self._hold(greenlet, request)
        if request.streamed:
            watch(meta["response"], partial(self._body_ended, request))

    def _hold(self, greenlet: object, request: _ScriptRequest) -> None:
        held = self._held.get(greenlet)
        if held is None:
            held = self._held[greenlet] = []
            if isinstance(greenlet, Greenlet):
                greenlet.rawlink(self._greenlet_ended)
        elif len(held) >= _HELD_MAX:
            self._settle(held[0])
        request.held = held
        held.append(request)

    def _greenlet_ended(self, greenlet: object) -> None:
        self.settle(greenlet)
        self._held.pop(greenlet, None)

    def _watched(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def leave(response: Any, kind: type[BaseException] | None, error: object, traceback: object) -> Any:
            """The end of a `with` block; Locust fires no event when it raised."""
            swallowed = original(response, kind, error, traceback)
            if kind is not None:
                request = getattr(response.request_meta["response"], "_loadctl_request", None)
                if request is not None and request.held is not None and not request.is_reported:
                    self._settle(request, killed=issubclass(kind, GreenletExit))
            return swallowed

        return leave

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int | None,
        *,
        response: Any = None,
        exception: Any = None,
        **_: object,
    ) -> None:
        """Locust's `request` event: one request has ended. Locust calls it a failure if `exception` is true."""
        if not self.open:
            return
        request = getattr(response, "_loadctl_request", None) or self._now.get(getcurrent())
        if response is None or type(request) is not _ScriptRequest or request.is_reported:
            request = self._own(request_type, name)
        request.is_reported = True
        if request.name is not None and request.name != name:
            self._recorder.rename(request, _named(request_type, name))
        if (
            exception
            or self._rate_limited
            or request.streamed
            or type(response_time) is not float
            or not 0 <= response_time < _MOST
            or type(response_length) is not int
        ):
            self._unusual(request, (request_type, name), response_time, response_length, response, exception)
            return
        if request.held is not None:
            self._release(request)
        request.entry = name, request_type
        us = round(response_time * 1000) + request.late_us
        self._recorder.end(request, us=us, size=response_length)

    def _unusual(
        self,
        request: _ScriptRequest,
        entry: tuple[str, str],
        response_time: object,
        response_length: object,
        response: Any,
        exception: Any,
    ) -> None:
        """It failed, is streamed, or the script reported it itself: Locust may count it otherwise."""
        response_time = _number(response_time)
        request.size = int(_number(response_length) or 0)
        if self._statistics is not None:
            self._statistics.add(*entry, response_time, request.size, exception)
        if exception or self._rate_limited:
            request.status = _status(response)
            error = _class_of(exception, request.status) if exception else None
            if error is not None or request.status == 429:
                self._release(request)
                self._fail(request, response_time, error, exception, response)
                return
        if not request.streamed:
            self._release(request)
            self._succeed(request, response_time)
        elif request.held is None:  # without a `with` block: the script reads the body after this event
            request.ms, request.status = response_time, _status(response)
            self._hold(getcurrent(), request)
            watch(response, partial(self._body_ended, request))
        elif request.ended is not None or response_time != request.ms:
            self._release(request)
            self._succeed(request, response_time)

    def _own(self, method: str, name: Any) -> _ScriptRequest:
        endpoint = self._recorder.endpoint(_named(method, name))
        request = _ScriptRequest(endpoint, self._recorder.clock())
        endpoint.flights.add(request)
        return request

    def _body_ended(self, request: _ScriptRequest, error: BaseException | None) -> None:
        request.ended = self._recorder.clock()
        if error is not None:
            request.broken = True
            request.error, request.message = classify(error, None), str(error)
        if request.is_reported and request.held is not None:
            self._release(request)
            self._succeed(request, request.ms)

    def _settle(self, request: _ScriptRequest, *, killed: bool = False) -> None:
        meta = request.meta
        self._release(request)
        if killed and request.streamed and request.ended is None:
            self._recorder.abandon(request)
            return
        if meta is not None and not request.is_reported:
            self._judge(request, meta)
        if request.error is None:
            self._succeed(request, request.ms)
        else:
            self._fail(request, request.ms, request.error, request.message, None)

    def _judge(self, request: _ScriptRequest, meta: Mapping[str, Any]) -> None:
        """By its status, because the script never reported the outcome."""
        request.size, request.status = meta["response_length"], _status(meta["response"])
        fault = meta["exception"] or getattr(meta["response"], "error", None)
        if request.broken:
            pass
        elif fault is not None:
            request.error, request.message = classify(fault, request.status), str(fault)
        elif request.status is not None and request.status >= 400:
            request.error = f"status_{request.status}"
        if self._statistics is not None:
            error = request.message or request.error
            self._statistics.add(meta["request_type"], request.name or "", request.ms, request.size, error)

    def _release(self, request: _ScriptRequest) -> None:
        if request.held is not None:
            request.held.remove(request)
            request.held = request.meta = None  # its response refers to it

    def _succeed(self, request: _ScriptRequest, ms: float | None) -> None:
        """A success for Locust; if the body broke off, it failed all the same."""
        if request.broken:
            self._fail(request, ms, request.error, request.message, None)
            return
        us = None if ms is None else _us(ms)
        ttfb_us = None
        if request.streamed:
            ttfb_us = None if request.ms is None else _us(request.ms)
            if request.ended is not None:
                us = round((request.ended - request.began) * 1e6)
            elif ms == request.ms:  # otherwise the script has timed it itself
                us = None
        if us is None:
            self._recorder.end_untimed(request, ttfb_us=ttfb_us, size=request.size)
        else:
            self._recorder.end(request, us=us + request.late_us, ttfb_us=ttfb_us, size=request.size)

    def _fail(
        self, request: _ScriptRequest, ms: float | None, error: str | None, exception: object, response: Any
    ) -> None:
        expected_429 = self._rate_limited and request.status == 429
        us, ttfb_us = _us(ms or 0.0), None
        if request.streamed:
            ttfb_us = _us(request.ms or 0.0)
            us = round(((request.ended or self._recorder.clock()) - request.began) * 1e6)
        self._recorder.end(
            request,
            us=us + request.late_us,
            error=None if expected_429 else error,
            ttfb_us=ttfb_us,
            size=request.size,
            rate_limited=expected_429,
            status=request.status,
            message=_limit_of(response) if expected_429 else str(exception or ""),
            body=b"" if expected_429 else _body(response),
            held=partial(_secrets_held, response),
        )


def leave_if_asked(user: Any) -> None:
    """Raise StopUser in a task or on_start of a user that must leave. Requests of its on_stop are let through."""
    place = getattr(user, "loadctl_place", None)
    if place is not None and place.leaving and (place.in_task or place.starting):
        place.starting = False
        gevent.sleep(_SWALLOWED_S)
        raise StopUser


def _lateness_us(place: Place, flight: Flight) -> int:
    """Open model: the first request of a turn counts from when its arrival was due."""
    if place.due is None or place.starting:
        return 0
    due, place.due = place.due, None
    return max(0, round((flight.began - due) * 1e6))


def _class_of(exception: Any, status: int | None) -> str | None:
    """The class of whatever the script or the client calls a failure; None if loadctl's own rule does not."""
    if isinstance(exception, BaseException):
        return classify(exception, status)
    return "check_failed" if status else "other"


def _status(response: Any) -> int | None:
    status = getattr(response, "status_code", None)
    return status if isinstance(status, int) and status > 0 else None


def _number(value: Any) -> float | None:
    """A time or a size that a script reported; None if it is not a plausible number."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if -_MOST < number < _MOST else None


def _us(ms: float) -> int:
    return max(0, round(ms * 1000))


def _named(method: str, name: Any) -> str:
    name = str(name)
    return name if name.startswith(f"{method} ") else f"{method} {name}"


def _limit_of(response: Any) -> str:
    headers = getattr(response, "headers", None) or {}
    return limit_headers((str(name), str(value)) for name, value in headers.items())


def _secrets_held(response: Any, names: object) -> list[str]:  # noqa: ARG001  a script has no variables of ours
    """The credentials in headers that were sent and received. Each client stores them in its own way."""
    hops = [*(getattr(response, "history", None) or ()), response]
    found = [getattr(one, "headers", None) for hop in hops for one in (hop, getattr(hop, "request", None))]
    return credentials(
        (str(name), str(value)) for headers in found if headers for name, value in headers.items()
    )


def _body(response: Any) -> bytes:
    """The first part of a failed response, where it has been read already."""
    content = getattr(response, "_cached_content", None) or getattr(response, "_content", None)
    return content[:_BODY_KEPT] if isinstance(content, bytes) else b""


def _send_once() -> None:
    """geventhttpclient sends a GET again, up to `size` + 1 times, when the connection breaks before an answer: one GET
    reached a resetting server 12 times and no failure was reported. The size is used for nothing else; connections that
    the server closed while they were idle are found before. (HttpUser's urllib3 does not repeat.)
    """
    ConnectionPool.size = property(lambda _: -1, lambda _, __: None)
