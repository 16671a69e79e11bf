"""The user's own kubectl as the way to the API server: contexts, certificates, plugins for sign-in, proxies, all of it.

One `kubectl proxy` on a unix socket serves a whole run: an answer takes 3 ms, where a kubectl for every question takes
35 ms (`get --raw`) to 120 ms (`top`). The socket stands in a folder that only its owner may enter, for whoever reaches
it acts with the user's rights; the proxy itself lets through reading of pods alone.
"""

from __future__ import annotations

import json
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadctl.monitors.answer import plain_lines
from loadctl.monitors.background import Lost
from loadctl.monitors.child import HelperMissing, HelperProgram
from loadctl.monitors.containers.engine import Stream
from loadctl.temporary import new_folder, remove

if TYPE_CHECKING:
    import httpx

_START_S = 10.0
_ANSWER_S = 10.0
_ANSWER_MAX = 50_000_000
_WORDS_MAX = 300
_CLOCKS_AGREE_S = 2.0
"""The header that tells the cluster's time is exact to a second; less than this apart, the clocks are one."""


class Refused(Exception):
    """The API server understood the question; `status` and its own words say why there is no answer."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class Kubectl:
    """Questions about the pods of one namespace; safe to use from several threads."""

    def __init__(self, namespace: str, environment: Mapping[str, str]) -> None:
        """`environment` tells PATH and KUBECONFIG. Nothing is started before the first question."""
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
        """PodList. Raises: Lost, Refused."""
        return self._get(f"/api/v1/namespaces/{self._namespace}/pods", {"labelSelector": selector})

    def metrics(self, selector: str) -> Any:
        """PodMetricsList. Raises: Lost, Refused (404 or 503 where no metrics-server answers)."""
        path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{self._namespace}/pods"
        return self._get(path, {"labelSelector": selector})

    def log(
        self, pod: str, container: str, *, since: str | None, previous: bool = False, follow: bool = True
    ) -> Stream[str]:
        """Lines that begin with their time, from `since` (RFC 3339, whole seconds) on. Raises: Lost, Refused."""
        import httpx

        path = f"/api/v1/namespaces/{self._namespace}/pods/{pod}/log"
        parameters = {"container": container, "timestamps": "true"}
        parameters |= {"sinceTime": since} if since else {}
        parameters |= {"previous": "true"} if previous else {}
        parameters |= {"follow": "true"} if follow else {}
        client = self._connected()
        patience = httpx.Timeout(_ANSWER_S, read=None if follow else _ANSWER_S)
        request = client.build_request("GET", path, params=parameters, timeout=patience)
        response = self._send(client, request)
        if response.status_code != 200:
            body = response.read()
            response.close()
            raise self._refusal(response.status_code, body)
        return Stream(response, _lines, f"the log of pod {pod}")

    def now_ns(self) -> int:
        """The cluster's clock."""
        return time.time_ns() + int(self.ahead_s * 1e9)

    def close(self) -> None:
        """For good: a thread that still asks must not start another proxy, with nobody left to end it."""
        with self._lock:
            self._closed = True
            self._end()

    def _get(self, path: str, parameters: Mapping[str, str]) -> Any:
        import httpx

        client = self._connected()
        response = self._send(client, client.build_request("GET", path, params=parameters))
        try:
            body = _limited(response)
        except httpx.HTTPError as error:
            raise Lost(f"the API server broke its answer off: {type(error).__name__}") from None
        finally:
            response.close()
        self._set_clock(response.headers.get("Date"))
        if response.status_code != 200:
            raise self._refusal(response.status_code, body)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise Lost("the API server's answer is no JSON") from None

    def _send(self, client: httpx.Client, request: httpx.Request) -> httpx.Response:
        import httpx

        try:
            return client.send(request, stream=True)
        except httpx.TimeoutException:
            raise Lost(f"the API server did not answer within {_ANSWER_S:g} s") from None
        except httpx.HTTPError as error:
            words = self._complaint() or str(error) or type(error).__name__
            raise Lost(f"kubectl proxy does not answer: {words}") from None

    def _refusal(self, status: int, body: bytes) -> Exception:
        """An API server answers in JSON; other words are the proxy's own, which could not reach it."""
        try:
            said = " ".join(str(json.loads(body)["message"]).split())[:_WORDS_MAX]
        except (ValueError, RecursionError, KeyError, TypeError):
            said = " ".join(body[:_WORDS_MAX].decode("utf-8", "replace").split())
            if status >= 500:
                return Lost(f"the cluster cannot be reached: {said or self._complaint() or status}")
        return Refused(status, said or f"the API server answered {status}")

    def _connected(self) -> httpx.Client:
        """A client of a proxy that runs. Raises: Lost."""
        import httpx

        with self._lock:
            if self._client is not None and self._program is not None and self._program.wait(0) is None:
                return self._client
            if self._closed:
                raise Lost("kubectl is not asked any more")
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
                words = self._complaint() or "it told nothing"
                self._end()
                raise Lost(f"kubectl proxy ended at once: {words}")
            if time.monotonic() > deadline:
                self._end()
                raise Lost(f"kubectl proxy did not begin within {_START_S:g} s")

    def _complaint(self) -> str:
        """The last thing that kubectl had to say."""
        if self._folder is None:
            return ""
        try:
            text = (self._folder / "complaints").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        lines = [
            line for line in text.splitlines() if line.strip() and not line.startswith("Starting to serve")
        ]
        return lines[-1].strip().removeprefix("error: ")[:_WORDS_MAX] if lines else ""

    def _set_clock(self, date: str | None) -> None:
        try:
            told = parsedate_to_datetime(date or "")
        except (ValueError, TypeError):
            return
        ahead = (told - datetime.now(UTC)).total_seconds() + 0.5 if told.tzinfo else 0.0
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


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    return (line for _, line in plain_lines(chunks))
