"""A script of one's own under loadctl against the same by Artillery alone: requests a second, seen by the server."""

from __future__ import annotations

import os
import statistics
import subprocess
from pathlib import Path

import pytest

from loadctl.engines.artillery.environment import npm_environment
from loadctl.engines.artillery.locate import Artillery
from tests.e2e.shell import Shell
from tests.engines.conftest import KnownServer

pytestmark = pytest.mark.bench

PAIRS = 7
AT_LEAST = 0.9
USERS, LOOPS = 20, 300
SCRIPT = f"""
config:
  target: TARGET
  phases: [{{duration: 1, arrivalCount: {USERS}}}]
scenarios:
  - flow:
      - loop: [{{post: {{url: /echo, json: {{a: 1}}}}}}]
        count: {LOOPS}
"""


def rate(server: KnownServer) -> float:
    """Requests a second while all users were there, and forget them."""
    at = sorted(server.at.pop("/echo"))
    server.count.clear()
    assert len(at) == USERS * LOOPS
    steady = [t for t in at if t > at[0] + 1.0]
    return len(steady) / (steady[-1] - steady[0])


def test_a_script_is_as_fast_under_loadctl_as_alone(tmp_path: Path, artillery: Artillery) -> None:
    server = KnownServer()
    script = tmp_path / "flat-out.yml"
    script.write_text(SCRIPT.replace("TARGET", server.url))
    shell = Shell(tmp_path)
    bare = [str(artillery.node), str(artillery.package / "bin" / "run"), "run", "--quiet", str(script)]
    ratios = []
    for pair in range(PAIRS):
        subprocess.run(
            bare,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=90,
            env=npm_environment(os.environ, artillery.node),
        )
        alone = rate(server)
        shell("run", str(script), "--json")
        under = rate(server)
        ratios.append(under / alone)
        print(f"pair {pair + 1}: {under:,.0f}/s under loadctl, {alone:,.0f}/s alone, ratio {ratios[-1]:.2f}")
    print(f"median ratio {statistics.median(ratios):.2f} (spread {min(ratios):.2f} to {max(ratios):.2f})")
    assert statistics.median(ratios) >= AT_LEAST
    server.close()
