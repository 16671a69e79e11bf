"""The runs on disk: what is written is read back, whatever was torn, and found by any part of its name."""

import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from loadctl.cli.formats import formatted
from loadctl.cli.judging import judged
from loadctl.cli.options import FORMATS
from loadctl.errors import UsageError, Where
from loadctl.results.histogram import Histogram
from loadctl.results.interval import Interval, Second
from loadctl.results.recording import END, Event, Reading
from loadctl.run import store
from loadctl.run.directory import RunDirectory
from loadctl.run.journal import (
    Journal,
    UnwritableError,
    compress,
    event_line,
    read_event,
    read_lines,
    read_readings,
    reading_line,
)
from loadctl.run.machine import calendar_time, this_machine, utc
from loadctl.run.manifest import Manifest, from_text, scenario_hash, to_text
from loadctl.run.store import list_runs, open_run, read_recording
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import RateLimit, Scenario, Script
from loadctl.scenario.target import Scope, Target
from loadctl.scenario.user_type import Body, Check, Repeat, Request, Task, Think, UserType
from tests.records import replace
from tests.results.written import written
from tests.scenario.reading.test_parse import read

PASSWORD = "correct horse battery staple"


def scenario(name: str = "shop") -> Scenario:
    request = Request(
        method="POST",
        url="/predict",
        endpoint="POST /predict",
        headers={"Authorization": f"Bearer {PASSWORD}"},
        body=Body(kind="json", json={"a": [1, None, {"b": 2.5}, True, "1"], "pin": "12"}),
        check=Check(status=((200, 299),), json={"ok": True}),
        capture={"token": "$.token"},
    )
    flow = (request, Think(0.1, 0.2), Repeat(3, (request, Repeat(1, (request,), "more"))))
    return Scenario(
        name=name,
        host="http://localhost:8080",
        load=Load("open", (Stage(0, 300, 10.0, "ramp", warmup=True), Stage(300, 300, 60.0, "hold"))),
        user_types=(UserType(name="U", weight=3, tasks=(Task("t", 1, flow),), data=({"id": "007"},)),),
        targets=(Target(metric="latency_p95", scope=Scope("stage", "hold"), critical=200.0, unit="ms"),),
        rate_limit=RateLimit(100.0, "key"),
        credentials="ann:pin",
        secrets={PASSWORD: "${PHRASE}", "12": "${PIN}"},
    )


def manifest(run: RunDirectory, shards: int = 1, **changes: object) -> Manifest:
    return Manifest(
        id=run.id,
        scenario=scenario(),
        scenario_hash=scenario_hash(scenario()),
        engine="scripted",
        engine_version="1.0",
        shards=shards,
        argv=["loadctl", "run", "--header", f"X-Key: {PASSWORD}"],
        machine=this_machine(),
        created_at="2026-11-23T12:00:00.000Z",
        pid=1,
    )


def made(out: Path, name: str = "shop", shards: int = 1) -> RunDirectory:
    run = RunDirectory.create(out, name, "scripted")
    run.write_manifest(manifest(run, shards))
    return run


def frames(ts: Sequence[int]) -> bytes:
    return b"".join(b'{"kind":"frame",' + line(t)[1:] for t in ts)


def line(t: int, n: int = 1) -> bytes:
    second = Second(t, {"GET /": Interval(ok=Histogram.of([1000] * n), in_flight=2)}, users=1)
    return written(second).encode() + b"\n"


HELLO = (
    json.dumps(
        {"kind": "hello", "format": 1, "engine": "scripted", "version": "1.0", "pid": 7, "shard": 0}
        | {"clocks": {"monotonic_s": 1.0, "wall_s": 2.0}}
    ).encode()
    + b"\n"
)
ENDED = (
    event_line(Event(3.0, END, "the run ended", {"interrupted_by": None, "failure": None})).encode() + b"\n"
)


