import ast
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.scenario import prng
from loadctl.scenario.prng import Stream, hash32

VECTORS = json.loads(Path(__file__).with_name("prng-vectors.json").read_text())  # made by a JavaScript engine
seeds = st.integers(0, 2**32 - 1)


def called(name: str, *arguments: object) -> object:
    """A helper, by its name in templates."""
    free = {"int": prng.to_int, "float": prng.to_float, "str": prng.text}
    helper: Callable[..., object] = free[name] if name in free else getattr(Stream(1), name)
    return helper(*arguments)


@pytest.mark.parametrize("row", VECTORS["draws"], ids=lambda row: f"state {row['state']}")
def test_the_first_draws_are_those_of_mulberry32_in_javascript(row: dict[str, object]) -> None:
    stream = Stream(int(str(row["state"])))
    assert [stream.next() for _ in range(5)] == row["first5"]


@pytest.mark.parametrize("row", VECTORS["hash32"], ids=lambda row: f"seed {row['seed']} user {row['user']}")
def test_a_user_starts_where_javascript_says(row: dict[str, int]) -> None:
    assert hash32(row["seed"], row["user"]) == row["state"]


@pytest.mark.parametrize("row", VECTORS["helpers"], ids=lambda row: f"seed {row['seed']} user {row['user']}")
def test_every_helper_draws_the_same_as_in_javascript(row: dict[str, object]) -> None:
    stream = Stream(hash32(int(str(row["seed"])), int(str(row["user"]))))
    steps = row["in_order"]
    assert isinstance(steps, list)
    for step in steps:
        assert getattr(stream, step["call"])(*step["arguments"]) == step["value"], step["call"]


@pytest.mark.parametrize("row", VECTORS["texts"], ids=lambda row: row["text"])
def test_numbers_look_as_javascript_writes_them(row: dict[str, str | float]) -> None:
    assert prng.text(float(row["number"])) == row["text"]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_number_reads_back_as_the_same_number(number: float) -> None:
    assert float(prng.text(number)) == number
    assert not prng.text(number).endswith(".0")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (7, "7"),
        (2.0, "2"),
        ("as it is", "as it is"),
        (["a", 1, None], '["a",1,null]'),
        ([1e-7, "1e-07", {"e-05": 1e16}], '[1e-7,"1e-07",{"e-05":10000000000000000}]'),
        ({"k": {"é": 0.5}}, '{"k":{"é":0.5}}'),
    ],
)
def test_values_inside_texts(value: object, text: str) -> None:
    assert prng.text(value) == text


@given(st.integers(0, 2**20), seeds)
def test_two_users_of_a_run_never_share_a_stream(user: int, seed: int) -> None:
    assert hash32(seed, user) != hash32(seed, user + 1)
    assert len({hash32(seed, k) for k in range(user, user + 50)}) == 50


@given(seeds, st.integers(-1000, 1000), st.integers(0, 50))
def test_random_int_stays_in_its_range(seed: int, low: int, width: int) -> None:
    stream = Stream(seed)
    assert {stream.random_int(low, low + width) for _ in range(20)} <= set(range(low, low + width + 1))


def test_both_ends_of_random_int_are_reached_and_all_values_equally_often() -> None:
    stream = Stream(1)
    counts = Counter(stream.random_int(1, 6) for _ in range(6000))
    assert set(counts) == {1, 2, 3, 4, 5, 6}
    assert all(900 < count < 1100 for count in counts.values())


@given(seeds)
def test_floats_lie_in_range_with_six_decimals(seed: int) -> None:
    stream = Stream(seed)
    values = stream.random_floats(8)
    assert len(values) == 8
    assert all(0 <= value < 1 and round(value, 6) == value for value in values)
    assert -1 <= float(stream.random_float(-1, 2)) < 2


@given(seeds)
def test_uuids_are_version_4(seed: int) -> None:
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", Stream(seed).uuid()
    )


@given(seeds, st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any))
def test_a_weight_of_zero_is_never_drawn(seed: int, weights: list[int]) -> None:
    stream = Stream(seed)
    assert all(weights[stream.weighted_index(weights)] > 0 for _ in range(20))


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        ("int", "42", 42),
        ("int", " -7 ", -7),
        ("int", 3.9, 3),
        ("int", -3.9, -3),
        ("int", True, 1),
        ("float", "0.50", 0.5),
        ("float", "3", 3),
        ("float", "1e3", 1000),
        ("float", ".5", 0.5),
    ],
)
def test_conversions(name: str, value: object, result: float) -> None:
    converted = called(name, value)
    assert converted == result
    assert type(converted) is type(result)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("int", ["4.7"]),
        ("int", [""]),
        ("int", ["12a"]),
        ("int", [None]),
        ("int", ["٣"]),
        ("int", ["9" * 50]),
        ("float", ["abc"]),
        ("float", ["1e999"]),
        ("float", ["nan"]),
        ("float", [10**400]),
        ("random_int", [5, 1]),
        ("random_int", [0, 2**32]),
        ("random_int", ["1", 5]),
        ("random_int", [float("inf"), 5]),
        ("random_float", ["a", 1]),
        ("random_floats", [-1]),
        ("random_string", [1.5]),
        ("random_choice", [[]]),
        ("random_choice", ["abc"]),
        ("random_choice", [None]),
        ("str", [float("nan")]),
    ],
)
def test_a_helper_that_cannot_answer_says_so(name: str, arguments: list[object]) -> None:
    with pytest.raises(ValueError, match=r"cannot|needs|empty|no values|not a number"):
        called(name, *arguments)


def test_now_is_utc_to_the_millisecond_and_timestamp_agrees() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", prng.now())
    assert 1_700_000_000_000 < prng.timestamp() < 10_000_000_000_000


def test_engines_can_load_the_file_alone() -> None:
    tree = ast.parse(Path(prng.__file__).read_text())
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not [name for name in imported if name.startswith("loadctl")]
