import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadctl.demo.api import openapi_document as demo_document
from loadctl.scenario.expectation import expect
from loadctl.scenario.openapi.document import base_of_file, base_of_page
from loadctl.scenario.openapi.sample import SchemaSampler
from loadctl.scenario.openapi.scenario_text import Draft, scenario_text
from loadctl.scenario.reading.document import Sources, Text
from loadctl.scenario.reading.scenario_file import read_scenario
from loadctl.scenario.rescale import rescaled
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.user_type import Json, Request

HOST = "http://localhost:8000"
CHURN = {
    "openapi": "3.1.0",
    "info": {"title": "Churn API", "version": "1.4"},
    "paths": {
        "/predict": {
            "post": {
                "summary": "Will this customer leave?",
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Customer"}}}
                },
            }
        },
        "/models": {"get": {}},
        "/health": {"get": {}},
        "/retrain": {
            "post": {"requestBody": {"content": {"application/json": {"example": {"model": "churn"}}}}}
        },
        "/models/{id}": {
            "delete": {"parameters": [{"name": "id", "in": "path", "schema": {"type": "integer"}}]}
        },
    },
    "components": {
        "schemas": {"Customer": {"type": "object", "example": {"model": "churn", "features": [0.5, 1]}}}
    },
}


def read(text: str, env: Mapping[str, str] | None = None) -> Scenario:
    api = Text("api.yaml", text)
    sources = Sources(api, None, None, read=lambda _: None, resolve=lambda _: None, env=env or {})
    return read_scenario("api", sources)


def sent(draft: Draft) -> dict[str, Request]:
    return {f"{request.method} {request.url}": request for request in read(draft.text).requests()}


def api(path: str, method: str, operation: dict[str, object], **more: object) -> dict[str, object]:
    return {"openapi": "3.1.0", "info": {"title": "T"}, "paths": {path: {method: operation}}, **more}


def with_body(schema: dict[str, object], media: str = "application/json") -> dict[str, object]:
    return {"requestBody": {"content": {media: {"schema": schema}}}}


def test_a_described_service_becomes_a_scenario_with_comments() -> None:
    draft = scenario_text(CHURN, "http://localhost:8000/")
    assert (
        draft.text
        == """\
# Churn API 1.4, read from its OpenAPI document.
# Edit it; then  loadctl try  sends each request once, and  loadctl run  puts the load on.
goal: Churn API 1.4 answers 20 users in time
host: http://localhost:8000
think: 200ms..400ms               # pause after each task
tasks:                            # one is picked after each pause, by weight
  - post: /predict   # Will this customer leave?
    weight: 10
    json: {model: churn, features: [0.5, 1]}
  - get: /models
    weight: 2
  - get: /health
    weight: 1
  # Left out. Uncomment those that may be sent under load:
  # - post: /retrain   # changes data
  #   weight: 10
  #   json: {model: churn}
  # - delete: /models/1   # changes data
  #   weight: 10
  #   name: "DELETE /models/{id}"
load:                             # 20 users for a minute; the first 10 s warm up and are not scored
  - {users: 20, over: 10s, warmup: true}
  - {users: 20, for: 50s}
targets:                          # guesses: put your own limits here; beyond one of them the run fails
  latency_p95: 200ms
  latency_p99: 500ms
  error_rate: 1%
"""
    )
    assert draft.summary == (
        "Churn API 1.4: 5 operations; 20 users for 1 min",
        "  POST /predict  weight 10       body from the schema's example",
        "  GET  /models   weight  2",
        "  GET  /health   weight  1",
        "  left out (changes data): POST /retrain, DELETE /models/{id} (commented)",
        "  limits p95 200 ms, p99 500 ms, errors 1 %: guesses, edit them",
    )


@pytest.mark.parametrize("document", [CHURN, demo_document(), None], ids=["churn", "demo", "nothing"])
def test_the_draft_can_judge_its_targets_in_a_minute_and_in_half(document: dict[str, object] | None) -> None:
    scenario = read(scenario_text(document, HOST).text)
    assert expect(scenario).cannot_judge == ()
    assert all(target.judged for target in rescaled(scenario, duration_s=30).targets)


