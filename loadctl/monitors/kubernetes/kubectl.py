"""The user's own kubectl as the way to the API server: contexts, certificates, plugins for sign-in, proxies, all of it.

One `kubectl proxy` on a unix socket serves a whole run: an answer takes 3 ms, where a kubectl for every question takes
35 ms (`get --raw`) to 120 ms (`top`). The socket is in a folder that only its owner may enter, because whoever reaches
it acts with the user's rights; the proxy itself lets through reading of pods alone.
"""

from __future__ import annotations

import json
import threading
import time
import weakref
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadctl.monitors.answer import AnswerStream, plain_lines
from loadctl.monitors.background import Lost
from loadctl.monitors.child import HelperMissing, HelperProgram, complaint
from loadctl.temporary import new_folder, remove

if TYPE_CHECKING:
    import httpx

_START_S = 10.0
_ANSWER_S = 10.0
_ANSWER_MAX = 50_000_000
_MESSAGE_MAX = 300
_CLOCKS_AGREE_S = 2.0
"""The header with the cluster's time is exact to a second; clocks less than this apart count as equal."""


class RequestRefused(Lost):
    """The API server rejects the request; the message is its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Kubectl:
    """Questions about the pods of one namespace; safe to use from several threads."""

    def __init__(self, namespace: str, environment: Mapping[str, str]) -> None:
        """`environment` holds PATH and KUBECONFIG. Nothing is started before the first question."""
        self._namespace = namespace
        self._environment = dict(environment)
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._program: HelperProgram | None = None
        self._client: httpx.Client | None = None
        self._closed = False
        self.ahead_s = 0.0
        """How far the cluster's clock is ahead of this machine's."""

    def pods(self, selector: str) -> Any:
        """PodList. Raises: Lost, RequestRefused."""
        return self._get(f"/api/v1/namespaces/{self._namespace}/pods", {"labelSelector": selector})

    def metrics(self, selector: str) -> Any:
        """PodMetricsList. Raises: Lost, RequestRefused (404 or 503 where no metrics-server answers)."""
        path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{self._namespace}/pods"
        return self._get(path, {"labelSelector": selector})

    def log(
        self, pod: str, container: str, *, since: str | None, previous: bool = False, follow: bool = True
    ) -> AnswerStream[str]:
        """Lines that begin with their time, from `since` (RFC 3339, whole seconds) on. Raises: Lost, RequestRefused."""
        import httpx

        path = f"/api/v1/namespaces/{self._namespace}/pods/{pod}/log"
        options = {"sinceTime": since, "previous": previous and "true", "follow": follow and "true"}
        parameters = {"container": container, "timestamps": "true"}
        parameters |= {name: value for name, value in options.items() if value}
        timeout = httpx.Timeout(_ANSWER_S, read=None if follow else _ANSWER_S)
        response = self._send(path, parameters, timeout)
        if response.status_code != 200:
            body = response.read()
            response.close()
            raise self._refusal(response.status_code, body)
        return AnswerStream(response, plain_lines, f"the log of pod {pod}")

    def now_ns(self) -> int:
        """The cluster's clock."""
        return time.time_ns() + int(self.ahead_s * 1e9)

    def close(self) -> None:
        """For good: a thread that is still asking must not start another proxy, because it would never end."""
        with self._lock:
            self._closed = True
            self._end()

    def _get(self, path: str, parameters: Mapping[str, str]) -> Any:
        import httpx

        response = self._send(path, parameters, httpx.Timeout(_ANSWER_S))
        try:
            body = _limited(response)
        except httpx.HTTPError as error:
            raise Lost(f"the API server broke off its answer: {type(error).__name__}") from None
        finally:
            response.close()
        self._set_clock(response.headers.get("Date"))
        if response.status_code != 200:
            raise self._refusal(response.status_code, body)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise Lost("the API server's answer is not JSON") from None

    def _send(self, path: str, parameters: Mapping[str, str], timeout: httpx.Timeout) -> httpx.Response:
        import httpx

        client = self._connected()
        request = client.build_request("GET", path, params=parameters, timeout=timeout)
        try:
            return client.send(request, stream=True)
        except httpx.TimeoutException:
            raise Lost(f"the API server did not answer within {_ANSWER_S:g} s") from None
        except httpx.HTTPError as error:
            reason = self._complaint() or str(error) or type(error).__name__
            raise Lost(f"kubectl proxy does not answer: {reason}") from None

    def _refusal(self, status: int, body: bytes) -> Lost:
        """An API server answers in JSON; any other text is from the proxy, which could not reach it."""
        try:
            message = " ".join(str(json.loads(body)["message"]).split())[:_MESSAGE_MAX]
        except (ValueError, RecursionError, KeyError, TypeError):
            message = " ".join(body[:_MESSAGE_MAX].decode("utf-8", "replace").split())
            if status >= 500:
                return Lost(f"the cluster cannot be reached: {message or self._complaint() or status}")
        return RequestRefused(status, message or f"the API server answered {status}")

    def _connected(self) -> httpx.Client:
        """A client of a proxy that runs. Raises: Lost."""
        import httpx

        with self._lock:
            if self._client is not None and self._program is not None and self._program.wait(0) is None:
                return self._client
            if self._closed:
                raise Lost("kubectl has been closed")
            self._end()
            self._folder = folder = new_folder("k8s")
            try:
                self._program = self._started(folder)
            except HelperMissing as error:
                remove(folder)
                raise Lost(str(error)) from None
            weakref.finalize(self, _sweep, self._program, folder)  # also at the end of the process
            self._until_listening(self._program, folder / "socket")
            transport = httpx.HTTPTransport(uds=str(folder / "socket"))
            self._client = httpx.Client(transport=transport, base_url="http://kubernetes", timeout=_ANSWER_S)
            return self._client

    def _started(self, folder: Path) -> HelperProgram:
        pods = f"namespaces/{self._namespace}/pods"
        argv = [
            "kubectl",
            "proxy",
            f"--unix-socket={folder / 'socket'}",
            f"--accept-paths=^/api/v1/{pods}(/[^/]+/log)?$,^/apis/metrics.k8s.io/v1beta1/{pods}$",
            "--accept-hosts=^kubernetes$",
            "--reject-methods=^(POST|PUT|PATCH|DELETE)$",
        ]
        return HelperProgram(argv, output=folder / "complaints", env=self._environment)

    def _until_listening(self, program: HelperProgram, socket: Path) -> None:
        deadline = time.monotonic() + _START_S
        while not socket.exists():
            if program.wait(0.02) is not None:
                reason = self._complaint() or "it gave no reason"
                self._end()
                raise Lost(f"kubectl proxy ended at once: {reason}")
            if time.monotonic() > deadline:
                self._end()
                raise Lost(f"kubectl proxy did not start within {_START_S:g} s")

    def _complaint(self) -> str:
        last = complaint(self._folder / "complaints") if self._folder else ""
        return "" if last.startswith("Starting to serve") else last.removeprefix("error: ")

    def _set_clock(self, date: str | None) -> None:
        try:
            cluster = parsedate_to_datetime(date or "")
        except (ValueError, TypeError):
            return
        ahead = (cluster - datetime.now(UTC)).total_seconds() + 0.5 if cluster.tzinfo else 0.0
        self.ahead_s = ahead if abs(ahead) >= _CLOCKS_AGREE_S else 0.0

    def _end(self) -> None:
        client, self._client = self._client, None
        program, self._program = self._program, None
        folder, self._folder = self._folder, None
        if client is not None:
            client.close()
        if program is not None and folder is not None:
            _sweep(program, folder)


def _sweep(program: HelperProgram, folder: Path) -> None:
    program.stop()
    remove(folder)


def _limited(response: httpx.Response) -> bytes:
    parts, size = [], 0
    for part in response.iter_bytes():
        size += len(part)
        if size > _ANSWER_MAX:
            raise Lost(f"the API server's answer is larger than {_ANSWER_MAX // 1_000_000} MB")
        parts.append(part)
    return b"".join(parts)
