"""Planted secrets, a system that tells all it was sent in its failures, and then every file of the run is searched."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.shell import Shell

pytestmark = pytest.mark.e2e

ENVIRONMENT = {
    "MY_HEADER": "planted-env-header",
    "MY_QUERY": "planted env/query+&",
    "DB_PASSWORD": "planted-env-pass",
    "PATH_TOKEN": "planted-path",
}
SECRETS = [
    *ENVIRONMENT.values(),
    *("planted+env%2Fquery%2B%26", "planted%20env%2Fquery"),
    *("planted-url-pass", "planted-literal-auth", "planted-literal-key", "planted-literal-cookie"),
    *("planted-literal-query", "planted-literal-body", "planted-literal-form"),
    *("planted-data-1", "planted-data-2", "planted-captured", "planted-set-cookie"),
]
SCENARIO = """
health: /health
headers: {Authorization: Bearer planted-literal-auth, X-Api-Key: planted-literal-key, X-Mine: "${secret:MY_HEADER}"}
data: accounts.csv
start:
  - {post: /login, json: {user: "{{ row.user }}", password: "{{ row.password }}"}, capture: {token: $.token}}
tasks:
  - {get: "/a?api_key=planted-literal-query", headers: {X-Token: "{{ token }}", Cookie: c=planted-literal-cookie}}
  - {get: "/e/${PATH_TOKEN}", headers: {X-Again: "{{ token }}", X-Row: "{{ row.password }}"}}
  - {get: /b, query: {q: "${secret:MY_QUERY}"}}
  - {post: /c, json: {password: planted-literal-body, user: "{{ row.user }}"}}
  - {post: /d, form: {password: planted-literal-form, p: "${DB_PASSWORD}"}}
before: [[sh, -c, "echo $DB_PASSWORD"]]
load: [{users: 4, for: 2s}]
think: 20ms..50ms
targets: {error_rate: 100%}
"""
TELLTALE = """
import json
from html import escape
from urllib.parse import quote
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Telltale(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path in {"/health", "/login"}:
            self.say(200, {"token": "planted-captured"})
        else:
            parts = "; ".join(self.headers.values()).split("; ")
            again = [part for value in parts if "sid=" not in value for part in value.split(" ", 1)]
            told = {"again": [*again, *map(quote, again), escape(body)], "path": self.path}
            self.say(500, {**told, "headers": dict(self.headers), "body": body})
    do_POST = do_GET
    def say(self, status, told):
        data = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Set-Cookie", "sid=planted-set-cookie; Path=/")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Telltale)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def port() -> Iterator[int]:
    server = subprocess.Popen([sys.executable, "-c", TELLTALE], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield int(server.stdout.readline())
    server.kill()
    server.communicate()


def test_no_planted_secret_is_in_any_file_or_word_of_a_run(loadctl: Shell, engine: str, port: int) -> None:
    loadctl.write("scenarios/telling.yaml", SCENARIO)
    loadctl.write("scenarios/accounts.csv", "user,password\nbob,planted-data-1\nalice,planted-data-2\n")
    host = f"http://bob:planted-url-pass@127.0.0.1:{port}"
    ended = loadctl("run", "--engine", engine, "-H", host, env=ENVIRONMENT)
    assert ended.code == 0, ended.err
    told = {"stdout": ended.out, "stderr": ended.err, "report": loadctl("report", "--format", "json").out}
    assert told["report"].count("status_500") > 4
    assert "GET /e/{PATH_TOKEN}" in told["report"]
    for path in next((loadctl.folder / "runs").glob("*Z-*")).rglob("*"):
        if path.is_file():
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            told[path.name] = data.decode("utf-8", "replace")
            assert path.stat().st_mode & 0o777 == 0o600, path
    assert {"run.json", "0.ndjson.gz", "plan-0.json"} <= told.keys()
    found = [(name, secret) for name, text in told.items() for secret in SECRETS if secret in text]
    assert found == []
