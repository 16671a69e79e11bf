"""What we use of Locust beyond its documented interface is there in this version."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from loadctl.engines.locust.inside.script.private import PLACES

LOOK = """
import importlib, inspect, json, sys
import locust
missing = []
for where in json.load(sys.stdin):
    module, _, path = where.partition(":")
    owner = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    # An attribute of instances alone stands in the source of the class or of what it inherits from.
    classes = [c for c in inspect.getmro(owner) if c is not object] if inspect.isclass(owner) else []
    if not hasattr(owner, name) and not any(f"self.{name}" in inspect.getsource(c) for c in classes):
        missing.append(where)
print(json.dumps(missing))
"""


@pytest.mark.parametrize("more", [[], ["locust.runners:Runner.no_such_place"]])
def test_every_private_place_exists(more: list[str]) -> None:
    """In a process of its own: Locust changes the interpreter that imports it."""
    looked = subprocess.run(
        [sys.executable, "-c", LOOK],
        input=json.dumps([*PLACES, *more]),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(looked.stdout) == more


def test_each_has_a_reason() -> None:
    assert all(PLACES.values())
