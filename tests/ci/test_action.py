"""The composite action: each of its steps is really carried out, against the demo system."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from tests.ci.workflow import ACTION, Job
from tests.e2e.shell import Shell

pytestmark = pytest.mark.e2e

INSTALL, WAIT, RUN = "Install loadctl", "Wait for the system", "Run the load test"
SCENARIO = """
think: 20ms
tasks: [{get: /models}]
load: [{users: 5, for: 60s}]
targets: {error_rate: 50%}
"""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job whose install step is over: the command of this checkout stands where that puts it."""
    made = Job(tmp_path / "work", tmp_path / "temp", sys.executable)
    for folder in (made.workspace / "perf" / "scenarios", made.temp / "loadctl" / "bin"):
        folder.mkdir(parents=True)
    (made.temp / "loadctl" / "bin" / "loadctl").symlink_to(Path(sys.executable).with_name("loadctl"))
    (made.workspace / "perf" / "scenarios" / "ci.yaml").write_text(SCENARIO)
    return made


def test_it_installs_what_its_own_folder_holds(tmp_path: Path) -> None:
    job = Job(tmp_path, tmp_path, sys.executable)
    done = job.step(INSTALL)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith("loadctl ")
    assert (tmp_path / "loadctl" / "bin" / "loadctl").is_file()


def test_a_version_is_installed_from_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder stands for the registry: in the real one the name may be somebody else's."""
    released = tmp_path / "registry" / "loadctl-9.8.7-py3-none-any.whl"
    released.parent.mkdir()
    with zipfile.ZipFile(released, "w") as wheel:
        wheel.writestr("stand_in.py", "def main():\n    print('loadctl 9.8.7')\n")
        wheel.writestr(
            "loadctl-9.8.7.dist-info/METADATA", "Metadata-Version: 2.1\nName: loadctl\nVersion: 9.8.7\n"
        )
        wheel.writestr("loadctl-9.8.7.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(
            "loadctl-9.8.7.dist-info/entry_points.txt", "[console_scripts]\nloadctl = stand_in:main\n"
        )
        wheel.writestr("loadctl-9.8.7.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(released.parent))
    job = Job(tmp_path, tmp_path, sys.executable)
    done = job.step(INSTALL, version="9.8.7")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "loadctl 9.8.7"), done.stdout


@pytest.mark.parametrize("version", ["1.0 --pre", "$(id)", ">=0", "0.1.0;x"])
def test_a_version_that_is_none_is_refused(tmp_path: Path, version: str) -> None:
    done = Job(tmp_path, tmp_path, sys.executable).step(INSTALL, version=version)
    assert done.returncode == 2, done.stdout
    assert not (tmp_path / "loadctl").exists()


def test_it_waits_runs_and_reports(job: Job, tmp_path: Path) -> None:
    demo = Shell(tmp_path).start("demo", "--port", "0")
    assert demo.popen.stdout is not None
    host = demo.popen.stdout.readline().split()[-1]
    try:
        waited = job.step(WAIT, host=host, working_directory="perf")
        assert waited.returncode == 0, waited.stdout
        assert f"{host} is ready after" in waited.stdout
        inputs = {"scenario": "ci", "host": host, "duration": "3s", "working_directory": "perf"}
        done = job.step(RUN, args="--target\nmemory=1MB\n", **inputs)
    finally:
        demo.popen.terminate()
        demo.wait(10)
    assert done.returncode == 1, done.stdout
    assert done.stdout.startswith("::group::load: ci\n")
    assert "::error title=FAIL memory::measured" in done.stdout
    assert (job.outputs["verdict"], job.outputs["exit-code"]) == ("FAIL", "1")
    assert (Path(job.outputs["run-dir"]) / "result.json").is_file()
    assert job.summary.read_text().startswith("### ❌ FAIL: `ci`\n")
    reports = job.workspace / "perf" / "loadctl-reports"
    assert {path.name for path in reports.iterdir()} == {"report.html", "junit.xml", "summary.md"}