def test_the_manifest_is_read_back_with_its_secrets_redacted(tmp_path: Path) -> None:
    run = made(tmp_path)
    text = (run.path / "run.json").read_text()
    assert PASSWORD not in text
    read = run.manifest()
    request = read.scenario.requests()[0]
    assert request.headers == {"Authorization": "Bearer ${PHRASE}"}
    assert request.body is not None
    assert request.body.json == {"a": [1, None, {"b": 2.5}, True, "1"], "pin": "${PIN}"}
    assert read.argv[-1] == "X-Key: ${PHRASE}"
    assert read.scenario.secrets == {}
    assert read.scenario.credentials == ""
    assert read.scenario.load.window == (10.0, 70.0)
    assert [type(step) for step in read.scenario.user_types[0].tasks[0].flow] == [Request, Think, Repeat]
    assert read.scenario.targets[0].scope == Scope("stage", "hold")
    assert replace(read, scenario=scenario()) == replace(
        manifest(run), argv=read.argv, machine=read.machine, watch_notes=[]
    )


OLD = Path(__file__).parent / "old"
"""A manifest from before steps said what they are, and its scenario."""


def test_an_old_manifest_is_read_as_its_scenario_is_today() -> None:
    old = from_text((OLD / "run.json").read_text(), Path("run.json"))
    today = read((OLD / "scenario.yaml").read_text(), env={"TOKEN": "hunter22hunter22"})
    now = from_text(to_text(replace(old, scenario=today)), Path("run.json"))
    assert old == now
    assert {type(step) for step in old.scenario.user_types[0].start} == {Request, Think, Repeat}


def test_what_stands_in_an_old_manifest_instead_of_steps_is_refused_with_its_place() -> None:
    found = json.loads((OLD / "run.json").read_text())
    task = found["scenario"]["user_types"][0]["tasks"][1]
    for odd, place in ((7, ""), ([7], "[0]"), ([{"times": 2, "flow": [[]]}], "[0].flow[0]")):
        task["flow"] = odd
        with pytest.raises(UsageError, match=re.escape(f"user_types[0].tasks[1].flow{place}`")):
            from_text(json.dumps(found), Path("run.json"))


def test_a_hash_tells_scenarios_apart_and_nothing_else(tmp_path: Path) -> None:
    same = replace(scenario(), source="/elsewhere/shop.yaml", packaged=True, host="http://staging:1")
    assert scenario_hash(same) == scenario_hash(scenario())
    assert scenario_hash(replace(scenario(), seed=2)) != scenario_hash(scenario())
    script = tmp_path / "script"
    hashes = set()
    for text in ("one", "two"):
        script.write_text(text)
        hashes.add(scenario_hash(replace(scenario(), script=Script("locustfile", str(script)))))
    assert len(hashes) == 2


def test_a_hash_counts_what_is_sent_whatever_its_name() -> None:
    """Names of fields that the hash leaves out elsewhere."""
    plain = scenario()
    (request, *rest) = plain.user_types[0].tasks[0].flow
    for name in ("host", "source", "where", "notes", "secrets"):
        hashes = set()
        for value in ("a", "b"):
            for sent in (replace(request, headers={name: value}), replace(request, query={name: value})):
                kind = replace(plain.user_types[0], tasks=(Task("t", 1, (sent, *rest)),))
                hashes.add(scenario_hash(replace(plain, user_types=(kind,))))
        assert len(hashes) == 4
    moved = replace(request, where=Where("other.yaml", 9, 9))
    kind = replace(plain.user_types[0], tasks=(Task("t", 1, (moved, *rest)),))
    assert scenario_hash(replace(plain, user_types=(kind,))) == scenario_hash(plain)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not the manifest of a run"),
        ("[]", "is not the manifest of a run"),
        ('{"schema": "loadctl.run/2"}', "format 'loadctl.run/2' is not known to this version of loadctl"),
        (
            '{"schema": "loadctl.run/1", "id": "x"}',
            "run.json is not the manifest of a run: .* field `scenario`",
        ),
    ],
)
def test_what_is_no_manifest_is_a_usage_error(tmp_path: Path, text: str, message: str) -> None:
    run = made(tmp_path)
    (run.path / "run.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_recording(run)


@pytest.mark.parametrize(
    ("path", "figure"),
    [
        (("load", "stages", 1, "end"), -1e308),
        (("load", "stages", 1, "duration_s"), 1e-308),
        (("load", "stages", 0, "duration_s"), 1e308),
        (("user_types", 0, "weight"), 0),
        (("user_types", 0, "tasks", 0, "weight"), -1),
        (("user_types", 0, "pace_s"), 1e308),
        (("targets", 0, "critical"), 1e-308),
    ],
)
def test_what_no_scenario_holds_is_refused_with_its_place(
    tmp_path: Path, path: tuple[str | int, ...], figure: float
) -> None:
    run = made(tmp_path)
    changed = json.loads((run.path / "run.json").read_text())
    here = changed["scenario"]
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = figure
    (run.path / "run.json").write_text(json.dumps(changed))
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    with pytest.raises(UsageError, match=re.escape(f"at `$.scenario{place}`")):
        judged(run)


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("shards", "1000000000", r"Expected `int` <= 10000 - at `\$.shards`"),
        ("shards", "0", r"Expected `int` >= 1 - at `\$.shards`"),
        ("shards", "1e400", "is not the manifest of a run"),
        ("t0_monotonic_s", "NaN", "is not the manifest of a run"),
        ("t0_monotonic_s", "9" * 400, "is not the manifest of a run"),
        ("argv", "[" * 100_000, "is not the manifest of a run"),
    ],
)
def test_a_figure_that_no_run_has_is_refused_with_its_place(
    tmp_path: Path, field: str, text: str, message: str
) -> None:
    run = made(tmp_path)
    changed = json.loads((run.path / "run.json").read_text()) | {field: "HERE"}
    (run.path / "run.json").write_text(json.dumps(changed).replace('"HERE"', text))
    with pytest.raises(UsageError, match=message):
        read_recording(run)


