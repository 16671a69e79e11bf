"""One keep-alive connection of one user to one origin: HTTP/1.1 by llhttp, one request in flight, none sent twice."""

from __future__ import annotations

import _socket
import contextlib
import re
from collections.abc import Iterator
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

import gevent
import gevent.event
import httptools
from gevent import get_hub, getcurrent

from ....route import STALE, Failed, Origin, failed_talking
from .network import READ, WRITE, Network, Tls

if TYPE_CHECKING:
    import ssl

    from gevent.core import io
    from greenlet import greenlet

NOTABLE = frozenset({b"set-cookie", b"content-encoding", b"location"})
QUIET_MAX = 65536
"""Maximum number of bytes in a row that are not part of a body: limits heads, trailers and floods of 1xx."""
_LEFT_EARLIER_S = 0.2
"""Than the server closes an idle connection (Keep-Alive: timeout=): a request is on its way for a while.

undici's threshold in artillery/inside/client/connection.mjs is the same.
"""
_TIMEOUT = re.compile(rb"timeout=([0-9]{1,9})")
_ARRIVED = memoryview(bytearray(65536))
"""The read buffer of all connections. Nobody keeps its content, and a new buffer for every read costs more than the
system call.
"""
AT_LEAST_S = 0.01
"""Minimum time between two looks, so that many different timeouts do not cost one each."""


class Response:
    """`headers`: names in lower case, in the order they came. Instants in monotonic seconds.

    `body` holds the first bytes only (`clipped`) where there were more than were asked for. `size` counts the body's
    bytes on the wire. `first_byte_at`: of the body, or of the end of the head where there is none.
    """

    body: bytes
    size: int
    clipped: bool
    first_byte_at: float
    finished_at: float

    __slots__ = ("body", "clipped", "finished_at", "first_byte_at", "headers", "notable", "size", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], notable: bool) -> None:
        self.status = status
        self.headers = headers
        self.notable = notable
        """It has one of the headers in NOTABLE."""

    def values(self, name: bytes) -> Iterator[bytes]:
        """All values of a header; `name` in lower case."""
        return (value for key, value in self.headers if key == name)


