"""A part of a machine that is missing skips its tests, with the reason; where everything is required, a skip fails."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

REQUIRED = bool(os.environ.get("LOADCTL_TESTS_REQUIRE_ALL"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if REQUIRED and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but LOADCTL_TESTS_REQUIRE_ALL is set: {report.longrepr}"
    return report
