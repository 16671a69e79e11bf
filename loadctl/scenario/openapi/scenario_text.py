"""A first scenario from an OpenAPI document: its login, the operations that can be sent, and those left out."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlsplit

from loadctl.scenario.openapi import credentials
from loadctl.scenario.openapi.credentials import PASSWORD, USER, Access, Alternatives, Reference
from loadctl.scenario.openapi.document import joined, path_of_first
from loadctl.scenario.openapi.operation import ACCOUNT, CHANGES, Operation, operations
from loadctl.scenario.openapi.sample import as_list, as_mapping, as_words
from loadctl.scenario.reading.document import core_scalar
from loadctl.scenario.user_type import Json

_VARIABLE = re.compile(r"\$\{(\w+)\}")
MOST_TASKS = 40
_WIDTH = 90
_PLAIN = re.compile(r"[A-Za-z0-9/_.~](?:[A-Za-z0-9/_.~%=&?+-]|:(?=[A-Za-z0-9/])| (?=[A-Za-z0-9/(]))*")
_LOAD = """
load:                             # 20 users for a minute; the first 10 s warm up and are not scored
  - {users: 20, over: 10s, warmup: true}
  - {users: 20, for: 50s}
targets:                          # guesses: put your own limits here; beyond one of them the run fails
  latency_p95: 200ms
  latency_p99: 500ms
  error_rate: 1%
"""
_NO_TASKS = """\
tasks:                            # one is picked after each pause, by weight
  - get: {path}
  # More requests, for example:
  # - get: /items
  #   weight: 4
  # - post: /predict
  #   weight: 10
  #   json: {{text: Hello}}
  #   check: {{status: 2xx, within: 1s}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A first scenario. `host`: scheme, host and port. Without tasks it gets `path`."""

    host: str
    path: str
    title: str = ""
    """Empty: there is no OpenAPI document."""
    start: Sequence[Operation] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of every request."""
    tasks: Sequence[Operation] = ()
    left_out: Sequence[Operation] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables of the environment, each with what it holds."""
    remarks: Sequence[str] = ()

    @property
    def text(self) -> str:
        """The file: YAML with comments, for people to edit. Names and texts in it may be hostile."""
        title = one_line(self.title, 60)
        tasks = _tasks(self.tasks) if self.tasks else [_NO_TASKS.format(path=scalar(self.path))]
        lines = [
            f"# {title}, read from its OpenAPI document." if title else "# A first scenario.",
            "# Edit it; then  loadctl try  sends each request once, and  loadctl run  puts the load on.",
            f"goal: {scalar(f'{title or self.host} answers 20 users in time')}",
            f"host: {scalar(self.host)}",
            "think: 200ms..400ms               # pause after each task",
            *_start(self.start),
            *_headers(self),
            *tasks,
            *_left_out(self.left_out),
        ]
        return "\n".join(lines) + _LOAD

    @property
    def summary(self) -> Sequence[str]:
        """What it holds, in a few lines for the terminal."""
        return tuple(_summary(one_line(self.title, 60), self))


def scalar(text: str) -> str:
    """`text` as a YAML scalar that means it literally: no template, no ${NAME}, no number, no date."""
    if isinstance(text, Reference):
        return json.dumps(text)
    text = text.replace("{{", '{{ "{{" }}').replace("${", "$${")
    if _PLAIN.fullmatch(text) and core_scalar(text) == text:
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in quoted)


def one_line(text: str, most: int) -> str:
    """For comments and messages: no line ends, no control characters, at most `most` characters."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    clean = " ".join(clean.split())
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def value_lines(value: Json, indent: str) -> list[str]:
    """`value` after a key: on its line where that is short enough, else as a block below it."""
    inline = _inline(value)
    if len(inline) <= _WIDTH - len(indent) or not value or not isinstance(value, Mapping | list):
        return [f" {inline}"]
    lines = [""]
    if isinstance(value, Mapping):
        for key, item in value.items():
            first, *rest = value_lines(item, indent + "  ")
            lines += [f"{indent}{_key(key)}:{first}", *rest]
    else:
        lines += [f"{indent}- {_inline(item)}" for item in value]
    return lines


def _inline(value: Json) -> str:
    if isinstance(value, str):
        plain = scalar(value)
        return plain if re.fullmatch(r"[\w./-]+|\".*\"", plain) else json.dumps(plain, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    return json.dumps(value)


def _key(key: str) -> str:
    """A key is neither a template nor filled from the environment; `<<` and what reads as a value are quoted."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", key) and core_scalar(key) == key:
        return key
    return _quoted(key)


def _start(start: Sequence[Operation]) -> Iterator[str]:
    for operation in start:
        yield "start:                            # once per user, before its first task"
        yield from _request(operation, weighted=False)
        if source := operation.token:
            plain = re.fullmatch(r"\$[\w.-]+|header [\w-]+", source)
            yield f"    capture: {{token: {source if plain else json.dumps(source, ensure_ascii=False)}}}"


