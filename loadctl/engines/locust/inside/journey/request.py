"""One request of a user type, compiled once: rendering, sending, checking, capturing."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

from .....scenario.prng import as_json
from ....json_path import NOTHING
from ....redaction import credentials, values_of
from ....route import Failed, Origin
from ..client.client import (
    KEEP_FOR_EXAMPLES,
    KEEP_TO_READ,
    Client,
    Outgoing,
    encode_fields,
    encode_target,
    header_texts,
    split_url,
    start_line,
)
from ..recorder.cells import limit_headers
from .capture import Reply, compile_source
from .check import compile_check, compile_status
from .render import Missing, Scope, Text, compile_form, compile_json, compile_text, compile_url

if TYPE_CHECKING:
    from ..client.connection import Response
    from ..recorder.recorder import Recorder


_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
BOUNDARY = "loadctl-b1946ac92492d2347c6235b4d2611184"

Plan: TypeAlias = Mapping[str, Any]
Pairs: TypeAlias = Sequence[tuple[str, Any]]
Bytes = Callable[[Scope], bytes]


class Sender(Scope):
    """A scope that can send: what a request needs of its user."""

    __slots__ = ("client", "due", "failed", "has_waited")

    client: Client
    failed: bool
    """A request has failed since this was last set to False."""
    has_waited: bool
    """It has waited for a response, so that other users could run."""
    due: float | None
    """Monotonic time from which the latency of the next request counts; None: from its start."""


class Fault(Exception):
    """A request that cannot be made through no fault of the system: a template without a value, no descriptors left."""


class CompiledRequest:
    def __init__(
        self, plan: Plan, *, host: str, headers: Pairs, rate_limited: bool, optional: frozenset[str]
    ) -> None:
        """`optional`: variables that may be empty, because a `while` ends with them; they become null."""
        self.endpoint: str = plan["endpoint"]
        self._method: str = plan["method"]
        self._verb = self._method.encode()
        self._timeout_s: float = plan["timeout_s"]
        self._expects_429 = rate_limited
        self._url = _Url(plan, host)
        self._body, content_type = _compile_body(plan["body"])
        merged = {name.lower(): (name, value) for name, value in (*headers, *plan["headers"])}
        merged.pop("content-length", None)  # ours is right
        if content_type:
            merged.setdefault("content-type", ("Content-Type", content_type))
        if self._url.credentials:
            merged.setdefault("authorization", ("Authorization", self._url.credentials.decode()))
        self._closes = merged.get("connection", ("", ""))[1] == "close"
        compiled = [(name, compile_text(value)) for name, value in merged.values()]
        self._static_headers = [(n, v) for n, v in compiled if isinstance(v, str)]
        self._rendered_headers = [(n.encode() + b": ", v) for n, v in compiled if not isinstance(v, str)]
        check = plan["check"]
        self._accepted, self._expected = compile_status(check["status"])
        self._complaints = compile_check(check)
        self._within_s: float | None = check["within_s"]
        self._captures = [(v, s, compile_source(s), v in optional) for v, s in plan["capture"]]
        self._reads_body = bool(self._complaints or self._captures)
        self._keep = KEEP_TO_READ if self._reads_body else KEEP_FOR_EXAMPLES
        self._fields: dict[Origin, bytes] = {}
        self._fixed_head = self._head(*self._url.fixed) if self._url.fixed else b""
        self._fixed: Outgoing | None = None
        if self._url.fixed is not None and isinstance(self._body, bytes) and not self._rendered_headers:
            self._fixed = self._outgoing(*self._url.fixed, self._fixed_head, self._body)

    def perform(self, sender: Sender, recorder: Recorder) -> bool:
        """Send it and tell the recorder; False: the flow cannot go on. Raises Fault before anything is sent."""
        outgoing = self._fixed or self._rendered(sender)
        began = monotonic()
        counted_from, sender.due = sender.due or began, None
        token = recorder.begin(self.endpoint)
        try:
            response = sender.client.send(outgoing, self._timeout_s, self._keep)
        except Failed as failed:
            if failed.error_class == "generator":
                recorder.abandon(token)
                raise Fault(failed.message) from failed
            sender.failed = True
            us = int((monotonic() - counted_from) * 1e6)
            recorder.end(
                token,
                us=us,
                error=failed.error_class,
                message=failed.message,
                stale=failed.stale,
                held=partial(_secrets_held, sender, outgoing, None),
            )
            return not self._captures
        except Exception:  # of ours: no failure of the system, and not unfinished either
            recorder.abandon(token)
            raise
        sender.has_waited = True
        us = int((response.finished_at - counted_from) * 1e6)
        error, message = self._judged(response, sender, us)
        sender.failed |= error is not None
        limited = error == "status_429" and self._expects_429
        recorder.end(
            token,
            us=us,
            error=None if limited else error,
            ttfb_us=int((response.first_byte_at - counted_from) * 1e6),
            size=response.size,
            rate_limited=limited,
            status=response.status,
            message=limit_headers(header_texts(response.headers)) if limited else message,
            body=response.body if error else b"",
            held=partial(_secrets_held, sender, outgoing, response) if error else None,
        )
        return error is None or not self._captures

    # -- making it -------------------------------------------------------------------------------------------

    def _outgoing(self, origin: Origin, target: bytes, head: bytes, body: bytes) -> Outgoing:
        return Outgoing(self._verb, origin, target, head, body, closes=self._closes)

    def _rendered(self, scope: Scope) -> Outgoing:
        """Rendered in the order that scenario/prng.py specifies: url and query, headers, body."""
        try:
            origin, target = self._url.fixed or self._url.render(scope)
            lines = [self._fixed_head or self._head(origin, target)]
            for name, value in self._rendered_headers:
                try:
                    line = value(scope)
                except Missing:
                    continue
                lines += [name, _header_value(line).encode("utf-8"), b"\r\n"]
            body = self._body
            if callable(body):
                body = body(scope)
                lines.append(b"Content-Length: %d\r\n" % len(body))
        except ValueError as error:
            raise Fault(str(error)) from error
        return self._outgoing(origin, target, b"".join(lines), body)

    def _head(self, origin: Origin, target: bytes) -> bytes:
        """The header lines without templates."""
        fields = self._fields.get(origin)
        if fields is None:
            headers = [(name.encode(), value.encode()) for name, value in self._static_headers]
            length = None if callable(self._body) else len(self._body)
            later = [name.removesuffix(b": ") for name, _ in self._rendered_headers]
            fields = self._fields[origin] = encode_fields(self._method, origin, headers, length, later)
        return start_line(self._verb, target) + fields

    # -- judging it ------------------------------------------------------------------------------------------

    def _judged(self, response: Response, sender: Sender, us: int) -> tuple[str | None, str]:
        """The error class, None for a success, and what was expected."""
        status = response.status
        if status not in self._accepted:
            message = f"expected status {self._expected}, got {status}"
            return f"status_{status}" if status >= 400 else "check_failed", message
        if self._reads_body or self._within_s is not None:
            message = self._complaint(response, sender, us)
            return "check_failed" if message else None, message
        return None, ""

    def _complaint(self, response: Response, sender: Sender, us: int) -> str:
        """What is wrong with a response whose status is accepted; empty if nothing is."""
        if self._within_s is not None and us > self._within_s * 1e6:
            return f"expected an answer within {self._within_s * 1000:g} ms, it took {us / 1000:.1f} ms"
        if response.clipped and self._reads_body:
            return f"a body of {response.size} bytes is too large to be read (limit {KEEP_TO_READ} bytes)"
        reply = Reply(response, sender.client)
        try:
            for complaint in self._complaints:
                message = complaint(reply, sender)
                if message:
                    return message
            return self._captured(reply, sender.variables) if self._captures else ""
        except ValueError as error:
            return str(error)

    def _captured(self, reply: Reply, variables: dict[str, object]) -> str:
        found = [
            (variable, source, take(reply), optional) for variable, source, take, optional in self._captures
        ]
        for variable, source, value, optional in found:
            if value is NOTHING and not optional:
                return f"capture {variable}: {source} found nothing"
        for variable, _, value, _ in found:
            variables[variable] = None if value is NOTHING else value
        return ""


def _secrets_held(
    sender: Sender, outgoing: Outgoing, response: Response | None, names: Collection[str]
) -> list[str]:
    """What stands in its variables and row under `names`, in its cookies, and in headers that were sent and came."""
    headers = header_texts([*outgoing.headers, *(response.headers if response else ())])
    return [*values_of(names, sender.variables), *sender.client.jar.secrets(), *credentials(headers)]


def _header_value(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError(f"a header cannot hold a control character: {as_json(value[:60])}")
    return value


class _Url:
    """Path and query of a request, below the host or of a URL of its own."""

    def __init__(self, plan: Plan, host: str) -> None:
        origin, base, self.credentials = split_url(host)
        self._origin, self._base = origin, base.decode().rstrip("/")
        self._url = compile_url(plan["url"])
        self._query = compile_form(plan["query"])
        self.fixed: tuple[Origin, bytes] | None = None
        if isinstance(self._url, str) and isinstance(self._query, str):
            self.fixed = self._resolved(self._url, self._query)

    def render(self, scope: Scope) -> tuple[Origin, bytes]:
        url = self._url if isinstance(self._url, str) else self._url(scope)
        query = self._query if isinstance(self._query, str) else self._query(scope)
        return self._resolved(url, query)

    def _resolved(self, url: str, query: str) -> tuple[Origin, bytes]:
        if query:
            path, _, fragment = url.partition("#")
            url = f"{path}{'&' if '?' in path else '?'}{query}{fragment and '#'}{fragment}"
        if url.startswith("/"):
            return self._origin, encode_target(self._base + url)
        if url[:8].lower().startswith(("http://", "https://")):
            origin, target, _ = split_url(url)
            return origin, target
        raise ValueError(f"a URL begins with / or http, not with '{url[:60]}'")


def _compile_body(plan: Plan | None) -> tuple[bytes | Bytes, str]:
    """The body, or what renders it, and its Content-Type."""
    if plan is None:
        return b"", ""
    kind = plan["kind"]
    if kind == "json":
        return _encoded(compile_json(plan["json"])), "application/json"
    if kind == "form":
        return _encoded(compile_form(plan["fields"])), "application/x-www-form-urlencoded"
    if kind == "raw":
        return _encoded(compile_text(plan["raw"])), "text/plain; charset=utf-8"
    return _compile_multipart(plan), f"multipart/form-data; boundary={BOUNDARY}"


def _encoded(rendered: str | Text) -> bytes | Bytes:
    if isinstance(rendered, str):
        return rendered.encode()
    return lambda scope: rendered(scope).encode()


def _compile_multipart(plan: Plan) -> bytes | Bytes:
    """Fields before files, each file read once."""
    files = []
    for name, file in plan["files"]:
        path = Path(file)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        head = _part_head(name, f'; filename="{_quoted(path.name)}"\r\nContent-Type: {kind}')
        files.append(head.encode() + path.read_bytes() + b"\r\n")
    end = b"".join(files) + f"--{BOUNDARY}--\r\n".encode()
    fields = [(_part_head(name, ""), compile_text(value)) for name, value in plan["fields"]]

    def render(scope: Scope) -> bytes:
        parts = [f"{head}{value(scope) if callable(value) else value}\r\n" for head, value in fields]
        return "".join(parts).encode() + end

    if any(callable(value) for _, value in fields):
        return render
    return "".join([f"{head}{value}\r\n" for head, value in fields]).encode() + end


def _part_head(name: str, more: str) -> str:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{_quoted(name)}"{more}\r\n\r\n'


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