def told(run: RunDirectory) -> tuple[str | None, bool]:
    outline = run.outline()
    return outline.verdict, outline.smoke


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"verdict": 5}', b'{"verdict": NaN}', b"\xff\xfe", b"null"]
)
def test_one_bad_result_leaves_the_list_of_runs_whole(tmp_path: Path, content: bytes) -> None:
    good, bad = made(tmp_path, "good"), made(tmp_path, "bad")
    good.result.write_text('{"verdict": "PASS", "smoke": true, "timeline": [{"t_s": 0}]}')
    bad.result.write_bytes(content)
    assert {run.id: told(run) for run in list_runs(tmp_path)} == {
        good.id: ("PASS", True),
        bad.id: (None, False),
    }


def test_nobody_waits_for_a_result_that_is_no_file(tmp_path: Path) -> None:
    run = made(tmp_path)
    os.mkfifo(run.result)
    assert told(run) == (None, False)


def test_a_clock_beyond_all_calendars_can_be_written_and_is_not_told(tmp_path: Path) -> None:
    assert utc(1_796_071_814.8984) == "2026-11-30T20:50:14.898Z"
    assert calendar_time("2026-11-30T20:50:14.898Z") == "2026-11-30T20:50:14.898Z"
    far = utc(254_250_000_000.0)
    assert far.startswith("10026-")
    assert [calendar_time(stamp) for stamp in (far, "9999-12-31T00:00:00Z", "soon", "")] == [None] * 4
    run = made(tmp_path)
    changed = json.loads((run.path / "run.json").read_text()) | {"t0_wall": far}
    (run.path / "run.json").write_text(json.dumps(changed))
    judgement = judged(run)
    assert judgement.result.started_at is None
    for form in set(FORMATS) - {"csv"}:  # that one needs frames
        assert far not in formatted(judgement, form)


@pytest.mark.parametrize("t", ["1e308", "10000001", "-1e12"])
def test_what_happened_when_no_run_is_that_long_is_left_out(t: str) -> None:
    """Seconds that a profiler touched are counted one by one."""
    assert read_event(f'{{"t": {t}, "kind": "profile_started", "message": ""}}'.encode()) is None
    line = f'{{"t": {t}, "subject": "system", "source": "process", "entity": "x", "values": {{"a": 1}}}}'
    assert len(read_readings([line.encode()])) == 0


