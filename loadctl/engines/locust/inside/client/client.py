"""The HTTP client of one user: connections by origin, cookies, redirects, decompression. It never sends a request
twice.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from urllib.parse import quote, unquote, urljoin, urlsplit

from .....scenario.consent import complaint
from ....route import Failed, Origin, Proxy
from .connection import Connection, Response, Watchdog
from .content import ACCEPTED, unpacked
from .cookies import Jar
from .network import Network

REDIRECTS_MAX = 10
KEEP_FOR_EXAMPLES = 65536
KEEP_TO_READ = 32 << 20
CONNECTIONS_MAX = 8
_URL_SAFE = "!#$%&'()*+,/:;=?@[]~-._"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
NO_HEADERS: frozenset[bytes] = frozenset()
_OF_THE_BODY = {b"content-" + name for name in (b"length", b"type", b"encoding", b"language", b"location")}

DEFAULT_HEADERS = (
    (b"Connection", b"keep-alive"),
    (b"User-Agent", b"loadctl"),
    (b"Accept", b"*/*"),
    (b"Accept-Encoding", ACCEPTED),
)

Headers = Iterable[tuple[bytes, bytes]]


def header_texts(headers: Headers) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in headers]


@dataclass(slots=True)
class Outgoing:
    """A request ready to be sent, all but its cookies.

    `head`: start line and fields, without the blank line; `closes`: it says `Connection: close`.
    """

    method: bytes
    origin: Origin
    target: bytes
    head: bytes
    body: bytes
    closes: bool = False

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """As in a Response, but with names as they were written."""
        lines = (line.partition(b": ") for line in self.head.split(b"\r\n")[1:] if line)
        return [(name, value) for name, _, value in lines]


def start_line(method: bytes, target: bytes) -> bytes:
    return b"%b %b HTTP/1.1\r\n" % (method, target)


def encode_fields(
    method: str, origin: Origin, headers: Headers, length: int | None, later: Iterable[bytes] = ()
) -> bytes:
    """Header lines for Outgoing: Host, the defaults that `headers` does not replace, `headers`, Content-Length.

    `length` None: a length follows that the caller writes; so do headers of the names in `later`.
    """
    headers = list(headers)
    given = {name.lower() for name in (*(name for name, _ in headers), *later)}
    lines = [(b"Host", origin.authority.encode()), *DEFAULT_HEADERS]
    lines = [line for line in lines if line[0].lower() not in given] + headers
    if length or (length == 0 and method in {"POST", "PUT", "PATCH"}):
        lines.append((b"Content-Length", b"%d" % length))
    return b"".join([b"%b: %b\r\n" % line for line in lines])


def split_url(url: str) -> tuple[Origin, bytes, bytes | None]:
    """Origin, target and the Basic credentials of an absolute http(s) URL; raises ValueError with a sentence."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "\\" in parts.netloc:
        raise ValueError(f"not an http or https URL: {url[:200]}")
    tls = parts.scheme == "https"
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    origin = Origin(tls, host, parts.port or (443 if tls else 80))
    target = encode_target((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    credentials = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        credentials = b"Basic " + base64.b64encode(pair.encode())
    return origin, target, credentials


def encode_target(target: str) -> bytes:
    """Path and query as they may stand in a request line: what is not allowed there percent-encoded, no fragment."""
    return quote(target.partition("#")[0], safe=_URL_SAFE).encode()


class Client:
    __slots__ = ("_connections", "_network", "_watchdog", "jar")

    def __init__(self, network: Network, watchdog: Watchdog) -> None:
        self.jar = Jar()
        self._network = network
        self._watchdog = watchdog
        self._connections: dict[Origin, Connection] = {}

    def send(self, outgoing: Outgoing, timeout_s: float, keep: int = KEEP_FOR_EXAMPLES) -> Response:
        """The final response to `outgoing`, with at least the first `keep` bytes of its body; raises Failed."""
        deadline = monotonic() + timeout_s
        response = self._exchange(outgoing, deadline, keep)
        return self._follow(outgoing, response, deadline, keep) if response.notable else response

    def _exchange(self, outgoing: Outgoing, deadline: float, keep: int) -> Response:
        origin = outgoing.origin
        connection = self._connections.get(origin)
        if connection is None:
            connection = self._connect(origin)
        cookies = self.jar.header(origin.host, outgoing.target, secure=origin.tls) if self.jar else b""
        head = outgoing.head if connection.proxy is None else _for_proxy(outgoing, connection.proxy)
        data = b"".join((head, cookies, b"\r\n", outgoing.body))
        response = connection.exchange(data, is_head=outgoing.method == b"HEAD", deadline=deadline, keep=keep)
        if outgoing.closes:
            connection.close()
        return response

    def _connect(self, origin: Origin) -> Connection:
        if len(self._connections) >= CONNECTIONS_MAX:
            self.close()
        connection = self._connections[origin] = Connection(origin, self._network, self._watchdog)
        return connection

    def _follow(self, outgoing: Outgoing, response: Response, deadline: float, keep: int) -> Response:
        redirects = 0
        while True:
            for line in response.values(b"set-cookie"):
                self.jar.store(line, host=outgoing.origin.host, target=outgoing.target)
            location = next(response.values(b"location"), None)
            if location is None or response.status not in _REDIRECTS:
                break
            redirects += 1
            if redirects > REDIRECTS_MAX:
                raise Failed("redirect_limit", f"more than {REDIRECTS_MAX} redirects")
            outgoing = self._redirected(outgoing, response.status, location)
            response = self._exchange(outgoing, deadline, keep)
        encodings = list(response.values(b"content-encoding"))
        if encodings and response.body and not response.clipped:
            response.body = unpacked(response.body, encodings)
        return response

    def _redirected(self, outgoing: Outgoing, status: int, location: bytes) -> Outgoing:
        """Another origin gets no secrets, and a body only if its host was explicitly allowed. Raises: Failed."""
        consent = self._network.consent
        following = redirected(outgoing, status, location, consent.secret_headers if consent else NO_HEADERS)
        host = following.origin.host
        if consent and following.body and following.origin != outgoing.origin and not consent.names(host):
            message = f"a redirect would take the body to {following.origin.authority}: {complaint(host)}"
            raise Failed("host_not_allowed", message)
        return following

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()


def _for_proxy(outgoing: Outgoing, proxy: Proxy) -> bytes:
    """The head as a proxy needs it: with the absolute URL and our credentials."""
    _, fields = outgoing.head.split(b"\r\n", 1)
    whole = b"http://" + outgoing.origin.authority.encode() + outgoing.target
    return start_line(outgoing.method, whole) + fields + proxy.authorization


def redirected(
    outgoing: Outgoing, status: int, location: bytes, secrets: frozenset[bytes] = NO_HEADERS
) -> Outgoing:
    """The request that follows a redirect, by the rules of browsers (fetch).

    `secrets`: headers, in lower case, that another origin does not get either.
    """
    base = f"{'https' if outgoing.origin.tls else 'http'}://{outgoing.origin.authority}{outgoing.target.decode()}"
    try:
        origin, target, credentials = split_url(urljoin(base, quote(location.strip(), safe=_URL_SAFE)))
    except ValueError as error:
        raise Failed("protocol", f"redirect to {location[:200]!r}: {error}") from error
    method, body = outgoing.method, outgoing.body
    drop = {b"host", b"cookie", *secrets} if origin != outgoing.origin else {b"host"}
    if origin != outgoing.origin or credentials:
        drop.add(b"authorization")
    if (status in {301, 302} and method == b"POST") or (status == 303 and method not in {b"GET", b"HEAD"}):
        method, body = b"GET", b""
        drop |= _OF_THE_BODY
    lines = outgoing.head.split(b"\r\n")[1:-1]
    kept = [line for line in lines if line.partition(b":")[0].lower() not in drop]
    kept.insert(0, b"Host: " + origin.authority.encode())
    if credentials:
        kept.append(b"Authorization: " + credentials)
    head = start_line(method, target) + b"".join(line + b"\r\n" for line in kept)
    return Outgoing(method, origin, target, head, body, closes=outgoing.closes)
