"""Opening connections: names to addresses, TCP, TLS. One `Network` a process, shared by all its users."""

from __future__ import annotations

import _socket  # never monkey-patched: our sockets are non-blocking and wait on the hub themselves
import errno
import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import TypeAlias, cast

import gevent
import gevent.socket
from gevent import get_hub

from .....scenario.consent import Consent, complaint
from ....route import Failed, Origin, Proxy, failed_connecting, proxy_for

READ, WRITE = 1, 2
NAMES_KEPT_S = 10.0
PROXY_HEAD_MAX = 65536
_NO_IPV6 = frozenset({errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EAFNOSUPPORT})

_Where: TypeAlias = "tuple[str, int] | tuple[str, int, int, int]"
_Address: TypeAlias = tuple[int, _Where]


def wait(fd: int, events: int, deadline: float) -> None:
    """Let other users run until `fd` is ready; TimeoutError at `deadline` (monotonic seconds)."""
    hub = get_hub()
    watcher = hub.loop.io(fd, events)
    timer = gevent.Timeout.start_new(max(0.0, deadline - monotonic()))
    try:
        hub.wait(watcher)
    except gevent.Timeout as timeout:
        if timeout is not timer:
            raise
        raise TimeoutError from None
    finally:
        timer.close()
        watcher.close()


class Tls:
    """The TLS layer of one connection, between bytes of the wire and bytes of HTTP; it touches no socket."""

    def __init__(self, context: ssl.SSLContext, host: str, session: ssl.SSLSession | None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host, session=session)

    @property
    def session(self) -> ssl.SSLSession | None:
        return self._tls.session

    def handshake(self, raw: _socket.socket, deadline: float) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush(raw, deadline)
                wait(raw.fileno(), READ, deadline)
                received = raw.recv(65536)
                if not received:
                    raise ssl.SSLEOFError(8, "the server closed the connection in the handshake") from None
                self._incoming.write(received)
            else:
                self._flush(raw, deadline)
                return

    def _flush(self, raw: _socket.socket, deadline: float) -> None:
        pending = self._outgoing.read()
        while pending:
            try:
                pending = pending[raw.send(pending) :]
            except BlockingIOError:
                wait(raw.fileno(), WRITE, deadline)

    def encrypt(self, data: bytes) -> bytes:
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]
        return self._outgoing.read()

    def decrypt(self, data: memoryview) -> bytes | None:
        """What `data` adds to the plain text, perhaps nothing; None when the peer said goodbye."""
        self._incoming.write(data)
        plain = []
        try:
            while piece := self._tls.read(65536):
                plain.append(piece)
        except ssl.SSLWantReadError:
            return b"".join(plain)
        except ssl.SSLZeroReturnError:
            pass
        return b"".join(plain) or None


