"""The API's description of itself (OpenAPI 3.1), complete enough that a scenario can be made from it alone.

/metrics and this document are left out, as web frameworks do: they are for those who look on, not for users.
"""

from __future__ import annotations

from dataclasses import dataclass

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


def document() -> _Node:
    return {
        "openapi": "3.1.0",
        "info": {"title": "ML platform (loadctl demo)", "version": "1.0.0"},
        "paths": {
            "/login": {"post": _login()},
            "/predict": {"post": _predict()},
            "/models": {"get": _operation("listModels", "The models that can predict", _ref("ModelList"))},
            "/models/{id}": {"get": _model()},
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


def _login() -> _Node:
    body = {"schema": _ref("Credentials"), "example": {"user": "demo", "password": "demo"}}
    kinds = {"application/json": body, "application/x-www-form-urlencoded": body}
    login = _operation("login", "Begin a session", _ref("Session"), "400", "422")
    return {**login, "requestBody": {"required": True, "content": kinds}}


def _predict() -> _Node:
    example = {"model": "churn", "features": _EXAMPLE_FEATURES}
    content = {"application/json": {"schema": _ref("PredictionRequest"), "example": example}}
    predict = _operation("predict", "One prediction", _ref("Prediction"), "400", "422")
    return {**predict, "requestBody": {"required": True, "content": content}}


def _model() -> _Node:
    by_id = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "example": "churn"}
    return {**_operation("getModel", "One model", _ref("Model"), "404"), "parameters": [by_id]}


_REFUSALS = {
    "400": "The body is not JSON",
    "401": "The API key is not known",
    "404": "There is no such thing",
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
