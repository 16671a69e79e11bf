"""The reference knows every word that the code knows, and no other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

import loadctl
from loadctl.cli.command_table import COMMANDS
from loadctl.cli.reference import entries
from loadctl.engines.locust.inside.script.exceptions import _CLASSES
from loadctl.errors import ExitCode
from loadctl.reference.entries import instead_of
from loadctl.reference.entry import Kind, named, similar
from loadctl.reference.keys import SHAPES, place_of
from loadctl.results.findings import FINDINGS, KnownFinding
from loadctl.results.result import schema
from loadctl.results.verdict import Status, Verdict
from loadctl.scenario.reading.json_schema import SCHEMAS
from loadctl.scenario.reading.keys import Shape
from loadctl.scenario.target import METRICS
from loadctl.scenario.template import GIVEN, HELPERS
from loadctl.scenario.units import parse_duration

ENTRIES = [*entries()]


def words(kind: Kind) -> set[str]:
    return {entry.word for entry in ENTRIES if entry.kind == kind}


def keys_of(form: Any) -> Iterator[str]:
    """All keys that an editor offers in a file of this form."""
    if isinstance(form, list):
        for part in form:
            yield from keys_of(part)
    if isinstance(form, dict):
        properties = form.get("properties")
        yield from properties or ()
        for part in form.values():
            yield from keys_of(part)


def test_every_key_that_an_editor_offers_has_an_entry() -> None:
    offered = {key for schema in SCHEMAS.values() for key in keys_of(schema())}
    assert words("key") | words("metric") == offered - {"properties"}


def test_a_default_is_the_one_that_the_reader_takes() -> None:
    said = {(entry.word, entry.place): entry.default for entry in ENTRIES}
    taken = [
        (field.alias or name, place_of(shape), field.default)
        for shape in SHAPES
        for name, field in shape.model_fields.items()
        if isinstance(field.default, bool | int | float)
    ]
    assert len(taken) > 8
    for word, place, default in taken:
        shown = said[word, place] or ""
        assert default == (parse_duration(shown) if isinstance(default, float) else yaml.safe_load(shown))


def test_every_mapping_of_a_scenario_is_read_by_a_shape_of_the_reference() -> None:
    assert set(SHAPES) == set(Shape.__subclasses__())


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("metric", set(METRICS)),
        ("helper", {*HELPERS, *GIVEN}),
        ("finding", set(get_args(KnownFinding))),
        ("verdict", {*Verdict, *Status}),
        ("exit code", {str(int(code)) for code in ExitCode}),
        ("command", set(COMMANDS)),
    ],
)
def test_every_word_has_an_entry_and_no_other(kind: Kind, known: set[str]) -> None:
    assert words(kind) == known


def test_every_class_of_failures_that_an_engine_tells_has_an_entry() -> None:
    sources = (Path(loadctl.__file__).parent / "engines").rglob("inside/**/*")
    code = "".join(path.read_text(encoding="utf-8") for path in sources if path.suffix in {".py", ".mjs"})
    told = {*_CLASSES, *re.findall(r"""Failed\(\s*["'](\w+)["']""", code)}
    assert {"reset", "protocol", "generator", "dns"} < told
    assert told <= words("failure")


def test_every_key_of_result_json_has_an_entry() -> None:
    published: Any = schema()
    forms = [published, *published["$defs"].values()]
    assert words("result key") == {key for form in forms for key in form.get("properties", ())}


def test_every_finding_is_explained_once() -> None:
    assert list(FINDINGS) == list(get_args(KnownFinding))


def test_no_two_entries_are_about_the_same() -> None:
    counted = Counter((entry.kind, entry.word, entry.place) for entry in ENTRIES)
    assert [about for about, times in counted.items() if times > 1] == []


def test_every_entry_says_something_in_sentences() -> None:
    sentences = [entry for entry in ENTRIES if entry.kind != "command"]
    assert [entry.word for entry in ENTRIES if not entry.place] == []
    assert [entry.text for entry in sentences if not entry.text.endswith(".")] == []


def test_what_an_entry_refers_to_is_there() -> None:
    assert [word for entry in ENTRIES for word in entry.see if not named(word, ENTRIES)] == []


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("latency_p95", "latency_p95"),
        ("Latency P95", "latency_p95"),
        ("host:", "host"),
        ("--smoke", "--smoke"),
        ("smoke", "--smoke"),
        ("uuid()", "uuid"),
        ("generator_lag", "generator-lag"),
        ("inconclusive", "INCONCLUSIVE"),
        ("exit code 3", "3"),
        ("status 503", "status_NNN"),
    ],
)
def test_a_word_is_found_as_people_write_it(typed: str, word: str) -> None:
    assert word in {entry.word for entry in named(typed, ENTRIES)}


def test_a_word_of_several_kinds_is_found_in_all_of_them() -> None:
    assert {entry.place for entry in named("headers", ENTRIES)} >= {
        "key of a request",
        "key of a user type, or of a scenario with only one",
        "key of `metrics:`",
        "key of `prometheus:`",
    }


def test_a_typing_mistake_leads_to_the_word() -> None:
    assert similar("generator-lagg", ENTRIES)[0] == "generator-lag"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("on_start", "start"),
        ("extract", "capture"),
        ("arrivalRate", "rate"),
        ("spawn_rate", "over"),
        ("think_time", "think"),
        ("http_req_duration", "latency_p95"),
        ("uuid4", "uuid"),
        ("randint", "random_int"),
    ],
)
def test_a_word_of_another_tool_leads_to_ours(theirs: str, ours: str) -> None:
    sentences, found = instead_of(theirs, ENTRIES)
    assert ours in {entry.word for entry in found}
    assert f"{theirs} is called {ours} here." in sentences


def test_where_another_tool_has_one_key_more_the_way_is_told() -> None:
    sentences, found = instead_of("iterations", ENTRIES)
    assert found == []
    assert "a load ends after a time (for:)" in sentences[0]
