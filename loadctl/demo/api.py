"""The ML-platform API itself: a request in, an answer out. Pure, without faults and limits."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from loadctl.demo.openapi import FEATURES, MODELS, document

UNKNOWN = "(unknown)"
"""The handler of every path that is not served: as label values they must stay few."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"


@dataclass(frozen=True, slots=True)
class Handler:
    """One path (`name`, with {id} as a template) and what answers each of its methods."""

    name: str
    methods: Mapping[str, Callable[[Call], Answer]]


@dataclass(frozen=True, slots=True)
class Call:
    path: str
    content_type: bytes
    body: bytes


def as_json(status: int, content: object, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    return Answer(status, json.dumps(content).encode(), headers)


def refusal(status: int, detail: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    return as_json(status, {"detail": detail}, headers)


def handler_of(path: str) -> Handler | None:
    """Who serves `path`; None: nobody."""
    handler = _HANDLERS.get(path)
    if handler is None and path.startswith("/models/") and len(path) > 8 and "/" not in path[8:]:
        return _MODEL
    return handler


def answer(handler: Handler | None, method: str, call: Call) -> Answer:
    if handler is None:
        return refusal(404, f"nothing is served at {call.path}")
    act = handler.methods.get("GET" if method == "HEAD" else method)
    if act is None:
        allowed = ", ".join(handler.methods).encode()
        return refusal(405, f"{method} is not allowed here", ((b"allow", allowed),))
    return act(call)


def _login(call: Call) -> Answer:
    if call.content_type.startswith(b"application/x-www-form-urlencoded"):
        form = {name: values[-1] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
        user: object = form.get("user", form.get("username"))
    else:
        content = _parsed(call.body)
        if isinstance(content, Answer):
            return content
        user = content.get("user", content.get("username"))
    if not isinstance(user, str) or not user:
        return _invalid("user", "a name is required")
    token = f"session-{user}"
    return as_json(200, {"token": token, "access_token": token, "token_type": "bearer"})


def _predict(call: Call) -> Answer:
    content = _parsed(call.body)
    if isinstance(content, Answer):
        return content
    model, features = content.get("model"), content.get("features")
    if not isinstance(model, str) or model not in MODELS:
        return _invalid("model", f"must be one of {', '.join(MODELS)}")
    if not isinstance(features, list) or len(features) != FEATURES or not all(map(_is_number, features)):
        return _invalid("features", f"must be a list of {FEATURES} finite numbers")
    weighted = sum(value / (place + 1) for place, value in enumerate(features))
    prediction = 0.5 + 0.5 * math.tanh(weighted / FEATURES)
    return as_json(200, {"prediction": prediction, "model": model, "version": MODELS[model].version})


def _model(call: Call) -> Answer:
    name = call.path.removeprefix("/models/")
    model = MODELS.get(name)
    return refusal(404, f"there is no model {name!r}") if model is None else as_json(200, model.document())


def _parsed(body: bytes) -> Mapping[str, object] | Answer:
    try:
        content: object = json.loads(body)
    except ValueError as error:  # of the syntax or of the encoding
        return refusal(400, f"the body is not JSON: {error}")
    if not isinstance(content, dict):
        return as_json(422, {"detail": [{"loc": ["body"], "msg": "must be an object"}]})
    return content


def _invalid(field: str, message: str) -> Answer:
    return as_json(422, {"detail": [{"loc": ["body", field], "msg": message}]})


def _is_number(value: object) -> bool:
    return (type(value) is float and math.isfinite(value)) or (type(value) is int and abs(value) < 2**53)


def _always(content: object) -> Callable[[Call], Answer]:
    ready = as_json(200, content)
    return lambda _: ready


_MODEL = Handler("/models/{id}", {"GET": _model})
_HANDLERS = {
    handler.name: handler
    for handler in (
        Handler("/login", {"POST": _login}),
        Handler("/predict", {"POST": _predict}),
        Handler("/models", {"GET": _always({"items": [model.document() for model in MODELS.values()]})}),
        Handler("/health", {"GET": _always({"status": "ok"})}),
        Handler("/openapi.json", {"GET": _always(document())}),
    )
}
