"""What runs out, stops or answers nonsense in mid-run: each ends with its own verdict and a readable run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.awkward import Treatment, answering, endless, garbage, megabyte_errors, never_closing, polite
from tests.e2e.shell import Ended, Shell, all_gone, wait_for

pytestmark = pytest.mark.e2e

SMALL = """
think: 20ms..60ms
timeout: 1s
drain: 2s
health: none
tasks: [{get: /models}]
load: [{users: 10, over: 1s, warmup: true}, {users: 10, for: 3s}]
targets: {latency_p95: 900ms, error_rate: 1%}
"""
MEMORY_MAX = 400e6
"""Of one process of ours; the largest is an Artillery with its libraries."""


def readable(loadctl: Shell) -> Ended:
    """The run as it is read back from its directory."""
    report = loadctl("report", "latest", "--json")
    assert report.code == 0, report.err
    page = loadctl("report", "latest", "--format", "html")
    assert page.code == 0, page.err
    assert len(page.out) < 2_000_000
    return report


# -- what the system does ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "treat", "why"),
    [
        ("locust", garbage, "protocol"),
        ("locust", never_closing, "timeout"),
        ("locust", megabyte_errors, "status_500"),
        ("artillery", garbage, "protocol"),
        ("artillery", endless, "timeout"),
    ],
    indirect=["engine"],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_system_that_answers_nonsense_fails(
    loadctl: Shell, engine: str, treat: Treatment, why: str
) -> None:
    loadctl.write("scenarios/small.yaml", SMALL)
    with answering(treat) as url:
        going = loadctl.start("run", "-H", url, "--engine", engine, "--json")
        going.wait_for_seconds(2)
        most = max(one.memory_info().rss for one in going.children())
        ended = going.wait()
    assert (ended.code, ended.verdict) == (1, "FAIL"), ended.err
    assert ended.score("error_rate")["status"] == "FAIL"
    total = ended.result["summary"]["total"]
    assert max(total["errors"], key=total["errors"].get) == why, total["errors"]
    assert most < MEMORY_MAX
    assert sum(path.stat().st_size for path in going.run_dir().rglob("*")) < 5e6
    readable(loadctl)


def test_a_log_of_random_bytes_is_followed_all_the_same(loadctl: Shell) -> None:
    """A hundred megabytes of them, with lines in between; the path is relative to where it was typed."""
    loadctl.write("scenarios/small.yaml", SMALL.replace("for: 3s", "for: 10s"))
    log = loadctl.write("logs/app.log", "")
    going = loadctl.start("run", "--demo", "--json", "--logs", "logs/app.log")
    going.wait_for_seconds(1)
    most = 0
    with log.open("ab") as file:
        for _ in range(20):
            file.write(os.urandom(5_000_000) + b"\n2026-11-29 12:00:00 ERROR no room in the pool\n")
            file.flush()
            most = max(most, psutil.Process(going.popen.pid).memory_info().rss)
            time.sleep(0.1)
    assert not (going.run_dir() / "result.json").exists()  # all was written while the run went on
    ended = going.wait()
    assert ended.code == 0, ended.err
    logs = ended.result["resources"]["logs"]
    (said,) = [one["count"] for one in logs["frequent"] if "no room in the pool" in one["message"]]
    assert said == 20 or "grows faster than it can be read" in (logs["unread"] or "")
    assert most < 200e6
    readable(loadctl)


# -- what the machine has no more of -------------------------------------------------------------------------


def test_descriptors_that_are_used_up_are_the_generators_fault(loadctl: Shell, engine: str) -> None:
    loadctl.write("scenarios/small.yaml", SMALL.replace("users: 10", "users: 200"))
    with answering(polite) as url:
        ended = loadctl("run", "-H", url, "--engine", engine, "--json", under=["prlimit", "--nofile=100:100"])
    assert (ended.code, ended.verdict) == (3, "INCONCLUSIVE"), ended.err
    assert "generator-saturated" in ended.finding_ids()
    readable(loadctl)


@pytest.fixture
def few_ports() -> list[str]:
    """A network of its own in which 60 connections to one address are possible."""
    setup = "ip link set lo up && echo 40000 40059 > /proc/sys/net/ipv4/ip_local_port_range"
    under = ["unshare", "--net", "sh", "-c", f'{setup} && exec "$@"', "sh"]
    if subprocess.run([*under, "true"], check=False, capture_output=True).returncode:
        pytest.skip("a network of its own can only be made as root")
    return under


def test_ports_that_are_used_up_are_the_generators_fault(
    loadctl: Shell, engine: str, few_ports: list[str]
) -> None:
    loadctl.write("scenarios/small.yaml", SMALL.replace("users: 10", "users: 100"))
    ended = loadctl("run", "--demo", "--engine", engine, "--json", under=few_ports)
    assert (ended.code, ended.verdict) == (3, "INCONCLUSIVE"), ended.err
    assert "generator-saturated" in ended.finding_ids()
    readable(loadctl)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can only be mounted as root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_disk_that_fills_in_mid_run_is_an_error_and_keeps_what_was_measured(
    loadctl: Shell, engine: str, small_disk: Path
) -> None:
    loadctl.write("scenarios/small.yaml", SMALL.replace("3s", "60s"))
    going = loadctl.start("run", "--demo", "--engine", engine, "--out", str(small_disk))
    run_dir = wait_for(lambda: next(iter(small_disk.glob("*Z-*")), None), 30)
    intervals = run_dir / "intervals.ndjson"
    wait_for(lambda: (intervals.exists() and intervals.read_text().count('{"t":') >= 3) or None, 30)
    children = going.children()
    fill = ["dd", "if=/dev/zero", f"of={small_disk / 'filler'}", "bs=4k"]
    assert "No space left" in subprocess.run(fill, capture_output=True, text=True, check=False).stderr
    ended = going.wait()
    assert ended.code == 4
    assert "run directory unwritable in mid-run" in ended.err
    assert "Traceback" not in ended.err
    assert all_gone(children)
    report = loadctl("report", "latest", "--out", str(small_disk), "--json")
    assert (report.code, report.verdict) == (0, "ERROR"), report.err
    assert report.result["counters"]["completed"] > 100


def test_a_folder_that_takes_no_new_files_any_more(loadctl: Shell) -> None:
    """What is open can still be written then, a result can not."""
    loadctl.write("scenarios/small.yaml", SMALL)
    nobody_special = (
        ["setpriv", "--inh-caps=-all", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    )
    going = loadctl.start("run", "--demo", under=nobody_special)
    going.wait_for_seconds(2)
    run_dir = going.run_dir()
    run_dir.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        ended = going.wait()
    finally:
        run_dir.chmod(stat.S_IRWXU)
    assert ended.code == 4
    assert "run directory unwritable in mid-run" in ended.err
    assert "Permission denied" in ended.err
    assert "make it writable again, then look at what was measured until then:  loadctl report" in ended.err
    assert "Traceback" not in ended.err
    assert readable(loadctl).result["counters"]["completed"] > 300


# -- what happens to time ------------------------------------------------------------------------------------


@pytest.fixture
def settable_clock(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """The environment in which a program's wall clock is ahead by the seconds that are written to a file."""
    if shutil.which("cc") is None:
        pytest.skip("a settable clock needs a C compiler")
    library, ahead = tmp_path / "wall_clock.so", tmp_path / "ahead"
    source = Path(__file__).with_name("wall_clock.c")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    ahead.write_bytes(struct.pack("d", 0.0))
    return {"LD_PRELOAD": str(library), "WALL_CLOCK": str(ahead)}, ahead