def _headers(draft: Draft) -> Iterator[str]:
    if draft.headers:
        yield "headers:"
    for name, value in draft.headers.items():
        needed = [f"set {key}: {kind}" for key, kind in draft.variables.items() if f"{{{key}}}" in value]
        yield f"  {name}: {scalar(value)}" + (f"   # {', '.join(needed)}" if needed else "")


def _tasks(tasks: Sequence[Operation]) -> Iterator[str]:
    yield "tasks:                            # one is picked after each pause, by weight"
    for operation in tasks:
        yield from _request(operation, weighted=True)


def _left_out(out: Sequence[Operation]) -> Iterator[str]:
    if not out:
        return
    yield "  # Left out. Uncomment those that may be sent under load:"
    for operation in out[:MOST_TASKS]:
        first, *rest = _request(operation, weighted=True)
        why = operation.why or "one of many"
        yield f"  # {one_line(first.strip(), 100)}   # {why}"
        yield from (f"  # {line[2:]}" for line in rest)
    if len(out) > MOST_TASKS:
        yield f"  # … and {len(out) - MOST_TASKS} more"


def _request(operation: Operation, *, weighted: bool) -> Iterator[str]:
    """One item of a list, two spaces in."""
    remarks = [one_line(operation.summary, 60)] if operation.summary else []
    remarks += [f"{one_line(name, 30)} is a guess" for name in operation.guesses[:3]]
    comment = f"   # {'; '.join(remarks)}" if remarks and operation.role != "left out" else ""
    yield f"  - {operation.method}: {scalar(operation.url)}{comment}"
    if weighted:
        yield f"    weight: {operation.weight}"
    if operation.url.split("?")[0] != operation.path:
        yield f"    name: {scalar(endpoint_name(operation))}"
    if operation.query:
        yield "    query:" + "\n".join(value_lines(operation.query, "      "))
    if operation.headers:
        yield "    headers:" + "\n".join(value_lines(operation.headers, "      "))
    if operation.body_kind is not None:
        first, *rest = value_lines(operation.body, "      ")
        origin = f"   # {operation.origin}" if not first else ""
        yield f"    {operation.body_kind}:{first}{origin}"
        yield from rest


def endpoint_name(operation: Operation) -> str:
    """METHOD + the documented path, without what would be a template."""
    path = re.sub(r"\{{2,}", "{", operation.path).replace("${", "{")
    return f"{operation.method.upper()} {one_line(path, 200)}"


def _summary(title: str, draft: Draft) -> Iterator[str]:
    included = [*draft.start, *draft.tasks]
    count = len(included) + len(draft.left_out)
    if title:
        yield f"{title}: {count} operation{'' if count == 1 else 's'}; 20 users for 1 min"
    else:
        yield "no OpenAPI document: one GET only, 20 users for 1 min"
    yield from (f"  {one_line(remark, 160)}" for remark in draft.remarks)
    width = max((len(one_line(o.path, 40)) for o in included), default=0)
    for o in included:
        share = "once per user" if o.role == "start" else f"weight {o.weight:>2}    "
        guessed = f"{one_line(', '.join(o.guesses[:3]), 30)}: a guess" if o.guesses else ""
        origin = "; ".join(filter(None, (o.origin, guessed)))
        yield f"  {o.method.upper():<5}{one_line(o.path, 40):<{width}}  {share}   {origin}".rstrip()
    if title and not draft.tasks:
        yield f"  none of them can be sent as is, so: GET {one_line(draft.path, 40)}"
    for why in dict.fromkeys(o.why for o in draft.left_out):
        names = [f"{o.method.upper()} {one_line(o.path, 40)}" for o in draft.left_out if o.why == why]
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        yield f"  left out ({why or 'one of many'}): {', '.join(names[:6])}{more} (commented)"
    yield from _needed(draft)
    yield "  limits p95 200 ms, p99 500 ms, errors 1 %: guesses, edit them"


def _needed(draft: Draft) -> Iterator[str]:
    """Credentials that only the user has."""
    for variable, kind in draft.variables.items():
        if variable == USER:
            yield f"  needs {USER} and {PASSWORD} in the environment, an account to log in with"
        elif variable != PASSWORD or USER not in draft.variables:
            yield f"  needs {variable} in the environment: {kind or 'the password of an account'}"


