"""What a user of Locust types reaches the script: arguments, classes, tags, a shape, user types beside its classes."""

from __future__ import annotations

import pytest

from tests.e2e.shell import Shell

pytestmark = pytest.mark.e2e

SCRIPT = """
from locust import HttpUser, LoadTestShape, constant, events, tag, task

@events.init_command_line_parser.add_listener
def _(parser):
    parser.add_argument("--tenant", default="none")
    parser.add_argument("--api-key", default="")
    parser.add_argument("--pin-pass", default="")

class WebUser(HttpUser):
    wait_time = constant(0.1)
    @tag("smoke")
    @task
    def models(self):
        options = self.environment.parsed_options
        self.client.get("/models", name=f"{options.tenant} {options.num_users} {options.tags}")
    @task
    def health(self):
        self.client.get("/health")

class ApiUser(HttpUser):
    wait_time = constant(0.1)
    @task
    def t(self):
        self.client.get("/models", name="api")
"""
SHAPE = """
class Steps(LoadTestShape):
    def tick(self):
        return (2, 2) if self.get_run_time() < 2 else None
"""
MIXED = """
locustfile: own.py
users: {ApiUser: 1, Reader: {weight: 2, pace: 200ms, tasks: [{get: /health}]}}
load: [{users: 6, for: 3s}]
"""


def endpoints(ended: object) -> dict[str, int]:
    rows = ended.result["summary"]["endpoints"]  # type: ignore[attr-defined]
    return {row["endpoint"].removeprefix("GET "): row["completed"] for row in rows}


@pytest.fixture
def project(loadctl: Shell) -> Shell:
    (loadctl.folder / "own.py").write_text(SCRIPT)
    return loadctl


def test_arguments_classes_and_tags(project: Shell) -> None:
    argv = "run own.py WebUser -u 4 -r 4 -t 3 -T smoke --demo --json -- --tenant acme"
    argv += " --api-key hush-hush --pin-pass 918273645"
    ended = project(*argv.split())
    assert list(endpoints(ended)) == ["acme 4 ['smoke']"], ended.out
    written = [path.read_text(errors="replace") for path in project.folder.rglob("runs/**/*.json")]
    assert written
    assert not any(secret in text for text in written for secret in ("hush-hush", "918273645"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("WebUsr", "own.py has no user class WebUsr; did you mean WebUser? It has ApiUser, WebUser"),
        ("-- --tennant x", "own.py: error: unrecognized arguments: --tennant\nDid you mean '--tenant'?"),
        ("-- -u 5", "own.py: error: -u is an option of the run: put it before  --"),
    ],
)
def test_what_the_script_does_not_have_is_refused(project: Shell, words: str, said: str) -> None:
    ended = project("run", "own.py", "-u", "4", "-t", "3", "--demo", *words.split())
    assert ended.code == 2
    assert said in ended.err


def test_the_shape_of_a_file_is_its_load(project: Shell) -> None:
    (project.folder / "own.py").write_text(SCRIPT + SHAPE)
    ended = project("run", "own.py", "ApiUser", "--demo", "--json")
    assert "load: the shape of own.py" in ended.err
    assert endpoints(ended)["api"] > 10


def test_user_types_run_beside_classes_of_the_file(project: Shell) -> None:
    (project.folder / "mixed.yaml").write_text(MIXED)
    ended = project("run", "mixed.yaml", "--demo", "--json")
    assert "users: ApiUser 1 (own.py), Reader 2 (user type)" in ended.err
    counts = endpoints(ended)
    assert set(counts) == {"api", "/health"}
    assert abs(counts["/health"] - 4 * 3 / 0.2) <= 8  # four readers, one request each 200 ms
    assert 30 <= counts["api"] <= 62  # two users, ten a second at most
