"""The steps of action.yml carried out as GitHub's runner does it: bash, a clean folder, inputs as environment."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
ACTION: Mapping[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
_EXPRESSION = re.compile(r"\$\{\{ *([a-z._-]+) *\}\}")


@dataclass
class Job:
    """One job: a workspace, a folder for temporary files, and the files that steps write to."""

    workspace: Path
    temp: Path
    python: str
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> Path:
        return self.temp / "summary.md"

    def step(self, name: str, **inputs: str) -> subprocess.CompletedProcess[str]:
        """One step with a `run:`, by its name. Inputs that are not given have their defaults."""
        (step,) = [one for one in ACTION["runs"]["steps"] if one.get("name") == name]
        values = {key: str(one.get("default", "")) for key, one in ACTION["inputs"].items()}
        assert set(inputs) <= {key.replace("-", "_") for key in values}
        values |= {key.replace("_", "-"): value for key, value in inputs.items()}
        context = {f"inputs.{key}": value for key, value in values.items()}
        context |= {"github.action_path": str(ROOT), "steps.python.outputs.python-path": self.python}

        def filled(text: str) -> str:
            return _EXPRESSION.sub(lambda match: context[match[1]], text)

        script = self.temp / "step.sh"
        script.write_text(step["run"])
        output = self.temp / "output"
        output.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.workspace / filled(step.get("working-directory", ".")),
            env=self._environment(output) | {k: filled(v) for k, v in step["env"].items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        found = re.findall(r"^(\S+)<<(\S+)\n(.*)\n\2$", output.read_text(), re.MULTILINE)
        self.outputs |= {key: value for key, _, value in found}
        return done

    def _environment(self, output: Path) -> dict[str, str]:
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("LOADCTL_", "LOCUST_", "GITHUB_", "PYTEST_", "PYTHON"))
        }
        return inherited | {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(output),
            "RUNNER_TEMP": str(self.temp),
        }