def test_the_demo_logs_in_once_and_predicts_with_a_full_body() -> None:
    (user_type,) = read(scenario_text(demo_document(), HOST).text).user_types
    (login,) = user_type.start
    assert isinstance(login, Request)
    assert login.capture == {"token": "$.access_token"}
    assert user_type.headers == {"Authorization": "Bearer {{ token }}"}
    assert [task.name for task in user_type.tasks] == [
        "POST /predict",
        "GET /models",
        "GET /models/{id}",
        "GET /health",
    ]
    body = user_type.requests()[1].body
    assert body is not None
    assert isinstance(body.json, dict)
    assert len(body.json["features"]) == 8


@pytest.mark.parametrize(
    ("base", "host", "url"),
    [(HOST, HOST, "/"), (f"{HOST}/", HOST, "/"), (f"{HOST}/api/", HOST, "/api")],
)
def test_without_a_description_the_draft_gets_one_page(base: str, host: str, url: str) -> None:
    scenario = read(scenario_text(None, base).text)
    assert scenario.host == host
    assert [request.url for request in scenario.requests()] == [url]


@pytest.mark.parametrize(
    ("path", "method", "operation", "why"),
    [
        ("/search", "post", {}, None),
        ("/v1/chat/completions", "post", {}, None),
        ("/items", "post", {"operationId": "queryItems"}, None),
        ("/items", "get", {}, None),
        ("/items", "post", {}, "changes data"),
        ("/search/{id}/delete", "post", {}, "changes data"),
        ("/predictions", "post", {"operationId": "createPrediction"}, "changes data"),
        ("/logout", "get", {}, "changes data"),
        ("/items/{id}", "put", {}, "changes data"),
        ("/items/{id}", "patch", {"operationId": "search_patch"}, "changes data"),
        ("/items/{id}", "delete", {}, "changes data"),
        ("/items", "get", {"deprecated": True}, "deprecated"),
        ("/predict", "post", with_body({"type": "object"}, "multipart/form-data"), "needs a file"),
        ("/login", "post", with_body({"type": "object", "required": ["user"]}), "needs an account"),
    ],
)
def test_what_is_sent_and_what_is_left_out(
    path: str, method: str, operation: dict[str, object], why: str | None
) -> None:
    text = scenario_text(api(path, method, operation), HOST).text
    shown = re.sub(r"\{.*?\}", "1", path)
    if why is None:
        assert f"\n  - {method}: {shown}\n" in text
    else:
        assert f"\n  # - {method}: {shown}   # {why}\n" in text
    read(text)


@pytest.mark.parametrize(
    ("parameter", "url"),
    [
        ({"in": "path", "example": "a b/c"}, "/items/a%20b%2Fc"),
        ({"in": "path", "examples": {"one": {"value": 7}}}, "/items/7"),
        ({"in": "path", "schema": {"type": "string", "default": "x"}}, "/items/x"),
        ({"in": "path", "schema": {"type": "integer", "minimum": 5}}, "/items/5"),
        ({"in": "path", "schema": {"type": "string"}}, "/items/1"),
        ({"in": "path", "example": "{{ evil }}"}, "/items/%7B%7B%20evil%20%7D%7D"),
        ({"in": "query", "required": True, "example": "a&b"}, "/items/1?id=a%26b"),
        ({"in": "query", "example": "optional"}, "/items/1"),
    ],
)
def test_parameters_are_filled_in(parameter: dict[str, object], url: str) -> None:
    draft = scenario_text(api("/items/{id}", "get", {"parameters": [{"name": "id", **parameter}]}), HOST)
    (request,) = sent(draft).values()
    assert request.url == url
    assert request.endpoint == "GET /items/{id}"


def test_a_guessed_parameter_is_said_to_be_one() -> None:
    draft = scenario_text(api("/items/{id}", "get", {}), HOST)
    assert "get: /items/1   # id is a guess" in draft.text
    assert "  GET  /items/{id}  weight  2       id: a guess" in draft.summary


