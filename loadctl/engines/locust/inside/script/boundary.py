"""A script of one's own connects to what was agreed and to nothing else, whatever client it uses.

All of them connect through gevent's sockets. Which name led to an address is known from gevent's resolver, and what
stands behind a proxy from the two HTTP clients of Locust. (The interpreter's audit hooks would see clients in C no
better, and cost 14 calls a request.)
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from gevent import get_hub
from geventhttpclient.client import HTTPClient
from urllib3.poolmanager import ProxyManager

from .....scenario.consent import Consent, address_of, complaint

_KNOWN_MAX = 10_000


class HostNotAllowed(OSError):
    """In the place of a connection; clients make of it what they make of a refused one."""


class Boundary:
    """`beyond` is told once: the first host that nobody agreed to. Nothing is looked at while it is not `open`."""

    def __init__(
        self, plan: Mapping[str, Any], environ: Mapping[str, str], beyond: Callable[[], None]
    ) -> None:
        self._consent = Consent(**plan)
        self._beyond = beyond
        self._names: dict[str, str] = {}
        """By address: the name that led there last."""
        self._proxies = {
            urlsplit(url if "://" in url else f"http://{url}").hostname
            for name, url in environ.items()
            if url and name.lower() in {"http_proxy", "https_proxy", "all_proxy"}
        }
        self.open = False
        self.reason: str | None = None

    def install(self) -> None:
        resolver = type(get_hub().resolver)
        resolver.getaddrinfo = self._remembering(resolver.getaddrinfo, lambda found: [e[4][0] for e in found])
        resolver.gethostbyname = self._remembering(resolver.gethostbyname, lambda found: [found])
        for name in ("connect", "connect_ex"):
            setattr(socket.socket, name, self._watched(getattr(socket.socket, name)))
        self._watch_proxies()

    def _remembering(
        self, original: Callable[..., Any], addresses: Callable[[Any], list[str]]
    ) -> Callable[..., Any]:
        def resolve(resolver: Any, host: Any, *args: Any, **options: Any) -> Any:
            found = original(resolver, host, *args, **options)
            if len(self._names) > _KNOWN_MAX:
                self._names.clear()
            name = host.decode("latin-1") if isinstance(host, bytes) else str(host)
            self._names |= dict.fromkeys(addresses(found), name)
            return found

        return resolve

    def _watched(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def connect(raw: socket.socket, where: Any) -> Any:
            if self.open and isinstance(where, tuple) and raw.type == socket.SOCK_STREAM:
                for address in self._addresses(str(where[0])):
                    name = self._names.get(address, address)
                    if name not in self._proxies:
                        self._check(name, address)
            return original(raw, where)

        return connect

    def _addresses(self, host: str) -> list[str]:
        """Of a name, where it leads; what leads nowhere is the client's to tell."""
        if address_of(host) is not None:
            return [host]
        try:
            return [str(each[4][0]) for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
        except OSError:
            return []

    def _check(self, name: str, address: str | None = None) -> None:
        if self._consent.allows(name, address):
            return
        message = complaint(name, address)
        if self.reason is None:
            self.reason = message
            self._beyond()
        raise HostNotAllowed(message)

    def _watch_proxies(self) -> None:
        """Behind a proxy only the name tells where a request goes."""
        connection_from_host, init = ProxyManager.connection_from_host, HTTPClient.__init__

        def through(manager: Any, host: str | None, *args: Any, **options: Any) -> Any:
            if self.open and host:
                self._check(host)
            return connection_from_host(manager, host, *args, **options)

        def made(client: Any, host: str, *args: Any, **options: Any) -> None:
            if self.open and options.get("proxy_host"):
                self._check(host)
            init(client, host, *args, **options)

        ProxyManager.connection_from_host = through  # type: ignore[assignment, method-assign]
        HTTPClient.__init__ = made
