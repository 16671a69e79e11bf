"""`loadctl demo`: the embedded ML-platform API, with faults on demand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer


def demo(
    port: Annotated[int, typer.Option("--port", help="Port on loopback; 0: any free one.")] = 8080,
    faults: Annotated[
        Sequence[str],
        typer.Option(
            "--fault", metavar="SPEC", help="e.g. latency=200ms@5%, stall=2s/10s, errors=5%, crash@20s."
        ),
    ] = (),
    service: Annotated[
        str | None, typer.Option("--service", metavar="SPEC", help="Service time, e.g. lognormal:20ms,0.5.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="FILE", help="On exit, write what it really did.")
    ] = None,
) -> int:
    """Serve an ML-platform API to try loadctl on."""
    from loadctl.demo.server import DemoOptions, serve

    return serve(DemoOptions(port=port, faults=faults, service=service, truth=truth))
