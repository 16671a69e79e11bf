"""`before:` and `after:` around real runs: in order, kept, without secrets, and nothing is left behind."""

from __future__ import annotations

import json
import signal
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.shell import Shell, all_gone, wait_for

pytestmark = pytest.mark.e2e

SERVER = f"""#!{sys.executable}
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
reader, writer = os.pipe()
if os.fork():
    os.close(writer)
    os.read(reader, 1)
    sys.exit()
open("server.pid", "w").write(str(os.getpid()))
open("server.port", "w").write(str(server.server_port))
os.write(writer, b"!")
server.serve_forever()
"""
DOWN = """#!/bin/sh
echo down with $1; kill $(cat server.pid); touch was-down
"""
SLEEPER = """#!/bin/sh
echo waiting; sleep 987 & echo $! > sleeper.pid; echo $$ > leader.pid; wait
"""
LOAD = "think: 50ms\ntasks: [{get: /}]\nload: [{users: 2, for: 2s}]\ntargets: {error_rate: 50%}\n"


def script(loadctl: Shell, name: str, text: str) -> None:
    loadctl.write(f"scenarios/{name}", text).chmod(0o755)


def scenario(
    loadctl: Shell, before: str, after: str, host: str = "http://127.0.0.1:9", rest: str = ""
) -> None:
    loadctl.write("scenarios/shop.yaml", f"host: {host}\nbefore: {before}\nafter: {after}\n{rest}{LOAD}")


def events(run: Path, kind: str) -> list[dict[str, Any]]:
    lines = (run / "events.ndjson").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == kind]


def the_run(loadctl: Shell) -> Path:
    (run,) = (loadctl.folder / "runs").iterdir()
    return run


def test_a_system_is_brought_up_loaded_and_taken_down(loadctl: Shell) -> None:
    port = _free_port()
    script(loadctl, "up", SERVER.replace('("127.0.0.1", 0)', f'("127.0.0.1", {port})'))
    script(loadctl, "down", DOWN)
    scenario(loadctl, "./up --token=${API_TOKEN}", "['./down ${API_TOKEN}']", f"http://127.0.0.1:{port}")
    ended = loadctl("run", "shop", "--json", env={"API_TOKEN": "s3cret-value"})
    assert ended.code in {0, 3}, ended.err
    assert ended.result["counters"]["failed"] == 0
    run = the_run(loadctl)
    begun, done = events(run, "before")
    assert begun["message"] == "before: ./up '--token=[redacted]'"
    assert (done["detail"]["exit_code"], done["detail"]["log"]) == (0, "before-1.log")
    assert done["detail"]["took_s"] > 0
    assert (run / "engine" / "after-1.log").read_text() == (
        f"$ ./down '${{API_TOKEN}}'\ndown with {'*' * 12}\n"
    )
    assert stat.S_IMODE((run / "engine" / "before-1.log").stat().st_mode) == 0o600
    assert (loadctl.folder / "scenarios" / "was-down").exists()
    assert _server_is_gone(loadctl)
    assert not [path for path in run.rglob("*") if path.is_file() and b"s3cret-value" in path.read_bytes()]
    assert "s3cret-value" not in ended.out + ended.err
    tried = loadctl("try", "shop", env={"API_TOKEN": "s3cret-value"})
    assert tried.code == 0, tried.err
    assert "1 of 1 answered as expected" in tried.out
    assert _server_is_gone(loadctl)


def test_a_set_up_that_fails_is_an_error_with_its_last_lines_and_after_still_runs(loadctl: Shell) -> None:
    scenario(loadctl, "[sh -c 'sleep 987 & echo no database; exit 3', touch never]", "touch was-down")
    ended = loadctl("run", "shop")
    assert ended.code == 4
    run = the_run(loadctl)
    command = "sh -c 'sleep 987 & echo no database; exit 3'"
    message = f"before: {command} failed with exit code 3 (nothing was sent): no database"
    assert f"ERROR  {message}\n       its output is in {run}/engine/before-1.log" in ended.err
    assert json.loads((run / "result.json").read_text())["verdict"] == "ERROR"
    assert (loadctl.folder / "scenarios" / "was-down").exists()
    assert not (loadctl.folder / "scenarios" / "never").exists()
    assert not _sleepers(run)


def test_a_set_up_that_hangs_is_stopped_with_all_it_started(loadctl: Shell) -> None:
    script(loadctl, "up", SLEEPER)
    scenario(loadctl, "{run: ./up, timeout: 1s}", "touch was-down")
    ended = loadctl("run", "shop")
    assert ended.code == 4
    assert "before: ./up did not end within 1 s and was stopped (nothing was sent): waiting" in ended.err
    assert (loadctl.folder / "scenarios" / "was-down").exists()
    assert all_gone(_left(loadctl))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_during_the_set_up_stops_it_and_after_runs(
    loadctl: Shell, number: signal.Signals, code: int
) -> None:
    script(loadctl, "up", SLEEPER)
    scenario(loadctl, "./up", "touch was-down")
    going = loadctl.start("run", "shop")
    left = wait_for(lambda: _left(loadctl) or None, 30)
    going.signal(number)
    ended = going.wait()
    assert ended.code == code, ended.err
    assert all_gone(left)
    assert (loadctl.folder / "scenarios" / "was-down").exists()
    assert json.loads((the_run(loadctl) / "result.json").read_text())["verdict"] == "INTERRUPTED"


