"""`loadctl wait`: until a system is ready, instead of `sleep 10`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from loadctl.cli.arguments import Quiet


def wait(
    url: Annotated[str, typer.Argument(metavar="URL", help="What must answer.")],
    timeout: Annotated[str, typer.Option("--timeout", metavar="TIME", help="How long to try.")] = "60s",
    *,
    quiet: Quiet = False,
) -> None:
    """Wait until a URL is ready.

    Ready: two answers in a row, 2xx on a path, below 500 on the root.
    """
    from loadctl.cli.planning import in_units
    from loadctl.cli.project import address
    from loadctl.run.readiness import wait_until_ready
    from loadctl.scenario.units import parse_duration

    took_s = wait_until_ready(address(url), deadline_s=in_units("--timeout", timeout, parse_duration))
    if not quiet:
        sys.stderr.write(f"{url} is ready after {took_s:.1f} s\n")
