"""Four hours without waiting for them: what the orchestrator holds meanwhile, what the disk holds afterwards, and what
the analysis takes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.long_run import LongRun, Replayed, replay

pytestmark = pytest.mark.bench
HOURS_4 = LongRun(seconds=4 * 3600)
ANALYSIS = """
import json, resource, sys, time
from pathlib import Path
from loadctl.cli.judging import judged
from loadctl.run.directory import RunDirectory
began = time.process_time()
made = judged(RunDirectory(Path(sys.argv[1])))
took, most_kb = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([took, most_kb / 1024, made.result.counters.completed]))
"""


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    return replay(HOURS_4, tmp_path_factory.mktemp("runs"))


def test_the_orchestrator_stays_as_it_is(replayed: Replayed) -> None:
    shown = [round(rss / 1e6, 1) for rss in replayed.rss_bytes]
    print(f"{replayed.cpu_s:.0f} s of CPU to merge and write 4 h; MB after each hour: {shown[59::60]}")
    assert max(shown) - shown[4] < 5


def test_the_run_directory_is_small(replayed: Replayed) -> None:
    size = sum(path.stat().st_size for path in replayed.run.path.rglob("*") if path.is_file())
    print(f"the run directory holds {size / 1e6:.0f} MB")
    assert size < 160e6  # 5 MB of it are tallies, for charts of latency by endpoint


def test_the_analysis_is_quick_and_lean(replayed: Replayed) -> None:
    argv = [sys.executable, "-c", ANALYSIS, str(replayed.run.path)]
    took, most_mb, completed = json.loads(subprocess.check_output(argv, cwd=Path(__file__).parents[2]))
    print(f"analysed in {took:.1f} s of CPU, at most {most_mb:.0f} MB")
    assert completed == pytest.approx(HOURS_4.per_s * HOURS_4.seconds, rel=0.02)
    assert took < 3
    assert most_mb < 200