def test_a_clock_that_steps_back_and_forth_changes_no_figure(
    loadctl: Shell, engine: str, settable_clock: tuple[dict[str, str], Path]
) -> None:
    env, ahead = settable_clock
    loadctl.write("scenarios/small.yaml", SMALL)
    going = loadctl.start("run", "--demo", "--engine", engine, "--json", "--truth", "truth.json", env=env)
    for second, step in ((1, -3600.0), (3, 7200.0)):
        going.wait_for_seconds(second)
        with ahead.open("r+b") as file:  # in place: it is mapped
            file.write(struct.pack("d", step))
    ended = going.wait()
    assert (ended.code, ended.verdict) == (0, "PASS"), ended.out
    (finding,) = [one for one in ended.result["findings"] if one["id"] == "clock-step"]
    assert (finding["severity"], finding["evidence"]["steps"]) == ("info", 2)
    steps = [event["detail"]["step_s"] for event in ended.result["events"] if event["kind"] == "clock_step"]
    assert steps == pytest.approx([-3600, 10800], abs=1)
    truth = json.loads((loadctl.folder / "truth.json").read_text())
    assert ended.result["counters"]["started"] == truth["requests"]
    latency = ended.result["summary"]["total"]["latency_ms"]
    assert 0 < latency["min"] <= latency["max"] < 1500
    readable(loadctl)


