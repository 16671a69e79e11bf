"""Locust and Artillery as their users start them, without loadctl."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadctl.engines.artillery.locate import Artillery


def start_locust(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return _start(folder, [sys.executable, "-m", "locust", *arguments], {})


def start_artillery(artillery: Artillery, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    argv = [str(artillery.node), str(artillery.package / "bin" / "run"), "run", *arguments]
    return _start(folder, argv, {"ARTILLERY_DISABLE_TELEMETRY": "1"})


def finish(runs: list[subprocess.Popen[str]], timeout_s: float = 90) -> None:
    """Wait for them all; Locust's exit code 1 says that a request has failed."""
    try:
        for run in runs:
            out, _ = run.communicate(timeout=timeout_s)
            assert run.returncode in {0, 1}, f"exit code {run.returncode}: {out}"
    finally:
        for run in runs:
            run.kill()
            run.communicate()


def _start(folder: Path, argv: list[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("LOCUST_", "LOADCTL_", "NODE_"))
    }
    return subprocess.Popen(
        argv,
        cwd=folder,
        env={**kept, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
