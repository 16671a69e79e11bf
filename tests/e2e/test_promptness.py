"""How long a run takes beside its load, on both engines."""

from __future__ import annotations

import time

import pytest

from tests.contract.truth import KnownProcess
from tests.e2e.shell import Shell

pytestmark = [pytest.mark.e2e, pytest.mark.quiet]

LOAD_S = 3
SCENARIO = f"""
think: 50ms
tasks: [{{get: /constant}}]
load: [{{users: 5, for: {LOAD_S}s}}]
targets: {{error_rate: 1%}}
health: none
"""
PROMISED_S = 3.0
"""On a machine that does nothing else; this one gets twice as long."""


def test_the_load_begins_soon_and_the_command_ends_soon_after_it(
    loadctl: Shell, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    loadctl.write("scenarios/short.yaml", SCENARIO)
    with KnownProcess() as service:
        started = time.monotonic()
        ended = loadctl("run", "-H", service.url, "--engine", engine)
        over = time.monotonic()
        service.stop()
    assert ended.code in {0, 3}, ended.err
    first = service.paths["/constant"].answers[0][0]
    before, after = first - started, over - (first + LOAD_S)
    with capsys.disabled():
        print(f"\n{engine}: first request after {before:.2f} s, the end {after:.2f} s after the load's")
    assert max(before, after) <= 2 * PROMISED_S
