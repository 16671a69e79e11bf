"""A real Prometheus that scrapes what a test gives it, and the demo system for it to scrape."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest


@contextmanager
def prometheus_server(folder: Path, scraped: str, every: str = "200ms") -> Iterator[str]:
    """URL of a server whose job "system" is at `scraped` (HOST:PORT). Skips where Prometheus is not installed."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed: apt-get install prometheus")
    config = folder / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: {every}, scrape_timeout: {every}}}\n"
        "scrape_configs:\n"
        f"  - {{job_name: system, static_configs: [{{targets: ['{scraped}']}}]}}\n"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    argv = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=error",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(argv, stdout=log, stderr=log) as process:
        try:
            _until_ready(f"http://{address}/-/ready", process)
            yield f"http://{address}"
        finally:
            process.kill()


@contextmanager
def demo_system() -> Iterator[str]:
    """HOST:PORT of `python -m loadctl.demo`."""
    argv = [sys.executable, "-m", "loadctl.demo", "--port", "0", "--exit-with-parent"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if found := re.search(r"loadctl demo on http://(\S+)", line):
                    yield found[1].rstrip("/")
                    break
        finally:
            process.kill()


def _until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "prometheus ended"
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("prometheus was never ready")
