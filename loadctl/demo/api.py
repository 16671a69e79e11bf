"""The ML-platform API itself: a request in, an answer out; and the rate limits of its API keys.

Pure, and without faults: the clock is passed in.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

FEATURES = 8

_Node = dict[str, object]


@dataclass(frozen=True, slots=True)
class Model:
    id: str
    name: str
    version: int

    def document(self) -> _Node:
        return {"id": self.id, "name": self.name, "version": self.version}


MODELS = {
    model.id: model
    for model in (
        Model("churn", "Customer churn", 4),
        Model("fraud", "Payment fraud", 11),
        Model("demand", "Demand forecast", 2),
    )
}

_EXAMPLE_FEATURES = [0.12, -0.7, 1.5, 0.0, 0.33, -1.1, 0.9, 2.4]


def openapi_document() -> _Node:
    return {
        "openapi": "3.1.0",
        "info": {"title": "ML platform (loadctl demo)", "version": "1.0.0"},
        "paths": {
            "/login": {"post": _login_operation()},
            "/predict": {"post": _predict_operation()},
            "/models": {"get": _operation("listModels", "The models that can predict", _ref("ModelList"))},
            "/models/{id}": {"get": _model_operation()},
            "/health": {"get": _operation("health", "Whether the platform is up", _ref("Health"))},
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{}, {"apiKey": []}, {"bearer": []}],  # {}: none is needed
    }


def _login_operation() -> _Node:
    body = {"schema": _ref("Credentials"), "example": {"user": "demo", "password": "demo"}}
    kinds = {"application/json": body, "application/x-www-form-urlencoded": body}
    login = _operation("login", "Begin a session", _ref("Session"), "400", "422")
    return {**login, "requestBody": {"required": True, "content": kinds}}


def _predict_operation() -> _Node:
    example = {"model": "churn", "features": _EXAMPLE_FEATURES}
    content = {"application/json": {"schema": _ref("PredictionRequest"), "example": example}}
    predict = _operation("predict", "One prediction", _ref("Prediction"), "400", "422")
    return {**predict, "requestBody": {"required": True, "content": content}}


def _model_operation() -> _Node:
    by_id = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "example": "churn"}
    return {**_operation("getModel", "One model", _ref("Model"), "404"), "parameters": [by_id]}


_REFUSALS = {
    "400": "The body is not JSON",
    "401": "The API key is not known",
    "404": "Not found",
    "422": "A field is missing or wrong",
    "429": "The API key's limit is used up",
}


def _operation(name: str, summary: str, answer: _Node, *refusals: str) -> _Node:
    problem = {"application/json": {"schema": _ref("Problem")}}
    responses: _Node = {"200": {"description": summary, "content": {"application/json": {"schema": answer}}}}
    for status in sorted({*refusals, "401", "429"}):
        responses[status] = {"description": _REFUSALS[status], "content": problem}
    return {"operationId": name, "summary": summary, "responses": responses}


def _ref(schema: str) -> _Node:
    return {"$ref": f"#/components/schemas/{schema}"}


def _record(optional: tuple[str, ...] = (), **properties: _Node) -> _Node:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


def _schemas() -> _Node:
    text: _Node = {"type": "string"}
    number: _Node = {"type": "number"}
    features: _Node = {"type": "array", "items": number, "minItems": FEATURES, "maxItems": FEATURES}
    models: _Node = {"type": "array", "items": _ref("Model")}
    model_id: _Node = {"type": "string", "enum": list(MODELS)}
    return {
        "Credentials": _record(optional=("password",), user=text, password={**text, "format": "password"}),
        "Session": _record(token=text, access_token=text, token_type=text),
        "PredictionRequest": _record(model=model_id, features={**features, "examples": [_EXAMPLE_FEATURES]}),
        "Prediction": _record(prediction=number, model=text, version={"type": "integer"}),
        "Model": _record(id=text, name=text, version={"type": "integer"}),
        "ModelList": _record(items=models),
        "Health": _record(status=text),
        "Problem": _record(detail={"oneOf": [text, {"type": "array", "items": {"type": "object"}}]}),
    }


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
    """The handler of `path`, if any."""
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
        Handler("/openapi.json", {"GET": _always(openapi_document())}),
    )
}


KEY_RATES_PER_S: dict[str, float | None] = {"demo-free": 10.0, "demo-standard": 5000.0, "demo-premium": None}
"""Requests a second of each key; None: no limit."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """The answer to one request, in whole seconds rounded up; `retry_after_s` is None where it is allowed."""

    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int | None


@dataclass(slots=True)
class TokenBucket:
    """Holds one second's worth of requests, and starts full."""

    rate_per_s: float
    tokens: float
    filled_at_s: float

    @classmethod
    def full(cls, rate_per_s: float, now_s: float) -> TokenBucket:
        return cls(rate_per_s, rate_per_s, now_s)

    def takes(self, now_s: float) -> bool:
        size = max(1.0, self.rate_per_s)
        self.tokens = min(size, self.tokens + (now_s - self.filled_at_s) * self.rate_per_s)
        self.filled_at_s = now_s
        allowed = self.tokens >= 1
        self.tokens -= allowed
        return allowed

    def take(self, now_s: float) -> Allowance:
        allowed = self.takes(now_s)
        return Allowance(
            limit=int(self.rate_per_s),
            remaining=int(self.tokens),
            reset_s=math.ceil((self.rate_per_s - self.tokens) / self.rate_per_s),
            retry_after_s=None if allowed else max(1, math.ceil((1 - self.tokens) / self.rate_per_s)),
        )


class RateLimiter:
    """The buckets of all keys with a limit, each filled at its first request."""

    def __init__(self) -> None:
        self._buckets: dict[str, TokenBucket] = {}

    def take(self, key: str, now_s: float) -> Allowance | None:
        """Take a request from the bucket of `key`; None: it has no limit. KeyError: there is no such key."""
        rate_per_s = KEY_RATES_PER_S[key]
        if rate_per_s is None:
            return None
        return self._buckets.setdefault(key, TokenBucket.full(rate_per_s, now_s)).take(now_s)


class OtherLimiter:
    """Accepts the same rate of each key, whatever its limit is."""

    def __init__(self) -> None:
        self._buckets: dict[str, TokenBucket] = {}

    def takes(self, key: str, rate_per_s: float, now_s: float) -> bool:
        if rate_per_s in {0, math.inf}:
            return rate_per_s > 0
        bucket = self._buckets.setdefault(key, TokenBucket.full(rate_per_s, now_s))
        return bucket.takes(now_s)
