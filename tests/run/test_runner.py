"""A run with real child processes: whatever dies, what was measured is on disk and nothing is left behind.

The engine here is a script that speaks the recorder's protocol. Run as a program, this file carries out one run,
so that loadctl itself can be killed: `test_runner.py OUT SECONDS DRAIN TRICK…`.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from loadctl.cli.judging import judged
from loadctl.engines.base import Command, Outcome, State
from loadctl.errors import Interrupted, RunError, UsageError
from loadctl.results.interval import Second
from loadctl.results.recording import Event, Reading, Recording
from loadctl.run.directory import Observer
from loadctl.run.manifest import Manifest
from loadctl.run.runner import RunRequest, run
from loadctl.run.store import open_run, read_recording
from loadctl.run.watching import Watching
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import Scenario, Script
from loadctl.scenario.watch import Watch
from tests.records import replace

RECORDER = Path(__file__).parent / "scripted_recorder.py"


@dataclass
class ScriptedEngine:
    """`tricks` by shard; the recorder names them."""

    tricks: Mapping[int, Sequence[str]] = field(default_factory=dict)
    name: str = "scripted"
    install_hint: str = "nothing to install"
    reports: str = "none"
    installed: str | None = "1.0"

    def version(self) -> str | None:
        return self.installed

    def early(self) -> None:
        return None

    def plan(self, scenario: Scenario, out: Path, shards: int) -> tuple[Command, ...]:
        seconds = str(scenario.load.duration_s)
        return tuple(
            Command(
                [
                    *(
                        sys.executable,
                        "-S",
                        str(RECORDER),
                        str(out / "frames" / f"{k}.ndjson"),
                        str(k),
                        seconds,
                    ),
                    *self.tricks.get(k, ()),
                ]
            )
            for k in range(shards)
        )

    def state(self, environ: Mapping[str, str]) -> State:
        return State(self.installed)

    def install(self, environ: Mapping[str, str], prefix: Path | None, say: Callable[[str], None]) -> Path:
        raise AssertionError("nobody asked for it")

    def completed(self, scenario: Scenario, environ: Mapping[str, str]) -> Scenario:
        return scenario

    def rehearsal(self, scenario: Scenario) -> Command:
        raise AssertionError("a run rehearses nothing")

    def outcome(self, returncode: int, stderr: str) -> Outcome:
        if returncode == 21:
            return Outcome("refused", stderr.splitlines()[-1])
        if "ModuleNotFoundError" in stderr:
            return Outcome("failed", stderr.splitlines()[-1])
        return Outcome("finished") if returncode == 0 else Outcome("failed")


def scenario(seconds: float, *, drain_s: float = 0.5, host: str = "http://127.0.0.1:9") -> Scenario:
    load = Load("closed", [Stage(0, 10, 1.0, "ramp"), Stage(10, 10, seconds - 1.0, "hold")])
    return Scenario(name="the shop / peak", host=host, load=load, health="none", drain_s=drain_s)


def request(out: Path, seconds: float = 2.0, *, shards: int = 1, **tricks: Sequence[str]) -> RunRequest:
    """`tricks`: shard0=["noisy"], …"""
    engine = ScriptedEngine({int(name.removeprefix("shard")): words for name, words in tricks.items()})
    return RunRequest(scenario=scenario(seconds), engine=engine, out=out, shards=shards, watch=None)


def recorded(out: Path) -> Recording:
    return read_recording(open_run("latest", out))[1]


def counts(recording: Recording) -> list[tuple[int, int, int]]:
    """t, users and requests of each second."""
    return [(s.t, s.users, s.ok.count) for s in recording.seconds]


def kinds(recording: Recording) -> list[str]:
    return [event.kind for event in recording.events]


def recorders(out: Path) -> list[psutil.Process]:
    """Processes that write below `out`, and sleepers that such a process left behind."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(str(out) in word for word in process.cmdline()) and process.pid != os.getpid():
                found.append(process)
    return found


