"""The ways in that README names, from a wheel as the publishing workflow builds it, each in a fresh environment."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.packaging.readme_install import ROOT, command, typed

pytestmark = pytest.mark.e2e

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds dist/ with a source distribution, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("release")
    typed(f"{command('uv build')} --out-dir {folder}/dist", ROOT)
    return folder


def test_readme_and_workflow_build_it_alike() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text())
    steps = [str(step.get("run", "")) for step in workflow["jobs"]["build"]["steps"]]
    assert any(command("uv build") in step.splitlines() for step in steps)


def test_the_changelog_has_a_dated_section_of_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## {re.escape(VERSION)} \(\d{{4}}-\d\d-\d\d\)$", changelog, re.MULTILINE)


def test_the_wheel_holds_the_package_and_what_it_reads(dist: Path) -> None:
    [wheel] = (dist / "dist").glob("*.whl")
    assert wheel.name == f"loadctl-{VERSION}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "loadctl/packaged/scenarios/baseline.yaml",
        "loadctl/packaged/targets.yaml",
        "loadctl/reports/html/uplot/uPlot.iife.min.js",
        "loadctl/engines/artillery/npm/package-lock.json",
        f"loadctl-{VERSION}.dist-info/licenses/LICENSE",
    } <= names
    assert {name.partition("/")[0] for name in names} == {"loadctl", f"loadctl-{VERSION}.dist-info"}
    tracked = subprocess.run(
        ["git", "ls-files", "loadctl"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(tracked.stdout.split()) <= names


def test_the_source_distribution_holds_what_a_checkout_holds(dist: Path) -> None:
    [packed] = (dist / "dist").glob("*.tar.gz")
    with tarfile.open(packed) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {name for name in tracked.stdout.splitlines() if not name.startswith(".ci/")} <= names


def test_uvx_runs_it(dist: Path) -> None:
    printed = typed(command("uvx "), dist, {"UV_PYTHON": sys.executable})
    assert re.match(r"(PASS|INCONCLUSIVE) \(smoke: \d of \d targets\)  baseline", printed), printed
    assert re.search(r"error rate +0\.00 %", printed), printed


def test_pipx_installs_it(dist: Path) -> None:
    home = {"PIPX_HOME": str(dist / "pipx"), "PIPX_BIN_DIR": str(dist / "bin")}
    typed(command("pipx "), dist, {"PIPX_DEFAULT_PYTHON": sys.executable, **home})
    assert typed("bin/loadctl --version", dist) == f"loadctl {VERSION}\n"
