"""Where loadctl is started matters little: closed or full streams, lost terminals and folders, passwords."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.shell import Shell, all_gone

pytestmark = pytest.mark.e2e

SHORT = """
think: 20ms..60ms
tasks: [{get: /models}]
load: [{users: 10, for: 3s}]
targets: {error_rate: 1%}
"""


def run_in_shell(loadctl: Shell, line: str) -> tuple[int, dict[str, object]]:
    """Exit code and stored result of a line of sh; `loadctl` is its first word."""
    loadctl.write("scenarios/short.yaml", SHORT)
    command = f'"{sys.executable}" -m loadctl run --demo {line}'
    done = subprocess.run(["sh", "-c", command], cwd=loadctl.folder, check=False, timeout=30)
    result = next((loadctl.folder / "runs").glob("*Z-*/result.json"))
    return done.returncode, json.loads(result.read_text())


@pytest.mark.parametrize("streams", ["2>/dev/full", "<&-", "2>&-", ">&-", "<&- >&- 2>&-"])
def test_a_run_does_not_need_its_streams(loadctl: Shell, streams: str) -> None:
    code, result = run_in_shell(loadctl, f"{streams}")
    assert (code, result["verdict"]) == (0, "PASS")
    for path in (loadctl.folder / "runs").glob(
        "*Z-*/*.ndjson"
    ):  # nothing that was said has landed in a journal
        assert all(line.startswith("{") for line in path.read_text().splitlines())


def test_a_wrong_command_line_has_its_exit_code_without_stderr(loadctl: Shell) -> None:
    for streams in ("2>/dev/full", "2>&-"):
        command = f'"{sys.executable}" -m loadctl run nothing {streams}'
        done = subprocess.run(["sh", "-c", command], cwd=loadctl.folder, check=False, timeout=30)
        assert done.returncode == 2


def test_a_terminal_that_is_closed_ends_the_run_with_a_result(loadctl: Shell, engine: str) -> None:
    loadctl.write("scenarios/long.yaml", SHORT.replace("3s", "60s"))
    going = loadctl.start("run", "--demo", "--engine", engine)
    going.wait_for_seconds(2)
    children = going.children()
    going.signal(signal.SIGHUP)
    ended = going.wait(10)
    assert ended.code == 143
    assert json.loads((going.run_dir() / "result.json").read_text())["verdict"] == "INTERRUPTED"
    assert all_gone(children)


def test_a_run_directory_that_is_removed_in_mid_run_is_an_error(loadctl: Shell, engine: str) -> None:
    loadctl.write("scenarios/short.yaml", SHORT)
    going = loadctl.start("run", "--demo", "--engine", engine)
    going.wait_for_seconds(1)
    children = going.children()
    shutil.rmtree(going.run_dir())
    ended = going.wait(30)
    assert ended.code == 4
    assert "run directory unwritable in mid-run" in ended.err
    assert all_gone(children)


def test_json_is_told_of_a_run_that_could_not_be_carried_out(loadctl: Shell) -> None:
    loadctl.write("scenarios/short.yaml", SHORT)
    ended = loadctl("run", "-H", "http://127.0.0.1:9", "--ready-timeout", "1s", "--json")
    assert (ended.code, ended.verdict) == (4, "ERROR")
    assert "nothing listens" in ended.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pid", "4000000"], "no process has pid 4000000 (nothing was sent)"),
        (["--process", "no-such-process"], "no process is called no-such-process"),
        (["--python", sys.executable], "--python is for a locustfile"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_the_load(
    loadctl: Shell, words: list[str], message: str
) -> None:
    loadctl.write("scenarios/short.yaml", SHORT + "host: http://127.0.0.1:9\nhealth: none\n")
    ended = loadctl("run", *words)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_a_password_in_a_url_is_used_and_told_nowhere(loadctl: Shell, tmp_path: Path) -> None:
    loadctl.write("scenarios/short.yaml", SHORT)
    seen = tmp_path / "seen"
    server = subprocess.Popen([sys.executable, "-c", ECHO, str(seen)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = f"http://bob:s3cretpw@127.0.0.1:{int(server.stdout.readline())}"
        for words in (["short", "-H", url], [f"{url}/models", "--rate", "60/s", "-t", "3s"]):
            ended = loadctl("run", *words)
            assert ended.code == 0, ended.err
            assert "s3cretpw" not in ended.out + ended.err
        assert seen.read_text() == "Basic Ym9iOnMzY3JldHB3"
    finally:
        server.kill()
        server.communicate()
    for path in (loadctl.folder / "runs").rglob("*"):
        assert "s3cretpw" not in path.name
        assert not path.is_file() or b"s3cretpw" not in path.read_bytes()
    assert loadctl("report", "latest").code == 0


ECHO = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        open(sys.argv[1], "w").write(self.headers.get("Authorization", ""))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
print(server.server_port, flush=True)
server.serve_forever()
"""
