"""A page of a server, read repeatedly: bounded in time and size, revealing no secrets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from loadctl.errors import RunError
from loadctl.monitors.background import Lost, within
from loadctl.scenario.scenario import Tls

if TYPE_CHECKING:
    import ssl

    import httpx

PAGE_MAX = 10_000_000
_TRY_S = 2.0
"""For the connection, for each read and for the body; all together have twice as long."""
_REDIRECTS_MAX = 3


class HttpPage:
    """`shown` is its URL for people.

    `verify`: as httpx has it. `anew`: every read on a connection of its own, so that a server of several processes
    does not keep us with one of them.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        anew: bool = False,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        place = urlsplit(url)
        self.shown = f"{place.scheme}://{place.netloc.rpartition('@')[2]}{place.path}"
        self._url = url
        self._headers = headers
        self._anew = anew
        self._verify = verify
        self._client: httpx.Client | None = None

    def get(self, parameters: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body. Redirects are followed on the same host only: headers are meant for it.

        Raises: Lost.
        """
        import httpx

        try:
            return within(2 * _TRY_S, lambda: self._get(parameters))
        except TimeoutError:
            self.close()  # and with it the connection on which the answer still drips
            raise Lost(f"{self.shown} was not complete within {_TRY_S:g} s") from None
        except httpx.TimeoutException as error:
            doing = "accepted no connection" if isinstance(error, httpx.ConnectTimeout) else "did not answer"
            raise Lost(f"{self.shown} {doing} within {_TRY_S:g} s") from None
        except httpx.ConnectError as error:
            raise Lost(f"{self.shown} cannot be reached: {error}") from None
        except httpx.DecodingError:
            raise Lost(f"{self.shown} is compressed in a way that cannot be read") from None
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            raise Lost(f"{self.shown}: the server broke off its answer") from None
        except (httpx.LocalProtocolError, ValueError):  # their messages quote the header
            raise Lost(f"{self.shown}: a header cannot be sent as it is written") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Lost(f"{self.shown} cannot be read: {type(error).__name__}") from None

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _get(self, parameters: Mapping[str, str] | None) -> tuple[int, bytes]:
        client = self._client = self._client or self._connected()
        deadline = time.monotonic() + _TRY_S
        request = client.build_request("GET", self._url, params=parameters)
        origin = _origin(request.url)
        for _ in range(_REDIRECTS_MAX + 1):
            with closing(client.send(request, stream=True)) as response:
                following = response.next_request
                if following is None:
                    return response.status_code, self._body(response, deadline)
            if _origin(following.url) != origin:
                raise Lost(f"{self.shown} redirects to another host, {following.url.host}: use its URL")
            request = client.build_request("GET", following.url)
        raise Lost(f"{self.shown} redirects more than {_REDIRECTS_MAX} times")

    def _body(self, response: httpx.Response, deadline: float) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            if size > PAGE_MAX:
                raise Lost(f"{self.shown} is larger than {PAGE_MAX // 1_000_000} MB")
            if time.monotonic() > deadline:
                raise Lost(f"{self.shown} was not complete within {_TRY_S:g} s")
            parts.append(part)
        return b"".join(parts)

    def _connected(self) -> httpx.Client:
        import httpx

        from loadctl.monitors.process.port import is_local

        place = urlsplit(self._url)
        headers = {name.encode(): value.encode() for name, value in self._headers.items()}
        return httpx.Client(
            # Building a context for TLS takes longer than a scrape.
            verify=self._verify if place.scheme == "https" else False,
            headers={
                b"Accept-Encoding": b"identity",
                b"User-Agent": b"loadctl",
                **({b"Connection": b"close"} if self._anew else {}),
                **headers,
            },
            timeout=_TRY_S,
            trust_env=not is_local(self._url),  # a proxy has no business with this machine
        )


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def wants_credentials(status: int) -> str:
    return "; it requires credentials (headers:)" if status in {401, 403} else ""


def verification(url: str, tls: Tls) -> ssl.SSLContext | bool:
    """What httpx wants as `verify`. Building a context takes longer than a probe: only where there is TLS.

    Raises: RunError for a file that cannot be used.
    """
    import ssl

    if not url.startswith("https:"):
        return False
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.cert:
            context.load_cert_chain(tls.cert)
    except (OSError, ssl.SSLError) as error:
        raise RunError(f"tls: {tls.cert or tls.ca}: {error}") from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
