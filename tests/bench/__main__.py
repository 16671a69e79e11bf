"""All side-by-side comparisons; README.md says how to read them."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

from tests.bench.busy import busy
from tests.bench.cost import cores, cost
from tests.bench.overhead import overhead
from tests.bench.web_server import Missing

SECTIONS = {"cost": cost, "cores": cores, "overhead": overhead, "busy": busy}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("section", nargs="*", metavar="SECTION", help=f"{', '.join(SECTIONS)}; nothing: all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, default=Path("bench.json"), metavar="FILE")
    given = parser.parse_args()
    unknown = set(given.section) - set(SECTIONS)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}")
    document: dict[str, object] = {"machine": _machine(), "rounds": given.rounds}
    for name in given.section or SECTIONS:
        print(f"\n== {name}", flush=True)
        try:
            document[name] = SECTIONS[name](given.rounds)
        except Missing as error:
            print(f"left out: {error}")
            document[name] = {"left_out": [str(error)]}
        given.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(f"\nall figures: {given.json}")
    return 0


def _machine() -> dict[str, object]:
    return {
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_1m_before": round(os.getloadavg()[0], 2),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


if __name__ == "__main__":
    sys.exit(main())
