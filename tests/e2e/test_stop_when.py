"""`stop_when:` on both engines: the run ends early and says why; the verdict is never a PASS."""

from __future__ import annotations

import pytest

from tests.e2e.shell import Shell

pytestmark = pytest.mark.e2e
SCENARIO = """
think: 50ms
tasks: [{get: /models}]
load: [{users: 5, for: 60s}]
stop_when: error_rate > 50% for 4s
targets: {latency_p50: 1s}
"""


def test_a_run_that_only_fails_ends_early(loadctl: Shell, engine: str) -> None:
    loadctl.write("scenarios/brake.yaml", SCENARIO)
    ended = loadctl("run", "brake", "--demo", "--fault", "errors=100%@5s", "--engine", engine, "--json")
    result = ended.result
    assert (ended.verdict, ended.code) == ("FAIL", 1)
    assert "stopped-early" in ended.finding_ids()
    assert "load-not-reached" not in ended.finding_ids()
    reason = next(reason for reason in result["reasons"] if reason.startswith("Stopped early after "))
    assert reason.endswith("error_rate > 50 % for 4 s.")
    assert 4 <= result["window"]["end_s"] <= 40
    assert "stops early: error_rate > 50 % for 4 s" in ended.err
    assert "stopped early after" in ended.err
    assert result["counters"]["unfinished"] == 0