def test_a_host_that_is_not_there_fails_the_step(job: Job) -> None:
    done = job.step(WAIT, host="http://127.0.0.1:9", wait="300ms")
    assert done.returncode == 4, done.stdout
    assert job.step(WAIT).returncode == 0  # none was named: the run waits by itself


def test_an_inconclusive_run_is_made_again_and_stays_red_when_that_proves_nothing_either(job: Job) -> None:
    """What no monitor reports, until a command after the first run asks for something else."""
    scenario = job.workspace / "perf" / "scenarios" / "ci.yaml"
    scenario.write_text(SCENARIO.replace("50%}", "50%, metrics: {queue: 5}}"))
    inputs = {"scenario": "ci", "duration": "2s", "working_directory": "perf"}
    once = job.step(RUN, args="--demo", retry_inconclusive="0", **inputs)
    assert once.returncode == 3, once.stdout
    assert len(list((job.workspace / "perf" / "runs").iterdir())) == 1
    still = job.step(RUN, args="--demo", **inputs)
    assert (still.returncode, job.outputs["verdict"]) == (3, "INCONCLUSIVE"), still.stdout
    assert len(list((job.workspace / "perf" / "runs").iterdir())) == 3
    assert "INCONCLUSIVE: this run proved nothing, so it is made again" in still.stdout
    less = "--on-finish\nsed -i s/queue:.5/queue:null/ scenarios/ci.yaml"
    twice = job.step(RUN, args=f"--demo\n{less}", **inputs)
    assert "so it is made again" in twice.stdout
    assert (twice.returncode, job.outputs["verdict"]) == (0, "PASS"), twice.stdout


def test_a_plan_that_is_too_small_is_not_run_again_and_passes_as_a_quick_look(job: Job) -> None:
    scenario = job.workspace / "perf" / "scenarios" / "ci.yaml"
    scenario.write_text(SCENARIO.replace("50%}", "50%, latency_p999: 10s}"))
    inputs = {"scenario": "ci", "duration": "2s", "working_directory": "perf", "args": "--demo"}
    once = job.step(RUN, **inputs)
    assert (once.returncode, job.outputs["verdict"]) == (3, "INCONCLUSIVE"), once.stdout
    assert "INCONCLUSIVE by its plan" in once.stdout
    assert len(list((job.workspace / "perf" / "runs").iterdir())) == 1
    quick = job.step(RUN, smoke="true", **inputs)
    assert (quick.returncode, job.outputs["verdict"], job.outputs["smoke"]) == (0, "PASS", "true"), (
        quick.stdout
    )
    assert "PASS (smoke: 1 of 2 targets)  ci" in quick.stdout
    assert "### ✅ PASS (smoke: 1 of 2 targets): `ci`" in job.summary.read_text()
    assert job.step(RUN, smoke="yes", **inputs).returncode == 2


@pytest.mark.parametrize("retry", ["", "-1", "many", "1; true", "9" * 30, "²"])
def test_a_number_of_retries_that_is_none_is_refused(job: Job, retry: str) -> None:
    assert job.step(RUN, retry_inconclusive=retry).returncode == 2


def test_words_stay_words(job: Job) -> None:
    """No input is read by the shell, and none becomes an option."""
    marker = job.workspace / "perf" / "owned"
    done = job.step(RUN, scenario=f"$(touch {marker}) --demo", working_directory="perf")
    assert done.returncode == 2
    assert "no scenario is named '$(touch" in done.stdout
    assert not marker.exists()


def test_no_input_stands_in_a_script_and_none_turns_inconclusive_green() -> None:
    scripts = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    assert not [script for script in scripts if "${{" in script]
    assert not [step for step in ACTION["runs"]["steps"] if "continue-on-error" in step]
    assert not [
        name for name in ACTION["inputs"] if "allow" in name or "ignore" in name or "continue" in name
    ]
