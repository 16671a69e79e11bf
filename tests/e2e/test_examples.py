"""Each project in examples/ runs as its README says, against the service that it brings or the demo system."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.shell import Shell, wait_for

pytestmark = pytest.mark.e2e

EXAMPLES = Path(__file__).parents[2] / "examples"
ENDPOINTS = {
    "artillery-script": {"POST /login", "POST /predict"},
    "data-file": {"POST /login", "POST /predict", "GET /models/{id}"},
    "fastapi-login": {"POST /login", "GET /orders", "POST /orders", "GET /orders/{id}"},
    "locustfile": {"POST /login", "POST /predict", "GET /models", "GET /models/{id}"},
    "open-model-ci": {"GET /prices/{article}", "POST /quotes"},
}
"""What each example loads."""


def commands(name: str) -> list[list[str]]:
    blocks = re.findall(r"```console\n(.*?)```", (EXAMPLES / name / "README.md").read_text(), re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines]


def is_short(command: list[str]) -> bool:
    """Not a whole load, which takes a minute or more."""
    return command[0] == "loadctl" and (command[1] != "run" or "--smoke" in command)


@contextlib.contextmanager
def service(folder: Path, command: list[str]) -> Iterator[None]:
    """The service that a README starts, on a free port that also its scenarios name; it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    for path in (folder / "scenarios").glob("*.yaml"):
        path.write_text(path.read_text().replace("localhost:8000", f"localhost:{port}"))
    words = [sys.executable, "-m", *(port if word == "8000" else word for word in command)]
    with (folder / "service.log").open("w") as log:
        started = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for(lambda: _answers(int(port)) or None, 30)
        yield
    finally:
        started.terminate()
        started.wait(10)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def test_the_index_names_every_example() -> None:
    named = re.findall(r"^\| \[(.*?)\]\((.*?)/\)", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert sorted(named) == [(name, name) for name in sorted(ENDPOINTS)]
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(ENDPOINTS)


@pytest.mark.parametrize("name", sorted(ENDPOINTS))
def test_the_short_commands_of_its_readme_work(
    loadctl: Shell, request: pytest.FixtureRequest, name: str
) -> None:
    if name == "artillery-script":
        request.getfixturevalue("artillery")
    shutil.copytree(EXAMPLES / name, loadctl.folder, dirs_exist_ok=True)
    servers = [command for command in commands(name) if command[0] == "uvicorn"]
    with service(loadctl.folder, servers[0]) if servers else contextlib.nullcontext():
        for command in filter(is_short, commands(name)):
            ended = loadctl(*command[1:])
            # Which verdict so little load deserves on a busy machine is not the question here.
            assert ended.code in ({0, 3} if command[1] == "run" else {0}), ended.out + ended.err
    results = [json.loads(path.read_text()) for path in loadctl.folder.glob("runs/*/result.json")]
    assert len(results) == sum(command[1] == "run" for command in filter(is_short, commands(name)))
    for result in results:
        stages = [stage["summary"]["endpoints"] for stage in result["stages"]]
        assert {row["endpoint"] for rows in stages for row in rows} == ENDPOINTS[name]
        assert (result["counters"]["failed"], result["counters"]["unfinished"]) == (0, 0)
        assert result["counters"]["completed"] > 40


@pytest.mark.parametrize("name", sorted(ENDPOINTS))
def test_its_whole_load_can_be_judged(loadctl: Shell, name: str) -> None:
    """What takes too long for a test is planned: no target is left without enough requests."""
    shutil.copytree(EXAMPLES / name, loadctl.folder, dirs_exist_ok=True)
    for command in commands(name):
        if command[:2] == ["loadctl", "run"] and not is_short(command):
            ended = loadctl("show", command[2])
            assert ended.code == 0, ended.out + ended.err
            assert "cannot be judged" not in ended.out
