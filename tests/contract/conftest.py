"""One run of each scenario on each engine; the tests look at what it measured and what the service saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from tests.contract.scenario import CLOSED, OPEN
from tests.contract.truth import KnownProcess, PathTruth
from tests.e2e.shell import Ended, Shell


@dataclass(frozen=True)
class Measured:
    ended: Ended
    truth: Mapping[str, PathTruth]

    def endpoint(self, path: str) -> dict[str, Any]:
        """The row of GET /path in result.json."""
        rows = self.ended.result["summary"]["endpoints"]
        found: dict[str, Any] = next(row for row in rows if row["endpoint"] == f"GET /{path}")
        return found

    def pair(self, path: str) -> tuple[dict[str, Any], PathTruth]:
        return self.endpoint(path), self.truth[f"/{path}"]


Measure = Callable[..., Measured]


@pytest.fixture(scope="session")
def measure(tmp_path_factory: pytest.TempPathFactory) -> Measure:
    """Runs a scenario against a service of its own; a run that was made before is not repeated."""

    @cache
    def run(engine: str, text: str, *options: str) -> Measured:
        shell = Shell(tmp_path_factory.mktemp("contract"))
        shell.write("scenarios/contract.yaml", text)
        with KnownProcess() as service:
            ended = shell("run", "-H", service.url, "--engine", engine, "--json", *options)
            service.stop()
        assert ended.code in {0, 1, 3}, ended.err
        return Measured(ended, service.paths)

    return run


@pytest.fixture
def closed(measure: Measure, engine: str) -> Measured:
    return measure(engine, CLOSED)


@pytest.fixture
def opened(measure: Measure, engine: str) -> Measured:
    return measure(engine, OPEN, "--workers", "2")
