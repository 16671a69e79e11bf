"""An OpenAPI document → a first scenario: its login, the operations that it can send, and those that it leaves out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote, urlsplit

from loadctl.scenario.openapi.credentials import (
    OAUTH2_BODY,
    OAUTH2_TOKEN,
    Access,
    Alternatives,
    Reference,
    token_urls,
)
from loadctl.scenario.openapi.draft import MOST_TASKS, Draft, Plan, draft
from loadctl.scenario.openapi.operation import ACCOUNT, CHANGES, Operation, operations
from loadctl.scenario.openapi.sample import as_list, as_mapping, as_words
from loadctl.scenario.openapi.servers import joined, path_of_first

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_AUTHORIZATION = "Authorization"


def scenario_text(
    document: Mapping[str, object] | None,
    base: str,
    *,
    path: str | None = None,
    remarks: Sequence[str] = (),
) -> Draft:
    """A first scenario for the service at `base`, from its OpenAPI document or from nothing; it is valid as it is.

    `path`: under which the operations stand; None: that of `base`, else that of the document's first server.
    """
    address = urlsplit(base)
    host, below = f"{address.scheme}://{address.netloc}", address.path.rstrip("/")
    if document is None:
        return draft(Plan(host=host, path=below or "/", remarks=remarks))
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
    return draft(
        Plan(
            host=host,
            path=prefix or "/",
            title=title or "this API",
            start=start,
            headers=shared,
            tasks=tasks,
            left_out=[_left_out(_without(_with_credentials(one, access), shared)) for one in out],
            variables=_variables(shared, [*start, *tasks], access),
            remarks=[*remarks, *_outside(document)],
        )
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
    for url in token_urls(document):
        target = urlsplit(joined(f"{host}{prefix}/", url))
        if f"{target.scheme}://{target.netloc}" == host and target.path.startswith("/"):
            return Operation(
                method="post",
                path=target.path,
                url=quote(target.path, safe="/%"),
                role="start",
                body_kind="form",
                body=OAUTH2_BODY,
                origin="account from the environment",
                token=OAUTH2_TOKEN,
                has_account=True,
            )
    return None


def _needs(wanted: Alternatives, login: Access) -> bool:
    return bool(wanted) and all(wanted) and any(all(map(login.is_met, one)) for one in wanted)


def _with_credentials(operation: Operation, access: Access) -> Operation:
    given = access.credentials(operation.access)
    return replace(operation, headers={**operation.headers, **given.headers}, query=given.query)


def _of_login(wanted: Alternatives) -> Alternatives:
    """Documents often forget to say that a login needs no session."""
    return [schemes for schemes in wanted if not any(scheme.is_of_session for scheme in schemes)]


def _shared(tasks: Sequence[Operation], access: Access) -> Mapping[str, str]:
    """The credentials in headers that half of the tasks send, or all that a login gives; every request carries them."""
    own = (
        tuple((name, value) for name, value in one.headers.items() if isinstance(value, Reference))
        for one in tasks
    )
    for headers, count in Counter(filter(None, own)).most_common(1):
        if 2 * count >= len(tasks) or any("{{" in value for _, value in headers):
            return dict(headers)
    if access.token and not any(one.access for one in tasks):
        return {_AUTHORIZATION: Reference("{{ token }}" if access.is_whole else "Bearer {{ token }}")}
    return {}


def _without(operation: Operation, shared: Mapping[str, str]) -> Operation:
    headers = {name: value for name, value in operation.headers.items() if shared.get(name) != value}
    return replace(operation, headers=headers)


def _left_out(operation: Operation) -> Operation:
    """A login that is not used needs an account, or a second session."""
    why = operation.why or (
        ACCOUNT if operation.has_account else CHANGES if operation.role == "start" else ""
    )
    return replace(operation, why=why)


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
        "  make one file of them first, for example  npx @redocly/cli bundle",
    )
