"""Planted secrets, a system that tells all it was sent in its failures and its log, and then all that loadctl wrote,
printed and started is searched.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from loadctl.cli.options import FORMATS
from tests.e2e.shell import Shell

pytestmark = pytest.mark.e2e

ENVIRONMENT = {
    "MY_HEADER": "planted-env-header",
    "MY_QUERY": "planted env/query+&",
    "DB_PASSWORD": "planted-env-pass",
    "PATH_TOKEN": "planted-path",
    "BASE_TOKEN": "planted-base-path",
    "URL_PASS": "planted-url-pass",
    "METRICS_TOKEN": "planted-metrics-path",
    "METRICS_KEY": "planted-metrics-header",
    "PROM_TOKEN": "planted-prometheus-path",
    "PROM_KEY": "planted-prometheus-header",
    "HOOK_TOKEN": "planted-hook",
    "HEALTH_TOKEN": "planted-health",
}
SECRETS = [
    *ENVIRONMENT.values(),
    *("planted+env%2Fquery%2B%26", "planted%20env%2Fquery"),
    *("planted-literal-auth", "planted-literal-key", "planted-literal-cookie"),
    *("planted-literal-query", "planted-literal-body", "planted-literal-form", "planted-literal-raw"),
    *("planted-data-1", "planted-data-2", "planted-captured", "planted-held", "planted-set-cookie"),
    "planted-by-name-only",
]
SCENARIO = """
host: http://bob:${URL_PASS}@127.0.0.1:PORT/base/${BASE_TOKEN}
health: "/health?token=${HEALTH_TOKEN}"
headers: {Authorization: Bearer planted-literal-auth, X-Api-Key: planted-literal-key, X-Mine: "${secret:MY_HEADER}"}
data: accounts.csv
start:
  - post: /login
    json: {user: "{{ row.user }}", password: "{{ row.password }}"}
    capture: {token: $.token, held: header X-Held}
tasks:
  - {get: "/a?api_key=planted-literal-query", headers: {X-Token: "{{ token }}", Cookie: c=planted-literal-cookie}}
  - {get: "/e/${PATH_TOKEN}", headers: {X-Again: "{{ token }}", X-Row: "{{ row.password }}"}}
  - {get: /b, query: {q: "${secret:MY_QUERY}"}, headers: {Authorization: "Bearer {{ held }}"}}
  - {post: /c, json: {password: planted-literal-body, user: "{{ row.user }}"}}
  - {post: /d, form: {password: planted-literal-form, p: "${DB_PASSWORD}"}}
  - {post: /f, body: "password=planted-literal-raw"}
before: [[sh, -c, "echo $DB_PASSWORD; echo password=planted-by-name-only"]]
after: [[printf, "%s %s", "${DB_PASSWORD}", "planted%20env%2Fquery%2B%26"]]
watch:
  logs: system.log
  metrics: {page: "http://127.0.0.1:PORT/m/${METRICS_TOKEN}", series: [queue_depth], headers: {X-Key: "${METRICS_KEY}"}}
  prometheus:
    url: http://127.0.0.1:PORT/p/${PROM_TOKEN}
    headers: {X-Key: "${PROM_KEY}"}
    queries: {depth: queue_depth}
load: [{users: 4, for: 2s}]
think: 20ms..50ms
targets: {error_rate: 100%}
"""
SECRETS_OF_SCRIPTS = [
    *("planted-base-path", "planted-script-auth", "planted-script-query", "planted-script-exception"),
    *("planted-script-body", "planted-argument", "planted-set-cookie"),
]
LOCUSTFILE = """
from locust import HttpUser, constant, events, task
@events.init_command_line_parser.add_listener
def _(parser):
    parser.add_argument("--api-token")
class Telling(HttpUser):
    wait_time = constant(0.02)
    def on_start(self):
        self.client.headers["Authorization"] = "Bearer planted-script-auth"
        self.client.post("/login", json={"password": "planted-script-body"})
    @task
    def asks(self):
        self.client.get("/a?api_key=planted-script-query")
        self.client.get("/arguments", headers={"X-Token": self.environment.parsed_options.api_token})
    @task
    def breaks(self):
        raise RuntimeError("refused with password=planted-script-exception")
"""
ARTILLERY_SCRIPT = """
config:
  target: http://127.0.0.1:1
  phases: [{duration: 2, arrivalRate: 5}]
  variables: {api_token: planted-argument}
  http: {defaults: {headers: {Authorization: Bearer planted-script-auth}}}
scenarios:
  - flow:
      - post: {url: /login, json: {password: planted-script-body}, capture: {json: $.token, as: token}}
      - get: {url: "/a?api_key=planted-script-query", headers: {X-Token: "{{ api_token }}"}}
      - get: {url: "/e/{{ api_token }}", expect: {equals: ["{{ token }}", password=planted-script-exception]}}
