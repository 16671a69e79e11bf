"""The host of a locustfile's classes, read without running it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from loadctl.engines import ENGINES
from loadctl.engines.locust.own_script import read_own_file
from loadctl.errors import InvalidInput
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import Scenario, Script

FILE = """
import os
from shared import URL, Common
BASE = "http://localhost:1/api/"

class Base(HttpUser):
    abstract = True
    host = BASE

class Literal(HttpUser):
    host: str = "http://127.0.0.1:2"
class Inherited(Base): pass
class Variable(HttpUser):
    host = os.environ.get("TARGET", "http://default")
class Getenv(HttpUser):
    host = os.getenv("TARGET", BASE)
class Item(HttpUser):
    host = os.environ["TARGET"]
class Imported(HttpUser):
    host = URL
class Secret(HttpUser):
    host = "http://ann:pw@h"
class NoScheme(HttpUser):
    host = "localhost:80"
class Elsewhere(Common): pass
class None_(HttpUser):
    host = None
class Flow(TaskSet):
    host = "http://no"
class Settings:
    host = "http://no"
"""


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script("locustfile", write(tmp_path, FILE))


def write(folder: Path, text: str) -> str:
    path = folder / "f.py"
    path.write_text(text)
    return str(path)


def completed(script: Script, host: str = "", **environ: str) -> Scenario:
    scenario = Scenario(name="x", host=host, load=Load("closed", ()), script=script, source="s.yaml")
    return ENGINES["locust"].completed(scenario, environ)


def test_the_host_of_each_class(script: Script) -> None:
    assert read_own_file(script.paths, {"TARGET": "http://of-env"}).hosts == {
        "Literal": "http://127.0.0.1:2",
        "Inherited": "http://localhost:1/api/",
        "Variable": "http://of-env",
        "Getenv": "http://of-env",
        "Item": "http://of-env",
        "Imported": None,
        "Secret": None,
        "NoScheme": None,
    }
    unset = read_own_file(script.paths, {}).hosts
    assert (unset["Variable"], unset["Getenv"], unset["Item"]) == (
        "http://default",
        "http://localhost:1/api/",
        None,
    )


def test_the_chosen_classes_say_what_is_loaded(script: Script) -> None:
    found = completed(replace(script, classes=("Inherited", "Literal", "Elsewhere")))
    assert found.host == "http://127.0.0.1:2"
    assert found.script is not None
    assert found.script.own_hosts == ("http://127.0.0.1:2", "http://localhost:1/api")
    weighted = completed(replace(script, weights={"Inherited": 2}))
    assert weighted.host == "http://localhost:1/api"


def test_whoever_says_a_host_is_right(script: Script) -> None:
    found = completed(script, host="http://said")
    assert found.script is not None
    assert (found.host, found.script.own_hosts) == ("http://said", ())


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (("Imported",), "the host of Imported in f.py is only known when it runs"),
        (("Elsewhere",), "no host: no class in f.py says which system to load"),
        ((), "is only known when it runs"),
    ],
)
def test_what_cannot_be_read_is_asked_for(script: Script, classes: tuple[str, ...], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        completed(replace(script, classes=classes))


@pytest.mark.parametrize(
    ("text", "verified"),
    [
        ("class A(FastHttpUser):\n    insecure = True", False),
        ("class A(HttpUser):\n    def on_start(self):\n        self.client.verify = False", False),
        ("class A(HttpUser):\n    def t(self):\n        self.client.get('/', verify=False)", False),
        ("class A(FastHttpUser):\n    insecure = False", True),
        ("this is no Python", True),
    ],
)
def test_a_script_that_checks_no_certificate_is_probed_without(
    tmp_path: Path, text: str, verified: bool
) -> None:
    assert completed(Script("locustfile", write(tmp_path, text)), "https://h").tls.verify is verified


def test_python_does_not_warn_before_the_file_runs(tmp_path: Path) -> None:
    own = read_own_file([write(tmp_path, 'class A(HttpUser):\n    host = "http://h"\n    path = "\\d"')], {})
    assert own.hosts == {"A": "http://h"}