def test_a_run_is_found_by_path_id_part_and_age(tmp_path: Path) -> None:
    first, second, third = made(tmp_path, "shop"), made(tmp_path, "shop / peak"), made(tmp_path, "login")
    assert second.id.endswith(tuple("0123456789abcdef"))
    assert "-shop-peak-scripted-" in second.id
    assert [run.id for run in list_runs(tmp_path)] == [third.id, second.id, first.id]
    for reference, run in {
        str(first.path): first,
        second.id: second,
        "login": third,
        "peak": second,
        first.id[-4:]: first,
        "latest": third,
        "latest~0": third,
        "latest~2": first,
        "": third,
    }.items():
        assert open_run(reference, tmp_path) == run


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("nothing-like-it", "no run in .* has 'nothing-like-it' in its name"),
        ("latest~3", "there is no latest~3: .* holds 2"),
        ("shop", r"'shop' could be any of 2 runs:\n  20\d{6}T\d{6}Z-shop-b-scripted-....\n  20"),
    ],
)
def test_a_reference_to_no_run_or_to_several_says_so(tmp_path: Path, reference: str, message: str) -> None:
    made(tmp_path, "shop-a")
    made(tmp_path, "shop-b")
    with pytest.raises(UsageError, match=message):
        open_run(reference, tmp_path)


def test_where_there_are_no_runs_it_says_so(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "nowhere") == []
    with pytest.raises(UsageError, match="there are no runs in"):
        open_run("latest", tmp_path)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a/b\\c:d*e", "ü" * 300, ".hidden", "-rf"])
def test_any_scenario_name_makes_a_sane_directory(tmp_path: Path, name: str) -> None:
    run = RunDirectory.create(tmp_path, name, "scripted")
    assert run.path.parent == tmp_path
    assert len(run.id) < 120
    assert run.id.isascii()


def test_a_finished_run_is_read_from_its_intervals(tmp_path: Path) -> None:
    run = made(tmp_path)
    bye = b'{"kind":"bye","t":2.0,"unfinished":{"GET /":[5.5]},"totals":{"completed":3}}\n'
    run.frame_file(0).write_bytes(HELLO + frames([0, 1]) + bye)
    compress(run.frame_file(0))
    run.intervals.write_bytes(line(0) + line(1) + line(0, 2) + line(1)[:-20])
    run.events.write_bytes(event_line(Event(0.0, "stage", "ramp", {"planned": 3})).encode() + b"\n" + ENDED)
    run.readings.write_bytes(b'{"t":1\n' + reading_line(Reading(0.5, "host", "host", "x", {"a": 1})).encode())
    read, recording = read_recording(run)
    assert read.id == run.id
    assert [(s.t, s.users, s.ok.count) for s in recording.seconds] == [(0, 2, 3), (1, 1, 1)]
    assert recording.shards[0].complete
    assert recording.shards[0].unfinished == {"GET /": (5.5,)}
    assert recording.events == [Event(0.0, "stage", "ramp", {"planned": 3})]
    assert recording.readings == [Reading(0.5, "host", "host", "x", {"a": 1.0})]
    assert (recording.interrupted_by, recording.failure) == (None, None)


def test_a_packed_run_is_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_LARGE_BYTES", 0)
    run = made(tmp_path, shards=2)
    note, bye = (
        b'{"kind":"note","message":"capped"}\n',
        b'{"kind":"bye","t":2.0,"unfinished":{"GET /":[5.5]}}\n',
    )
    run.frame_file(0).write_bytes(HELLO + frames([0]) + note + frames([1]) + bye)
    run.frame_file(1).write_bytes(HELLO + frames([0, 1]) + frames([2])[:-9])
    run.intervals.write_bytes(line(0, 2) + line(1, 2))
    run.readings.write_bytes(reading_line(Reading(0.5, "host", "host", "x", {"a": 1})).encode() + b"\n")
    run.events.write_bytes(ENDED)
    before = read_recording(run)
    store.pack(run)
    assert sorted(path.name for path in run.frames.iterdir()) == [
        *("0.meta", "0.ndjson.gz", "1.meta", "1.ndjson.gz")
    ]
    assert not run.readings.exists()
    assert read_recording(run) == before
    assert before[1].shards[0].notes == ("capped",)
    assert before[1].shards[1].last_t == 1
    for meta in list(run.frames.glob("*.meta")):
        meta.rename(meta.with_suffix(".said"))
    assert read_recording(run) == before, "older versions called it so"
    for damaged in run.frames.glob("*.said"):
        damaged.unlink()
    assert read_recording(run) == before, "what stands there stands among the frames too"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "intervals", [None, b"", line(0), line(0) + line(1)[:-5], b"garbage\n", line(0) + line(1) + line(2)]
)
def test_a_run_whose_loadctl_was_killed_is_read_from_its_frames(
    tmp_path: Path, intervals: bytes | None, packed: bool
) -> None:
    run = made(tmp_path, shards=3)
    run.frame_file(0).write_bytes(HELLO + frames([0, 1, 2]) + frames([3])[:-10])
    run.frame_file(1).write_bytes(HELLO + frames([0, 1]))
    if packed:
        compress(run.frame_file(0))
    if intervals is not None:
        run.intervals.write_bytes(intervals)
    recording = read_recording(run)[1]
    assert [(s.t, s.users) for s in recording.seconds] == [(0, 2), (1, 2), (2, 1)]
    assert recording.interrupted_by == 9
    assert [(s.hello, s.bye, s.last_t) for s in recording.shards] == [
        (True, False, 2),
        (True, False, 1),
        (False, False, None),
    ]
    assert recording.shards[0].cut_off == {"GET /": 2}


