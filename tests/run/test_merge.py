"""Merging: however the shards' files grow, each second comes out once whole, and nothing is lost or counted twice."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from loadctl.results.histogram import Histogram
from loadctl.results.interval import Interval, Second
from loadctl.results.recording import Example
from loadctl.run.merge import SILENT_S, Merger, ShardLog, Tail, first_examples, in_step
from tests.results import written


def frame(t: int, *, users: int = 1, us: Sequence[int] = (1000,), in_flight: int = 0) -> bytes:
    second = Second(
        t, {"GET /": Interval(ok=Histogram.of(us), in_flight=in_flight)}, users=users, turns=len(us)
    )
    return written.frame(second)


def shown(seconds: Sequence[Second]) -> list[tuple[int, int, int]]:
    return [(s.t, s.users, s.turns) for s in seconds]


class Files:
    """Two shards' files, and a merger that follows them from time 0."""

    def __init__(self, folder: Path, shards: int = 2) -> None:
        self.paths = [folder / f"{k}.ndjson" for k in range(shards)]
        self.merger = Merger(self.paths, 0.0)

    def append(self, shard: int, data: bytes) -> None:
        with self.paths[shard].open("ab") as file:
            file.write(data)


def test_a_second_comes_out_when_all_shards_have_passed_it(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.append(0, frame(0) + frame(1))
    assert files.merger.poll(1.0) == []
    files.append(1, frame(0, users=5))
    assert shown(files.merger.poll(1.1)) == [(0, 6, 2)]
    assert files.merger.poll(1.2) == []
    files.append(1, frame(1))
    assert shown(files.merger.poll(2.0)) == [(1, 2, 2)]


def test_a_silent_shard_holds_nobody_up_and_its_late_frames_are_added(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.append(0, frame(0) + frame(1))
    files.append(1, frame(0))
    assert shown(files.merger.poll(1.0)) == [(0, 2, 2)]
    files.append(0, frame(2))
    assert files.merger.poll(1.0 + SILENT_S) == []
    assert shown(files.merger.poll(1.1 + SILENT_S)) == [(1, 1, 1), (2, 1, 1)]
    files.append(1, frame(1, users=7))
    late = files.merger.poll(5.0)
    assert shown(late) == [(1, 7, 1)]


def test_a_shard_that_is_gone_or_said_bye_holds_nobody_up(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.append(0, frame(0) + frame(1))
    files.append(1, frame(0)[:-9])
    assert files.merger.poll(1.0) == []
    files.merger.gone(1)
    assert shown(files.merger.poll(1.1)) == [(0, 1, 1), (1, 1, 1)]
    assert files.merger.logs[1].shard().notes == ("1 lines of its frames could not be read",)
    files.append(0, b'{"kind":"bye","t":2.5,"unfinished":{"GET /":[7.5]},"totals":{"completed":2}}\n')
    files.merger.poll(2.0)
    shard = files.merger.logs[0].shard()
    assert (shard.bye, shard.last_t, shard.unfinished) == (True, 1, {"GET /": (7.5,)})


def test_a_last_line_without_an_end_counts_when_it_is_whole(tmp_path: Path) -> None:
    files = Files(tmp_path, shards=1)
    files.append(0, frame(0).rstrip())
    assert files.merger.poll(1.0) == []
    files.merger.gone(0)
    assert shown(files.merger.poll(1.0)) == [(0, 1, 1)]


def test_requests_under_way_when_a_shard_died_are_its_own(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.append(0, frame(0, in_flight=3))
    files.append(1, frame(0, in_flight=4))
    assert files.merger.poll(1.0)[0].cells["GET /"].in_flight == 7
    assert [log.shard().cut_off for log in files.merger.logs] == [{"GET /": 3}, {"GET /": 4}]


growth = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 400), st.sampled_from([0.0, 0.5, SILENT_S + 1])), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(growth)
def test_nothing_is_lost_however_the_files_grow(steps: list[tuple[int, int, float]]) -> None:
    """Steps: a shard's file grows by so many bytes, and so much time passes."""
    with TemporaryDirectory() as folder:
        files = Files(Path(folder), 3)
        unwritten = [b"".join(frame(t, us=[t + k + 1] * (k + 1)) for t in range(4)) for k in range(3)]
        got: list[Second] = []
        now = 0.0
        for k, size, pause_s in [*steps, (0, 10_000, 0.0), (1, 10_000, 0.0), (2, 10_000, 0.0)]:
            files.append(k, unwritten[k][:size])
            unwritten[k] = unwritten[k][size:]
            now += pause_s
            got += files.merger.poll(now)
        folded = list(in_step([[second] for second in got + files.merger.finish()]))
        assert [(s.t, s.users, s.turns) for s in folded] == [(t, 3, 6) for t in range(4)]
        for second in folded:
            expected = Histogram.of(second.t + k + 1 for k in range(3) for _ in range(k + 1))
            assert second.cells["GET /"].ok == expected


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_a_tail_gives_the_same_lines_as_reading_at_once(parts: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "0.ndjson"
        tail = Tail(path)
        got: list[bytes] = list(tail.lines())
        for part in parts:
            with path.open("ab") as file:
                file.write(part)
            got += tail.lines()
        *lines, rest = b"".join(parts).split(b"\n")
        assert (got, tail.rest()) == (lines, rest)


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "0.ndjson"
    tail = Tail(path, max_line_bytes=1000)
    path.write_bytes(b"x" * 3_000_000)
    assert list(tail.lines()) == []
    assert len(tail.rest()) <= 1000
    with path.open("ab") as file:
        file.write(b"rest\n" + frame(0))
    assert list(tail.lines()) == [frame(0).rstrip()]


def test_the_first_three_examples_of_each_kind_are_kept() -> None:
    logs = [ShardLog(0), ShardLog(1)]
    for t in (5, 1, 3):
        for log in logs:
            line = {"kind": "example", "t": t, "endpoint": "GET /", "class": "timeout", "message": "slow"}
            log.take(json.dumps(line).encode())
    assert [example.t for example in first_examples(logs)] == [1, 1, 3]
    assert first_examples(logs)[0] == Example(1.0, "GET /", "timeout", None, "slow")
