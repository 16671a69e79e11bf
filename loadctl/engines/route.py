"""Where requests go (origin, proxy) and why they failed to get there: the error classes, the same on every engine."""

from __future__ import annotations

import base64
import errno
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

OUR_FAULT = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})
"""This machine has run out of descriptors, ports or memory, which says nothing about the system."""

STALE = "the server ended the kept connection before any of the response came"


class Failed(Exception):
    """A request without a complete response. The `error_class` "generator" means that it is our own fault.

    `stale`: the server closed the kept-alive connection that was used, before any byte of a response.
    """

    def __init__(self, error_class: str, message: str, *, stale: bool = False) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.message = message
        self.stale = stale


def failed_connecting(error: OSError, where: str) -> Failed:
    """The class of an error before the first byte of the request was sent; `where` is host:port."""
    if error.errno in OUR_FAULT:
        return Failed("generator", f"cannot open a connection to {where}: {error.strerror}")
    if isinstance(error, socket.gaierror):
        return Failed("dns", f"{where}: {error.strerror}")
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failed("tls", f"{where}: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return Failed("tls", f"{where}: {error.reason or error.strerror or error}")
    if isinstance(error, ConnectionRefusedError):
        return Failed("connect_refused", f"{where} refused the connection")
    if isinstance(error, TimeoutError):
        return Failed("connect_timeout", f"no connection to {where} in time")
    if isinstance(error, ConnectionError):
        return Failed("reset", f"{where} closed the connection while it was being opened")
    return Failed("other", f"{where}: {error.strerror or error}")


def failed_talking(error: OSError) -> Failed:
    """The class of an error after that."""
    if error.errno in OUR_FAULT:
        return Failed("generator", str(error.strerror))
    if isinstance(error, ssl.SSLError):
        return Failed("tls", str(error.reason or error.strerror or error))
    if isinstance(error, ConnectionError):
        return Failed("reset", "the connection was reset before the response was complete")
    return Failed("other", str(error.strerror or error))


class Origin(NamedTuple):
    """Where a connection leads. `host` is a name or an address without brackets, in ASCII."""

    tls: bool
    host: str
    port: int

    @property
    def authority(self) -> str:
        """As in the Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


class Proxy(NamedTuple):
    """`authorization`: a header line, empty where the URL has no user."""

    host: str
    port: int
    authorization: bytes

    @property
    def shown(self) -> str:
        return f"{self.host}:{self.port}"


def proxy_for(origin: Origin, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy between us and `origin`; raises Failed for one that cannot be used."""
    scheme = "https" if origin.tls else "http"
    name, url = next(
        (
            (name, environ[name])
            for word in (f"{scheme}_proxy", "all_proxy")
            for name in (word, word.upper())
            if environ.get(name)
        ),
        ("", ""),
    )
    if not url or is_loopback(origin.host):
        return None
    if _is_excepted(origin, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port:
        raise Failed("generator", f"{name} names no proxy that can be used; write http://HOST:PORT")
    authorization = b""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        authorization = b"Proxy-Authorization: Basic %b\r\n" % base64.b64encode(pair)
    return Proxy(parts.hostname, port, authorization)


def between(origin: Origin, environ: Mapping[str, str]) -> str | None:
    """A sentence about the proxy between us and the system; None if there is none."""
    try:
        proxy = proxy_for(origin, environ)
    except Failed:  # every request will say so
        return None
    return None if proxy is None else f"requests go through the proxy {proxy.shown}, as the environment says"


def is_loopback(host: str) -> bool:
    """Whether the name can only mean this machine: a proxy has no business with it."""
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_excepted(origin: Origin, exceptions: str) -> bool:
    """Each of `exceptions` is a host, with or without a port, and stands for all below it; * is every host."""
    host = origin.host.lower()
    for word in exceptions.lower().replace(",", " ").split():
        name, colon, port = word.rpartition(":") if word.count(":") == 1 else (word, "", "")
        name = name.lstrip(".").strip("[]")
        if colon and port != str(origin.port):
            continue
        if word == "*" or host == name or (name and host.endswith(f".{name}")):
            return True
    return False