"""
TELLTALE = """
import json
from html import escape
from pathlib import Path
from urllib.parse import quote
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
log = open("system.log", "a", buffering=1)
logins = []
VECTOR = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, "1"]}]}}
class Telltale(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if "/health" in self.path or self.path.endswith(("/login", "/")):
            self.say(200, {"token": "planted-captured"})
            if self.path.endswith("/login"):
                logins.append(self.path)
            with open("argv.txt", "a") as file:
                for path in Path("/proc").glob("[0-9]*/cmdline"):
                    try:
                        words = path.read_bytes().replace(b"\\0", b" ").decode()
                    except OSError:
                        continue
                    if "loadctl/" in words and not any(own in words for own in ("-m loadctl", "leash.py")):
                        file.write(words + "\\n")
        elif ("/m/" in self.path or "/p/" in self.path) and not logins:
            self.say(200, VECTOR if "/p/" in self.path else "queue_depth 1")
        else:
            parts = "; ".join(self.headers.values()).split("; ")
            again = [word for value in parts for part in value.split(" ", 1) for word in (part, part.partition("=")[2])]
            told = {"again": [*again, *map(quote, again), escape(body)], "path": self.path}
            log.write(f"ERROR {self.path} {self.headers.get('X-Mine')} {self.headers.get('X-Key')} {body}\\n")
            self.say(500, {**told, "headers": dict(self.headers), "body": body})
    do_POST = do_GET
    def say(self, status, told):
        data = (told if isinstance(told, str) else json.dumps(told)).encode()
        self.send_response(status)
        self.send_header("Set-Cookie", "sid=planted-set-cookie; Path=/")
        self.send_header("X-Held", "planted-held")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Telltale)
print(server.server_port, flush=True)
server.serve_forever()
"""


@dataclass
class Told:
    """All that loadctl said, by where."""

    loadctl: Shell
    texts: dict[str, str]

    def command(self, *words: str, env: Mapping[str, str] = ENVIRONMENT) -> int:
        ended = self.loadctl(*words, env=env)
        self.texts |= {f"{words[:4]}: stdout": ended.out, f"{words[:4]}: stderr": ended.err}
        return ended.code

    def everything(self) -> None:
        """Of the run that was made."""
        for form in FORMATS:
            self.command("report", "--format", form, env={})
        self.command("score", "latest", env={})
        self.command("runs", env={})
        folder = self.loadctl.folder
        self.texts["argv"] = (folder / "argv.txt").read_text()
        for path in [*(folder / "runs").rglob("*"), *(folder / "exported").rglob("*"), folder / "page.html"]:
            if path.is_file():
                data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
                self.texts[path.name] = data.decode("utf-8", "replace")
                assert path.stat().st_mode & 0o777 == 0o600 or "exported" in path.parts, path

    def found(self, secrets: list[str]) -> list[tuple[str, str]]:
        return [(name, secret) for name, text in self.texts.items() for secret in secrets if secret in text]


@pytest.fixture
def port(loadctl: Shell) -> Iterator[int]:
    argv = [sys.executable, str(loadctl.write("telltale.py", TELLTALE))]
    server = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=loadctl.folder)
    assert server.stdout is not None
    yield int(server.stdout.readline())
    server.kill()
    server.communicate()


def test_no_planted_secret_is_in_any_file_or_word_of_a_run(loadctl: Shell, engine: str, port: int) -> None:
    loadctl.write("telling.yaml", SCENARIO.replace("PORT", str(port)))
    loadctl.write("accounts.csv", "user,password\nbob,planted-data-1\nalice,planted-data-2\n")
    told = Told(loadctl, {})
    options = ["--on-finish", "sh -c 'echo $0' ${HOOK_TOKEN}", "--html", "page.html"]
    code = told.command("run", "telling.yaml", "--engine", engine, *options)
    assert code in {0, 3}, told.texts
    told.command("export", "telling.yaml", "--engine", engine)
    if engine == "locust":  # the others do not depend on the engine
        for command in ("try", "show", "validate"):
            told.command(command, "telling.yaml")
    told.everything()
    report = told.texts["('report', '--format', 'json'): stdout"]
    assert report.count("status_500") > 4
    assert "GET /e/{PATH_TOKEN}" in report
    assert {"run.json", "0.ndjson.gz", "plan-0.json"} <= told.texts.keys()
    assert "loadctl" in told.texts["argv"]
    assert told.found(SECRETS) == []


def test_no_secret_of_a_script_is_in_any_file_or_word_of_a_run(
    loadctl: Shell, engine: str, port: int
) -> None:
    told = Told(loadctl, {})
    env = {"LOADCTL_HOST": f"http://127.0.0.1:{port}", **ENVIRONMENT}
    if engine == "locust":
        loadctl.write("locustfile.py", LOCUSTFILE)
        words = ["locustfile.py", "-u", "2", "-t", "2s", "--", "--api-token", "planted-argument"]
    else:
        loadctl.write("script.yml", ARTILLERY_SCRIPT)
        words = ["script.yml"]
    told.command("run", *words, env=env)
    told.everything()
    assert "status_500" in told.texts["('report', '--format', 'json'): stdout"]
    assert told.found(SECRETS_OF_SCRIPTS) == []


def test_what_goes_wrong_before_the_load_tells_no_secret(loadctl: Shell) -> None:
    """Nobody listens there, and the message names the path that was asked."""
    loadctl.write("telling.yaml", SCENARIO.replace("PORT", "9"))
    loadctl.write("accounts.csv", "user,password\nbob,planted-data-1\n")
    told = Told(loadctl, {})
    assert told.command("run", "telling.yaml", "--ready-timeout", "0s") in {2, 4}
    assert told.found(SECRETS) == []
