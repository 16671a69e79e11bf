"""The text of an OpenAPI document: values as YAML 1.2 has them, and no document that costs more than it should."""

import json
import time
from pathlib import PurePath

import pytest

from loadctl.errors import InvalidInput, UsageError
from loadctl.scenario.openapi.document import looks_like_openapi, read_openapi
from loadctl.scenario.openapi.scenario_text import scenario_text
from loadctl.scenario.reading.document import Text
from tests.scenario.openapi.test_scenario_text import sent

HEAD = "openapi: 3.0.3\ninfo: {title: T, version: 1.10}\n"


def read(text: str, name: str = "api.yaml") -> dict[str, object]:
    return dict(read_openapi(Text(name, text)))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("{type: string, enum: [NO, SE]}", "NO"),
        ("{type: string, example: 01234}", "01234"),
        ("{type: string, example: 1.10}", "1.10"),
        ("{type: string, example: 12:30:45}", "12%3A30%3A45"),
        ("{type: string, example: 2026-05-01}", "2026-05-01"),
        ("{type: string, default: on}", "on"),
        ("{type: string, example: 1_000}", "1_000"),
        ("{type: boolean, example: true}", "true"),
        ("{type: integer, example: 7}", "7"),
    ],
)
def test_values_of_a_yaml_document_are_those_that_it_shows(schema: str, value: str) -> None:
    parameter = f"{{name: q, in: query, required: true, schema: {schema}}}"
    text = f"{HEAD}paths:\n  /a:\n    get:\n      parameters: [{parameter}]\n"
    assert list(sent(scenario_text(read(text), "http://h"))) == [f"GET /a?q={value}"]


def test_a_text_that_looks_like_a_number_is_a_text_in_a_body_too() -> None:
    text = f"""{HEAD}paths:
  /search:
    post:
      requestBody:
        content:
          application/json:
            schema: {{type: object, properties: {{zip: {{type: string}}, n: {{type: integer}}}}}}
            example: {{zip: 01234, n: 01234, country: NO, day: 2026-05-01}}
"""
    (request,) = sent(scenario_text(read(text), "http://h")).values()
    assert request.body is not None
    assert request.body.json == {"zip": "01234", "n": 1234, "country": "NO", "day": "2026-05-01"}


def test_the_version_is_shown_as_it_was_written() -> None:
    assert "T 1.10" in scenario_text(read(f"{HEAD}paths: {{}}"), "http://h").text


def test_json_may_stand_in_a_yaml_file_and_yaml_in_a_json_file() -> None:
    document: object = {"paths": {"/a": {"get": {"responses": {"200": {}}}}}}
    assert read(json.dumps(document), "api.yaml") == document
    assert read("paths: {/a: {get: {responses: {200: {}}}}}", "openapi.json") == document


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("paths: {a: [", "api.yaml:1:"),
        ("a: 1\na: 2\npaths: {}", "api.yaml:2:1  'a' appears twice"),
        ('{"paths": {,}}', "api.yaml:1:"),
        ("paths: []", "api.yaml is not an OpenAPI document: it has no paths:"),
        ("- 1", "not an OpenAPI document"),
        ("", "not an OpenAPI document"),
        ('{"paths": {}}'.replace("{}", "[" * 2000 + "]" * 2000), "api.yaml:1:110  nested deeper than 100"),
        ("paths:\n  a: " + "[" * 2000 + "]" * 2000, "api.yaml:2:104  nested deeper than 100 levels"),
        ("a: &a *a\npaths: {}", "api.yaml:1:"),
        (
            "a: &a [x, x, x, x, x, x, x, x, x]\n"
            + "".join(
                f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n"
                for a, b in zip("abcdefgh", "bcdefghi", strict=True)
            )
            + "paths: {}",
            "the aliases of this file expand to more than 1,000,000 values",
        ),
    ],
    ids=["open", "twice", "json", "list", "sequence", "empty", "deep json", "deep yaml", "loop", "laughs"],
)
def test_what_cannot_be_read_is_said_with_its_place(text: str, message: str) -> None:
    began = time.monotonic()
    with pytest.raises(UsageError) as raised:
        read(text)
    assert message in raised.value.message
    assert time.monotonic() - began < 20


def test_a_mistake_in_a_document_of_one_long_line_does_not_print_it() -> None:
    with pytest.raises(InvalidInput) as raised:
        read('{"paths": {"/a": "' + "x" * 5000 + '",}}', "one.json")
    (mistake,) = raised.value.mistakes
    assert mistake.excerpt is None
    assert PurePath(mistake.where.file).name == "one.json"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ('{"openapi":"3.0.0","paths":{}}', True),
        ('{"info":{"title":"T"},"swagger":"2.0"}', True),
        ("openapi: 3.1.0\npaths: {}", True),
        ("# comment\nswagger: '2.0'\n", True),
        ('{"paths": {"/a": {}}}', True),
        ("<html><script>{openapi: 3}</script></html>", False),
        ('{"configUrl":"/v3/api-docs/swagger-config","url":"/v3/api-docs"}', False),
        ('{"path": "/openapi.json"}', False),
        ("", False),
    ],
)
def test_a_page_is_known_for_a_description(text: str, is_one: bool) -> None:
    assert looks_like_openapi(text) is is_one
