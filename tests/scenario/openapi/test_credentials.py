"""Credentials in a draft: the declared scheme, a login that returns a token, and variables for what nobody can know."""

from collections.abc import Mapping
from typing import Any

import pytest

from loadctl.scenario.openapi.scenario_text import Draft, scenario_text
from loadctl.scenario.reading.document import Sources, Text
from loadctl.scenario.reading.scenario_file import read_scenario
from loadctl.scenario.user_type import Request, UserType

HOST = "http://localhost:8000"
ENV = {name: name.lower() for name in ("API_TOKEN", "API_TOKEN_2", "API_USER", "API_PASSWORD")}
BEARER = {"type": "http", "scheme": "bearer"}
OAUTH = {"type": "oauth2", "flows": {"password": {"tokenUrl": "token", "scopes": {}}}}
ACCOUNT = {"type": "object", "properties": {"username": {"type": "string"}, "password": {"type": "string"}}}
TOKEN = {"type": "object", "properties": {"access_token": {"type": "string"}}}


def user_of(draft: Draft) -> UserType:
    sources = Sources(Text("api.yaml", draft.text), None, None, lambda _: None, lambda _: None, ENV)
    (user,) = read_scenario("api", sources).user_types
    return user


def api(schemes: Mapping[str, object], *need: str, **more: Any) -> dict[str, Any]:
    """A service whose /me needs all of `need`, and whose /open is for everybody."""
    return {
        "openapi": "3.0.3",
        "paths": {
            **more.pop("paths", {}),
            "/me": {"get": {"security": [{name: [] for name in need}]}},
            "/open": {"get": {"security": []}},
        },
        "components": {"securitySchemes": schemes},
        **more,
    }


def login(
    body: object = ACCOUNT, answer: object = TOKEN, media: str = "application/json", **more: object
) -> dict[str, Any]:
    return {
        "post": {
            "requestBody": {"content": {media: {"schema": body}}},
            "responses": {"200": {"content": {"*/*": {"schema": answer}}}},
            **more,
        }
    }


def start_of(draft: Draft) -> Request:
    (request,) = user_of(draft).start
    assert isinstance(request, Request)
    return request