def test_the_second_signal_leaves_at_once_and_says_what_was_not_run(loadctl: Shell) -> None:
    script(loadctl, "up", SLEEPER.replace("echo waiting", "trap '' INT TERM; echo waiting"))
    scenario(loadctl, "./up", "touch was-down")
    going = loadctl.start("run", "shop")
    left = wait_for(lambda: _left(loadctl) or None, 30)
    going.signal(signal.SIGINT)
    going.signal(signal.SIGTERM)
    ended = going.wait()
    assert ended.code in {130, 143}, ended.err
    assert all_gone(left)
    assert not (loadctl.folder / "scenarios" / "was-down").exists()
    assert "after: touch was-down was not run: the second signal leaves at once" in ended.err


def test_when_loadctl_is_killed_its_commands_die_too(loadctl: Shell) -> None:
    script(loadctl, "up", SLEEPER)
    scenario(loadctl, "./up", "touch was-down")
    going = loadctl.start("run", "shop")
    left = wait_for(lambda: _left(loadctl) or None, 30)
    going.signal(signal.SIGKILL)
    going.wait()
    assert all_gone(left)
    shown = loadctl("runs")
    assert shown.code == 0, shown.err


def test_after_runs_when_the_system_never_answers_and_its_own_failure_changes_nothing(loadctl: Shell) -> None:
    scenario(loadctl, "'true'", "[sh -c 'echo cannot; exit 7', touch was-down]")
    ended = loadctl("run", "shop", "--ready-timeout", "300ms")
    assert ended.code == 4
    assert "nothing listens on 127.0.0.1:9" in ended.err
    assert "after: sh -c 'echo cannot; exit 7' failed with exit code 7 after" in ended.err
    assert (loadctl.folder / "scenarios" / "was-down").exists()
    assert events(the_run(loadctl), "after")[1]["detail"]["exit_code"] == 7


@pytest.mark.parametrize("how", ["fail", "crash", "interrupt"])
def test_after_runs_however_the_load_ends(loadctl: Shell, how: str) -> None:
    scenario(loadctl, "'true'", "touch was-down", rest="health: none\n")
    path = loadctl.folder / "scenarios" / "shop.yaml"
    path.write_text(path.read_text().replace("for: 2s", "for: 2s" if how == "fail" else "for: 30s"))
    going = loadctl.start("run", "shop")
    if how != "fail":
        going.wait_for_seconds(1)
        if how == "interrupt":
            going.signal(signal.SIGINT)
        else:
            for shard in going.shards():
                shard.kill()
    ended = going.wait()
    assert ended.code == {"fail": 1, "interrupt": 130}.get(how, ended.code), ended.err
    assert ended.code != 0
    assert (loadctl.folder / "scenarios" / "was-down").exists()
    assert events(the_run(loadctl), "after")[-1]["detail"]["exit_code"] == 0


def test_after_runs_when_a_rehearsal_is_ended(loadctl: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        host = f"http://127.0.0.1:{mute.getsockname()[1]}"
        scenario(loadctl, "touch was-up", "touch was-down", host, rest="health: none\n")
        going = loadctl.start("try", "shop")
        mute.settimeout(30)
        connection, _ = mute.accept()
        going.signal(signal.SIGTERM)
        ended = going.wait()
        connection.close()
    assert ended.code == 143
    assert "interrupted before every request was answered" in ended.err
    assert (loadctl.folder / "scenarios" / "was-down").exists()


def test_a_program_that_is_missing_is_found_out_before_anything_runs(loadctl: Shell) -> None:
    scenario(loadctl, "touch was-up", "[docker-komposs, down]")
    ended = loadctl("run", "shop")
    assert ended.code == 2
    assert (
        "scenarios/shop.yaml:3:9  after: docker-komposs is not a program on PATH; nothing was sent"
        in ended.err
    )
    assert "the words of one command:  [[docker, compose, up]]" in ended.err
    assert not (loadctl.folder / "scenarios" / "was-up").exists()
    assert not (loadctl.folder / "runs").exists()


def test_the_demo_system_needs_none_of_them(loadctl: Shell) -> None:
    scenario(loadctl, "touch was-up", "touch was-down")
    ended = loadctl("run", "shop", "--demo")
    assert "before: and after: are left out: the demo system comes and goes by itself" in ended.err
    assert not list((loadctl.folder / "scenarios").glob("was-*"))


def test_show_and_validate_name_them(loadctl: Shell) -> None:
    scenario(loadctl, "{run: touch was-up, timeout: 2m}", "touch was-down")
    for command in ("show", "validate"):
        shown = loadctl(command, "shop").out
        assert "before  touch was-up  (up to 2 min)\n" in shown
        assert "after   touch was-down  (up to 5 min)\n" in shown
    assert loadctl("show", "shop", "--json").result["before"] == [
        {"command": "touch was-up", "timeout_s": 120.0}
    ]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _left(loadctl: Shell) -> list[psutil.Process]:
    """The script that sleeps and what it has started, once both are there."""
    files = [loadctl.folder / "scenarios" / f"{name}.pid" for name in ("leader", "sleeper")]
    try:
        return [psutil.Process(int(file.read_text())) for file in files]
    except (OSError, ValueError, psutil.NoSuchProcess):
        return []


def _server_is_gone(loadctl: Shell) -> bool:
    try:
        return all_gone([psutil.Process(int((loadctl.folder / "scenarios" / "server.pid").read_text()))])
    except psutil.NoSuchProcess:
        return True


def _sleepers(run: Path) -> list[psutil.Process]:
    """Processes whose output goes below `run`."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(f"/proc/{process.pid}/fd/1").readlink().is_relative_to(run):
                found.append(process)
        except OSError:
            continue
    return found
