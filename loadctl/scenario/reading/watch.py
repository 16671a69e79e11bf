"""Reads `watch:`, every part by itself, so that a mistake in one never hides those of another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from loadctl.scenario.consent import web_address
from loadctl.scenario.reading import keys
from loadctl.scenario.reading.document import Mistakes, Node
from loadctl.scenario.reading.environment import Environment
from loadctl.scenario.redaction import parts_of_secret
from loadctl.scenario.watch import Logs, MetricsPage, Pods, PrometheusServer, Watch

_SERIES = re.compile(r"[A-Za-z_:*?][A-Za-z0-9_:*?]*")
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_FOLLOWED = ("container", "pods")


def parse_pods(text: str) -> Pods:
    """`ml-platform/app=api` → Pods; raises ValueError."""
    namespace, slash, selector = text.partition("/")
    if not slash or not selector.strip():
        raise ValueError(f"'{text}' is not NAMESPACE/SELECTOR, as in ml-platform/app=api")
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError(f"'{namespace}' is not a Kubernetes namespace: lower-case letters, digits and -")
    return Pods(namespace, selector.strip())


def _series(node: Node) -> Sequence[str]:
    for name in (names := keys.texts(node)):
        if not _SERIES.fullmatch(name):
            raise ValueError(f"{name!r} is neither the name of a series nor a pattern such as db_pool_*")
    return names


def _pattern(node: Node) -> str:
    return keys.regular_expression(keys.one_line(node)).pattern


class WatchShape(keys.Shape):
    kind: ClassVar[str] = "watch"
    pid: keys.Whole | None = None
    """Process id on this machine."""
    process: keys.Line | None = None
    """Name of the process."""
    container: keys.Words = ()
    """Name, label or compose service; the first of a list is judged, all are recorded."""
    pods: Annotated[Pods, keys.Reads(lambda node: parse_pods(keys.one_line(node)), keys.SCALAR)] | None = None
    """NAMESPACE/SELECTOR: `ml-platform/app=api`."""
    metrics: Annotated[Node, keys.part({"anyOf": [keys.SCALAR, keys.ref("page")]})] | None = None
    """The system's own metrics page: `/metrics`."""
    prometheus: Annotated[Node, keys.part(keys.ref("prometheus"))] | None = None
    """A Prometheus server, and queries to it."""
    logs: Annotated[Node, keys.part({"anyOf": [keys.WORDS, keys.ref("logs")]})] | None = None
    """Files to follow, or a pattern of them; `container` or `pods`: the logs of what is watched."""


class PageShape(keys.Shape):
    kind: ClassVar[str] = "metrics"
    page: keys.Part
    """Path or URL of the page in the Prometheus format."""
    series: Annotated[Sequence[str], keys.Reads(_series, keys.WORDS)] = ()
    """Series to record beside the standard ones; `*` matches anything."""
    headers: keys.NamedTexts | None = None
    """Headers of the requests for the page."""


class PrometheusShape(keys.Shape):
    kind: ClassVar[str] = "prometheus"
    url: keys.Part
    """Base URL of the server."""
    queries: keys.NamedTexts
    """PromQL by the name of its series: `{db_pool_in_use: sum(db_pool_used)}`."""
    headers: keys.NamedTexts | None = None
    """Headers of the queries."""


class LogsShape(keys.Shape):
    kind: ClassVar[str] = "logs"
    of: keys.Words
    """Files or patterns; `container` or `pods`: the logs of what is watched."""
    level: keys.Line | None = None
    """Field of JSON lines that holds the level."""
    errors: Annotated[str, keys.Reads(_pattern, keys.SCALAR)] | None = None
    """Regular expression that matches the lines that are errors."""


