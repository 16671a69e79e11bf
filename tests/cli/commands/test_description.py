"""`loadctl init URL` finds what a service says of itself, and what it writes can be tried and run without an edit."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cli.conftest import Loadctl

SHOP = """\
openapi: 3.0.3
info: {title: Shop, version: 1.10}
servers:
  - url: https://shop.example.com/v2
  - url: "{base}"
    variables: {base: {default: /v2}}
security:
  - bearer: []
paths:
  /login:
    post:
      security: []
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema:
              type: object
              required: [username, password]
              properties: {username: {type: string, example: demo}, password: {type: string, example: demo-word}}
      responses:
        200: {content: {application/json: {schema: {properties: {data: {properties: {jwt: {type: string}}}}}}}}
  /items:
    get:
      parameters: [{name: country, in: query, required: true, schema: {type: string, enum: [NO, SE]}}]
    post: {}
  /items/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}, example: a}]
    get: {}
    delete: {}
  /items?kind=new:
    get: {}
  /predict:
    post: {requestBody: {content: {application/json: {example: {code: 01234, at: 12:30:45}}}}}
components:
  securitySchemes: {bearer: {type: http, scheme: bearer}}
"""
TOKEN = "Bearer a-token-of-a-session"
ANSWERS: Mapping[tuple[str, str], object] = {
    ("GET", "/v2/items?country=NO"): [],
    ("GET", "/v2/items?kind=new"): [],
    ("GET", "/v2/items/a"): {},
    ("POST", "/v2/predict"): {},
}
PAGE = "<html><script>SwaggerUIBundle({url: 'v1/doc.json'})</script></html>"


@contextmanager
def service(pages: Mapping[str, str], *, status: int = 404) -> Iterator[str]:
    """A shop behind a login, which describes itself in `pages`; `status`: of what is not there."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            page = pages.get(self.path)
            if page is not None:
                self._say(200, page)
            else:
                self._answer()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
            if urlsplit(self.path).path != "/v2/login":
                is_right = json.loads(body) == {"code": 1234, "at": "12:30:45"}
                self._answer() if is_right else self._say(422, "{}")
            elif parse_qs(body) == {"username": ["demo"], "password": ["demo-word"]}:
                self._say(200, json.dumps({"data": {"jwt": TOKEN.removeprefix("Bearer ")}}))
            else:
                self._say(401, "{}")

        def _answer(self) -> None:
            answer = ANSWERS.get((self.command, self.path))
            if answer is None:
                self._say(status, "{}")
            elif self.headers["Authorization"] != TOKEN:
                self._say(401, "{}")
            else:
                self._say(200, json.dumps(answer))

        def _say(self, code: int, text: str) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_service_with_a_login_is_tried_and_run_without_an_edit(loadctl: Loadctl, folder: Path) -> None:
    with service({"/swagger/v1/description": SHOP}) as url:
        said = loadctl("init", f"{url}/swagger/v1/description")
        assert (said.code, said.err) == (0, "")
        assert said.out.startswith("Read /swagger/v1/description: Shop 1.10: 7 operations\n")
        tried = loadctl("try", "-q")
        assert (tried.code, tried.out.partition(".")[0]) == (0, "5 of 5 answered as expected")
        ran = loadctl("run", "--smoke", "--duration", "2s", "-q")
        assert (ran.code, ran.out[:4]) == (0, "PASS")
    assert "GET /v2/items?kind=new" in (folder / "scenarios/api.yaml").read_text()


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("/openapi.json", ""),
        ("/openapi.yaml", ""),
        ("/v3/api-docs", ""),
        ("/swagger/v1/swagger.json", "/"),
        ("/shop/openapi.json", "/shop"),
        ("/any/where", "/any/where"),
        ("/docs/v1/doc.json", "/docs/index.html"),
    ],
)
def test_the_description_is_found(loadctl: Loadctl, folder: Path, place: str, named: str) -> None:
    with service({place: SHOP, "/docs/index.html": PAGE}) as url:
        said = loadctl("init", url + named)
        text = (folder / "scenarios/api.yaml").read_text()
    assert said.out.startswith(f"Read {place}: Shop 1.10"), said
    assert f"host: {url}\n" in text
    assert "get: /v2/items/a" in text


@pytest.mark.parametrize(
    ("pages", "status", "named", "message"),
    [
        ({}, 404, "/openapi.json", "/openapi.json answers 404"),
        ({}, 401, "/v3/api-docs", "/v3/api-docs answers 401: it asks for credentials"),
        ({}, 404, "/items", "/items answers 404"),
        ({"/api-docs": "{}"}, 404, "/api-docs", "/api-docs is not an OpenAPI document"),
        ({"/a": "openapi: 3.0.0\npaths: {"}, 404, "/a", "/a:2:9  { is never closed"),
        ({"/openapi.json": "openapi: 3.0.0\npaths: {"}, 404, "", "/openapi.json:2:9  { is never closed"),
    ],
)
def test_what_is_no_description_is_said(
    loadctl: Loadctl, folder: Path, pages: dict[str, str], status: int, named: str, message: str
) -> None:
    with service(pages, status=status) as url:
        said = loadctl("init", url + named)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert not (folder / "scenarios").exists()


def test_where_nothing_was_found_is_said_and_a_root_that_is_not_there(loadctl: Loadctl) -> None:
    with service({}) as url:
        said = loadctl("init", url)
    assert said.code == 0
    assert "looked for it at /openapi.json, /openapi.yaml, " in said.out
    assert "GET / answers 404: put a path of yours there" in said.out


def test_a_guessed_host_is_said(loadctl: Loadctl, folder: Path) -> None:
    (folder / "openapi.yaml").write_text("openapi: 3.0.0\npaths: {/a: {get: {}}}")
    said = loadctl("init", "openapi.yaml")
    assert "host http://localhost:8080 is a guess, because the document names no server" in said.out
    assert "is a guess" not in loadctl("init", "openapi.yaml", "-H", "http://h", "--name", "b").out


def test_credentials_that_are_not_set_are_asked_for_first(
    loadctl: Loadctl, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("API_TOKEN", raising=False)
    key = "{type: apiKey, in: header, name: X-API-Key}"
    (folder / "a.yaml").write_text(
        f"components: {{securitySchemes: {{k: {key}}}}}\nsecurity: [{{k: []}}]\npaths: {{/a: {{get: {{}}}}}}"
    )
    lines = loadctl("init", "a.yaml").out.splitlines()
    assert lines[-2:] == [
        "First: export API_TOKEN=…",
        "Next: loadctl try        each request once, no load",
    ]
    assert "API_TOKEN is not set in the environment" in loadctl("try").err
    monkeypatch.setenv("API_TOKEN", "a-key-of-mine")
    assert "First:" not in loadctl("init", "a.yaml", "--name", "b").out


def test_references_to_other_files_are_said(loadctl: Loadctl, folder: Path) -> None:
    (folder / "a.yaml").write_text("paths:\n  /a: {$ref: ./a/b.yaml}\n  /b: {get: {}}\n")
    said = loadctl("init", "a.yaml").out
    assert "references to other files are not followed: ./a/b.yaml" in said
    assert "npx @redocly/cli bundle" in said
