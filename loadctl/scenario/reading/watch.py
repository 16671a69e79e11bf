"""`watch:` → Watch: every part by itself, so that a mistake in one never hides those of another."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from loadctl.scenario.consent import web_address
from loadctl.scenario.reading.document import Mistakes, Node
from loadctl.scenario.reading.environment import Environment
from loadctl.scenario.reading.shape import (
    Line,
    Part,
    Shape,
    Whole,
    Words,
    one_line,
    read_shape,
    regular_expression,
    texts,
)
from loadctl.scenario.redaction import parts_of_secret
from loadctl.scenario.watch import Logs, MetricsPage, Pods, PrometheusServer, Watch

_SERIES = re.compile(r"[A-Za-z_:*?][A-Za-z0-9_:*?]*")
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_FOLLOWED = ("container", "pods")


class _WatchShape(Shape):
    kind: ClassVar[str] = "watch"
    pid: Whole | None = None
    process: Line | None = None
    container: Words = ()
    pods: Line | None = None
    metrics: Part | None = None
    prometheus: Part | None = None
    logs: Part | None = None


class _PageShape(Shape):
    kind: ClassVar[str] = "metrics"
    page: Line
    series: Words = ()
    headers: Part | None = None


class _PrometheusShape(Shape):
    kind: ClassVar[str] = "prometheus"
    url: Line
    queries: Part
    headers: Part | None = None


class _LogsShape(Shape):
    kind: ClassVar[str] = "logs"
    of: Words
    level: Line | None = None
    errors: Line | None = None


@dataclass(slots=True)
class WatchReader:
    mistakes: Mistakes
    environment: Environment

    def read(self, node: Node | None) -> Watch:
        """What is wrong is noted and left out."""
        shape = read_shape(_WatchShape, node, self.mistakes) if node else None
        if node is None or shape is None:
            return Watch()
        watch = Watch(
            pid=shape.pid,
            process=shape.process,
            containers=tuple(shape.container),
            pods=self._one(node, "pods", parse_pods),
            metrics=self._metrics(shape.metrics),
            prometheus=self._prometheus(shape.prometheus),
            logs=self._logs(shape.logs),
        )
        self._coherent(node, watch)
        return watch

    def _one(self, node: Node, key: str, parse: Callable[[str], Pods]) -> Pods | None:
        value = node.get(key)
        if value is None:
            return None
        try:
            return parse(one_line(value))
        except ValueError as error:
            self.mistakes.add(value.where, f"{key}: {error}")
            return None

    def _metrics(self, node: Node | None) -> MetricsPage | None:
        if node is None:
            return None
        if node.is_scalar:
            page = self._page(node)
            return MetricsPage(page=page) if page else None
        shape = read_shape(_PageShape, node, self.mistakes)
        page = self._page(node.get("page") or node) if shape else None
        if shape is None or page is None:
            return None
        for name in shape.series:
            if not _SERIES.fullmatch(name):
                where = (node.get("series") or node).where
                self.mistakes.add(
                    where, f"series: {name!r} is no name of a series, nor a pattern such as db_pool_*"
                )
        return MetricsPage(page=page, series=tuple(shape.series), headers=self._headers(shape.headers))

    def _page(self, node: Node) -> str | None:
        try:
            text = one_line(node)
            return text if text.startswith("/") else self._url(text)
        except ValueError as error:
            hint = "metrics: /metrics   (below the host), or a whole URL"
            self.mistakes.add(node.where, f"metrics: {error}", hint)
            return None

    def _prometheus(self, node: Node | None) -> PrometheusServer | None:
        shape = read_shape(_PrometheusShape, node, self.mistakes) if node else None
        if node is None or shape is None:
            return None
        try:
            url = self._url(shape.url)
        except ValueError as error:
            self.mistakes.add((node.get("url") or node).where, f"url: {error}")
            return None
        queries = self._queries(shape.queries)
        return PrometheusServer(url=url, queries=queries, headers=self._headers(shape.headers))

    def _queries(self, node: Node) -> Mapping[str, str]:
        if not node.entries:
            self.mistakes.add(
                node.where, "queries: is a mapping, as in  queries: {db_pool_in_use: sum(db_pool_used)}"
            )
            return {}
        found = {}
        for key, value in node.entries.items():
            try:
                found[key.text] = one_line(value)
            except ValueError as error:
                self.mistakes.add(value.where, f"{key.text}: {error}")
            if not _NAME.fullmatch(key.text):
                self.mistakes.add(
                    key.where, f"{key.text!r} cannot be the name of a series: letters, digits and _ only"
                )
        return found

    def _logs(self, node: Node | None) -> Logs | None:
        if node is None:
            return None
        level = errors = None
        sources: Sequence[str]
        if node.entries is not None:
            shape = read_shape(_LogsShape, node, self.mistakes)
            if shape is None:
                return None
            sources, level, errors = shape.of, shape.level, shape.errors
        else:
            try:
                sources = texts(node)
            except ValueError as error:
                self.mistakes.add(node.where, f"logs: {error}")
                return None
        if errors is not None:
            self._pattern(node.get("errors") or node, errors)
        files = tuple(source for source in sources if source not in _FOLLOWED)
        container, pods = (word in sources for word in _FOLLOWED)
        return Logs(files=files, container=container, pods=pods, level=level, errors=errors)

    def _pattern(self, node: Node, text: str) -> None:
        try:
            regular_expression(text)
        except ValueError as error:
            self.mistakes.add(node.where, f"errors: {error}")

    def _headers(self, node: Node | None) -> Mapping[str, str]:
        """Their values are secrets, wherever they came from."""
        if node is None:
            return {}
        if node.entries is None:
            self.mistakes.add(
                node.where, "headers: is a mapping, as in  headers: {Authorization: Bearer ${TOKEN}}"
            )
            return {}
        self.environment.redact_named(node, named=True)
        found = {}
        for key, value in node.entries.items():
            try:
                found[key.text] = one_line(value)
            except ValueError as error:
                self.mistakes.add(value.where, f"{key.text}: {error}")
        for text in found.values():
            self.environment.redact(*parts_of_secret(text))
        return found

    def _url(self, text: str) -> str:
        """Raises ValueError for what is no http(s) URL, or holds user-info: that would stand in every report."""
        place = urlsplit(text).netloc
        if "@" in place:
            self.environment.redact_user_info(place.rpartition("@")[0])
            raise ValueError(
                "a URL is shown, so it cannot hold a password; write headers: {Authorization: …}"
            )
        web_address(text)
        return text.rstrip("/")

    def _coherent(self, node: Node, watch: Watch) -> None:
        if watch.names_a_process and (watch.containers or watch.pods):
            other = "container" if watch.containers else "pods"
            self.mistakes.add(
                node.key_where("process" if watch.process else "pid"),
                f"watch: the system is a process or {other}:, not both; the judged one stands alone",
            )
        if watch.containers and watch.pods:
            self.mistakes.add(node.key_where("pods"), "watch: container: and pods: exclude each other")
        followed = {"container": bool(watch.containers), "pods": watch.pods is not None}
        for word in _FOLLOWED:
            if watch.logs is not None and getattr(watch.logs, word) and not followed[word]:
                self.mistakes.add(
                    (node.get("logs") or node).where,
                    f"logs: {word} follows what {word}: names; {word}: is missing",
                )


def parse_pods(text: str) -> Pods:
    """`ml-platform/app=api` → Pods; raises ValueError."""
    namespace, slash, selector = text.partition("/")
    if not slash or not selector.strip():
        raise ValueError(f"'{text}' is not NAMESPACE/SELECTOR, as in ml-platform/app=api")
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError(f"'{namespace}' is no namespace of Kubernetes: lower-case letters, digits and -")
    return Pods(namespace, selector.strip())
