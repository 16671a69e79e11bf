"""The commands under "Install" in README, carried out by a shell as somebody would type them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SECTION = (ROOT / "README.md").read_text().partition("## Install\n")[2].partition("\n## ")[0]
COMMANDS: list[str] = [
    line.split("  #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", _SECTION, re.DOTALL)
    for line in block.splitlines()
]


def command(beginning: str) -> str:
    """The only one that begins like this."""
    [found] = [line for line in COMMANDS if line.startswith(beginning)]
    return found


def typed(line: str, cwd: Path, variables: Mapping[str, str] = {}, *, timeout_s: float = 300) -> str:
    """What a line prints, in a shell that finds the programs of the development environment and nothing else of it."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LOADCTL_", "LOCUST_", "GITHUB_", "PYTHON", "VIRTUAL_ENV", "PYTEST_"))
    }
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=cwd,
        env={**inherited, "PATH": path, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode in {0, 3}, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout
