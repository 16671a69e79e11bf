"""One question to the system, as the load will ask it: the same proxy, the same trust.

With Python's own client: it is imported in a fifth of httpx's time, and every start waits for it.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection, InvalidURL
from importlib.metadata import version
from urllib.parse import unquote, urlsplit

from loadctl.engines.way import Failed, Origin, Proxy, proxy_for
from loadctl.monitors.patience import within
from loadctl.monitors.tls import verification
from loadctl.scenario.scenario import Tls

REFUSED = "nothing listens"
_SPARE_S = 0.25
"""For the reason that is more exact than being late."""


class Probe:
    """`path` is asked at the host of `url`: 2xx is well, if `lenient` any answer below 500."""

    def __init__(self, url: str, path: str, tls: Tls, *, lenient: bool) -> None:
        """Raises: RunError for a file of `tls` that cannot be used."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        self._url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"
        self._path = path
        self._lenient = lenient
        self._origin = Origin(secure, parts.hostname or "", parts.port or (443 if secure else 80))
        self._context = verification(url, tls)
        self._headers = {"User-Agent": f"loadctl-probe/{version('loadctl')}", "Connection": "close"}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"

    def trouble(self, try_s: float) -> str | None:
        """What is wrong, None when it answered as it should. Only the head of the answer is read."""
        proxy = None
        try:
            proxy = proxy_for(self._origin, os.environ)
            status = within(try_s + _SPARE_S, lambda: self._status(proxy, try_s))
        except TimeoutError:
            return f"it does not answer within {try_s:.2g} s"
        except Failed as error:
            return error.message
        except OSError as error:
            return _broken(error, try_s, proxy)
        except (UnicodeError, InvalidURL) as error:
            return f"it is no URL: {error}"
        except HTTPException as error:
            return f"it does not speak HTTP: {type(error).__name__} {error}".rstrip()
        if not self._lenient and not 200 <= status < 300:
            return f"it answers {status}, not 2xx"
        return f"it answers {status}" if status >= 500 else None

    def _status(self, proxy: Proxy | None, try_s: float) -> int:
        connection = self._connection(proxy, try_s)
        asks_proxy = proxy is not None and not self._origin.tls
        headers = self._headers | (_authorization(proxy) if asks_proxy else {})
        try:
            try:
                connection.connect()
            except TimeoutError as error:
                raise _NoConnection from error
            connection.request("GET", self._url if asks_proxy else self._path, headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def _connection(self, proxy: Proxy | None, timeout_s: float) -> HTTPConnection:
        host, port = (proxy.host, proxy.port) if proxy else (self._origin.host, self._origin.port)
        if not isinstance(self._context, ssl.SSLContext):
            return HTTPConnection(host, port, timeout=timeout_s)
        connection = HTTPSConnection(host, port, timeout=timeout_s, context=self._context)
        if proxy:
            connection.set_tunnel(self._origin.host, self._origin.port, _authorization(proxy))
        return connection


class _NoConnection(OSError):
    """In time."""


def _authorization(proxy: Proxy | None) -> dict[str, str]:
    name, _, value = (proxy.authorization if proxy else b"").decode().strip().partition(": ")
    return {name: value} if name else {}


def _broken(error: OSError, try_s: float, proxy: Proxy | None) -> str:
    who = f"the proxy {proxy.shown}" if proxy else "it"
    if isinstance(error, _NoConnection):
        return f"{who} accepts no connection within {try_s:.2g} s"
    if isinstance(error, ConnectionRefusedError):
        return f"{who} refuses connections" if proxy else REFUSED
    if isinstance(error, ssl.SSLError):
        return f"its TLS certificate or protocol is not accepted: {error}"
    if isinstance(error, socket.gaierror):
        return f"the name of {who} is not known" if proxy else "its name is not known"
    return f"it cannot be reached: {error}"
