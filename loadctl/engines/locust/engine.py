"""The plan of a run on Locust: one Python process a shard, told over its standard input what to do.

The plan holds what may not touch the disk (header values, keys), so it travels over stdin;
`engine/plan-<shard>.json` is its redacted copy, for people.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from loadctl.engines.base import Command, Outcome
from loadctl.engines.locust.inside import EXIT_SCRIPT, EXIT_STOPPED
from loadctl.engines.locust.inside.redaction import Redaction
from loadctl.engines.locust.journey_plan import user_type_plan
from loadctl.scenario.rotation import weighted_order

if TYPE_CHECKING:
    from loadctl.scenario.scenario import Scenario
    from loadctl.scenario.user_type import Json

LAUNCH = Path(__file__).with_name("inside") / "launch.py"
_ASK_VERSION = "import importlib.metadata as m; print(m.version('locust'))"


class LocustEngine:
    """`python`: the interpreter that has locust and what the user's script imports; None: the one of loadctl."""

    name = "locust"
    install_hint = "pip install locust"

    def __init__(self, python: str | None = None) -> None:
        self._python = python
        if python is not None:
            there = shutil.which(python) is not None
            self.install_hint = (
                f"{python} -m pip install locust" if there else f"there is no program {python}"
            )

    def version(self) -> str | None:
        if self._python is None:
            try:
                return importlib.metadata.version("locust")
            except importlib.metadata.PackageNotFoundError:
                return None
        asked = [self._python, "-c", _ASK_VERSION]
        try:
            answer = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return answer.stdout.strip() or None

    def plan(self, scenario: Scenario, out: Path, shards: int) -> tuple[Command, ...]:
        return tuple(self._command(scenario, out, shard, shards) for shard in range(shards))

    def rehearsal(self, scenario: Scenario) -> Command:
        return Command(
            argv=(self._python or sys.executable, str(LAUNCH), "rehearse"),
            stdin=json.dumps(shard_plan(scenario, 0, 1), ensure_ascii=False, allow_nan=False) + "\n",
        )

    def outcome(self, returncode: int, stderr: str) -> Outcome:
        if returncode == 0:
            return Outcome("finished")
        if returncode == EXIT_STOPPED:
            return Outcome("stopped")
        last_line = next((line for line in reversed(stderr.splitlines()) if line.strip()), "").strip()
        if returncode == EXIT_SCRIPT:
            return Outcome("failed", last_line)
        if returncode < 0:
            return Outcome("failed", f"it was killed by signal {-returncode}")
        return Outcome("failed", f"it exited with {returncode}" + (f": {last_line}" if last_line else ""))

    def _command(self, scenario: Scenario, out: Path, shard: int, shards: int) -> Command:
        frames = str(out.absolute() / "frames" / f"{shard}.ndjson")
        plan = {**shard_plan(scenario, shard, shards), "frames": frames}
        text = json.dumps(plan, ensure_ascii=False, allow_nan=False)
        shown = {**plan, "secrets": [], "host": scenario.host}
        redact = Redaction(scenario.secrets)
        script = scenario.script
        return Command(
            argv=(self._python or sys.executable, str(LAUNCH)),
            files={
                f"engine/plan-{shard}.json": redact(json.dumps(shown, indent=1, ensure_ascii=False)) + "\n"
            },
            cwd=Path(script.path).absolute().parent if script else None,
            stdin=text + "\n",
        )


def shard_plan(scenario: Scenario, shard: int, shards: int) -> dict[str, Json]:
    """What the shard needs to know, as plain JSON; `inside/` reads exactly this."""
    script = scenario.script
    rate_limit = scenario.rate_limit
    names = [user_type.name for user_type in scenario.user_types]
    order = weighted_order({user_type.name: user_type.weight for user_type in scenario.user_types})
    return {
        "shard": shard,
        "shards": shards,
        "host": scenario.address,
        "model": scenario.load.model,
        "stages": [
            {"start": stage.start, "end": stage.end, "duration_s": stage.duration_s}
            for stage in scenario.load.stages
        ],
        "timeout_s": scenario.timeout_s,
        "drain_s": scenario.drain_s,
        "max_in_flight": scenario.max_in_flight,
        "rate_limit": {"per_s": rate_limit.per_s, "by": rate_limit.by} if rate_limit else None,
        "tls": asdict(scenario.tls),
        "seed": scenario.seed,
        "rotation": [names.index(name) for name in order],
        "user_types": [user_type_plan(user_type) for user_type in scenario.user_types],
        "script": {"path": str(Path(script.path).absolute()), "weights": dict(script.weights)}
        if script
        else None,
        "secrets": list(scenario.secrets),
    }
