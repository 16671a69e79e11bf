"""A locustfile's own judgement of its run, however it says it, is in the frames after the bye."""

from __future__ import annotations

import pytest

from loadctl.engines.locust.engine import LocustEngine
from tests.engines.conftest import Shards

USER = """
class One(HttpUser):
    wait_time = constant(0.05)
    @task
    def one(self):
        self.client.get("/sleep/1")
"""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("@events.quitting.add_listener\ndef _(environment, **_): environment.process_exit_code = 3\n", 3),
        ("@events.quitting.add_listener\ndef _(environment, **_): environment.process_exit_code = True\n", 1),
        (
            "@events.quitting.add_listener\ndef _(environment, **_): environment.process_exit_code = 'slow'\n",
            1,
        ),
        ("@events.quitting.add_listener\ndef _(environment, **_): environment.process_exit_code = 0\n", None),
        ("@events.quitting.add_listener\ndef _(**_): raise SystemExit(4)\n", 4),
        ("@events.quitting.add_listener\ndef _(**_): raise SystemExit('too slow')\n", 1),
        ("@events.test_stop.add_listener\ndef _(**_): raise SystemExit(5)\n", 5),
        ("@events.quitting.add_listener\ndef _(**_): raise SystemExit(0)\n", None),
        ("    def on_stop(self): import time; time.sleep(0.1); raise SystemExit(6)\n", 6),
        ("", None),
    ],
)
def test_its_exit_code(shards: Shards, text: str, code: int | None) -> None:
    said = shards.run(script=shards.locustfile(USER + text), load=shards.closed((1, 1, 1)))
    assert [(line["what"], line["code"]) for line in said.of("script")] == (
        [] if code is None else [("verdict", code)]
    )
    assert said.of("bye")
    assert LocustEngine().outcome(said.returncode or 0, said.stderr).kind == "finished"
