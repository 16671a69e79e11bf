"""`loadctl wait`: until a system is ready or says that it is healthy, or until it is gone."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Loadctl
from tests.monitors.docker import Docker

GONE = "http://127.0.0.1:9"


def test_a_system_without_a_path_is_healthy_when_its_health_page_says_so(
    loadctl: Loadctl, demo_host: str
) -> None:
    said = loadctl("wait", demo_host, "--for", "healthy", "--timeout", "20s")
    assert (said.code, said.out) == (0, "")
    assert said.err.startswith(f"{demo_host} is healthy after ")
    assert said.err.count("\n") == 1


def test_a_path_that_is_given_must_answer_2xx(loadctl: Loadctl, demo_host: str) -> None:
    said = loadctl("wait", f"{demo_host}/nothing", "--for", "healthy", "--timeout", "200ms")
    assert said.code == 4
    assert "was never ready on /nothing: it answers 404, not 2xx" in said.err


def test_a_scenario_says_where_to_ask_and_how(
    loadctl: Loadctl, demo_host: str, write: Callable[[str, str], Path]
) -> None:
    write(
        "scenarios/shop.yaml",
        f"host: {demo_host}\nhealth: /models\ntasks: [{{get: /}}]\nload: [{{users: 1, for: 5s}}]\n",
    )
    said = loadctl("wait", "shop", "--timeout", "20s")
    assert said.code == 0
    assert said.err.startswith("shop is ready after ")


def test_a_process_that_is_gone_ends_the_wait_at_once(loadctl: Loadctl) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5)"]) as system:
        began = time.monotonic()
        said = loadctl("wait", GONE, "--pid", str(system.pid), "--timeout", "60s")
        assert time.monotonic() - began < 30
    assert said.code == 4
    assert f"127.0.0.1:9 is gone (nothing was sent): process {system.pid} has ended" in said.err


def test_what_a_url_holds_of_a_password_is_not_shown(loadctl: Loadctl, demo_host: str) -> None:
    said = loadctl("wait", demo_host.replace("://", "://me:s3cret@"), "--timeout", "20s")
    assert said.code == 0
    assert "s3cret" not in said.err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([GONE, "--for", "alive"], "--for takes ready or healthy, not 'alive'"),
        (["container:x", "--for", "ready"], "waited for only by its health check: --for healthy"),
        (["container:x", "--pid", "3"], "loadctl wait URL --container NAME"),
        ([GONE, "--pid", "3", "--container", "x"], "the system is one of them"),
        (["nowhere"], "nowhere is not a URL"),
        (["http://%41"], "http://%41 is not a URL"),
        ([GONE, "--pid", "0"], "Invalid value for '--pid'"),
        ([GONE, "--pid", "99999999999999999999"], "Invalid value for '--pid'"),
    ],
)
def test_what_cannot_be_waited_for_is_a_usage_error(loadctl: Loadctl, argv: list[str], message: str) -> None:
    said = loadctl("wait", *argv)
    assert said.code == 2
    assert message in said.err


def test_a_terminal_sees_one_line_that_is_redrawn() -> None:
    ours, theirs = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k != "CI"} | {"TERM": "xterm"}
    argv = [sys.executable, "-m", "loadctl", "wait", GONE, "--timeout", "1s"]
    with subprocess.Popen(argv, stderr=theirs, stdin=subprocess.DEVNULL, env=env) as waiting:
        os.close(theirs)
        seen = b""
        while block := _read(ours):
            seen += block
    os.close(ours)
    assert waiting.returncode == 4
    assert re.search(rb"\r\x1b\[Khttp://127\.0\.0\.1:9: nothing listens, \d s", seen)
    assert seen.split(b"\r\x1b[K")[-1].startswith(b"ERROR")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # its other end is closed
        return b""


@pytest.fixture
def engine(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> Docker:
    for name, value in docker.variables.items():
        monkeypatch.setenv(name, value)
    return docker


CHECKED = ("--health-interval=1s", "--health-timeout=5s", "--health-retries=1")


def test_a_container_is_healthy_when_its_check_says_so(loadctl: Loadctl, engine: Docker) -> None:
    name = engine.run("sleep", "60", options=("--health-cmd=true", *CHECKED))
    said = loadctl("wait", f"container:{name}", "--for", "healthy", "--timeout", "60s")
    assert said.code == 0, said.err
    assert said.err.startswith(f"container:{name} is healthy after ")


def test_a_container_that_is_not_healthy_is_told_apart(loadctl: Loadctl, engine: Docker) -> None:
    sick = engine.run("sleep", "60", options=("--health-cmd=kill -0 999999", *CHECKED))
    said = loadctl("wait", f"container:{sick}", "--timeout", "4s")
    assert said.code == 4
    assert f"container {sick} was never healthy: its health check says " in said.err
    unchecked = engine.run("sleep", "60")
    said = loadctl("wait", f"container:{unchecked}", "--timeout", "4s")
    assert said.code == 2
    assert f"container {unchecked} has no health check" in said.err


def test_a_container_that_dies_ends_the_wait_with_its_last_lines(loadctl: Loadctl, engine: Docker) -> None:
    began = time.monotonic()
    command = ("sh", "-c", "sleep 1; echo no database; exit 3")
    checked = engine.run(*command, options=("--health-cmd=kill -0 999999", *CHECKED))
    said = loadctl("wait", f"container:{checked}", "--timeout", "90s")
    assert said.code == 4
    assert f"container {checked} is gone: container {checked} exited with 3" in said.err
    assert "no database" in said.err
    name = engine.run(*command)
    argv = [sys.executable, "-m", "loadctl", "wait", GONE, "--container", name, "--timeout", "90s"]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ended.returncode == 4
    assert f"127.0.0.1:9 is gone (nothing was sent): container {name} exited with 3" in ended.stderr
    assert "no database" in ended.stderr
    assert time.monotonic() - began < 60
