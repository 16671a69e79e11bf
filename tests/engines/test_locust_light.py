"""What a shard of user types does without."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import psutil
import pytest

from loadctl.scenario.user_type import Request, Task, UserType

if TYPE_CHECKING:
    from tests.engines.conftest import Shards

GET = Request(method="GET", url="/sleep/1", endpoint="GET /sleep/1", timeout_s=5.0)


@pytest.mark.skipif(sys.platform != "linux", reason="shared libraries of a process are read from /proc")
def test_user_types_run_without_locusts_own_modules_and_name_its_version(shards: Shards) -> None:
    """Locust's import is most of the start. Its clients bring shared libraries, which show whether it was loaded."""
    shard = shards.begin(
        user_types=[UserType(name="A", weight=1, tasks=[Task("t", 1, [GET])])],
        load=shards.closed((1, 1, 1)),
    )
    loaded = {each.path for each in psutil.Process(shard.process.pid).memory_maps()}
    said = shard.result()
    [hello] = said.of("hello")
    assert hello["version"] == version("locust")
    assert any("/gevent/" in path for path in loaded)
    assert not any(f"/{name}/" in path for path in loaded for name in ("zmq", "geventhttpclient", "msgpack"))
