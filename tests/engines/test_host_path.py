"""A host may have a path, which all requests begin with; a locustfile may bring its host itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadctl.engines import ENGINES
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.user_type import Check, Request, Task, UserType

if TYPE_CHECKING:
    from tests.engines.conftest import KnownServer, Shards
    from tests.engines.script_folder import Folder

GET = Request(method="GET", url="/5", endpoint="GET /5", check=Check())
BOTH_CLIENTS = """
class Fast(FastHttpUser):
    wait_time = constant(0.1)
    @task
    def t(self):
        self.client.get("/5")
class Plain(HttpUser):
    wait_time = constant(0.1)
    @task
    def t(self):
        self.client.post("/5")
"""
OWN_HOST = """
import os
{before}
class WebUser(HttpUser):
    host = "{host}"
    wait_time = constant(0.1)
    @task
    def t(self):
        assert self.environment.host is None
        assert self.environment.parsed_options.host is None
        self.client.get("/5")
{after}
"""


def test_user_types_keep_the_path(both: Shards, server: KnownServer) -> None:
    user = UserType(name="U", weight=1, tasks=[Task("t", 1, [GET])], pace_s=0.1)
    said = both.run(host=f"{server.url}/sleep", user_types=[user], load=both.closed((1, 1, 1)))
    assert said.returncode == 0, said.stderr
    assert set(server.count) == {"GET /sleep/5"}
    assert said.ok("GET /5") == server.count.total() > 5


def test_locustfiles_keep_the_path(shards: Shards, server: KnownServer) -> None:
    script = shards.locustfile(BOTH_CLIENTS)
    said = shards.run(host=f"{server.url}/sleep", script=script, load=shards.closed((2, 2, 1)))
    assert said.returncode == 0, said.stderr
    assert set(server.count) == {"GET /sleep/5", "POST /sleep/5"}
    assert {name: said.ok(name) for name in server.count} == server.count


def test_an_artillery_script_keeps_the_path_of_its_target(folder: Folder, server: KnownServer) -> None:
    text = "config:\n  target: TARGET/sleep\n  phases: [{duration: 1, arrivalRate: 5}]\n"
    folder.write(script__yml=f"{text}scenarios: [{{flow: [{{get: {{url: /5}}}}]}}]")
    shard = folder.begin()
    said = shard.result(40)
    assert said.returncode == 0, said.stderr
    assert set(server.count) == {"GET /sleep/5"}


def own_host(shards: Shards, server: KnownServer, before: str = "", after: str = "") -> Any:
    text = OWN_HOST.format(host=f"{server.url}/sleep/", before=before, after=after)
    script = shards.locustfile(text)
    scenario = ENGINES["locust"].completed(
        Scenario(name="x", host="", load=Load("closed", ()), script=script), {}
    )
    return {"host": scenario.host, "script": scenario.script, "load": shards.closed((1, 1, 1))}


def test_a_locustfile_brings_its_host(shards: Shards, server: KnownServer) -> None:
    given = own_host(shards, server)
    assert given["host"] == f"{server.url}/sleep"
    said = shards.run(**given)
    assert said.returncode == 0, said.stderr
    assert server.count["GET /sleep//5"] == server.count.total() > 5  # as Locust joins them


def test_a_host_that_was_not_read_is_refused(shards: Shards, server: KnownServer) -> None:
    given = own_host(shards, server, after="WebUser.host = 'http://production.example.com'")
    shard = shards.spawn(**given)
    assert shard.process.wait(20) == 21
    assert (
        "WebUser uses the host http://production.example.com when it runs; allow it"
        in shard.stderr.read_text()
    )
    assert server.count.total() == 0