def test_loadctl_may_be_stopped_for_a_while(loadctl: Shell) -> None:
    """The engines go on, and nothing of it is lost."""
    loadctl.write("scenarios/small.yaml", SMALL)
    going = loadctl.start("run", "--demo", "--json", "--truth", "truth.json")
    going.wait_for_seconds(1)
    going.signal(signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        going.popen.wait(4)
    going.signal(signal.SIGCONT)
    ended = going.wait()
    assert (ended.code, ended.verdict) == (0, "PASS"), ended.out
    truth = json.loads((loadctl.folder / "truth.json").read_text())
    assert ended.result["counters"]["started"] == truth["requests"]


def test_an_engine_that_is_stopped_does_not_outlive_a_kill_of_loadctl(loadctl: Shell, engine: str) -> None:
    """And what was measured until then is scorable."""
    loadctl.write("scenarios/small.yaml", SMALL)
    going = loadctl.start("run", "small", "--demo", "--engine", engine, "--duration", "30s")
    going.wait_for_seconds(2)
    processes, shards = going.children(), going.shards()
    assert shards
    for shard in shards:
        shard.suspend()
    going.signal(signal.SIGKILL)
    going.popen.communicate(timeout=5)
    assert all_gone(processes, timeout_s=10)
    assert loadctl("report", "latest", "--json").verdict == "INTERRUPTED"


def test_signals_while_a_run_is_judged_cost_neither_its_result_nor_its_exit_code(loadctl: Shell) -> None:
    loadctl.write("scenarios/small.yaml", SMALL)
    going = loadctl.start("run", "small", "--demo", "--duration", "2s", "--smoke")
    events = going.run_dir() / "events.ndjson"
    wait_for(lambda: '"kind":"end"' in (events.read_text() if events.exists() else "") or None, 40)
    for _ in range(3):  # the pages take longer than that
        going.signal(signal.SIGINT)
        time.sleep(0.02)
    ended = going.wait()
    assert (ended.code, "Traceback" in ended.err) == (0, False), ended.err
    stored = json.loads((going.run_dir() / "result.json").read_text())
    assert (stored["verdict"], stored["exit_code"]) == ("PASS", 0)


def test_two_runs_in_one_folder_do_not_know_each_other(loadctl: Shell) -> None:
    loadctl.write("scenarios/small.yaml", SMALL)
    both = [loadctl.start("run", "--demo", "--json", "--truth", f"truth{k}.json") for k in range(2)]
    ended = [one.wait() for one in both]
    assert [one.code for one in ended] == [0, 0], [one.err for one in ended]
    assert len({one.result["run_dir"] for one in ended}) == 2
    for k, one in enumerate(ended):
        truth = json.loads((loadctl.folder / f"truth{k}.json").read_text())
        assert one.result["counters"]["started"] == truth["requests"]


# -- what a script does --------------------------------------------------------------------------------------

MANY = """
from itertools import count
from locust import FastHttpUser, constant, task
numbers = count()
class Many(FastHttpUser):
    wait_time = constant(0)
    @task
    def one(self):
        self.client.get(f"/models/{next(numbers)}")
"""
LOUD = """
from locust import HttpUser, constant, task
class Loud(HttpUser):
    wait_time = constant(0.1)
    @task
    def one(self):
        with self.client.get("/models", catch_response=True) as answer:
            answer.failure("e" * 1_000_000)
    @task
    def other(self):
        raise ValueError("v" * 1_000_000)
"""


def test_thousands_of_urls_end_in_one_row_and_a_note(loadctl: Shell) -> None:
    loadctl.write("locustfile.py", MANY)
    with answering(polite) as url:
        ended = loadctl("run", "locustfile.py", "-u", "20", "-t", "8s", "-H", url, "--json")
    result = ended.result
    assert result["counters"]["completed"] > 2_000
    rows = result["summary"]["endpoints"]
    assert len(rows) <= 501
    assert rows[0]["endpoint"] == "(other)"
    assert any("500" in finding["message"] for finding in result["findings"])
    readable(loadctl)


def test_error_messages_of_a_megabyte_stay_outside(loadctl: Shell) -> None:
    loadctl.write("locustfile.py", LOUD)
    ended = loadctl("run", "locustfile.py", "-u", "10", "-t", "5s", "--demo", "--json")
    assert (ended.code, ended.verdict) == (1, "FAIL"), ended.err
    assert len(ended.out) < 500_000
    (run,) = (loadctl.folder / "runs").glob("*Z-*")
    assert sum(path.stat().st_size for path in run.rglob("*")) < 80e6
    readable(loadctl)
