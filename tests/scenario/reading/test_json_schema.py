"""The schemas for editors agree with the validator: what that takes they take, and the keys it refuses they refuse."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from loadctl.errors import InvalidInput
from loadctl.scenario.reading.document import Node, Sources, Text, read_document
from loadctl.scenario.reading.json_schema import SCHEMAS
from loadctl.scenario.reading.scenario_file import read_scenario

jsonschema = pytest.importorskip("jsonschema", reason="make dev installs it")

ROOT = Path(__file__).parents[3]
SHIPPED = [ROOT / "scenarios" / f"{name}.yaml" for name in ("baseline", "stress", "spike", "endurance")]
EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.yaml"))
CHECKERS = {name: jsonschema.Draft7Validator(made()) for name, made in SCHEMAS.items()}


def value(node: Node | None) -> Any:
    """What an editor sees of a YAML text."""
    if node is None:
        return None
    if node.items is not None:
        return [value(item) for item in node.items]
    if node.entries is not None:
        return {key.text: value(item) for key, item in node.entries.items()}
    return node.value


def document(path: Path) -> Any:
    return value(read_document(Text(path.name, path.read_text()))[0])


def refused(name: str, found: Any) -> list[str]:
    return [error.message for error in CHECKERS[name].iter_errors(found)]


def is_valid(found: Any) -> bool:
    """For the validator, as a scenario beside the shipped users.yaml; every file that it names is there."""
    sources = Sources(
        scenario=Text("x.yaml", yaml.safe_dump(found, allow_unicode=True)),
        users=Text(
            "users.yaml",
            (ROOT / "scenarios" / "users.yaml").read_text() + "\nOperator: {tasks: [{get: /}]}\n",
        ),
        targets=None,
        read=lambda _: "email,age\na@b,1\n",
        resolve=lambda name: f"/files/{name}",
        env={"PASSWORD": "secret-word"},
    )
    try:
        read_scenario("x", sources)
    except InvalidInput:
        return False
    return True


@pytest.mark.parametrize("name", SCHEMAS)
def test_they_are_schemas(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMAS[name]())


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_says_what_it_means(name: str) -> None:
    def silent(form: Any, place: str) -> Iterator[str]:
        if isinstance(form, list):
            for part in form:
                yield from silent(part, place)
        if isinstance(form, dict):
            for key, part in form.get("properties", {}).items():
                if "description" not in part:
                    yield f"{place}.{key}"
            for key, part in form.items():
                yield from silent(part, f"{place}.{key}")

    assert list(silent(SCHEMAS[name](), name)) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("engine: locusts", "engine"), ("rate_limit: {limit: 1/s, by: adress}", "by"), ("engine: ${E}", "")],
)
def test_a_word_that_is_none_of_the_few_is_underlined(text: str, wrong: str) -> None:
    found = [error.path[-1] for error in CHECKERS["scenario"].iter_errors(yaml.safe_load(text))]
    assert [place for place in found if place in {"engine", "by"}] == [wrong] * bool(wrong)


@pytest.mark.parametrize("path", [*SHIPPED, *EXAMPLES], ids=lambda path: path.name)
def test_every_scenario_of_ours_has_the_form(path: Path) -> None:
    assert refused("scenario", document(path)) == []


def test_users_and_targets_of_ours_have_the_form() -> None:
    assert refused("users", document(ROOT / "scenarios" / "users.yaml")) == []
    assert refused("targets", document(ROOT / "targets.yaml")) == []


def mappings(found: Any, inside: str = "") -> Iterator[dict[str, Any]]:
    """Those whose keys are words of loadctl, not names that somebody chose."""
    if isinstance(found, dict):
        if inside not in {
            "users",
            "headers",
            "json",
            "form",
            "query",
            "capture",
            "endpoints",
            "stages",
            "files",
        }:
            yield found
        for key, item in found.items():
            if "json" not in {inside, key}:
                yield from mappings(item, key)
    elif isinstance(found, list):
        for item in found:
            yield from mappings(item, "")


DOCUMENTS = [document(path) for path in (*SHIPPED, *EXAMPLES)]


@given(st.sampled_from(range(len(DOCUMENTS))), st.data())
def test_an_unknown_key_anywhere_is_refused_by_both(number: int, data: st.DataObject) -> None:
    found = copy.deepcopy(DOCUMENTS[number])
    places = list(mappings(found))
    data.draw(st.sampled_from(range(len(places))).map(lambda i: places[i]))["no_such_key"] = 1
    assert refused("scenario", found)
    assert not is_valid(found)


@given(st.sampled_from(range(len(DOCUMENTS))), st.data())
def test_what_the_validator_takes_the_schema_takes(number: int, data: st.DataObject) -> None:
    """A key less, or another value in its place."""
    found = copy.deepcopy(DOCUMENTS[number])
    places = [place for place in mappings(found) if place]
    place = places[data.draw(st.integers(0, len(places) - 1))]
    key = data.draw(st.sampled_from(sorted(place)))
    other = data.draw(
        st.sampled_from(["gone", "1s", 5, True, None, [], ["x"], {}, {"get": "/"}, "200ms..1s"])
    )
    if other == "gone":
        del place[key]
    else:
        place[key] = other
    if is_valid(found):
        assert refused("scenario", found) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("scenario", "tasks: []"),
        ("scenario", "tasks: [{get: /, post: /}]"),
        ("scenario", "tasks: [{name: x}]"),
        ("scenario", "load: [{users: [1], for: 1s}]"),
        ("scenario", "think: quick"),
        ("scenario", "pace: 2"),
        ("scenario", "timeout: 1 minute"),
        ("scenario", "load: [{users: 5, for: 30}]"),
        ("scenario", "load: [{rate: 300, for: 30s}]"),
        ("scenario", "load: [{users: many, for: 30s}]"),
        ("scenario", "load: [{users: 5, for: 30s, warmup: maybe}]"),
        ("scenario", "tasks: [{get: /, weight: heavy}]"),
        ("scenario", "tasks: [{get: /, check: {within: fast}}]"),
        ("scenario", "tasks: [{flow: [{get: /}, {think: quick}]}]"),
        ("scenario", "targets: {latency_p95: 200}"),
        ("users", "Visitor: {think: quick, tasks: [{get: /}]}"),
        ("targets", "error_rate: {target: 0.1, critical: 1%}"),
        ("targets", "memory: 200ms"),
        ("targets", "throughput: 20%"),
        ("scenario", "targets: {latency_p96: 1s}"),
        ("scenario", "targets: {latency_p95: {target: 1s}}"),
        ("scenario", "watch: {prometheus: {url: http://x}}"),
        ("users", "Visitor: {load: []}"),
        ("targets", "endpoints: {GET /: {cpu: 5%}}"),
    ],
)
def test_mistakes_that_a_form_can_show(name: str, text: str) -> None:
    assert refused(name, yaml.safe_load(text))
