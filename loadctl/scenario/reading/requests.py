"""Reads one request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import Field

from loadctl.errors import Where
from loadctl.scenario import template
from loadctl.scenario.consent import web_address
from loadctl.scenario.prng import LARGEST
from loadctl.scenario.reading import keys
from loadctl.scenario.reading.document import Mistakes, Node, Scalar
from loadctl.scenario.reading.environment import Environment
from loadctl.scenario.redaction import named_in
from loadctl.scenario.template import GIVEN, Variable
from loadctl.scenario.user_type import Body, Check, Json, Request

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_JSON_PATH = re.compile(r"\$(\.[^.\[\]\s*]+|\[(\*|-?[0-9]{1,9}|'[^']*'|\"[^\"]*\")\])*")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OF_THE_CLIENT = frozenset({"expect", "keep-alive", "transfer-encoding", "upgrade"})
"""Headers that the HTTP client sets itself; undici refuses them."""
_USER_INFO = re.compile(r"https?://([^/?#]*)@", re.IGNORECASE)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SOURCES = 'write a JSON path "$.a.b[*].c", "header NAME", "cookie NAME" or "regex PATTERN"'


FIELDS: keys.Schema = {
    "type": "object",
    "additionalProperties": {"anyOf": [keys.SCALAR, {"type": "array", "items": keys.SCALAR}]},
}
Fields = Annotated[Node, keys.part(FIELDS)]


class RequestShape(keys.Shape):
    kind: ClassVar[str] = "a request"
    get: keys.Line | None = None
    post: keys.Line | None = None
    put: keys.Line | None = None
    patch: keys.Line | None = None
    delete: keys.Line | None = None
    head: keys.Line | None = None
    options: keys.Line | None = None
    """Method and path: `/models/{{ id }}`, or a whole URL."""
    query: Fields | None = None
    """Query parameters, encoded."""
    headers: keys.NamedTexts | None = None
    """Headers of this request."""
    json_: Annotated[Node, keys.part({})] | None = Field(None, alias="json")
    """Body, sent as JSON."""
    form: Fields | None = None
    """Fields, sent URL-encoded; with `files:` as multipart."""
    files: keys.NamedTexts | None = None
    """Fields of a multipart form and the files they send: `{document: report.pdf}`."""
    body: keys.Part | None = None
    """Body, sent as it is."""
    capture: keys.NamedTexts | None = None
    """Names for parts of the answer: `{token: $.access_token}`; then `{{ token }}` in later requests of the same
    user. A part is a JSON path (`$.items[*].id` gives a list), `"header NAME"`, `"cookie NAME"` or `"regex PATTERN"`.
    Where nothing is found the request has failed, and the turn ends."""
    check: Annotated[Node, keys.part(keys.ref("check"))] | None = None
    """What the answer must be; else the request has failed. Without a `status:` here, it must be below 400."""
    timeout: keys.SomeSeconds | None = None
    """Limit for this whole request. Default: that of the scenario."""
    name: keys.Name | None = None
    """Endpoint under which it is counted: `GET /items/{id}`. Default: method and path, with `{id}` where `id` is
    filled in."""
    once: keys.Flag = False
    """In `start:` with `rate:`, true takes this step once per place in flight, not once per arrival. Later arrivals
    take over the place with what the step captured and its cookies. Default false."""
    weight: keys.Whole | None = None
    """Its share of the turns. Default 1."""


class CheckShape(keys.Shape):
    kind: ClassVar[str] = "check"
    status: Annotated[Node, keys.part(keys.WORDS)] | None = None
    """Statuses that are no failure: `200`, `2xx` or a list: `[200, 404]`. Default: any below 400."""
    has: keys.Words = ()
    """Keys that the JSON answer must have."""
    lacks: keys.Words = ()
    """Keys that it must not have."""
    json_: Annotated[Node, keys.part({"type": "object"})] | None = Field(None, alias="json")
    """Values that the JSON answer must have, by path: `{"user.role": admin}`."""
    text: keys.Words = ()
    """Text that the body must contain."""
    within: keys.SomeSeconds | None = None
    """Slower answers count as failed: 500ms."""


@dataclass(slots=True)
class Names:
    """The variables of one user type: which are captured, and where each is used."""

    captured: dict[str, Where] = field(default_factory=dict)
    used: list[tuple[str, Where]] = field(default_factory=list)
    columns: list[tuple[str, Where]] = field(default_factory=list)
    """Uses of `row.COLUMN`."""


@dataclass(slots=True)
class RequestReader:
    mistakes: Mistakes
    environment: Environment
    names: Names
    resolve: Callable[[str], str | None]
    timeout_s: float

    def read(self, node: Node, *, weighted: bool) -> Request | None:
        """A request, or None after noting why it is none. `weighted`: it is a task of its own and may have a weight."""
        shape = keys.read_shape(RequestShape, node, self.mistakes)
        if shape is None or (method := self._method(node)) is None:
            return None
        if shape.weight is not None and not weighted:
            message = "weight: belongs to a task; the steps of a flow are all taken"
            self.mistakes.add(node.key_where("weight"), message)
        url: str | None = getattr(shape, method)
        if url is None:
            return None
        place = node.get(method) or node
        self._check_url(place, url)
        parts = (shape.query, shape.headers, shape.json_, shape.form, shape.files, shape.body)
        self.environment.redact_named(*parts)
        body = shape.body.text if shape.body is not None else ""
        self.environment.redact(*named_in(url), *named_in(body))
        if user_info := _USER_INFO.match(url):
            self.environment.redact_user_info(user_info[1], place)
        return Request(
            method=method.upper(),
            url=url,
            endpoint=shape.name or self._endpoint(method, place),
            query=self.fields("query", shape.query),
            headers=self.headers(shape.headers),
            body=self._body(node, shape),
            capture=self._capture(shape.capture),
            check=self._check(shape.check),
            timeout_s=shape.timeout or self.timeout_s,
            once=shape.once,
            where=node.where,
        )

    def headers(self, node: Node | None) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for name, value in self._entries("headers", node):
            text = self._text(name, value)
            if not _HEADER.fullmatch(name):
                self.mistakes.add(value, f"'{name}' is not a valid header name")
            elif text is not None and not text.isprintable():
                self.mistakes.add(value, f"{name}: a header takes one line of text")
            elif name.lower() in _OF_THE_CLIENT:
                message = f"{name}: the engine's HTTP client decides this; leave the header out"
                self.mistakes.add(value, message)
            elif name.lower() == "connection" and text and text.lower() not in {"close", "keep-alive"}:
                self.mistakes.add(value, f"{name}: write close or keep-alive, not '{text}'")
            elif text is not None:
                found[name] = text.lower() if name.lower() == "connection" else text
        return found

    def fields(self, kind: str, node: Node | None) -> Mapping[str, Json]:
        """A query or a form: texts, as they were written (`1.10` stays 1.10), or lists of them."""
        found: dict[str, Json] = {}
        for name, value in self._entries(kind, node):
            if value.items is not None:
                found[name] = [text for item in value.items if (text := self._text(name, item)) is not None]
            elif (text := self._text(name, value)) is not None:
                found[name] = text
        return found

    def json(self, node: Node) -> Json:
        """Any JSON, its templates checked."""
        if node.items is not None:
            return [self.json(item) for item in node.items]
        if node.entries is not None:
            return {key.text: self.json(value) for key, value in node.entries.items()}
        if isinstance(node.value, str):
            self.check_template(node)
        value: Scalar = node.value
        return value

    def check_template(self, node: Node) -> None:
        """Notes mistakes in the template of a text, and the variables that it uses."""
        if "{{" not in node.text:
            return
        if mistake := template.check_template(node.text):
            self.mistakes.add(node, mistake)
            return
        for expression in template.parse(node.text).expressions():
            if isinstance(expression, Variable) and expression.name not in GIVEN:
                self.names.used.append((expression.name, node.where))
            elif isinstance(expression, template.Attribute) and expression.of == Variable("row"):
                self.names.columns.append((expression.name, node.where))
            elif isinstance(expression, Variable) and expression.name == "row":
                self.names.columns.append(("", node.where))

    def _method(self, node: Node) -> str | None:
        methods = [key.text for key in node.entries or {} if key.text in METHODS]
        if len(methods) == 1:
            return methods[0]
        if methods:
            self.mistakes.add(node, f"a request has one method; this one has {' and '.join(methods)}")
        elif not RequestShape.is_spoiled(node):
            self.mistakes.add(node, "a request names its method and path, as in  get: /items")
        return None

    def _check_url(self, node: Node, url: str) -> None:
        self.check_template(node)
        outside = re.sub(r"\{\{.*?\}\}", "", url)
        if re.match(r"https?://", url):
            authority = re.sub(r"\{\{.*?\}\}", "1", url)  # which may stand for a host as for a port
            authority = re.split(r"[/?#]", re.sub(r"\s", "", authority).partition("://")[2], maxsplit=1)[0]
            try:
                web_address(f"http://{authority}")
            except ValueError as error:
                hint = "write a path such as /items"
                self.mistakes.add(node, f"'{url}' is not a complete URL: {error}", hint)
        elif not url.startswith(("/", "{{")):
            self.mistakes.add(node, f"a path starts with /; write /{url}")
        if re.search(r"\s", outside):
            self.mistakes.add(node, "a URL holds no spaces; write %20, or + in a query")

    def _endpoint(self, method: str, node: Node) -> str:
        """The endpoint's name is shown everywhere, so secrets in it are replaced by their names."""
        try:
            return f"{method.upper()} {template.endpoint_path(node.shown)}"
        except ValueError as error:
            # Also for a broken template, whose mistake is noted at this place already.
            self.mistakes.add(node, str(error))
            return f"{method.upper()} {node.shown}"

    def _body(self, node: Node, shape: RequestShape) -> Body | None:
        kinds = [kind for kind in ("json", "form", "body") if node.get(kind) is not None]
        if shape.files is not None:
            kinds = [kind for kind in kinds if kind != "form"] + ["files"]
        if len(kinds) > 1:
            message = f"a request has one body; this one has {' and '.join(kinds)}"
            self.mistakes.add(node.key_where(kinds[1]), message)
        if shape.json_ is not None:
            return Body(kind="json", json=self.json(shape.json_))
        if shape.files is not None:
            paths = {name: self._file(name, value) for name, value in self._entries("files", shape.files)}
            files = {name: path for name, path in paths.items() if path}
            return Body(kind="files", fields=self.fields("form", shape.form), files=files)
        if shape.form is not None:
            return Body(kind="form", fields=self.fields("form", shape.form))
        text = None if shape.body is None else self._text("body", shape.body)
        return None if text is None else Body(kind="raw", raw=text)

    def _file(self, name: str, node: Node) -> str | None:
        path = self._text(name, node)
        return self.mistakes.existing(node, path, self.resolve(path)) if path else None

    def _capture(self, node: Node | None) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for name, value in self._entries("capture", node):
            source = self._text(name, value)
            if not _IDENTIFIER.fullmatch(name) or name in GIVEN or name in template.HELPERS:
                self.mistakes.add(value, f"'{name}' is not a valid variable name")
            elif source is not None:
                if problem := _capture_problem(source):
                    self.mistakes.add(value, f"{name}: {problem}", _SOURCES)
                found[name] = source
            self.names.captured.setdefault(name, value.where)
        return found

    def _check(self, node: Node | None) -> Check:
        shape = keys.read_shape(CheckShape, node, self.mistakes) if node else None
        if node is None or shape is None:
            return Check()
        for texts in filter(None, map(node.get, ("has", "lacks", "text"))):
            for item in texts.walk():
                self.check_template(item)
        expected = {name: self._expected(value) for name, value in self._entries("json", shape.json_)}
        return Check(
            status=self._statuses(shape.status),
            has=tuple(shape.has),
            lacks=tuple(shape.lacks),
            json=expected,
            text=tuple(shape.text),
            within_s=shape.within,
        )

    def _expected(self, node: Node) -> Json:
        for item in node.walk():
            number = _constant(item)
            if isinstance(number, int | float) and abs(number) > LARGEST:
                message = f"a number beyond ±{LARGEST} cannot be compared exactly"
                self.mistakes.add(item, message, "look for its digits in the body, with  text:")
        return self.json(node)

    def _statuses(self, node: Node | None) -> tuple[tuple[int, int], ...]:
        found = []
        for item in () if node is None else node.items or (node,):  # an empty list is none of them either
            match = re.fullmatch(r"([1-5])(xx|[0-9]{2})", item.text)
            if not match:
                self.mistakes.add(item, "status: takes 200, 2xx or a list of them, as in  [200, 404]")
            elif match[2] == "xx":
                found.append((int(match[1]) * 100, int(match[1]) * 100 + 99))
            else:
                found.append((int(item.text), int(item.text)))
        return tuple(found)

    def _entries(self, kind: str, node: Node | None) -> list[tuple[str, Node]]:
        if node is not None and node.entries is None:
            self.mistakes.add(node, f"{kind}: is a mapping, as in  {kind}: {{name: value}}")
        return [(key.text, value) for key, value in (node.entries or {}).items()] if node else []

    def _text(self, name: str, node: Node) -> str | None:
        text = self.mistakes.value(name, node, keys.scalar_text)
        if text is not None:
            self.check_template(node)
        return text


def _constant(node: Node) -> Scalar:
    """The value of a scalar that is not a template, or whose template is a single literal."""
    if not isinstance(node.value, str) or "{{" not in node.value or template.check_template(node.value):
        return node.value
    whole = template.parse(node.value).whole
    return whole.value if isinstance(whole, template.Literal) else None


def _capture_problem(source: str) -> str | None:
    kind, _, rest = source.partition(" ")
    if kind in {"header", "cookie"}:
        return None if _HEADER.fullmatch(rest) else f"'{rest}' is not a valid {kind} name"
    if kind == "regex":
        try:
            groups = keys.regular_expression(rest).groups
        except ValueError as error:
            return str(error)
        return None if groups < 2 else "the pattern has more than one group"
    return None if _JSON_PATH.fullmatch(source) else f"'{source}' is not a place in a response"