@pytest.mark.parametrize(
    ("path", "url", "endpoint"),
    [
        ("/items?kind=a", "/items?kind=a", "GET /items?kind=a"),
        ("/items?kind={id}", "/items?kind=1", "GET /items?kind={id}"),
        ("/items?id=a", "/items?id=a", "GET /items?id=a"),
        ("/#Action=Stop", "/", "GET /#Action=Stop"),
        ("/items#new", "/items", "GET /items#new"),
        ("/items{?page,size}", "/items", "GET /items{?page,size}"),
        ("/files/{+path}.txt", "/files/1.txt", "GET /files/{+path}.txt"),
        ("/a b/ä", "/a%20b/%C3%A4", "GET /a b/ä"),
    ],
)
def test_keys_of_paths_are_urls_and_names(path: str, url: str, endpoint: str) -> None:
    (request,) = sent(scenario_text({"paths": {path: {"get": {}}}}, HOST)).values()
    assert (request.url, request.endpoint) == (url, endpoint)


@pytest.mark.parametrize(
    ("parameter", "query"),
    [
        ({"schema": {"type": "array", "items": {"type": "integer"}}}, "q=1"),
        ({"example": ["a", "b"], "schema": {"type": "array"}}, "q=a&q=b"),
        ({"example": ["a", "b"], "explode": False, "schema": {"type": "array"}}, "q=a%2Cb"),
        ({"type": "array", "items": {"type": "string"}, "x-example": ["a", "b"]}, "q=a%2Cb"),
        ({"type": "array", "collectionFormat": "multi", "x-example": ["a", "b"]}, "q=a&q=b"),
        ({"style": "deepObject", "schema": {"type": "object", "example": {"a": 1}}}, "q%5Ba%5D=1"),
        ({"schema": {"type": "object", "example": {"page": 0, "size": 5}}}, "page=0&size=5"),
        ({"content": {"application/json": {"schema": {"enum": ["x"]}}}}, "q=x"),
        ({"schema": {"type": "string", "pattern": "^(asc|desc)$"}}, "q=asc"),
        ({"$ref": "#/components/parameters/q"}, "q=shared"),
    ],
)
def test_required_query_parameters_are_written_by_their_style(
    parameter: dict[str, object], query: str
) -> None:
    shared = {"in": "query", "name": "q", "required": True, "example": "shared"}
    item = {"parameters": [{"in": "query", "name": "q", "required": True, **parameter}], "get": {}}
    document = {"paths": {"/a": item}, "components": {"parameters": {"q": shared}}}
    assert list(sent(scenario_text(document, HOST))) == [f"GET /a?{query}"]


def test_an_operation_replaces_parameters_of_its_path_and_cookies_are_sent() -> None:
    item = {
        "parameters": [
            {"in": "query", "name": "q", "required": True, "example": "path"},
            {"in": "cookie", "name": "theme", "required": True, "example": "dark"},
        ],
        "get": {"parameters": [{"in": "query", "name": "q", "required": True, "example": "own"}]},
    }
    (request,) = sent(scenario_text({"paths": {"/a": item}}, HOST)).values()
    assert request.url == "/a?q=own"
    assert request.headers == {"Cookie": "theme=dark"}


@pytest.mark.parametrize(
    ("method", "path", "operation", "why"),
    [
        ("get", "/orders/{id}/cancel", {}, "changes data"),
        ("get", "/users/delete/{id}", {}, "changes data"),
        ("get", "/x", {"operationId": "deleteOld"}, "changes data"),
        ("get", "/orders/{id}/pay", {}, "changes data"),
        ("post", "/payments", {}, "moves money"),
        ("post", "/checkout", {"operationId": "checkoutCart"}, "moves money"),
        ("post", "/token/refresh", {}, "changes data"),
        (
            "get",
            "/events",
            {"responses": {"200": {"content": {"text/event-stream": {}}}}},
            "streams without end",
        ),
        ("post", "/search", {"requestBody": {"content": {"application/xml": {}}}}, "needs XML"),
        ("get", "/charges", {"operationId": "getCharges"}, None),
        ("get", "/cancellations", {"operationId": "listCancellations"}, None),
        ("post", "/payments/search", {}, None),
    ],
)
def test_what_deletes_pays_or_never_ends_is_left_out(
    method: str, path: str, operation: dict[str, object], why: str | None
) -> None:
    draft = scenario_text(api(path, method, operation), HOST)
    assert (f"left out ({why})" if why else "left out") in "\n".join(draft.summary) or why is None
    assert f"\n  {'# ' if why else ''}- {method}: " in draft.text


