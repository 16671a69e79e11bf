"""The image of the Dockerfile, built on this machine's Python and run as README says, on both engines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadctl.monitors.containers.engine import DockerEngine
from tests.e2e.shell import Shell
from tests.monitors.docker import Docker, own_daemon, skip_without_docker
from tests.packaging.python_image import BASE, import_base
from tests.packaging.readme_install import ROOT, command, typed

pytestmark = pytest.mark.e2e

SCENARIO = """
think: 20ms
tasks: [{get: /models}]
load: [{users: 5, for: 3s}]
targets: {error_rate: 50%}
"""
SCRIPT = """
config: {target: http://localhost, phases: [{duration: 4, arrivalRate: 10}]}
scenarios: [{flow: [{loop: [{get: {url: /models}}], count: 5}]}]
"""
SOMEBODY = "12345:12345"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """An engine that has the image. Its storage is not vfs, which copies the image for each line of a Dockerfile."""
    skip_without_docker()
    with own_daemon(tmp_path_factory.mktemp("dockerd"), "--bridge=none", storage=None) as (base, _):
        engine = DockerEngine.find({"DOCKER_HOST": f"unix://{base}/docker.sock"})
        engine.close()
        docker = Docker(base, engine)
        import_base(docker)
        build = command("docker build ").replace("build", f"build --network=host --build-arg BASE={BASE}", 1)
        # BuildKit's client is a plugin that may be missing. Both engines come from the package registries.
        typed(build, ROOT, {**docker.variables, "DOCKER_BUILDKIT": "0"}, timeout_s=1500)
        yield docker


def test_it_runs_as_nobody_in_particular(image: Docker, tmp_path: Path) -> None:
    printed = typed(command("docker run --rm --init loadctl "), tmp_path, image.variables)
    assert re.match(r"(PASS|INCONCLUSIVE) \(smoke: \d of \d targets\)  baseline", printed), printed
    assert re.search(r"error rate +0\.00 %", printed), printed
    assert image("run", "--rm", "--entrypoint", "id", "loadctl", "-u") != "0"


@pytest.mark.parametrize(
    ("what", "engine"),
    [("api --engine locust", "locust"), ("api --engine artillery", "artillery"), ("script.yml", "artillery")],
)
def test_it_runs_what_the_folder_holds_and_leaves_the_run_there(
    image: Docker, tmp_path: Path, what: str, engine: str
) -> None:
    loadctl = Shell(tmp_path)
    loadctl.write("scenarios/api.yaml", SCENARIO)
    loadctl.write("script.yml", SCRIPT)
    loadctl.folder.chmod(0o777)
    demo = loadctl.start("demo", "--port", "0")
    assert demo.popen.stdout is not None
    host = demo.popen.stdout.readline().split()[-1]
    line = command("docker run --rm --init --network host ")
    line = line.replace("$(id -u):$(id -g)", SOMEBODY).replace("http://localhost:8000", host)
    assert " run api " in line
    try:
        typed(line.replace(" api ", f" {what} "), loadctl.folder, image.variables)
    finally:
        demo.popen.terminate()
        demo.wait(10)
    [written] = loadctl.folder.glob("runs/*/result.json")
    result = json.loads(written.read_text())
    # Which verdict so little load deserves on a busy machine is not the question here.
    assert result["verdict"] in {"PASS", "INCONCLUSIVE"}, result["reasons"]
    assert result["engine"]["name"] == engine
    assert (result["counters"]["failed"], result["counters"]["unfinished"]) == (0, 0)
    assert result["counters"]["completed"] > 100
    assert f"{written.stat().st_uid}:{written.stat().st_gid}" == SOMEBODY
