"""The known service as tests start and read it: its own figures for the requests that loadctl sent."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

SERVICE = Path(__file__).with_name("known_service.py")


@dataclass(frozen=True)
class PathTruth:
    """What came to one path; the fields are those of known_service.Seen."""

    requests: int
    connections: int
    answers: Sequence[tuple[float, float, float]]
    body_bytes: int
    failed: int
    left_after_s: Sequence[float]

    def latency_ms(self, q: float) -> float:
        return _nearest_rank([last - began for began, _, last in self.answers], q) * 1000

    def ttfb_ms(self, q: float) -> float:
        return _nearest_rank([first - began for began, first, _ in self.answers], q) * 1000


class KnownProcess:
    """`paths` is there after `stop`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SERVICE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.paths: dict[str, PathTruth] = {}

    def stop(self) -> None:
        said, _ = self._process.communicate(timeout=10)
        document = json.loads(said)
        assert document["unknown"] == [], "somebody asked for what no scenario names"
        self.paths = {path: PathTruth(**seen) for path, seen in document["paths"].items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def _nearest_rank(values: Sequence[float], q: float) -> float:
    return sorted(values)[max(1, math.ceil(round(q * len(values), 6))) - 1]
