import time

import pytest

from loadctl.scenario.reading.document import OF_SCENARIOS, Node, Text, core_scalar, read_document


def tree(node: Node | None) -> object:
    assert node is not None
    if node.items is not None:
        return [tree(item) for item in node.items]
    if node.entries is not None:
        return {key.text: tree(value) for key, value in node.entries.items()}
    return node.value


def read(text: str) -> tuple[Node | None, list[tuple[str, str, str | None]]]:
    node, mistakes = read_document(Text("f.yaml", text))
    return node, [(str(m.where), m.message, m.hint) for m in mistakes]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("2026-01-01", "2026-01-01"),
        ("12:30:00", "12:30:00"),
        ("01234", 1234),
        ("0o17", 15),
        ("0xff", 255),
        ("-7", -7),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("9" * 400, "9" * 400),
        ("=", "="),
    ],
)
def test_plain_scalars_have_the_types_of_yaml_1_2(text: str, value: object) -> None:
    assert core_scalar(text) == value
    assert type(core_scalar(text)) is type(value)


def test_quoted_scalars_and_keys_are_texts() -> None:
    node, mistakes = read("'on': '1'\n1: \"null\"\nblock: |\n  5\ntagged: !!str 5\n")
    assert tree(node) == {"on": "1", "1": "null", "block": "5\n", "tagged": "5"}
    assert mistakes == []


def test_every_key_and_value_knows_its_place() -> None:
    node, _ = read("load:\n  - {users: 50, for: 5m}\n")
    assert node is not None
    load = node.get("load")
    assert load is not None
    assert load.items is not None
    stage = load.items[0]
    length = stage.get("for")
    assert length is not None
    assert (str(stage.key_where("for")), str(length.where)) == ("f.yaml:2:17", "f.yaml:2:22")


def test_anchors_aliases_and_merges_work() -> None:
    node, mistakes = read("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a\nd: {<<: [*a, {z: 4}]}\n")
    assert tree(node) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 2},
        "d": {"x": 1, "y": 2, "z": 4},
    }
    assert mistakes == []


TEN_TIMES_TEN = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        (
            "a:\n  id: {{ user_id }}",
            "f.yaml:2:7",
            "a value that starts with {{ must be in quotes",
            'write  id: "{{ user_id }}"',
        ),
        (
            "a: {get: /x, b: {{ id }} }",
            "f.yaml:1:17",
            "a value that starts with {{ must be in quotes",
            'write  b: "{{ id }}"',
        ),
        (
            "get: {{ next }}/x",
            "f.yaml:1:6",
            "a value that starts with {{ must be in quotes",
            'write  get: "{{ next }}/x"',
        ),
        (
            "a: {get: /search?q=x}",
            "f.yaml:1:17",
            "inside { } a value with ? must be in quotes",
            'put it in "quotes", or give the value its own line',
        ),
        (
            "a: {b: Bearer ${X}}",
            "f.yaml:1:16",
            "inside { } a value with { must be in quotes",
            'put it in "quotes", or give the value its own line',
        ),
        (
            "a: {ids: $.items[*].id}",
            "f.yaml:1:17",
            "inside { } a value with [ must be in quotes",
            'put it in "quotes", or give the value its own line',
        ),
        (
            "a:\n\tb: 1",
            "f.yaml:2:1",
            "there is a tab here; YAML is indented with spaces only",
            "replace the tab with spaces",
        ),
        ("a: @x", "f.yaml:1:4", "a value that starts with @ must be in quotes", None),
        ("a: [1, 2\nb: 3", "f.yaml:1:4", "[ is never closed", "add the missing ]"),
        ("a: {b: 1", "f.yaml:1:4", "{ is never closed", "add the missing }"),
        ('a: "x', "f.yaml:1:6", "the quote that opens here is never closed", None),
        (
            "a: b: c",
            "f.yaml:1:5",
            "a key is not allowed here: check the indentation, or quote a value that holds ': '",
            'write for example  name: "a: b"',
        ),
        ("a: 1\nb: 2\na: 3", "f.yaml:3:1", "'a' appears twice in this mapping; the first is on line 1", None),
        (
            "a: 1\n---\nb: 2",
            "f.yaml:2:1",
            "a second document starts here ('---'); a file holds only one",
            None,
        ),
        (
            "a: *b",
            "f.yaml:1:4",
            "'*b' points to no anchor '&b' above",
            "a value that starts with * must be in quotes",
        ),
        ("a: &a {b: *a}", "f.yaml:1:11", "'*a' is inside what it points to", None),
        (
            "a: !!python/object:os.system x",
            "f.yaml:1:4",
            "the tag !!python/object:os.system is not used here",
            None,
        ),
        ("[a]: b", "f.yaml:1:1", "a key must be one word or text, not a list or a mapping", None),
        ("<<: 3", "f.yaml:1:1", "<< takes a mapping, or a list of mappings", None),
        ("a: \x00", "f.yaml:1:4", "the character U+0000 is not allowed in YAML; is this a text file?", None),
        (
            'a: "\\uD83D"',
            "f.yaml:1:4",
            "an escape is only half a character (\\uD800 to \\uDFFF)",
            'write the character itself, or its number in one:  "\\U0001F600"',
        ),
        (
            'a: 1\nb: "\\U00110000"',
            "f.yaml:2:5",
            "\\U00110000 is no character",
            "the last one is \\U0010FFFF",
        ),
        ('"\\UFFFFFFFF": 1', "f.yaml:1:2", "\\UFFFFFFFF is no character", "the last one is \\U0010FFFF"),
        (
            f"a: &a '{'x' * 100_000}'\nb: [{'*a, ' * 100}]",
            "f.yaml:2:129",
            "the aliases of this file expand to more than 50,000 values",
            None,
        ),
        ("[" * 60, "f.yaml:1:51", "nested deeper than 50 levels", None),
        (TEN_TIMES_TEN, "f.yaml:5:17", "the aliases of this file expand to more than 50,000 values", None),
        (
            "x" * (OF_SCENARIOS.characters + 1),
            "f.yaml",
            f"the file is too large: more than {OF_SCENARIOS.characters:,} characters",
            None,
        ),
    ],
)
def test_a_mistake_of_form_says_what_and_where(text: str, place: str, message: str, hint: str | None) -> None:
    assert read(text)[1] == [(place, message, hint)]


def test_a_mistake_shows_its_line() -> None:
    _, mistakes = read_document(Text("f.yaml", "a:\n  id: {{ user_id }}  \nb: 2"))
    assert [mistake.excerpt for mistake in mistakes] == ["  id: {{ user_id }}"]


@pytest.mark.parametrize(
    "text", ["a: 1\n" * 20_000, "[" * 50_000, "{{" * 50_000, "\t" * 50_000, "? " * 50_000]
)
def test_hostile_texts_end_quickly(text: str) -> None:
    started = time.process_time()
    _, mistakes = read_document(Text("f.yaml", text))
    assert 0 < len(mistakes) <= 51
    assert time.process_time() - started < 2