@dataclass(slots=True)
class WatchReader:
    mistakes: Mistakes
    environment: Environment

    def read(self, node: Node | None) -> Watch:
        """What is wrong is noted and left out."""
        shape = keys.read_shape(WatchShape, node, self.mistakes) if node else None
        if node is None or shape is None:
            return Watch()
        watch = Watch(
            pid=shape.pid,
            process=shape.process,
            containers=tuple(shape.container),
            pods=shape.pods,
            metrics=self._metrics(shape.metrics) if shape.metrics else None,
            prometheus=self._prometheus(shape.prometheus) if shape.prometheus else None,
            logs=self._logs(shape.logs) if shape.logs else None,
        )
        self._coherent(node, watch)
        return watch

    def _metrics(self, node: Node) -> MetricsPage | None:
        shape = None if node.is_scalar else keys.read_shape(PageShape, node, self.mistakes)
        where = node if node.is_scalar else shape.page if shape else None
        hint = "metrics: /metrics   (below the host), or a whole URL"
        page = self.mistakes.value("metrics", where, self._page, hint) if where else None
        if page is None or shape is None:
            return MetricsPage(page=page) if page else None
        return MetricsPage(page=page, series=tuple(shape.series), headers=self._headers(shape.headers))

    def _page(self, node: Node) -> str:
        text = keys.one_line(node)
        return text if text.startswith("/") else self._url(node)

    def _prometheus(self, node: Node) -> PrometheusServer | None:
        shape = keys.read_shape(PrometheusShape, node, self.mistakes)
        url = self.mistakes.value("url", shape.url, self._url) if shape else None
        if shape is None or url is None:
            return None
        if not shape.queries.entries:
            example = "queries: {db_pool_in_use: sum(db_pool_used)}"
            self.mistakes.add(shape.queries, f"queries: is a mapping, as in  {example}")
        for key in shape.queries.entries or {}:
            if not _NAME.fullmatch(key.text):
                message = f"{key.text!r} is not a valid series name: letters, digits and _ only"
                self.mistakes.add(key, message)
        queries, headers = self._lines(shape.queries), self._headers(shape.headers)
        return PrometheusServer(url=url, queries=queries, headers=headers)

    def _logs(self, node: Node) -> Logs | None:
        shape = keys.read_shape(LogsShape, node, self.mistakes) if node.entries is not None else None
        sources = shape.of if shape else None
        if node.entries is None:
            sources = self.mistakes.value("logs", node, keys.texts)
        if sources is None:
            return None
        files = tuple(source for source in sources if source not in _FOLLOWED)
        container, pods = (word in sources for word in _FOLLOWED)
        level, errors = (shape.level, shape.errors) if shape else (None, None)
        return Logs(files=files, container=container, pods=pods, level=level, errors=errors)

    def _headers(self, node: Node | None) -> Mapping[str, str]:
        """Their values are secrets, wherever they came from."""
        if node is None:
            return {}
        if node.entries is None:
            example = "headers: {Authorization: Bearer ${TOKEN}}"
            self.mistakes.add(node, f"headers: is a mapping, as in  {example}")
        self.environment.redact_named(node, named=True)
        found = self._lines(node)
        for text in found.values():
            self.environment.redact(*parts_of_secret(text))
        return found

    def _lines(self, node: Node) -> Mapping[str, str]:
        found = {
            key.text: self.mistakes.value(key.text, value, keys.one_line)
            for key, value in (node.entries or {}).items()
        }
        return {name: text for name, text in found.items() if text is not None}

    def _url(self, node: Node) -> str:
        """Raises ValueError for what is no http(s) URL, or holds user-info: that would stand in every report."""
        text = keys.one_line(node)
        place = urlsplit(text).netloc
        if "@" in place:
            self.environment.redact_user_info(place.rpartition("@")[0])
            message = "a URL is shown, so it cannot hold a password; write headers: {Authorization: …}"
            raise ValueError(message)
        web_address(text)
        return text.rstrip("/")

    def _coherent(self, node: Node, watch: Watch) -> None:
        if watch.names_a_process and (watch.containers or watch.pods):
            other = "container" if watch.containers else "pods"
            message = f"watch: the system is a process or {other}:, not both"
            self.mistakes.add(node.key_where("process" if watch.process else "pid"), message)
        if watch.containers and watch.pods:
            self.mistakes.add(node.key_where("pods"), "watch: container: and pods: exclude each other")
        followed = {"container": bool(watch.containers), "pods": watch.pods is not None}
        for word in _FOLLOWED:
            if watch.logs is not None and getattr(watch.logs, word) and not followed[word]:
                message = f"logs: {word} needs {word}: beside it"
                self.mistakes.add(node.value_where("logs"), message)
