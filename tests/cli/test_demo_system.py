"""The demo system beside a run: there when it is needed, gone afterwards, its truth written."""

import json
from pathlib import Path

import httpx
import psutil
import pytest

from loadctl.cli.system import demo_system
from loadctl.errors import RunError, UsageError
from loadctl.run.readiness import wait_until_ready


def test_it_serves_while_it_is_needed_and_leaves_its_truth(tmp_path: Path) -> None:
    truth = tmp_path / "truth.json"
    with demo_system(truth=truth) as system:
        wait_until_ready(system.host, health="/health", deadline_s=5)
        assert [httpx.get(f"{system.host}/health", trust_env=False).status_code for _ in range(3)] == [
            200
        ] * 3
        assert psutil.pid_exists(system.pid)
    assert json.loads(truth.read_text())["requests"] == 3
    assert not psutil.pid_exists(system.pid)


def test_files_of_the_working_directory_are_no_modules_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("random", "argparse", "loadctl"):
        (tmp_path / f"{name}.py").write_text("open('executed', 'w')\n")
    monkeypatch.chdir(tmp_path)
    with demo_system() as system:
        wait_until_ready(system.host, health="/health", deadline_s=5)
    assert not (tmp_path / "executed").exists()


def test_one_that_does_not_start_says_why() -> None:
    with (
        pytest.raises(RunError, match=r"the demo system ended: .*weather"),
        demo_system(["weather=bad"]) as system,
    ):
        _ = system.host


def test_a_truth_that_cannot_be_written_is_found_out_before_anything_starts(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"--truth .*nothing can be written"),
        demo_system(truth=tmp_path / "no" / "t"),
    ):
        raise AssertionError("it started")