@pytest.mark.parametrize(
    ("consumes", "parameters", "kind", "value"),
    [
        ([], [{"in": "body", "name": "thing", "schema": {"example": {"a": 1}}}], "json", {"a": 1}),
        ([], [{"in": "formData", "name": "q", "required": True, "type": "string", "default": "x"}], "form", {"q": "x"}),
        (
            ["multipart/form-data"],
            [{"in": "formData", "name": "q", "required": True, "type": "string", "enum": ["x"]}],
            "form",
            {"q": "x"},
        ),
        (["multipart/form-data"], [{"in": "formData", "name": "q", "type": "file"}], None, None),
        (["application/xml"], [{"in": "body", "name": "b", "schema": {}}], None, None),
    ],
)  # fmt: skip
def test_bodies_of_openapi_2(
    consumes: list[str], parameters: list[object], kind: str | None, value: object
) -> None:
    search = {"post": {"consumes": consumes, "parameters": parameters}, "get": {}}
    found = sent(scenario_text({"swagger": "2.0", "paths": {"/search": search}}, HOST))
    body = found["POST /search"].body if "POST /search" in found else None
    assert (body.kind if body else None) == kind
    assert (body and (body.json if kind == "json" else body.fields)) == value


def test_references_may_be_encoded_go_through_lists_and_stand_beside_others() -> None:
    document = {"a/b c": [{"type": "object", "required": ["x"], "properties": {"x": {"const": 1}}}]}
    sampler = SchemaSampler(document)
    assert sampler.value({"$ref": "#/a~1b%20c/0"}) == {"x": 1}
    assert sampler.value({"$ref": "#/a~1b%20c/0", "example": 2}) == 2
    assert sampler.value({"$ref": "#/a~1b%20c/7"}) is None
    assert SchemaSampler({"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}}).resolve({"$ref": "#/a"}) == {}


def test_a_body_has_what_is_required_and_what_has_an_example_but_nothing_that_only_answers_have() -> None:
    schema = {
        "type": "object",
        "required": ["id", "name"],
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "name": {"type": "string", "enum": ["n"]},
            "note": {"type": "string", "example": "hi"},
            "more": {"type": "string"},
        },
    }
    assert SchemaSampler({}).value(schema) == {"name": "n", "note": "hi"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"example": {"a": 1}}, {"a": 1}),
        ({"examples": [[1]]}, [1]),
        (
            {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {}}},
            {"a": "text"},
        ),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {}),
        ({"type": "array", "minItems": 2, "items": {"type": "integer", "minimum": 3}}, [3, 3]),
        ({"type": "integer", "exclusiveMinimum": 4}, 5),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "number", "minimum": 0, "maximum": 0.5}, 0.5),
        ({"type": "integer", "minimum": 7, "multipleOf": 5}, 10),
        ({"type": "string", "minLength": 6}, "textxx"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "string", "enum": ["b", "a"]}, "b"),
        ({"type": ["null", "boolean"]}, True),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 1),
        (
            {
                "allOf": [
                    {"example": {"a": 1}},
                    {"type": "object", "required": ["b"], "properties": {"b": {"const": 2}}},
                ]
            },
            {"a": 1, "b": 2},
        ),
        ({"$ref": "#/components/schemas/Loop"}, {"next": {"next": None}}),
        ({"$ref": "https://elsewhere.example/schema"}, None),
        ({"example": {"x": float("nan")}}, {"x": None}),
    ],
)
def test_the_smallest_value_that_a_schema_allows(schema: dict[str, object], value: Json) -> None:
    loop = {
        "type": "object",
        "required": ["next"],
        "properties": {"next": {"$ref": "#/components/schemas/Loop"}},
    }
    found = SchemaSampler({"components": {"schemas": {"Loop": loop}}}).value(schema)
    if schema == {"$ref": "#/components/schemas/Loop"}:
        assert json.dumps(found).count("next") < 20  # it ends
    else:
        assert found == value
        assert type(found) is type(value)