@pytest.mark.parametrize(
    ("scheme", "headers", "query", "said"),
    [
        (BEARER, {"Authorization": "Bearer api_token"}, {}, "a bearer token"),
        ({"type": "http", "scheme": "Bearer"}, {"Authorization": "Bearer api_token"}, {}, "a bearer token"),
        ({"type": "apiKey", "in": "header", "name": "X-API-Key"}, {"X-API-Key": "api_token"}, {}, "an API key"),
        ({"type": "apiKey", "in": "query", "name": "api_key"}, {}, {"api_key": "api_token"}, "an API key"),
        ({"type": "apiKey", "in": "cookie", "name": "sid"}, {"Cookie": "sid=api_token"}, {}, "the cookie of a session"),
        ({"type": "http", "scheme": "basic"}, {"Authorization": "Basic api_token"}, {}, "user:password in base64"),
        ({"type": "openIdConnect"}, {"Authorization": "Bearer api_token"}, {}, "a bearer token"),
        ({"type": "oauth2", "flows": {"implicit": {}}}, {"Authorization": "Bearer api_token"}, {}, "a bearer token"),
        (
            {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Bearer {token}"},
            {"Authorization": "Bearer api_token"},
            {},
            "a bearer token",
        ),
        ({"type": "apiKey", "in": "header", "name": "Authorization"}, {"Authorization": "api_token"}, {}, "an API key"),
    ],
)  # fmt: skip
def test_a_declared_scheme_is_sent_and_said(
    scheme: object, headers: object, query: object, said: str
) -> None:
    draft = scenario_text(api({"one": scheme}, "one"), HOST)
    user = user_of(draft)
    (me, _) = user.requests()
    assert {**user.headers, **me.headers} == headers
    assert me.query == query
    assert tuple(draft.variables) == ("API_TOKEN",)
    assert f"  needs API_TOKEN in the environment: {said}" in draft.summary


def test_schemes_of_openapi_2() -> None:
    document = {
        "swagger": "2.0",
        "securityDefinitions": {
            "basic": {"type": "basic"},
            "key": {"type": "apiKey", "in": "query", "name": "k"},
        },
        "paths": {"/a": {"get": {"security": [{"basic": []}]}}, "/b": {"get": {"security": [{"key": []}]}}},
    }
    a, b = user_of(scenario_text(document, HOST)).requests()
    headers = user_of(scenario_text(document, HOST)).headers
    assert {**headers, **a.headers} == {"Authorization": "Basic api_token"}
    assert b.query == {"k": "api_token_2"}


def test_the_security_of_the_document_holds_for_operations_that_do_not_say_otherwise() -> None:
    key = {"type": "apiKey", "in": "query", "name": "k"}
    document = api(
        {"one": key},
        "one",
        security=[{"one": []}],
        paths={"/a": {"get": {}}, "/b": {"get": {"security": []}}},
    )
    a, b, me, public = user_of(scenario_text(document, HOST)).requests()
    assert [bool(request.query) for request in (a, b, me, public)] == [True, False, True, False]


def test_all_of_one_alternative_is_sent_and_the_easier_alternative_is_taken() -> None:
    schemes = {"basic": {"type": "http", "scheme": "basic"}, "bearer": BEARER}
    schemes["key"] = {"type": "apiKey", "in": "header", "name": "X-Key"}
    both = user_of(scenario_text(api(schemes, "bearer", "key"), HOST))
    assert both.headers == {"Authorization": "Bearer api_token", "X-Key": "api_token_2"}
    either = api(schemes, "basic")
    either["paths"]["/me"]["get"]["security"] = [{"basic": []}, {"bearer": []}]
    assert user_of(scenario_text(either, HOST)).headers == {"Authorization": "Bearer api_token"}
    either["paths"]["/me"]["get"]["security"] = [{"basic": []}, {}]
    draft = scenario_text(either, HOST)
    assert (user_of(draft).headers, tuple(draft.variables)) == ({}, ())


def test_a_login_without_an_example_takes_its_account_from_the_environment() -> None:
    document = api({"o": OAUTH}, "o", paths={"/token": login(media="application/x-www-form-urlencoded")})
    draft = scenario_text(document, HOST)
    request = start_of(draft)
    assert request.body is not None
    assert request.body.fields == {"username": "api_user", "password": "api_password"}
    assert request.capture == {"token": "$.access_token"}
    assert user_of(draft).headers == {"Authorization": "Bearer {{ token }}"}
    assert tuple(draft.variables) == ("API_USER", "API_PASSWORD")
    assert "  needs API_USER and API_PASSWORD in the environment, an account to log in with" in draft.summary


def test_a_login_is_not_begun_with_where_nothing_needs_it() -> None:
    draft = scenario_text(api({}, paths={"/login": login()}), HOST)
    assert not user_of(draft).start
    assert "left out (needs an account): POST /login" in "\n".join(draft.summary)


def test_examples_of_an_account_are_used_and_only_the_rest_is_asked_for() -> None:
    known = {"username": {"type": "string", "example": "demo"}, "password": {"type": "string"}}
    body = {"type": "object", "required": ["username", "password"], "properties": known}
    document = api({"b": BEARER}, "b", paths={"/login": login(body)})
    request = start_of(scenario_text(document, HOST))
    assert request.body is not None
    assert request.body.json == {"username": "demo", "password": "api_password"}


def test_a_token_url_that_is_not_described_is_used_as_oauth2_has_it() -> None:
    request = start_of(scenario_text(api({"o": OAUTH}, "o"), f"{HOST}/v1"))
    assert request.body is not None
    assert (request.url, request.capture) == ("/v1/token", {"token": "$.access_token"})
    assert request.body.fields["grant_type"] == "password"
    elsewhere = {"type": "oauth2", "flows": {"password": {"tokenUrl": "https://sso.example.com/token"}}}
    assert tuple(scenario_text(api({"o": elsewhere}, "o"), HOST).variables) == ("API_TOKEN",)


@pytest.mark.parametrize(
    ("path", "is_login"),
    [
        ("/login", True), ("/users/sign_in", True), ("/auth/signIn", True), ("/api/sessions", True), ("/auth", True),
        ("/oauth/token", True), ("/users/log-in", True), ("/authenticate", True), ("/token/refresh", False),
        ("/register", False), ("/logout", False), ("/auth/password/reset", False), ("/sign_out", False),
    ],
)  # fmt: skip
def test_which_operation_is_the_login(path: str, is_login: bool) -> None:
    draft = scenario_text(api({"b": BEARER}, "b", paths={path: login()}), HOST)
    assert bool(user_of(draft).start) is is_login
    assert tuple(draft.variables) == (("API_USER", "API_PASSWORD") if is_login else ("API_TOKEN",))


def obj(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        (obj(access_token=TEXT, id_token=TEXT), "$.access_token"),
        (obj(id_token=TEXT, accessToken=TEXT), "$.accessToken"),
        (obj(token=TEXT), "$.token"),
        (obj(jwt=TEXT), "$.jwt"),
        (obj(id_token=TEXT), "$.id_token"),
        (obj(data=obj(token=TEXT)), "$.data.token"),
        (obj(user=obj(email=TEXT, token=TEXT)), "$.user.token"),
        (obj(token=obj(access=TEXT, refresh=TEXT)), "$.token.access"),
        ({"allOf": [obj(id=TEXT), obj(token=TEXT)]}, "$.token"),
        (obj(token={"anyOf": [TEXT, {"type": "null"}]}), "$.token"),
        ({"type": "object", "example": {"data": {"jwt": "x"}}}, "$.data.jwt"),
        (obj(**{"a.b": obj(token=TEXT)}), "$['a.b'].token"),
        ({"type": "string"}, r"regex ([\w.~+/=-]+)"),
    ],
)
def test_where_the_token_of_an_answer_stands(answer: object, source: str) -> None:
    draft = scenario_text(api({"b": BEARER}, "b", paths={"/login": login(answer=answer)}), HOST)
    assert start_of(draft).capture == {"token": source}


