"""`python -m loadctl.demo`: the demo system as a process of its own, without starting the whole CLI."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from loadctl.demo.server import DemoOptions, serve
from loadctl.errors import LoadctlError


def _options(argv: list[str]) -> DemoOptions:
    parser = argparse.ArgumentParser(
        prog="loadctl demo", description="An ML-platform API with faults on demand."
    )
    parser.add_argument("--port", type=int, default=8080, help="port on loopback; 0: any free one")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        dest="faults",
        metavar="SPEC",
        help="e.g. latency=200ms@5%%, crash@20s",
    )
    parser.add_argument("--service", metavar="SPEC", help="service time, e.g. lognormal:20ms,0.5")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="on exit, write what it really did")
    parser.add_argument("--exit-with-parent", action="store_true", help="leave when standard input ends")
    parser.add_argument("--seed", type=int, default=1, help="of every random choice")
    return DemoOptions(**vars(parser.parse_args(argv)))


def main(argv: list[str]) -> int:
    try:
        return serve(_options(argv))
    except LoadctlError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"  {error.hint}\n" if error.hint else ""))
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
