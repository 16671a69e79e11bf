"""The plan of a run on Artillery: one Node process a shard, told over its standard input what to do.

User types: Artillery runs a script of one virtual user, in whose place `inside/shard.mjs` lives as many as the plan
wants, on a client of its own. Artillery's own users end with the first transport error and cannot be taken away; its
client measures time to first byte, in whole milliseconds, and its timeout does not cover a body.
"""

from __future__ import annotations

import json
import mimetypes
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from loadctl.engines.artillery.environment import ARTILLERY
from loadctl.engines.artillery.locate import INSTALL, Artillery, Missing, locate
from loadctl.engines.artillery.pattern import Untranslatable, to_javascript
from loadctl.engines.base import Command, Outcome, State
from loadctl.engines.locust.inside.redaction import Redaction
from loadctl.engines.shard_plan import shard_plan
from loadctl.errors import Mistake, RunError, Where

if TYPE_CHECKING:
    from loadctl.scenario.scenario import Scenario
    from loadctl.scenario.user_type import Json, Request

LAUNCH = Path(__file__).with_name("inside") / "launch.mjs"
EXIT_STOPPED = 10
EXIT_SCRIPT = 20
_SMALL_PAUSES = ("--max-semi-space-size=2", "--min-semi-space-size=2")
"""Collections of a small young generation are short: with Node's own size p99 is up to 15 ms too high."""
_REGEX = "regex "


class ArtilleryEngine:
    name = "artillery"
    install_hint = INSTALL

    def version(self) -> str | None:
        found = locate(os.environ)
        return found.version if isinstance(found, Artillery) else None

    def state(self, environ: Mapping[str, str]) -> State:
        found = locate(environ)
        if isinstance(found, Missing):
            return State(None, reason=found.reason, hint=found.hint)
        return State(found.version, where=f"{found.origin}, on Node {found.node_version}")

    def install(self, environ: Mapping[str, str], prefix: Path | None, say: Callable[[str], None]) -> Path:
        from loadctl.engines.artillery.install import install

        return install(environ, prefix, say)

    def plan(self, scenario: Scenario, out: Path, shards: int) -> tuple[Command, ...]:
        """Raises: RunError where Artillery is not there any more."""
        found = locate(os.environ)
        if isinstance(found, Missing):
            raise RunError(found.reason, hint=found.hint)
        return tuple(self._command(scenario, out, found, shard, shards) for shard in range(shards))

    def rehearsal(self, scenario: Scenario) -> Command | None:  # noqa: ARG002
        """Requests mean the same on all engines, so another one rehearses."""
        return None

    def refused(self, scenario: Scenario) -> tuple[Mistake, ...]:
        """Captures by a pattern that JavaScript cannot read."""
        mistakes = []
        if scenario.script is not None:
            message = "scripts of one's own are not available on this engine in this version"
            mistakes.append(Mistake(Where(scenario.source or "the scenario"), message))
        for request, pattern in _patterns(scenario):
            try:
                to_javascript(pattern)
            except Untranslatable as error:
                message = f"capture: on Artillery the pattern {pattern} cannot use {error}"
                mistakes.append(Mistake(request.where, message, "write it without, or use  --engine locust"))
        return tuple(mistakes)

    def outcome(self, returncode: int, stderr: str) -> Outcome:
        if returncode == 0:
            return Outcome("finished")
        if returncode in {EXIT_STOPPED, 128 + signal.SIGINT, 128 + signal.SIGTERM}:
            return Outcome("stopped")
        words = _own_words(stderr)
        if returncode == EXIT_SCRIPT:
            return Outcome("failed", words)
        if returncode < 0:
            return Outcome("failed", f"it was killed by signal {-returncode}")
        return Outcome("failed", f"it exited with {returncode}" + (f": {words}" if words else ""))

    def _command(self, scenario: Scenario, out: Path, found: Artillery, shard: int, shards: int) -> Command:
        script = f"engine/script-{shard}.json"
        plan = {
            **shard_plan(scenario, shard, shards),
            "frames": str(out.absolute() / "frames" / f"{shard}.ndjson"),
            **javascript_plan(scenario),
            "artillery": _artillery(found, out.absolute() / script),
        }
        shown = {**plan, "secrets": [], "host": scenario.host}
        redact = Redaction(scenario.secrets)
        return Command(
            argv=(str(found.node), *_SMALL_PAUSES, str(LAUNCH)),
            env={**ARTILLERY, "NODE_COMPILE_CACHE": str(found.cache) if found.cache else None},
            files={
                f"engine/plan-{shard}.json": redact(json.dumps(shown, indent=1, ensure_ascii=False)) + "\n",
                script: json.dumps(_one_user(scenario.host), indent=1) + "\n",
            },
            stdin=json.dumps(plan, ensure_ascii=False, allow_nan=False) + "\n",
        )


def javascript_plan(scenario: Scenario) -> dict[str, Json]:
    """What the runtime in JavaScript needs beside shard_plan: Python's patterns and types of files, in its words."""
    return {
        "patterns": {pattern: list(to_javascript(pattern)) for _, pattern in _patterns(scenario)},
        "content_types": _content_types(scenario),
    }


def _artillery(found: Artillery, script: Path) -> dict[str, Json]:
    return {
        "package": str(found.package),
        "version": found.version,
        "arguments": ["--quiet", str(script)],
    }


def _one_user(host: str) -> Mapping[str, Json]:
    """A script that is valid by itself: one virtual user, in whose place the recorder's own load runs."""
    return {
        "config": {"target": host, "phases": [{"duration": 1, "arrivalCount": 1}]},
        "scenarios": [{"name": "loadctl", "flow": [{"function": "loadctlWaits"}]}],
    }


def _patterns(scenario: Scenario) -> Iterator[tuple[Request, str]]:
    for request in scenario.requests():
        for source in request.capture.values():
            if source.strip().startswith(_REGEX):
                yield request, source.strip().removeprefix(_REGEX).strip()


def _content_types(scenario: Scenario) -> dict[str, Json]:
    files = [path for request in scenario.requests() if request.body for path in request.body.files.values()]
    return {path: mimetypes.guess_type(Path(path).name)[0] or "application/octet-stream" for path in files}


def _own_words(stderr: str) -> str:
    """The sentence of an uncaught error stands before its stack; else the last line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(("at ", "Node.js v", "^", "}", "{"))]
    error = next((line for line in said if "Error:" in line), None)
    return error or (said[-1] if said else "")
