"""Merging the frames of very many shards: processor time of loadctl for one second of theirs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from loadctl.results.histogram import Histogram
from loadctl.results.interval import Interval, Second
from loadctl.run.merge import Merger
from tests.results import written

pytestmark = pytest.mark.bench
SHARDS, ENDPOINTS = 1000, 20


def test_a_thousand_shards_of_twenty_endpoints_fit_into_a_core(tmp_path: Path) -> None:
    latencies = [
        int(2000 * 1.1**i) for i in range(50)
    ]  # a million requests a second in all, each a bucket of its own
    cells = {f"GET /{k}": Interval(ok=Histogram.of(latencies)) for k in range(ENDPOINTS)}
    line = written.frame(Second(0, cells, users=1))
    files = [tmp_path / f"{k}.ndjson" for k in range(SHARDS)]
    for file in files:
        file.write_bytes(line)
    merger = Merger(files, 0.0)
    began = time.process_time()
    (second,) = merger.poll(0.5)
    took = time.process_time() - began
    print(f"one second of {SHARDS} shards with {ENDPOINTS} endpoints: {took:.2f} s of processor time")
    assert second.cells["GET /7"].ok.count == SHARDS * len(latencies)
    assert took < 1.0
