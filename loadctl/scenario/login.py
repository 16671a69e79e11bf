"""The login of a described API: the body with somebody's account, and where its answer holds the token."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from loadctl.scenario.credentials import Reference
from loadctl.scenario.sample import Sampler, as_list, as_mapping
from loadctl.scenario.user_type import Json

USER, PASSWORD = "API_USER", "API_PASSWORD"
_TOKENS = (
    *("accesstoken", "token", "jwt", "idtoken", "authtoken", "bearertoken", "jwttoken", "sessiontoken"),
    *("authenticationtoken", "apitoken", "usertoken", "bearer", "access", "sessionid", "key"),
)
_PASSWORD = re.compile(r"pass(word|wd|phrase|code)?$|pwd$|secret$|^pin$", re.IGNORECASE)
_USER = re.compile(r"user(_?name|_?id)?$|login$|e?mail$|account$|identifier$|^name$", re.IGNORECASE)
_DEEPEST = 3


def has_password(sampler: Sampler, schema: object, depth: int = 0) -> bool:
    return any(
        _PASSWORD.search(name) or (depth < 1 and has_password(sampler, item, depth + 1))
        for name, item in sampler.properties(schema).items()
    )


def account_body(sampler: Sampler, schema: object, value: Json, depth: int = 0) -> Json:
    """`value` with the account from the environment wherever the document gives no example of it."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return value
    known = sampler.properties(schema)
    body = dict(value)
    for pattern in (_USER, _PASSWORD) if has_password(sampler, schema) else ():
        missing = [name for name, item in known.items() if pattern.search(name) and _is_text(sampler, item)]
        if missing and not any(pattern.search(name) for name in body):
            body[missing[0]] = ""
    for name, item in body.items():
        given = sampler.resolve(known.get(name))
        if isinstance(item, Mapping):
            body[name] = account_body(sampler, given, item, depth + 1)
        elif given.keys() & {"example", "x-example", "examples", "default", "const", "enum"}:
            continue
        elif _PASSWORD.search(name):
            body[name] = Reference(f"${{{PASSWORD}}}")
        elif _USER.search(name):
            body[name] = Reference(f"${{{USER}}}")
    if "grant_type" in known:
        body["grant_type"] = "password"
    return body


OAUTH2_BODY: Mapping[str, Json] = {
    "grant_type": "password",
    "username": Reference(f"${{{USER}}}"),
    "password": Reference(f"${{{PASSWORD}}}"),
}
OAUTH2_TOKEN = "$.access_token"


def is_token_url(url: str, path: str) -> bool:
    """Whether an OAuth2 tokenUrl, often relative to nothing in particular, means this path."""
    try:
        wanted = "/" + urlsplit(url).path.lstrip("./")
    except ValueError:
        return False
    return wanted != "/" and f"{path.rstrip('/')}".endswith(wanted.rstrip("/"))


def token_source(sampler: Sampler, operation: Mapping[str, object]) -> str | None:
    """What captures the token of a login's answer; None: nothing is known of one."""
    responses = as_mapping(operation.get("responses"))
    named = [status for status in ("200", "201", "2XX", "2xx", "default") if status in responses]
    for response in [sampler.resolve(responses[status]) for status in named]:
        content = as_mapping(response.get("content"))
        for entry in [*map(as_mapping, content.values()), response]:
            schema = sampler.resolve(entry.get("schema"))
            if schema.get("type") == "string":
                return r"regex ([\w.~+/=-]+)"
            if steps := _in_schema(sampler, schema) or _in_examples(sampler, entry):
                return "$" + "".join(_step(step) for step in steps)
        for name in as_mapping(response.get("headers")):
            if re.fullmatch(r"(x-)?(auth[a-z]*|access|jwt)?-?(token|authorization)", name, re.IGNORECASE):
                return f"header {name}"
    return None


def _in_schema(sampler: Sampler, schema: object) -> Sequence[str]:
    level: list[tuple[tuple[str, ...], object]] = [((), schema)]
    for _ in range(_DEEPEST):
        below = [
            ((*steps, name), item) for steps, node in level for name, item in sampler.properties(node).items()
        ]
        texts = [steps for steps, item in below if _is_text(sampler, item)]
        if best := _best(texts):
            return best
        level = below[:200]
    return ()


def _in_examples(sampler: Sampler, entry: Mapping[str, object]) -> Sequence[str]:
    named = as_mapping(entry.get("examples")).values()
    found = [entry.get("example"), *named, *(sampler.resolve(one).get("value") for one in named)]
    for example in [*found, sampler.resolve(entry.get("schema")).get("example")]:
        if best := _best(list(_texts(example, ()))):
            return best
    return ()


def _texts(value: object, steps: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, str) and steps:
        yield steps
    elif len(steps) < _DEEPEST:
        for name, item in as_mapping(value).items():
            yield from _texts(item, (*steps, name))


def _best(texts: Sequence[tuple[str, ...]]) -> Sequence[str]:
    ranked = {
        name: steps
        for steps in sorted(texts, key=len, reverse=True)
        for name in [re.sub(r"[^a-z]", "", steps[-1].lower())]
    }
    return next((ranked[name] for name in _TOKENS if name in ranked), ())


def _is_text(sampler: Sampler, schema: object, depth: int = 0) -> bool:
    found = sampler.resolve(schema)
    kind = found.get("type")
    if kind is None:
        variants = [*as_list(found.get("anyOf")), *as_list(found.get("oneOf"))]
        if variants and depth < _DEEPEST:
            return any(_is_text(sampler, one, depth + 1) for one in variants[:20])
        return not sampler.properties(found)
    return kind == "string" or "string" in as_list(kind)


def _step(name: str) -> str:
    if re.fullmatch(r"[^.\[\]\s*'\"]+", name):
        return f".{name}"
    return f"['{name}']" if "'" not in name else f'["{name}"]'
