"""What holds for every test: nothing is skipped in silence, and what measures time is not disturbed."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from loadctl.engines.artillery.locate import Artillery, Missing, locate
from tests.monitors.docker import docker, dockerd

__all__ = ["docker", "dockerd"]  # fixtures

collect_ignore = ["locustfiles"]  # some have names of tests, and Locust would patch the workers

REQUIRED = bool(os.environ.get("LOADCTL_TESTS_REQUIRE_ALL"))

_INSTALLED_BY_MAKE = Path(__file__).parents[1] / ".venv" / "share"
if _INSTALLED_BY_MAKE.is_dir():
    os.environ.setdefault("XDG_DATA_HOME", str(_INSTALLED_BY_MAKE))

SHARING = {
    "tests/cli/commands/test_runs.py",
    "tests/contract/test_contract.py",
    "tests/e2e/test_metrics_port.py",
    "tests/e2e/test_report_page.py",
    "tests/engines/test_locust_script.py",
    "tests/engines/test_reports.py",
    "tests/packaging/test_image.py",
    "tests/packaging/test_wheel.py",
}
"""Modules whose tests share what takes long to make: a few runs, a browser, a wheel, an image."""
SHORT = (
    "tests/analysis/",
    "tests/reports/",
    "tests/results/",
    "tests/scenario/",
    "tests/test_architecture.py",
)
"""Modules of tests that take so little time that handing them out one by one takes longer."""

hypothesis.settings.register_profile("busy", deadline=timedelta(seconds=5))  # other tests run beside it
hypothesis.settings.load_profile("busy")


@pytest.fixture(scope="session")
def artillery() -> Artillery:
    """The one that `make dev` installs."""
    found = locate(os.environ)
    if isinstance(found, Missing):
        pytest.skip(f"{found.reason}: {found.hint}")
    return found


@pytest.fixture(scope="session", params=["locust", "artillery"])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of each engine in turn."""
    name: str = request.param
    if name == "artillery":
        request.getfixturevalue("artillery")
    return name


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A part of a machine that is missing skips its tests, with the reason; where all is required, a skip fails."""
    report = yield
    if REQUIRED and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but LOADCTL_TESTS_REQUIRE_ALL is set: {report.longrepr}"
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quiet tests last, because nothing else runs beside them. Of both kinds first the modules that one worker takes
    whole, so that it is not alone with one at the end; then those that start engines, because they take long."""
    items.sort(
        key=lambda item: (
            _is_quiet(item),
            _module(item.nodeid) not in SHARING,
            item.get_closest_marker("e2e") is None,
        )
    )


class _OneByOne(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Tests in the order of collection, to whichever worker is free; those that share long runs, and short ones, by
    the module."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        module = _module(nodeid)
        return module if module in SHARING or module.startswith(SHORT) else nodeid

    def _reschedule(self, node: WorkerController) -> None:
        """A worker has one test in hand beside the one that it runs, not two: the last ones may be long."""
        if self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _OneByOne(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with _turn(item):
        return (yield)


def _module(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def _is_quiet(item: pytest.Item) -> bool:
    return item.get_closest_marker("quiet") is not None


@contextmanager
def _turn(item: pytest.Item) -> Iterator[None]:
    """Among the workers of `pytest -n`, two quiet tests at most run at once, and no other test beside them: they wait
    more than they compute. Each holds one of two locks; every other test shares both."""
    if not hasattr(item.config, "workerinput"):
        yield
        return
    folder = Path(item.config.option.basetemp).parent  # of all workers
    with (folder / "quiet-0.lock").open("w") as first, (folder / "quiet-1.lock").open("w") as second:
        if _is_quiet(item):
            while not (_held(first) or _held(second)):
                time.sleep(0.05)
        else:
            fcntl.flock(first, fcntl.LOCK_SH)
            fcntl.flock(second, fcntl.LOCK_SH)
        yield


def _held(lock: IO[str]) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
