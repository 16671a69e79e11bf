"""Temporary folders, made by real processes that end in every way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadctl.temporary import remove_abandoned

MAKES_ONE = """
from loadctl.temporary import new_folder
folder = new_folder("try")
(folder / "stdout").write_text("said")
print(folder, flush=True)
input()
"""

Maker = tuple["subprocess.Popen[str]", Path]


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Maker]]:
    """Starts a process that holds a folder until it reads a line."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    started = []

    def start() -> Maker:
        argv = [sys.executable, "-c", MAKES_ONE]
        popen = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(popen)
        assert popen.stdout is not None
        return popen, Path(popen.stdout.readline().strip())

    yield start
    for popen in started:
        popen.kill()
        popen.communicate()


def of_user(tmp_path: Path) -> Path:
    return tmp_path / f"loadctl-{os.getuid()}"


def test_what_a_killed_process_leaves_goes_with_the_next_start_and_no_other(
    maker: Callable[[], Maker], tmp_path: Path
) -> None:
    (killed, left), (_, used) = maker(), maker()
    killed.kill()
    killed.wait()
    assert left.exists()
    assert left.parent.parent == of_user(tmp_path)
    assert left.parent.name.startswith(f"{killed.pid}-")
    subprocess.run([sys.executable, "-m", "loadctl", "--version"], check=True, capture_output=True)
    assert not left.parent.exists()
    assert (used / "stdout").exists()


def test_a_process_takes_its_folder_with_it(maker: Callable[[], Maker], tmp_path: Path) -> None:
    popen, folder = maker()
    assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777 == 0o700
    popen.communicate("\n")
    assert popen.returncode == 0
    assert list(of_user(tmp_path).iterdir()) == []


def test_links_are_not_followed(maker: Callable[[], Maker], tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "1-dead").mkdir(parents=True, mode=0o700)
    elsewhere.chmod(0o700)
    of_user(tmp_path).symlink_to(elsewhere)
    remove_abandoned()
    assert (elsewhere / "1-dead").exists()
    assert not maker()[1].resolve().is_relative_to(elsewhere)

    of_user(tmp_path).unlink()
    of_user(tmp_path).mkdir(mode=0o700)
    (of_user(tmp_path) / "1-link").symlink_to(elsewhere)
    remove_abandoned()
    assert (elsewhere / "1-dead").exists()


def test_a_folder_that_others_may_write_to_is_not_used(maker: Callable[[], Maker], tmp_path: Path) -> None:
    (of_user(tmp_path) / "1-dead").mkdir(parents=True)
    of_user(tmp_path).chmod(0o777)
    remove_abandoned()
    assert (of_user(tmp_path) / "1-dead").exists()
    assert not maker()[1].is_relative_to(of_user(tmp_path))