def scenario_text(
    document: Mapping[str, object] | None, base: str, *, path: str | None = None, remarks: Sequence[str] = ()
) -> Draft:
    """A first scenario for the service at `base`, from its OpenAPI document or from nothing; it is valid as it is.

    `path`: under which the operations stand; None: that of `base`, else that of the document's first server.
    """
    address = urlsplit(base)
    host, below = f"{address.scheme}://{address.netloc}", address.path.rstrip("/")
    if document is None:
        return Draft(host=host, path=below or "/", remarks=remarks)
    prefix = path if path is not None else below or path_of_first(document)
    info = as_mapping(document.get("info"))
    title = " ".join(as_words(info[key]) for key in ("title", "version") if info.get(key))
    found = operations(document, host + prefix, prefix)
    login = _login(document, found, host, prefix)
    tasks = [one for one in found if one.role == "task"][:MOST_TASKS]
    start = [login] if login else []
    out = [one for one in found if not any(one is other for other in [*start, *tasks])]
    access = Access(
        logs_in=login is not None,
        token=login is not None and login.token is not None,
        is_whole=login is not None and (login.token or "").startswith("header "),
    )
    tasks = [_with_credentials(one, access) for one in tasks]  # before the others, so they name the variables
    start = [_with_credentials(replace(one, access=_of_login(one.access)), access) for one in start]
    shared = _shared(tasks, access)
    start, tasks = ([_without(one, shared) for one in ones] for ones in (start, tasks))
    return Draft(
        host=host,
        path=prefix or "/",
        title=title or "this API",
        start=start,
        headers=shared,
        tasks=tasks,
        left_out=[_with_reason(_without(_with_credentials(one, access), shared)) for one in out],
        variables=_variables(shared, [*start, *tasks], access),
        remarks=[*remarks, *_outside(document)],
    )


def _login(
    document: Mapping[str, object], found: Sequence[Operation], host: str, prefix: str
) -> Operation | None:
    """The operation that every user starts with: one whose account is known, else one that the others need."""
    candidates = [one for one in found if one.role == "start"]
    known = [one for one in candidates if not one.has_account]
    if known:
        return next((one for one in known if one.token), known[0])
    token = Access(logs_in=True, token=True)
    if not any(_needs(one.access, token) for one in found if one.role == "task"):
        return None
    if candidates:
        return candidates[0]
    for url in credentials.token_urls(document):
        target = urlsplit(joined(f"{host}{prefix}/", url))
        if f"{target.scheme}://{target.netloc}" == host and target.path.startswith("/"):
            return Operation(
                method="post",
                path=target.path,
                url=quote(target.path, safe="/%"),
                role="start",
                body_kind="form",
                body=credentials.OAUTH2_BODY,
                origin="account from the environment",
                token=credentials.OAUTH2_TOKEN,
                has_account=True,
            )
    return None


def _needs(wanted: Alternatives, login: Access) -> bool:
    return bool(wanted) and all(wanted) and any(all(map(login.is_met, one)) for one in wanted)


def _with_credentials(operation: Operation, access: Access) -> Operation:
    headers, query = access.credentials(operation.access)
    return replace(operation, headers={**operation.headers, **headers}, query=query)


def _of_login(wanted: Alternatives) -> Alternatives:
    """Documents often forget to say that a login needs no session."""
    return [schemes for schemes in wanted if not any(scheme.is_of_session for scheme in schemes)]


def _shared(tasks: Sequence[Operation], access: Access) -> Mapping[str, str]:
    """The credentials in headers that half of the tasks send, or all that a login gives; every request carries them."""
    own = (tuple(item for item in one.headers.items() if isinstance(item[1], Reference)) for one in tasks)
    for headers, count in Counter(filter(None, own)).most_common(1):
        if 2 * count >= len(tasks) or any("{{" in value for _, value in headers):
            return dict(headers)
    if access.token and not any(one.access for one in tasks):
        return {"Authorization": Reference("{{ token }}" if access.is_whole else "Bearer {{ token }}")}
    return {}


def _without(operation: Operation, shared: Mapping[str, str]) -> Operation:
    headers = {name: value for name, value in operation.headers.items() if shared.get(name) != value}
    return replace(operation, headers=headers)


def _with_reason(operation: Operation) -> Operation:
    """A login that is not used needs an account, or a second session."""
    unused = ACCOUNT if operation.has_account else CHANGES if operation.role == "start" else ""
    return replace(operation, why=operation.why or unused)


def _variables(shared: Mapping[str, str], sent: Sequence[Operation], access: Access) -> Mapping[str, str]:
    """Variables of the environment that the scenario reads, each with what it holds."""
    kinds = {name: scheme.kind for scheme, name in access.variables.items()}
    values: list[object] = [*shared.values()]
    for one in sent:
        values += [*one.headers.values(), *one.query.values(), one.body]
    return {name: kinds.get(name, "") for value in values for name in _named(value)}


def _named(value: object) -> list[str]:
    if isinstance(value, Reference):
        return _VARIABLE.findall(value)
    if isinstance(value, Mapping):
        return [name for item in value.values() for name in _named(item)]
    return [name for item in as_list(value) for name in _named(item)]


def _outside(document: Mapping[str, object]) -> Sequence[str]:
    """A remark where the document refers to other files: they are not followed."""
    found: dict[str, None] = {}
    seen: set[int] = set()
    stack: list[object] = [document]
    while stack:
        node = stack.pop()
        if id(node) in seen or not isinstance(node, Mapping | list):
            continue
        seen.add(id(node))
        reference = node.get("$ref") if isinstance(node, Mapping) else None
        if isinstance(reference, str) and not reference.startswith("#"):
            found[reference] = None
        stack.extend(node.values() if isinstance(node, Mapping) else node)
    if not found:
        return ()
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return (
        f"references to other files are not followed: {next(iter(found))}{more}",
        "  bundle them into one file first, for example  npx @redocly/cli bundle",
    )