def all_gone(out: Path, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while recorders(out):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture(autouse=True)
def nothing_survives(tmp_path: Path) -> Iterator[None]:
    yield
    left = recorders(tmp_path)
    for process in left:
        process.kill()
    assert left == []


@dataclass
class Notebook(Observer):
    seen: list[object] = field(default_factory=list)

    def started(self, manifest: Manifest) -> None:
        self.seen.append(manifest)

    def second(self, second: Second) -> None:
        self.seen.append(second)

    def reading(self, reading: Reading) -> None:
        self.seen.append(reading)

    def event(self, event: Event) -> None:
        self.seen.append(event)


@dataclass
class Readings:
    """A sampler with two things to tell, and last words."""

    calls: list[str] = field(default_factory=list)

    def start(self, t0: float) -> None:
        self.calls.append("start")
        assert abs(t0 - time.monotonic()) < 2, "soon to come, or just gone where the machine is busy"

    def drain(self) -> Sequence[Reading | Event]:
        self.calls.append("drain")
        if self.calls.count("drain") == 1:
            return [
                Reading(0.5, "system", "process", "shop pid 7", {"cpu_pct": 12.5}),
                Event(0.6, "service_down", "gone"),
            ]
        return (
            [Reading(2.0, "system", "process", "shop pid 7", gap="it has ended")]
            if "stop" in self.calls
            else []
        )

    def stop(self) -> None:
        self.calls.append("stop")


def test_two_shards_add_up_to_one_recording(tmp_path: Path) -> None:
    asked: list[Mapping[int, int]] = []

    def watch(_: Scenario, pids: Mapping[int, int]) -> Watching:
        asked.append(pids)
        return Watching(Readings(), "shop (pid 7)")

    notebook = Notebook()
    began = time.monotonic()
    directory = run(replace(request(tmp_path, 2.0, shards=2, shard1=["noisy"]), watch=watch), notebook)
    assert time.monotonic() - began < 2.0 + 1.5
    manifest, recording = read_recording(directory)
    assert counts(recording) == [(0, 20, 200), (1, 20, 200)]
    assert [(s.index, s.complete, s.last_t, s.unfinished) for s in recording.shards] == [
        (0, True, 1, {"GET /": (12.5,)}),
        (1, True, 1, {"GET /": (12.5,)}),
    ]
    assert (recording.interrupted_by, recording.failure) == (None, None)
    assert sorted(asked[0]) == [0, 1]
    assert [shard.pid for shard in recording.shards] == [asked[0][0], asked[0][1]]
    assert [(r.t, r.gap, dict(r.values)) for r in recording.readings] == [
        (0.5, None, {"cpu_pct": 12.5}),
        (2.0, "it has ended", {}),
    ]
    assert [(e.kind, e.t, e.message) for e in recording.events] == [
        ("stage", 0.0, "ramp"),
        ("service_down", 0.6, "gone"),
        ("stage", 1.0, "hold"),
    ]
    assert (manifest.watched, manifest.engine_version, manifest.shards) == ("shop (pid 7)", "1.0", 2)
    assert manifest.t0_wall is not None
    assert [type(seen).__name__ for seen in notebook.seen].count("Second") == 2
    names = sorted(path.name for path in directory.frames.iterdir())
    assert names == ["0.meta", "0.ndjson.gz", "1.meta", "1.ndjson.gz"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in directory.path.rglob("*"))
    assert (directory.engine / "1.stderr").stat().st_size == 1_000_000


def test_a_shard_that_is_killed_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    recording = read_recording(run(request(tmp_path, 3.0, shards=2, shard1=["killed"])))[1]
    assert counts(recording) == [(0, 20, 200), (1, 10, 100), (2, 10, 100)]
    assert [(s.complete, s.last_t, s.cut_off) for s in recording.shards] == [
        (True, 2, {}),
        (False, 0, {"GET /": 3}),
    ]
    killed = next(event for event in recording.events if event.kind == "shard_killed")
    assert killed.detail == {"shard": 1, "returncode": -9}
    assert "SIGKILL" in killed.message
    assert recording.failure is None


def test_the_run_fails_when_every_shard_dies(tmp_path: Path) -> None:
    recording = read_recording(run(request(tmp_path, 3.0, shards=2, shard0=["killed"], shard1=["killed"])))[1]
    assert counts(recording) == [(0, 20, 200)]
    assert recording.failure is not None
    assert "dead or hung: shard 0 ended early: killed by SIGKILL; shard 1" in recording.failure


def test_a_shard_that_falls_silent_is_killed(tmp_path: Path) -> None:
    recording = read_recording(run(replace(request(tmp_path, 2.0, shards=2, shard1=["deaf"]), hung_s=1.6)))[1]
    assert counts(recording) == [(0, 20, 200), (1, 10, 100)]
    killed = next(event for event in recording.events if event.kind == "shard_killed")
    assert killed.message == "shard 1 wrote nothing for 2 s and was killed"
    assert recording.failure is None


def test_a_script_may_clean_up_in_silence_and_judge_after_that(tmp_path: Path) -> None:
    directory = run(replace(request(tmp_path, 1.1, shard0=["cleans-up"]), hung_s=1.6))
    assert "shard_killed" not in kinds(read_recording(directory)[1])
    found = {finding.id: finding for finding in judged(directory).result.findings}
    assert found["script_verdict"].message == "the script set exit code 4 (not met: p99 < 1)"


def test_a_shard_that_does_not_end_with_the_plan_is_made_to(tmp_path: Path) -> None:
    recording = read_recording(run(replace(request(tmp_path, 1.1, shard0=["endless"]), overtime_s=0.2)))[1]
    assert kinds(recording) == ["stage", "stage", "stop", "shard_killed"]
    assert "SIGINT" in recording.events[-1].message


@pytest.mark.parametrize("lingers", [False, True])
def test_a_load_of_the_script_s_own_lasts_as_long_as_it_says(tmp_path: Path, lingers: bool) -> None:
    tricks = ["shape", *["lingers"] * lingers]
    asked = request(tmp_path, shards=2, shard0=tricks, shard1=tricks)
    unplanned = replace(asked.scenario, load=Load("closed", ()))
    directory = run(replace(asked, scenario=unplanned, overtime_s=0.2))
    recording = read_recording(directory)[1]
    assert counts(recording) == [(0, 20, 200), (1, 20, 200), (2, 20, 200)]
    assert [(e.kind, e.message) for e in recording.events][:2] == [
        ("level", "to 20 users, 100/s"),
        ("level", "the script's load ends"),
    ]
    assert ("stop" in kinds(recording)) is lingers
    [ramp, hold] = judged(directory).result.stages
    assert [(one.name, one.start_s, one.end_s) for one in (ramp, hold)] == [
        ("to 20 users", 0, 1),
        ("20 users", 1, 3),
    ]
    assert hold.summary.total.completed == 400
    (directory.path / "intervals.ndjson").unlink()  # all of it is in the frames too
    assert judged(directory).result.stages == (ramp, hold)


def test_what_a_script_says_of_itself_is_judged_from_the_directory_alone(tmp_path: Path) -> None:
    directory = run(request(tmp_path, 2.0, shard0=["raises"]))
    assert sorted(path.name for path in directory.frames.iterdir()) == ["0.meta", "0.ndjson.gz"]
    for made in (judged(directory), judged(directory, targets=[])):
        found = {finding.id: finding for finding in made.result.findings}
        assert found["script_fault"].evidence["count"] == 206
        assert found["script_verdict"].message == "the script set exit code 3"
        assert (made.result.verdict, made.result.exit_code) == ("FAIL", 1)


def test_what_a_shard_leaves_behind_is_killed_with_it(tmp_path: Path) -> None:
    run(request(tmp_path, 1.0, shard0=["grandchild"]))
    assert all_gone(tmp_path, 0.5)


@pytest.mark.parametrize(
    ("trick", "words"),
    [
        ("dies-first", "scripted could not start: ModuleNotFoundError: No module named 'shop'"),
        ("mute", "scripted was not ready within 1 s (nothing was sent): it printed nothing"),
    ],
)
def test_an_engine_that_does_not_say_hello_is_an_error_in_its_own_words(
    tmp_path: Path, trick: str, words: str
) -> None:
    with pytest.raises(RunError) as raised:
        run(replace(request(tmp_path, shards=2, shard1=[trick]), hello_deadline_s=1.0))
    assert str(raised.value) == words
    recording = recorded(tmp_path)
    assert (recording.failure, recording.seconds, recording.interrupted_by) == (words, [], None)


def test_a_script_that_waits_while_it_is_loaded_is_named(tmp_path: Path) -> None:
    asked = request(tmp_path, shard0=["mute"])
    asked = replace(asked, scenario=replace(asked.scenario, script=Script("locustfile", "own.py")))
    with pytest.raises(RunError, match="not ready within 1 s") as raised:
        run(replace(asked, hello_deadline_s=1.0))
    assert raised.value.hint is not None
    assert "code that runs while own.py is loaded must finish within that time" in raised.value.hint


@pytest.mark.parametrize(
    ("trick", "words", "hint"),
    [
        ("refuses", "locust: error: --tenant is required", "it printed: which tenant?"),
        ("refuses-late", "own.py:7: the listener of test_start raised KeyError: 'id'", None),
    ],
)
def test_a_script_that_refuses_is_a_usage_error_before_and_after_hello(
    tmp_path: Path, trick: str, words: str, hint: str | None
) -> None:
    with pytest.raises(UsageError) as raised:
        run(request(tmp_path, 5.0, shards=2, shard1=[trick]))
    assert (str(raised.value), raised.value.hint) == (words, hint)
    assert recorded(tmp_path).failure == words


def test_an_engine_that_is_not_installed_is_an_error_with_the_command_that_helps(tmp_path: Path) -> None:
    engine = ScriptedEngine(installed=None)
    with pytest.raises(RunError, match="scripted is not installed") as raised:
        run(RunRequest(scenario=scenario(2.0), engine=engine, out=tmp_path, watch=None))
    assert raised.value.hint == "nothing to install"


def test_a_system_that_never_answers_is_an_error_and_nothing_is_sent(tmp_path: Path) -> None:
    closed = Scenario(name="api", host="http://localhost:9", load=scenario(2.0).load)
    with pytest.raises(RunError, match=r"nothing listens on localhost:9 \(tried for 0 s, nothing was sent\)"):
        run(
            RunRequest(
                scenario=closed, engine=ScriptedEngine(), out=tmp_path, watch=None, ready_deadline_s=0.3
            )
        )
    recording = recorded(tmp_path)
    assert (recording.seconds, recording.interrupted_by) == ([], None)
    assert (recording.failure or "").startswith("nothing listens on localhost:9")


def test_a_process_that_dies_while_it_is_waited_for_ends_the_wait_at_once(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(0.5)"]) as system:
        named = replace(
            scenario(2.0), host="http://localhost:9", health="/health", watch=Watch(pid=system.pid)
        )
        asked = replace(request(tmp_path), scenario=named, ready_deadline_s=60)
        began = time.monotonic()
        with pytest.raises(RunError, match=rf"is gone \(nothing was sent\): process {system.pid} has ended"):
            run(asked)
        assert time.monotonic() - began < 20


def test_a_folder_that_cannot_be_written_is_found_out_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(UsageError, match="cannot write run directories"):
        run(request(tmp_path / "runs"))


def start(
    out: Path, seconds: float, *, drain_s: float = 0.5, tricks: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """This file as a program, once its run has written its first second."""
    argv = [sys.executable, __file__, str(out), str(seconds), str(drain_s), *tricks]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 10
    while not any(path.stat().st_size for path in out.glob("*/intervals.ndjson")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    return process


def ended(process: subprocess.Popen[bytes], within_s: float) -> str:
    """What it said when it ended by itself."""
    answer, _ = process.communicate(timeout=within_s)
    assert process.returncode == 0
    return answer.decode().strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_drains_and_keeps_what_was_measured(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path, 30)
    process.send_signal(number)
    assert ended(process, 3) == "returned"
    recording = recorded(tmp_path)
    assert recording.interrupted_by == number
    assert all(shard.complete for shard in recording.shards)
    assert counts(recording)[0] == (0, 20, 200)
    assert "signal" in kinds(recording)
    assert recording.failure is None


def test_the_second_signal_leaves_at_once(tmp_path: Path) -> None:
    process = start(tmp_path, 30, drain_s=20, tricks=["deaf"])
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert ended(process, 1) == "returned"
    assert recorders(tmp_path) == []
    recording = recorded(tmp_path)
    assert recording.interrupted_by == signal.SIGINT
    assert [shard.complete for shard in recording.shards] == [False, False]
    assert counts(recording) == [(0, 20, 200)]


def test_an_engine_that_does_not_leave_is_made_to(tmp_path: Path) -> None:
    process = start(tmp_path, 30, tricks=["deaf"])
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert ended(process, 8) == "returned"
    assert 4 < time.monotonic() - began < 6  # drain 0.5 s + 2 s, SIGINT, 1 s, SIGTERM, 1 s, SIGKILL
    recording = recorded(tmp_path)
    assert recording.interrupted_by == signal.SIGTERM
    assert kinds(recording).count("shard_killed") == 2


def test_a_signal_before_the_load_begins_is_no_run(tmp_path: Path) -> None:
    out = str(tmp_path)
    process = subprocess.Popen([sys.executable, __file__, out, "30", "1", "mute"], stdout=subprocess.PIPE)
    deadline = time.monotonic() + 5
    while len(recorders(tmp_path)) < 3:  # the program and two shards
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert ended(process, 2) == "Interrupted 2"
    assert recorded(tmp_path).interrupted_by == signal.SIGINT


def test_when_loadctl_is_killed_the_engine_leaves_and_nothing_is_lost(tmp_path: Path) -> None:
    process = start(tmp_path, 30)
    process.kill()
    process.communicate()
    assert all_gone(tmp_path, 5)
    recording = recorded(tmp_path)
    assert recording.interrupted_by == signal.SIGKILL
    assert counts(recording)[0] == (0, 20, 200)
    assert [shard.bye for shard in recording.shards] == [False, False]
    found = json.loads(next(tmp_path.glob("*/run.json")).read_text())
    assert found["schema"] == "loadctl.run/1"
    assert found["scenario"]["load"]["stages"][1]["name"] == "hold"
    assert found["versions"]["python"].startswith("3.")
    assert found["machine"]["cpu_count"] >= 1
    assert found["t0_wall"].endswith("Z")


def test_a_full_disk_ends_the_run_and_keeps_what_is_there(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can only be mounted as root")
    try:
        process = start(disk, 30, tricks=["wide"])
        with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(b"x" * 4096)
        said = ended(process, 5)
        assert said.startswith("UnwritableError run directory unwritable in mid-run: ")
        assert said.endswith("No space left on device")
        recording = recorded(disk)
        assert counts(recording)[0] == (0, 20, 200)
        assert recording.failure is not None
        assert recorders(disk) == []
        open_run("latest", disk).replace("result.json", " " * 10_000)
    finally:
        for left in recorders(disk):
            left.kill()
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def main(out: str, seconds: str, drain_s: str, *tricks: str) -> None:
    engine = ScriptedEngine({0: tricks, 1: tricks})
    load = scenario(float(seconds), drain_s=float(drain_s))
    try:
        run(RunRequest(scenario=load, engine=engine, out=Path(out), shards=2, watch=None))
    except Interrupted as error:
        print("Interrupted", error.signal_number)
    except RunError as error:
        print(type(error).__name__, error)
    else:
        print("returned")


if __name__ == "__main__":
    main(*sys.argv[1:])