def test_intervals_without_frames_are_enough(tmp_path: Path) -> None:
    run = made(tmp_path)
    run.intervals.write_bytes(line(0))
    assert [second.t for second in read_recording(run)[1].seconds] == [0]


def test_how_a_run_ended_is_read_back(tmp_path: Path) -> None:
    run = made(tmp_path)
    detail: dict[str, str | float | int | None] = {
        "interrupted_by": 15,
        "failure": "disk full",
        "stopped_early": "errors > 50 %",
    }
    run.events.write_text(event_line(Event(1.0, END, "", detail)) + "\n")
    recording = read_recording(run)[1]
    assert (recording.interrupted_by, recording.failure, recording.stopped_early) == (
        15,
        "disk full",
        "errors > 50 %",
    )
    assert recording.events == []


def test_events_and_readings_are_read_back_as_written() -> None:
    event = Event(
        1.5, "shard_exit", "shard 1 ended", {"returncode": -9, "why": None, "engine": "x", "at": 1.5}
    )
    gap = Reading(2.0, "system", "process", "shop pid 7", gap="it has ended")
    reading = Reading(2.0, "system", "process", "shop pid 7", {"cpu_pct": 12.5}, {"memory_kind": "PSS"})
    assert read_event(event_line(event).encode()) == event
    assert list(read_readings(reading_line(one).encode() for one in (gap, reading))) == [gap, reading]
    for torn in (b"", b"{", b"[]", b"1", event_line(event)[:-3].encode(), b"\xff\xfe", b"[" * 100_000):
        assert read_event(torn) is None
        assert not read_readings([torn])


def test_a_line_after_a_torn_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.append(["one"])
    os.truncate(path, 2)
    journal._torn = True
    journal.append(["two", "three"])
    journal.append([])
    journal.close()
    assert path.read_text() == "on\ntwo\nthree\n"


def test_a_full_device_is_an_error_with_its_reason() -> None:
    journal = Journal(Path("/dev/full"))
    with pytest.raises(
        UnwritableError, match="run directory unwritable in mid-run: /dev/full: No space left"
    ):
        journal.append(["line"])
    journal.close()


def test_a_gzip_file_cut_short_gives_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "0.ndjson"
    packed = tmp_path / "0.ndjson.gz"
    packed.write_bytes(gzip.compress(b"".join(b"%d %x\n" % (k, hash(str(k))) for k in range(10_000)))[:-5000])
    lines = list(read_lines(path))
    assert 10 < len(lines) < 10_000
    assert lines[3].startswith(b"3 ")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    run = made(tmp_path)
    run.replace("result.json", '{"verdict": "PASS"}')
    assert told(run) == ("PASS", False)
    (run.path / ".result.json.partial").mkdir()
    with pytest.raises(UnwritableError):
        run.replace("result.json", "{}")
    assert told(run) == ("PASS", False)
    run.result.write_text("[1")
    assert told(run) == (None, False)
    assert Counter(path.name for path in run.path.iterdir())["result.json"] == 1
