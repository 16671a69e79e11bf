"""An Artillery script in a folder of its own, run as a shard of loadctl against a server whose counts are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadctl.engines import ENGINES
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import Scenario, Script

if TYPE_CHECKING:
    from tests.engines.conftest import KnownServer, Said, Shard, Shards

OWN: Load = Load("open", ())
HEAD = "config:\n  target: TARGET\n"
TWENTY = "  phases: [{duration: 1, arrivalRate: 20}]\n"


class Folder:
    """A script and what lies beside it."""

    def __init__(self, path: Path, server: KnownServer, shards: Shards) -> None:
        self._path, self._server, self._shards = path, server, shards

    def write(self, **files: str) -> Folder:
        for name, text in files.items():
            (self._path / name.replace("__", ".")).write_text(text.replace("TARGET", self._server.url))
        return self

    def begin(
        self, load: Load = OWN, *, host: str = "", script: dict[str, Any] | None = None, **fields: Any
    ) -> Shard:
        path = str(self._path / "script.yml")
        own = Script("artillery", path, **(script or {}))
        scenario = Scenario(name="x", host=host, load=load, script=own)
        completed = ENGINES["artillery"].completed(scenario, {})
        return self._shards.begin(
            host=completed.host,
            load=completed.load,
            script=completed.script,
            user_types=completed.user_types,
            secrets=completed.secrets,
            **{"drain_s": 2.0, **fields},
        )

    def run(self, load: Load = OWN, **fields: Any) -> Said:
        return self.begin(load, **fields).result(40)


def finished(said: Said) -> Said:
    assert said.returncode == 0, said.stderr
    return said