def test_a_schema_that_doubles_at_every_level_does_not_run_away() -> None:
    two = {"type": "array", "minItems": 100, "items": {"$ref": "#/components/schemas/Two"}}
    document = {**api("/predict", "post", with_body(two)), "components": {"schemas": {"Two": two}}}
    assert len(scenario_text(document, HOST).text) < 20_000


def test_only_so_many_operations_are_taken() -> None:
    paths: dict[str, object] = {f"/p{i}": {"get": {}, "delete": {}} for i in range(100)}
    draft = scenario_text({"info": {"title": "Big"}, "paths": paths}, HOST)
    assert len(read(draft.text).requests()) == 40
    assert "  # … and 120 more\n" in draft.text


def test_bodies_of_openapi_2_and_the_path_of_the_server() -> None:
    old = {
        "swagger": "2.0",
        "basePath": "/v2",
        "paths": {
            "/query": {
                "post": {"parameters": [{"in": "body", "name": "body", "schema": {"example": {"a": 1}}}]}
            }
        },
    }
    (request,) = sent(scenario_text(old, HOST)).values()
    assert request.url == "/v2/query"
    assert request.body is not None
    assert request.body.json == {"a": 1}
    new = api("/query", "get", {}, servers=[{"url": "https://api.example.com/v3/"}])
    assert list(sent(scenario_text(new, HOST))) == ["GET /v3/query"]


HOSTILE = [
    "a\nb: {c}",
    "# x",
    "{{ env }}",
    "${HOME}",
    "- x",
    "'\"",
    "null",
    "2026-01-01",
    "1e5",
    "<<",
    "&a *b !c",
    "\u2028\x00\x85\ufeff",
    "\ud800",
    "é 😀",
    "---",
    "a: b #c",
    "%YAML",
    "?",
]
texts = (
    st.sampled_from(HOSTILE)
    | st.text(max_size=8)
    | st.lists(st.sampled_from(HOSTILE), max_size=3).map("".join)
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


def clean(value: object) -> Any:
    """What a file can hold of `value`."""
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items() if key != "<<"}
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def rendered(value: Any) -> Any:
    """What is sent of a value that was read: its escaped braces are braces again."""
    if isinstance(value, dict):
        return {key: rendered(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rendered(item) for item in value]
    return value.replace('{{ "{{" }}', "{{") if isinstance(value, str) else value


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(texts, values, min_size=1, max_size=3), texts, texts)
def test_hostile_examples_names_and_summaries_arrive_as_they_are(
    body: dict[str, Any], title: str, summary: str
) -> None:
    operation: dict[str, object] = {
        "summary": summary,
        "requestBody": {"content": {"application/json": {"example": body}}},
    }
    document = {**api("/predict", "post", operation), "info": {"title": title, "version": summary}}
    draft = scenario_text(document, HOST)
    draft.text.encode()
    (request,) = sent(draft).values()
    assert request.body is not None
    assert rendered(request.body.json) == clean(body)
    assert all(line.isprintable() for line in draft.summary)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(texts.map(lambda t: "/" + t), st.just({"get": {}, "delete": {}}), max_size=3),
    texts,
    values,
)
def test_hostile_paths_and_parameters_make_a_valid_file(
    paths: dict[str, Any], name: str, example: object
) -> None:
    for item in paths.values():
        item["get"]["parameters"] = [
            {"in": place, "name": name, "required": True, "example": example}
            for place in ("path", "query", "header")
        ]
    read(scenario_text({"paths": paths}, HOST).text)


