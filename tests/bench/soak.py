"""A long run on both engines at once, with the memory of loadctl and of its engine processes as numbers a minute.

    python -m tests.bench.soak [MINUTES]

The recorder lives in the engine process, so its memory is part of that. Twenty endpoints, 100 requests a second.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from loadctl.errors import ExitCode

ENGINES = ("locust", "artillery")
MAY_GROW_MB = 5.0
SETTLED_MIN = 3
"""Minutes in which caches fill and allocators find their size."""
_TASKS = "\n".join(f"  - {{get: '/models?page={n}', name: 'GET /models/{n}'}}" for n in range(20))
SCENARIO = f"""
think: 100ms..300ms
tasks:
{_TASKS}
load: [{{users: 20, for: MINUTESm}}]
targets: {{error_rate: 1%}}
"""

Curve = Mapping[str, list[float]]
"""By process: the median of each minute, in MB."""


def soak(minutes: int) -> Mapping[str, Curve]:
    """Both runs, side by side; raises RuntimeError when one fails."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        runs = {}
        for engine in ENGINES:
            place = Path(folder) / engine
            place.mkdir()
            (place / "soak.yaml").write_text(SCENARIO.replace("MINUTES", str(minutes)))
            argv = [sys.executable, "-m", "loadctl", "-C", str(place), "run", "soak.yaml", "--demo"]
            said = stack.enter_context((place / "said").open("wb"))
            argv += ["--engine", engine, "--plain"]
            runs[engine] = subprocess.Popen(argv, stdout=said, stderr=said, stdin=subprocess.DEVNULL)
        curves = {}
        for engine, run in runs.items():
            code = run.wait(60 * minutes + 120)
            place = Path(folder) / engine
            if code not in {
                ExitCode.OK,
                ExitCode.INCONCLUSIVE,
            }:  # the machine may have other work in so long a time
                raise RuntimeError(f"{engine} ended with {code}:\n{(place / 'said').read_text()[-2000:]}")
            [readings] = place.glob("runs/*/readings.ndjson")
            curves[engine] = curve_of(readings.read_text())
        return curves


def curve_of(readings: str) -> Curve:
    by_minute: dict[str, dict[int, list[float]]] = {}
    for line in readings.splitlines():
        reading = json.loads(line)
        size = (reading.get("values") or {}).get("memory_bytes")
        if reading["subject"] == "generator" and size is not None:
            who = reading["entity"].split(" pid ")[0]
            by_minute.setdefault(who, {}).setdefault(int(reading["t"] // 60), []).append(size / 1e6)
    return {
        who: [median(minutes[minute]) for minute in sorted(minutes)] for who, minutes in by_minute.items()
    }


def main() -> int:
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    grown = []
    for engine, curve in soak(minutes).items():
        for who, sizes in curve.items():
            print(f"{engine:10} {who:10} MB a minute: {' '.join(f'{size:.1f}' for size in sizes)}")
            growth = sizes[-1] - sizes[min(SETTLED_MIN, len(sizes) - 1)]
            print(f"{engine:10} {who:10} growth after minute {SETTLED_MIN}: {growth:+.1f} MB")
            grown += [f"{engine} {who}"] if growth > MAY_GROW_MB else []
    print(f"grown by more than {MAY_GROW_MB:g} MB: {', '.join(grown) or 'none'}")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
