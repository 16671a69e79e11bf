"""`loadctl capacity` against a system whose capacity is known."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.e2e.shell import Shell, all_gone, wait_for

pytestmark = pytest.mark.e2e
SCENARIO = """
tasks: [{get: /models}]
load: [{users: 5, for: 60s}]
targets: {latency_p95: 100ms, error_rate: 1%}
"""


def test_the_band_holds_the_truth(loadctl: Shell) -> None:
    loadctl.write("scenarios/known.yaml", SCENARIO)
    options = ("--from", "70/s", "--probe", "5s", "--json")
    ended = loadctl("capacity", "known", "--demo", "--fault", "capacity=80/s", *options, timeout_s=240)
    found = json.loads(ended.out)
    low, high = found["band"]
    each = found["requests_per_arrival"]
    assert ended.code == 0
    assert low * each <= 80 <= high * each, found
    assert "latency p95" in found["fails_next"]
    folder = next(loadctl.folder.glob("runs/capacity-*"))
    assert len(list(folder.glob("*/result.json"))) == len(found["probes"])
    assert json.loads((folder / "capacity.json").read_text()) == found


def test_signals_in_a_probe_end_it_and_keep_what_was_found(loadctl: Shell) -> None:
    loadctl.write("scenarios/known.yaml", SCENARIO)
    going = loadctl.start("capacity", "known", "--demo", "--probe", "60s")
    begun = "runs/*/*/intervals.ndjson"
    wait_for(lambda: any(file.stat().st_size for file in loadctl.folder.glob(begun)) or None, 40)
    children = going.children()
    going.signal(signal.SIGINT)
    going.keep_signalling(signal.SIGTERM, 20)  # in the drain, the judgement and the clean-up
    ended = going.wait()
    assert ended.code == 130
    (result,) = loadctl.folder.glob("runs/*/*/result.json")
    assert json.loads(result.read_text())["verdict"] == "INTERRUPTED"
    assert all_gone(children)
    assert "interrupted during the probe at 10" in ended.err
    assert "nothing was sent" not in ended.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--probe", "1s"), "--probe 1s: a probe needs at least 5 s"),
        (("--max", "5/s"), "--max 5/s is below the first level, 10"),
        (("--from", "x"), "--from: 'x' is not a rate"),
    ],
)
def test_what_cannot_be_meant(loadctl: Shell, options: tuple[str, ...], message: str) -> None:
    loadctl.write("scenarios/known.yaml", SCENARIO)
    ended = loadctl("capacity", "known", "-H", "http://127.0.0.1:9", *options)
    assert (ended.code, message in ended.err) == (2, True), ended.err
    assert not list(Path(loadctl.folder).glob("runs/*"))
