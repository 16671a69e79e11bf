"""Every example of the reference is read as it stands: it has the form it claims, where it may stand."""

from __future__ import annotations

import re

import pytest
import yaml

from loadctl.reference.entries import entries
from loadctl.reference.entry import Entry
from loadctl.scenario.reading.document import Sources, Text
from loadctl.scenario.reading.scenario_file import read_scenario
from loadctl.scenario.template import check_template

EXAMPLES = [entry for entry in entries() if entry.kind in {"key", "metric"}]
REST = {
    "host": "host: http://localhost:8080\n",
    "tasks": "tasks: [{get: /}]\n",
    "load": "load: [{users: 10, for: 1m}]\n",
}


def whole(example: str) -> str:
    """The example, with what it leaves out of a scenario."""
    stated = set(yaml.safe_load(example))
    if stated & {"users", "locustfile", "artillery"}:
        stated.add("tasks")
    return "".join(text for key, text in REST.items() if key not in stated) + example + "\n"


@pytest.mark.parametrize("entry", EXAMPLES, ids=lambda entry: f"{entry.word} {entry.place}")
def test_an_example_is_a_scenario_that_uses_its_word(entry: Entry) -> None:
    assert entry.example is not None
    assert re.search(rf"\b{entry.word}:", entry.example)
    sources = Sources(
        scenario=Text("x.yaml", whole(entry.example)),
        users=None,
        targets=None,
        read=lambda name: "email,id\na@b,7\n" if name.endswith(".csv") else "",
        resolve=lambda name: f"/files/{name}",
        env={"API_TOKEN": "secret-word"},
    )
    read_scenario("x", sources)


@pytest.mark.parametrize(
    "entry", [entry for entry in entries() if entry.kind == "helper"], ids=lambda e: e.word
)
def test_an_example_of_a_helper_is_a_template(entry: Entry) -> None:
    assert entry.example is not None
    assert entry.word in entry.example
    assert check_template(entry.example) is None


def test_an_example_with_a_wrong_key_would_be_noticed() -> None:
    with pytest.raises(Exception, match="unknown key 'whlie'"):
        read_scenario(
            "x",
            Sources(
                scenario=Text("x.yaml", whole("tasks: [{flow: [{repeat: 2, whlie: x, flow: [{get: /}]}]}]")),
                users=None,
                targets=None,
                read=lambda _: None,
                resolve=lambda _: None,
                env={},
            ),
        )
