"""How busy a shard is, against how far its latencies are from the server's own: both engines, from idle to full.

Two ways to be busy: many cheap requests against nginx, whose answers take no time; few dear ones (long random headers)
against the demo system at a service time of 20 ms.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.comparison import table
from tests.bench.web_server import web_server

ENGINES = ("locust", "artillery")
SHARE, AT_LEAST_MS = 0.05, 2.0
"""How far a percentile may be off."""
_S = 8
_CHEAP = {"locust": (2000, 6000, 12000, 20000, 28000), "artillery": (2000, 6000, 12000, 20000, 28000)}
"""Turns a second."""
_DEAR = {"locust": (40, 150, 300, 450, 560), "artillery": (100, 600, 1100, 1600, 2000)}
_LETTERS = {"locust": 3000, "artillery": 6000}


@dataclass(frozen=True)
class Row:
    """One run. `busy_pct`: median over its seconds, of one core. Latencies in ms."""

    engine: str
    kind: str
    busy_pct: float
    true_ms: dict[str, float]
    off_ms: dict[str, float]
    code: int
    said_late: bool = False
    """The result says that latencies may be too high, and by how much."""

    @property
    def is_close(self) -> bool:
        return all(
            abs(off) <= max(AT_LEAST_MS, SHARE * self.true_ms[name]) for name, off in self.off_ms.items()
        )

    @property
    def word(self) -> str:
        if self.is_close:
            return "close"
        return (
            "called inconclusive"
            if self.code == 3
            else "said to be late"
            if self.said_late
            else "OFF, NOT SAID"
        )


def busy(_rounds: int) -> dict[str, object]:
    rows = [row for engine in ENGINES for row in (*_cheap(engine), *_dear(engine))]
    shown = [
        [
            f"{row.engine}, {row.kind}",
            f"{row.busy_pct:.0f} %",
            *(f"{row.off_ms[name]:+.2f} of {row.true_ms[name]:.1f}" for name in ("p50", "p95", "p99")),
            row.word,
        ]
        for row in rows
    ]
    print(table(["shard", "of a core", "p50 off by ms", "p95", "p99", ""], shown))
    return {"rows": [{**asdict(row), "word": row.word} for row in rows]}


def _cheap(engine: str) -> Iterator[Row]:
    """nginx answers at once: what is reported is the error."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "nginx").mkdir()
        with web_server(folder / "nginx") as server:
            for rate in _CHEAP[engine]:
                (folder / "busy.yaml").write_text(
                    f"pace: 50ms\ntasks: [{{get: /}}]\nload: [{{users: {rate // 20}, for: {_S}s}}]\n"
                    "targets: {error_rate: 1%}\n"
                )
                result, pct, code = _run(folder, engine, "-H", server.url)
                found = result["summary"]["total"]["latency_ms"]
                off = {key: found[key] for key in ("p50", "p95", "p99")}
                yield Row(
                    engine, "cheap requests", pct, dict.fromkeys(off, 0.0), off, code, _said_late(result)
                )


def _dear(engine: str) -> Iterator[Row]:
    for rate in _DEAR[engine]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            noise = f"{{{{ random_string({_LETTERS[engine]}) }}}}"
            (folder / "busy.yaml").write_text(
                f"pace: 200ms\ntasks: [{{get: /models, headers: {{X-Noise: '{noise}'}}}}]\n"
                f"load: [{{users: {max(1, rate // 5)}, for: {_S}s}}]\ntargets: {{error_rate: 1%}}\n"
            )
            demo = ["--demo", "--service", "constant:20ms", "--truth", "truth.json"]
            result, pct, code = _run(folder, engine, *demo)
            true = {key: json.loads((folder / "truth.json").read_text())["latency_ms"][key] for key in _KEYS}
            found = result["summary"]["total"]["latency_ms"]
            off = {key: found[key] - true[key] for key in _KEYS if found[key] is not None}
            yield Row(
                engine,
                "dear requests",
                pct,
                true,
                {**dict.fromkeys(_KEYS, 0.0), **off},
                code,
                _said_late(result),
            )


_KEYS = ("p50", "p95", "p99")


def _said_late(result: dict[str, Any]) -> bool:
    return any(finding.get("voids") in {"excess", "near"} for finding in result["findings"])


def _run(folder: Path, engine: str, *options: str) -> tuple[dict[str, Any], float, int]:
    """The result, how busy the shard was, the exit code."""
    argv = [
        sys.executable,
        "-m",
        "loadctl",
        "-C",
        str(folder),
        "run",
        "busy.yaml",
        "--engine",
        engine,
        "--json",
    ]
    done = subprocess.run([*argv, *options], capture_output=True, text=True, check=False)
    if done.returncode not in {0, 3}:
        raise RuntimeError(done.stdout[-2000:] + done.stderr)
    result: dict[str, Any] = json.loads(done.stdout)
    readings = (folder / result["run_dir"] / "readings.ndjson").read_text().splitlines()
    values = [each["values"] for each in map(json.loads, readings) if each["entity"].startswith("shard 0")]
    return (
        result,
        median(v["cpu_pct_of_one_core"] for v in values if v and "cpu_pct_of_one_core" in v),
        done.returncode,
    )
