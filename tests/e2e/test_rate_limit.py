"""A rate limit that is kept, and one that is not, on both engines."""

from __future__ import annotations

import pytest

from tests.e2e.shell import Shell

pytestmark = pytest.mark.e2e
SCENARIO = """
tasks: [{get: /models, headers: {X-API-Key: demo-free}}]
load: [{rate: 30/s, for: 5s}]
rate_limit: {limit: 10/s, by: key}
targets: {error_rate: 1%}
"""


@pytest.mark.parametrize(
    ("faults", "finding", "verdict"),
    [
        ((), "rate-limit-working", "PASS"),
        (("--fault", "ratelimit=off"), "rate-limit-not-working", "FAIL"),
        (("--fault", "ratelimit=shut"), "rate-limit-not-working", "FAIL"),
    ],
)
def test_a_limit_is_checked(
    loadctl: Shell, engine: str, faults: tuple[str, ...], finding: str, verdict: str
) -> None:
    loadctl.write("scenarios/limited.yaml", SCENARIO)
    ended = loadctl("run", "limited", "--demo", *faults, "--engine", engine, "--json")
    assert ended.verdict == verdict
    assert finding in ended.finding_ids()
    assert bool(ended.result["counters"]["rate_limited"]) == ("ratelimit=off" not in faults)
    assert ended.result["summary"]["total"]["failed"] == 0