def test_a_token_in_a_header_of_the_answer_is_sent_as_it_came() -> None:
    responses = {"200": {"headers": {"Authorization": {"schema": TEXT}}}}
    draft = scenario_text(api({"b": BEARER}, "b", paths={"/login": login(responses=responses)}), HOST)
    assert start_of(draft).capture == {"token": "header Authorization"}
    assert user_of(draft).headers == {"Authorization": "{{ token }}"}


def test_the_session_of_a_cookie_is_begun_by_the_login() -> None:
    cookie = {"type": "apiKey", "in": "cookie", "name": "sid"}
    body = {**ACCOUNT, "example": {"username": "demo", "password": "demo"}}
    draft = scenario_text(api({"c": cookie}, "c", paths={"/login": login(body, {"type": "object"})}), HOST)
    assert start_of(draft).capture == {}
    assert (user_of(draft).headers, tuple(draft.variables)) == ({}, ())


def test_a_login_that_the_document_protects_by_mistake_is_sent_without_a_token() -> None:
    document = api({"b": BEARER}, "b", security=[{"b": []}], paths={"/login": login()})
    draft = scenario_text(document, HOST)
    assert start_of(draft).headers == {}
    assert tuple(draft.variables) == ("API_USER", "API_PASSWORD")


def test_a_required_header_that_holds_a_credential_is_one() -> None:
    def with_header(name: str, **more: object) -> dict[str, Any]:
        parameter = {"in": "header", "name": name, "required": True, "schema": TEXT, **more}
        return {"paths": {"/a": {"get": {"parameters": [parameter]}}}}

    user = user_of(scenario_text(with_header("Authorization"), HOST))
    assert user.headers == {"Authorization": "Bearer api_token"}
    assert user_of(scenario_text(with_header("x-token"), HOST)).headers == {"x-token": "api_token"}
    (request,) = user_of(scenario_text(with_header("x-token", example="abc"), HOST)).requests()
    assert request.headers == {"x-token": "abc"}


@pytest.mark.parametrize(
    "schema", [{}, {"type": "object"}, {"type": "object", "properties": {"a": {"default": 1}}}]
)
def test_a_body_is_said_to_be_an_example_only_where_there_is_one(schema: object) -> None:
    search = {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}
    draft = scenario_text({"paths": {"/search": search}}, HOST)
    assert "example" not in "\n".join(draft.summary)
    assert "smallest body that the schema allows" in "\n".join(draft.summary)
