"""What a shard of user types on Artillery does without."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

from loadctl.engines.artillery.engine import ArtilleryEngine
from loadctl.scenario.user_type import Request, Task, UserType
from tests.engines.conftest import Shards

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from loadctl.engines.artillery.locate import Artillery
    from tests.engines.conftest import KnownServer

GET = Request(method="GET", url="/sleep/1", endpoint="GET /sleep/1", timeout_s=5.0)


def test_user_types_run_in_artillerys_worker_without_its_command_line_and_clouds(
    artillery: Artillery, server: KnownServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To load them is two thirds of the start. Here they are missing, and the worker is there."""
    modules = tmp_path / "node_modules"
    modules.mkdir()
    for package in artillery.package.parent.iterdir():
        if package != artillery.package:
            (modules / package.name).symlink_to(package)
    shutil.copytree(artillery.package, modules / "artillery", symlinks=True)
    library = modules / "artillery" / "dist" / "lib"
    for part in ("cmds", "cli", "platform/aws", "platform/aws-ecs", "platform/aws-lambda", "platform/az"):
        shutil.rmtree(library / part)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "artillery").symlink_to(modules / "artillery" / "bin" / "run")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv("LOADCTL_ENGINES", str(tmp_path / "nothing"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{artillery.node.parent}:/usr/bin:/bin")

    with closing(Shards(tmp_path / "shards", server, ArtilleryEngine())) as shards:
        said = shards.run(
            user_types=[UserType(name="A", weight=1, tasks=[Task("t", 1, [GET])])],
            load=shards.closed((1, 1, 1)),
        )
        [plan] = tmp_path.glob("shards/*/engine/plan-0.json")
    assert str(modules / "artillery") in plan.read_text()
    assert said.returncode == 0, said.stderr
    assert said.ok("GET /sleep/1") == server.count["GET /sleep/1"] > 20


def test_a_plugin_of_the_environment_that_is_not_there_ends_no_run(
    artillery: Artillery, server: KnownServer, tmp_path: Path
) -> None:
    """Artillery's command line warns and goes on."""
    assert artillery
    with closing(Shards(tmp_path, server, ArtilleryEngine())) as shards:
        said = shards.run(
            user_types=[UserType(name="A", weight=1, tasks=[Task("t", 1, [GET])])],
            load=shards.closed((1, 1, 1)),
            env={"ARTILLERY_PLUGINS": '{"of-nobody": {}}'},
        )
    assert said.returncode == 0, said.stderr
    assert "Could not load plugin: of-nobody" in said.stderr
    assert said.ok("GET /sleep/1") > 20