class Connection:
    """`deadline`: when the request in flight is overdue, on the monotonic clock; infinity between requests.

    What comes is read where the hub finds it, by `_readable`, which never waits and never raises: the user sleeps until
    its response is complete or lost, and the end of an idle connection is noticed at once.
    """

    _raw: _socket.socket
    _tls: Tls | None
    _io: io
    _parser: httptools.HttpResponseParser
    _response: Response

    def __init__(self, origin: Origin, network: Network, watchdog: Watchdog) -> None:
        self.origin = origin
        self.proxy = None if origin.tls else network.proxy(origin)
        """The proxy that receives plain HTTP requests instead of the system; for TLS it is only a tunnel."""
        self.deadline = inf
        self._network = network
        self._watchdog = watchdog
        self._hub = get_hub()
        self._session: ssl.SSLSession | None = None
        self._user: greenlet | None = None
        """The user that is waiting for a response, if any."""
        self._is_open = self._overdue = False
        self._idle_since = 0.0

    def exchange(self, data: bytes, *, is_head: bool, deadline: float, keep: int) -> Response:
        """Send `data`, the whole request, and read the response; of its body, `keep` bytes. Raises Failed."""
        is_kept = self._is_open and monotonic() - self._idle_since <= self._kept_s and self._still_open()
        if not is_kept:
            self._open(deadline)
        self._is_head = is_head
        self._keep = keep
        self._quiet = 0
        self._answered = self._done = False
        self.deadline = deadline
        if deadline < self._watchdog.look_at:
            self._watchdog.look_before(deadline)
        self._user = getcurrent()
        try:
            self._send(data)
            while not self._done:
                self._hub.switch()
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            reason = "it switches protocols" if isinstance(error, httptools.HttpParserUpgrade) else error
            raise self._failed(Failed("protocol", f"not a valid HTTP/1.1 response: {reason}")) from error
        except Failed as failure:
            raise self._failed(failure, is_kept=is_kept) from None
        except OSError as error:
            raise self._failed(failed_talking(error), is_kept=is_kept) from error
        except BaseException:
            self.close()
            raise
        finally:
            self._user = None
        self.deadline = inf
        response = self._response
        if not self._keep_alive or self._begun or self._overdue:  # begun: a second response to one request
            self.close()
        elif is_head:
            self._parser = httptools.HttpResponseParser(self)  # the old one still waits for a body
        self._idle_since = response.finished_at
        return response

    # -- the socket ------------------------------------------------------------------------------------------

    def _open(self, deadline: float) -> None:
        self.close()
        self._overdue = False
        self._raw, self._tls = self._network.open(self.origin, deadline, self._session)
        self._is_open = True
        self._io = self._hub.loop.io(self._raw.fileno(), READ)
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._notable = self._begun = False
        self._kept_s = inf
        self._watchdog.connections.add(self)
        self._io.start(self._readable)

    def _still_open(self) -> bool:
        """Only checks: the end of the stream, or unexpected bytes, mean that the connection cannot be used any more."""
        raw, tls = self._raw, self._tls
        try:
            if tls is None:
                raw.recv(1, _socket.MSG_PEEK)
                return False
            received = _ARRIVED[: raw.recv_into(_ARRIVED)]
            return bool(received) and tls.decrypt(received) == b""  # session tickets come unasked
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _send(self, data: bytes) -> None:
        raw = self._raw
        if self._tls is not None:
            data = self._tls.encrypt(data)
        try:
            try:
                sent = raw.send(data)
            except BlockingIOError:
                sent = 0
            if sent < len(data):
                self._send_rest(raw, memoryview(data)[sent:])
        except ConnectionError:
            # A server may refuse a body before it has read all of it: its answer may already be here.
            if self._overdue:
                raise

    def _send_rest(self, raw: _socket.socket, rest: memoryview) -> None:
        writable = self._hub.loop.io(raw.fileno(), WRITE)
        self._io.stop()
        try:
            while rest:
                self._hub.wait(writable)
                try:
                    rest = rest[raw.send(rest) :]
                except BlockingIOError:
                    continue
        finally:
            writable.close()
            self._io.start(self._readable)

    def _readable(self) -> None:
        """Runs in the hub, whenever something came: read it, and wake the user when that decides its request."""
        user = self._user
        if user is None:
            if not self._still_open():
                self.close()
            return
        try:
            self._read()
        except BlockingIOError:
            return
        except Exception as error:  # noqa: BLE001 - raised again where the user waits
            self._keep_alive = False  # the response may be complete, but followed by something that is none
            if not self._done:
                user.throw(error)
                return
        if self._done:
            user.switch()

    def _read(self) -> None:
        received = _ARRIVED[: self._raw.recv_into(_ARRIVED)]
        data: memoryview | bytes | None = received
        if self._tls is not None and received:
            data = self._tls.decrypt(received)
            if data == b"":
                return
        if not data:
            self._end_of_stream()
            return
        self._quiet += len(data)
        self._parser.feed_data(data)
        if not self._done and (self._overdue or self._quiet > QUIET_MAX):
            raise Failed("protocol", f"more than {QUIET_MAX} bytes of headers")

    def _end_of_stream(self) -> None:
        """Only a response of unannounced length may end with the connection."""
        if self._overdue or not self._answered or _announces_its_end(self._response.headers):
            raise Failed("reset", "the connection was closed before the response was complete")
        self._complete(keep_alive=False)

    def expire(self) -> None:
        """The request is overdue: wake its user, who finds the stream closed."""
        self.deadline = inf
        self._overdue = True
        if self._is_open:
            with contextlib.suppress(OSError):  # the peer was faster
                self._raw.shutdown(_socket.SHUT_RDWR)

    def _failed(self, failure: Failed, *, is_kept: bool = False) -> Failed:
        overdue = self._overdue
        self.close()
        if overdue:
            return Failed("timeout", "no complete response in time")
        if is_kept and not self._quiet and not self._answered and failure.error_class == "reset":
            return Failed("reset", STALE, stale=True)
        return failure

    def close(self) -> None:
        self.deadline = inf
        if self._is_open:
            self._is_open = False
            self._watchdog.connections.discard(self)
            if self._tls is not None:
                self._session = self._tls.session
            self._io.close()
            self._raw.close()
            self._parser = None  # it holds this connection in turn

    # -- what the parser calls -------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self._headers.append((name, value))
        if name in NOTABLE:
            self._notable = True
        elif name == b"keep-alive" and (announced := _TIMEOUT.search(value)):
            self._kept_s = int(announced[1]) - _LEFT_EARLIER_S

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        headers, self._headers = self._headers, []
        if status < 200 or self._done:
            self._notable = False
            return
        if self._quiet > QUIET_MAX and sum(len(n) + len(v) + 4 for n, v in headers) > QUIET_MAX:
            raise ValueError("the head is too large")
        self._response = Response(status, headers, self._notable)
        self._answered = True
        self._notable = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._first_at = monotonic()
        if self._is_head:
            announced = [v.lower() for n, v in headers if n == b"connection"]
            self._complete(keep_alive=self._parser.get_http_version() == "1.1" and b"close" not in announced)

    def on_body(self, data: bytes) -> None:
        if self._done:
            self._keep_alive = False  # a body after HEAD
            return
        self._quiet = 0
        if self._size < self._keep:
            self._pieces.append(data)
        self._size += len(data)

    def on_message_complete(self) -> None:
        if self._answered and not self._done:
            # llhttp clears its flags after this call, so this is the place to ask.
            self._complete(keep_alive=self._parser.should_keep_alive())

    def _complete(self, *, keep_alive: bool) -> None:
        response, pieces = self._response, self._pieces
        response.body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        response.size = self._size
        response.clipped = self._size > len(response.body)
        response.finished_at = monotonic()
        response.first_byte_at = self._first_at
        self._keep_alive = keep_alive
        self._done = True
        self._begun = False


def _announces_its_end(headers: list[tuple[bytes, bytes]]) -> bool:
    """RFC 9112 §6.3: by a length, or by chunks if they are the last encoding. Otherwise the response ends with the
    connection.
    """
    encodings = b",".join(value for name, value in headers if name == b"transfer-encoding")
    if encodings:
        return encodings.rpartition(b",")[2].strip().lower() == b"chunked"
    return any(name == b"content-length" for name, _ in headers)


class Watchdog:
    """One greenlet a process ends overdue requests, instead of a timer per request.

    `look_at`: when it looks next. A request with an earlier deadline has to call `look_before`.
    """

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.look_at = inf
        self._sooner = gevent.event.Event()
        gevent.spawn(self._run)

    def look_before(self, deadline: float) -> None:
        self.look_at = deadline
        self._sooner.set()

    def _run(self) -> None:
        while True:
            now = monotonic()
            if now >= self.look_at:
                self._look(now)
            self._sooner.wait(None if self.look_at == inf else self.look_at - now)
            self._sooner.clear()

    def _look(self, now: float) -> None:
        self.look_at = inf
        for connection in tuple(self.connections):
            if connection.deadline <= now:
                connection.expire()
            elif connection.deadline < self.look_at:
                self.look_at = max(connection.deadline, now + AT_LEAST_S)
