"""action.yml and the examples, held against the schemas of their makers and looked at for holes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.ci.workflow import ROOT

BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("action.yml", "github-actions"),
        (".github/workflows/load-test.yml", "github-workflows"),
        (".github/workflows/publish.yml", "github-workflows"),
        (".github/workflows/tests.yml", "github-workflows"),
        ("examples/open-model-ci/.github/workflows/load-test.yml", "github-workflows"),
        (".github/ISSUE_TEMPLATE/bug.yml", "github-issue-forms"),
        (".github/ISSUE_TEMPLATE/feature.yml", "github-issue-forms"),
        (".github/ISSUE_TEMPLATE/verdict.yml", "github-issue-forms"),
        (".github/ISSUE_TEMPLATE/config.yml", "github-issue-config"),
        (".github/compose.yaml", "compose-spec"),
        (".gitlab-ci.yml", "gitlab-ci"),
    ],
)
def test_it_has_the_form_of_its_maker(file: str, schema: str) -> None:
    checker = program("check-jsonschema")
    done = subprocess.run(
        [checker, "--builtin-schema", f"vendor.{schema}", file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_left_open_to_who_opens_a_pull_request() -> None:
    done = subprocess.run(
        [
            *(program("zizmor"), "--offline", "--no-progress", "--config", ".github/zizmor.yml"),
            *("--min-severity", "medium", "action.yml", ".github/workflows"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_wait_until_healthy_and_never_sleep() -> None:
    for name in (".github/workflows/load-test.yml", ".gitlab-ci.yml"):
        text = (ROOT / name).read_text()
        assert "sleep" not in text
        assert "--wait" in text or "loadctl wait" in text


@pytest.mark.parametrize(
    ("file", "uses"),
    [
        (".github/workflows/load-test.yml", "./"),
        ("examples/open-model-ci/.github/workflows/load-test.yml", "ORG/loadctl@v1"),
    ],
)
def test_the_example_uses_inputs_that_there_are(file: str, uses: str) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    workflow = yaml.safe_load((ROOT / file).read_text())
    (step,) = [one for one in workflow["jobs"]["load-test"]["steps"] if one.get("uses") == uses]
    assert set(step["with"]) <= set(action["inputs"])


def test_publishing_is_off_until_a_maintainer_turns_it_on_and_keeps_no_token() -> None:
    text = (ROOT / ".github/workflows/publish.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]
    assert "://" not in text
    assert "secrets." not in text
    started_first = [job for job in jobs.values() if "needs" not in job]
    assert [job["if"] for job in started_first] == ["vars.PUBLISH == 'true'"]
    assert all("always()" not in job.get("if", "") for job in jobs.values())
    assert [name for name, job in jobs.items() if "id-token" in job.get("permissions", {})] == ["publish"]


def program(name: str) -> str:
    found = shutil.which(name, path=str(BIN))
    if found is None:
        pytest.skip(f"{name} is missing: make dev installs it")
    return found
