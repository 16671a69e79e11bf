"""Where a described API answers."""

from collections.abc import Mapping

import pytest

from loadctl.scenario.openapi.document import base_of_file, base_of_page
from loadctl.scenario.openapi.scenario_text import scenario_text
from tests.scenario.openapi.test_scenario_text import sent


def servers(*urls: str, **variables: str) -> Mapping[str, object]:
    found = [
        {"url": url, "variables": {name: {"default": value} for name, value in variables.items()}}
        for url in urls
    ]
    return {"servers": found, "paths": {"/ok": {"get": {}}}}


PAGE = "http://localhost:8000/swagger/v1/swagger.json"


@pytest.mark.parametrize(
    ("document", "page", "service", "base"),
    [
        ({"paths": {"/ok": {}}}, PAGE, None, "http://localhost:8000"),
        (servers("/"), PAGE, None, "http://localhost:8000"),
        (servers("/api/v2/"), PAGE, None, "http://localhost:8000/api/v2"),
        (servers("../.."), PAGE, None, "http://localhost:8000"),
        (servers("{b}/x", b="/v3"), PAGE, None, "http://localhost:8000/v3/x"),
        (servers("{b}"), PAGE, None, "http://localhost:8000"),
        (servers("https://api.example.com/v1", "/local"), PAGE, None, "http://localhost:8000/local"),
        (servers("http://127.0.0.1:8000/v1"), PAGE, None, "http://localhost:8000/v1"),
        (servers("http://localhost:9000/v1"), PAGE, None, "http://localhost:9000/v1"),
        (servers("https://api.example.com/v1"), PAGE, None, "http://localhost:8000/v1"),
        (servers("https://api.example.com/v1"), "https://docs.example.com/a.json", None, "https://api.example.com/v1"),
        (
            servers("https://api.example.com/v1"),
            "https://staging.example.com/openapi.json",
            "https://staging.example.com",
            "https://staging.example.com/v1",
        ),
        ({"paths": {"/ok": {}}}, "http://h/shop/openapi.json", "http://h/shop", "http://h/shop"),
        ({"paths": {"/shop/ok": {}}}, "http://h/shop/openapi.json", "http://h/shop", "http://h"),
        ({"swagger": "2.0", "basePath": "/v2", "paths": {}}, PAGE, None, "http://localhost:8000/v2"),
        (
            {"swagger": "2.0", "host": "localhost:8000", "basePath": "/", "schemes": ["http"], "paths": {}},
            PAGE,
            None,
            "http://localhost:8000",
        ),
        (servers("ws://localhost:8000/x", "http://[bad", "ftp://x/"), PAGE, None, "http://localhost:8000"),
    ],
)  # fmt: skip
def test_the_base_of_a_document_from_a_service(
    document: Mapping[str, object], page: str, service: str | None, base: str
) -> None:
    assert base_of_page(document, page, service).url == base


def test_a_local_document_that_names_production_stays_local_and_says_so() -> None:
    base = base_of_page(servers("https://api.example.com/v1"), PAGE, None)
    assert base.remark == "host localhost, as you named it; the document says api.example.com"


@pytest.mark.parametrize(
    ("document", "base", "remark"),
    [
        (servers("https://api.example.com/v1/"), "https://api.example.com/v1", "from the document"),
        (servers("/v1"), "http://localhost:8080/v1", "http://localhost:8080 is a guess"),
        (servers(), "http://localhost:8080", "is a guess"),
        (servers("//api.example.com"), "https://api.example.com", "from the document"),
        (servers("https://{r}.example.com", r="eu"), "https://eu.example.com", "from the document"),
        ({"host": "localhost:5000", "basePath": "/b"}, "http://localhost:5000/b", "from the document"),
        (
            {"host": "api.example.com", "basePath": "b", "schemes": ["ws", "https"]},
            "https://api.example.com/b",
            "from the document",
        ),
    ],
)
def test_the_base_of_a_file(document: Mapping[str, object], base: str, remark: str) -> None:
    found = base_of_file(document)
    assert found.url == base
    assert remark in found.remark


def test_paths_and_operations_may_have_servers_of_their_own() -> None:
    document = {
        "servers": [{"url": "/v1"}],
        "paths": {
            "/a": {"get": {}},
            "/b": {"servers": [{"url": "/v2"}], "get": {}},
            "/c": {"get": {"servers": [{"url": "https://files.example.com"}]}},
        },
    }
    draft = scenario_text(document, "http://h")
    assert list(sent(draft)) == ["GET /v1/a", "GET /v2/b"]
    assert "left out (on another server): GET /v1/c" in "\n".join(draft.summary)