class Network:
    """`ca` replaces the system's certificates; `cert` is a client certificate and its key in one file.

    `environ` says which proxies there are; `consent` None: every host may be loaded.
    """

    def __init__(
        self,
        *,
        verify: bool = True,
        ca: str | None = None,
        cert: str | None = None,
        environ: Mapping[str, str] = os.environ,
        consent: Consent | None = None,
    ) -> None:
        self._verify, self._ca, self._cert = verify, ca, cert
        self.consent = consent
        self._environ = environ
        self._context: ssl.SSLContext | None = None
        self._names: dict[tuple[str, int], tuple[float, list[_Address]]] = {}

    def open(
        self, origin: Origin, deadline: float, session: ssl.SSLSession | None
    ) -> tuple[_socket.socket, Tls | None]:
        """A connected non-blocking socket, its TLS handshake done; raises Failed."""
        proxy = self.proxy(origin)
        where = f"{origin.host}:{origin.port}" if proxy is None else f"the proxy {proxy.shown}"
        raw: _socket.socket | None = None
        if proxy is not None and self.consent is not None and not self.consent.allows(origin.host):
            raise Failed("host_not_allowed", complaint(origin.host))
        try:
            raw = self._connect(proxy or origin, deadline)
            raw.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            if not origin.tls:
                return raw, None
            if proxy is not None:
                _tunnel(raw, origin, proxy, deadline)
                where = f"{origin.host}:{origin.port}"
            tls = Tls(self._tls_context(), origin.host, session)
            tls.handshake(raw, deadline)
        except OSError as error:
            if raw is not None:
                raw.close()
            raise failed_connecting(error, where) from error
        except BaseException:
            if raw is not None:
                raw.close()
            raise
        return raw, tls

    def proxy(self, origin: Origin) -> Proxy | None:
        """The proxy between us and `origin`. Raises: Failed."""
        return proxy_for(origin, self._environ)

    def _connect(self, place: Origin | Proxy, deadline: float) -> _socket.socket:
        """Connect to the first address that accepts. Each but the last only gets its share of the remaining time."""
        addresses = self._addresses(place, deadline)
        if isinstance(place, Origin):
            addresses = self._allowed(place.host, addresses)
        failure: OSError | None = None
        for index, (family, address) in enumerate(tuple(addresses)):
            now = monotonic()
            until = now + (deadline - now) / (len(addresses) - index)
            try:
                connected = _connected(family, address, until)
            except OSError as error:
                # "No IPv6 here" says less than what another address said.
                if failure is None or not (family == socket.AF_INET6 and error.errno in _NO_IPV6):
                    failure = error
            else:
                if index:  # next time the one that answered goes first
                    addresses.sort(key=lambda each: each != (family, address))
                return connected
        raise failure or OSError(f"{place.host} has no address")

    def _allowed(self, host: str, addresses: list[_Address]) -> list[_Address]:
        """`addresses` itself where all are: whoever sorts it sorts the one that is kept. Raises Failed."""
        if self.consent is None:
            return addresses
        allowed = [each for each in addresses if self.consent.allows(host, each[1][0])]
        if addresses and not allowed:
            raise Failed("host_not_allowed", complaint(host, addresses[0][1][0]))
        return addresses if len(allowed) == len(addresses) else allowed

    def _addresses(self, place: Origin | Proxy, deadline: float) -> list[_Address]:
        key = (place.host, place.port)
        kept = self._names.get(key)
        if kept is not None and monotonic() < kept[0]:
            return kept[1]
        try:
            with gevent.Timeout(max(0.001, deadline - monotonic()), TimeoutError):
                found = _looked_up(*key)
        except TimeoutError:
            raise Failed("dns", f"the name {place.host} was not resolved in time") from None
        except UnicodeError as error:
            raise Failed("dns", f"{place.host}: {error}") from error
        addresses = list(dict.fromkeys((int(each[0]), cast("_Where", each[4])) for each in found))
        self._names[key] = (monotonic() + NAMES_KEPT_S, addresses)
        return addresses

    def _tls_context(self) -> ssl.SSLContext:
        if self._context is None:
            context = ssl.create_default_context(cafile=self._ca)
            if not self._verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self._cert:
                context.load_cert_chain(self._cert)
            context.set_alpn_protocols(["http/1.1"])
            self._context = context
        return self._context


def _tunnel(raw: _socket.socket, origin: Origin, proxy: Proxy, deadline: float) -> None:
    """Ask the proxy for a connection to `origin`. Raises: Failed, OSError."""
    place = f"[{origin.host}]:{origin.port}" if ":" in origin.host else f"{origin.host}:{origin.port}"
    asked = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n".encode() + proxy.authorization + b"\r\n"
    raw.send(asked)  # the first bytes of a new connection: there is room for them
    head = b""
    while b"\r\n\r\n" not in head:
        wait(raw.fileno(), READ, deadline)
        received = raw.recv(4096)
        head += received
        if not received or len(head) > PROXY_HEAD_MAX:
            raise ConnectionResetError(errno.ECONNRESET, "the proxy closed the connection")
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if not words[0].startswith(b"HTTP/1.") or len(words) < 2:
        raise Failed("protocol", f"the proxy {proxy.shown} gave no valid HTTP/1.1 response")
    if not (len(words[1]) == 3 and words[1].startswith(b"2")):
        status = words[1].decode("latin-1")
        raise Failed("other", f"the proxy {proxy.shown} answered {status} to CONNECT {place}")


def _looked_up(host: str, port: int) -> Sequence[tuple[int, int, int, str, _Where | tuple[int, bytes]]]:
    try:  # an address needs no resolver, whose first use starts its threads
        return _socket.getaddrinfo(host, port, 0, _socket.SOCK_STREAM, 0, _socket.AI_NUMERICHOST)
    except socket.gaierror:
        return gevent.socket.getaddrinfo(host, port, 0, _socket.SOCK_STREAM)  # type: ignore[no-any-return]


def _connected(family: int, address: _Where, until: float) -> _socket.socket:
    raw = _socket.socket(family, _socket.SOCK_STREAM)
    try:
        raw.setblocking(False)
        code = raw.connect_ex(address)
        if code == errno.EINPROGRESS:
            wait(raw.fileno(), WRITE, until)
            code = raw.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
    except BaseException:
        raw.close()
        raise
    if code:
        raw.close()
        raise OSError(code, os.strerror(code))
    return raw