@settings(max_examples=40, deadline=None)
@given(values)
def test_a_document_of_any_shape_gives_a_valid_file(document: object) -> None:
    login = {
        "requestBody": {"content": {"application/json": {"schema": document}}},
        "responses": {
            "200": document,
            "201": {"content": {"*/*": {"schema": document}}, "headers": document},
        },
        "security": document,
    }
    whole = {
        "info": document,
        "servers": document,
        "security": [{"a": []}, document],
        "components": {"securitySchemes": {"a": document}},
        "securityDefinitions": document,
        "paths": {
            "/a": {"get": document, "post": {"requestBody": document}, "servers": document},
            "/login": {"post": login},
            "/b": {"get": {"parameters": document, "servers": [document, {"url": document}]}},
        },
    }
    base_of_page(whole, f"{HOST}/openapi.json", None)
    base_of_file(whole)
    env = dict.fromkeys(("API_TOKEN", "API_TOKEN_2", "API_TOKEN_3", "API_USER", "API_PASSWORD"), "given")
    read(scenario_text(whole, HOST).text, env)
    read(
        scenario_text(
            {"paths": {"/search": {"post": {"requestBody": {"content": {"a/json": document}}}}}}, HOST
        ).text
    )


@settings(max_examples=40, deadline=None)
@given(values, texts)
def test_what_is_left_out_is_valid_once_its_comments_are_taken_away(body: object, path: str) -> None:
    operation = {"requestBody": {"content": {"application/json": {"example": body}}}}
    text = scenario_text({"paths": {"/" + path: {"put": operation}, "/a": {"delete": {}}}}, HOST).text
    left_out = [line for line in text.splitlines() if line.startswith("  # ") and "Left out" not in line]
    start = text.index("  # Left out")
    uncommented = re.sub(r"(?m)^  # (?!Left out)", "  ", text[start:])
    assert left_out
    read(text[:start] + uncommented)


JUNK: list[object] = [
    None,
    -1.5,
    "x y{z}",
    [],
    {},
    {"a": 1},
    ["a", 1],
    {"$ref": "#"},
    "http://[",
    "{{ x }} ${Y}\n",
]
WHOLE: dict[str, Any] = {
    "servers": [{"url": "/{v}", "variables": {"v": {"default": "v1"}}}],
    "security": [{"key": []}, {"o": []}],
    "schemes": ["http"],
    "paths": {
        "/token": {
            "post": {
                "operationId": "login",
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {"type": "object", "properties": {"user": {"type": "string"}, "password": {}}}
                        }
                    }
                },
                "responses": {"200": {"content": {"*/*": {"schema": {"properties": {"token": {"type": "string"}}}}}}},
            }
        },
        "/a/{id}": {
            "parameters": [{"in": "path", "name": "id", "schema": {"type": "integer", "minimum": 2}}],
            "get": {"parameters": [{"in": "query", "name": "q", "required": True, "example": "x"}]},
        },
    },
    "components": {
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "o": {"type": "oauth2", "flows": {"password": {"tokenUrl": "token"}}},
        }
    },
}  # fmt: skip


def places(node: object, steps: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = (
        list(node.items())
        if isinstance(node, dict)
        else list(enumerate(node))
        if isinstance(node, list)
        else []
    )
    return [(*steps, key) for key, _ in inner] + [
        place for key, item in inner for place in places(item, (*steps, key))
    ]


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_whatever_stands_in_any_place_of_a_document_the_file_is_valid(junk: object) -> None:
    env = dict.fromkeys(("API_TOKEN", "API_TOKEN_2", "API_USER", "API_PASSWORD"), "given")
    for *way, last in places(WHOLE):
        document = json.loads(json.dumps(WHOLE))
        node = document
        for step in way:
            node = node[step]
        node[last] = junk
        base_of_file(document)
        base_of_page(document, f"{HOST}/a/b.json", None)
        read(scenario_text(document, HOST).text, env)
