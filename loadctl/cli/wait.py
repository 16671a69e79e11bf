"""`loadctl wait`: until a system is ready, instead of `sleep 10`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def wait(
    url: Annotated[str, typer.Argument(metavar="URL", help="What must answer.")],
    timeout: Annotated[str, typer.Option("--timeout", metavar="TIME", help="How long to try.")] = "60s",
) -> None:
    """Wait until URL answers twice in a row: 2xx on a given path, below 500 on the root."""
    from loadctl.run.readiness import wait_until_ready
    from loadctl.scenario.units import parse_duration

    took_s = wait_until_ready(url, deadline_s=parse_duration(timeout))
    sys.stderr.write(f"{url} is ready after {took_s:.1f} s\n")
