import pytest

from loadctl.scenario.load import Load
from loadctl.scenario.reading.document import Mistakes, Text
from loadctl.scenario.reading.stages import read_load


def load_of(text: str) -> Load:
    mistakes = Mistakes()
    node = mistakes.read(Text("s.yaml", text))
    assert node is not None
    load = read_load(node, mistakes)
    mistakes.raise_if_any()
    assert load is not None
    return load


def plan(text: str) -> list[tuple[str, float, float, float, bool]]:
    return [(s.name, s.start, s.end, s.duration_s, s.warmup) for s in load_of(text).stages]


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("[{users: 50, for: 5m}]", [("50 users", 50, 50, 300, False)]),
        (
            "[{users: 50, over: 30s, warmup: true}, {users: 50, for: 5m}]",
            [("to 50 users", 0, 50, 30, True), ("50 users", 50, 50, 300, False)],
        ),
        (
            "[{users: 500, over: 1m, for: 1m, name: spike}]",
            [("to spike", 0, 500, 60, False), ("spike", 500, 500, 60, False)],
        ),
        (
            "[{users: 500, over: 1m, name: up}, {users: 9, for: 1s}]",
            [("up", 0, 500, 60, False), ("9 users", 9, 9, 1, False)],
        ),
        (
            "[{rate: 300/s, over: 1m, for: 1s}]",
            [("to 300/s", 0, 300, 60, False), ("300/s", 300, 300, 1, False)],
        ),
        ("[{rate: 30/min, for: 1s}]", [("0.5/s", 0.5, 0.5, 1, False)]),
        (
            "[{users: 10, for: 1s}, {users: 20, for: 1s}, {users: 10, for: 1s}]",
            [
                ("10 users", 10, 10, 1, False),
                ("20 users", 20, 20, 1, False),
                ("10 users (2)", 10, 10, 1, False),
            ],
        ),
        (
            "[{users: 100..300, step: 100, over: 10s, for: 80s}, {users: 100, for: 1m, name: recovery}]",
            [
                ("to 100 users", 0, 100, 10, False),
                ("100 users", 100, 100, 80, False),
                ("to 200 users", 100, 200, 10, False),
                ("200 users", 200, 200, 80, False),
                ("to 300 users", 200, 300, 10, False),
                ("300 users", 300, 300, 80, False),
                ("recovery", 100, 100, 60, False),
            ],
        ),
        (
            "[{rate: 30/s..10/s, step: 10/s, for: 5s}]",
            [("30/s", 30, 30, 5, False), ("20/s", 20, 20, 5, False), ("10/s", 10, 10, 5, False)],
        ),
        (
            "[{users: 1..2, step: 1, for: 5s, name: calm}]",
            [("calm 1 users", 1, 1, 5, False), ("calm 2 users", 2, 2, 5, False)],
        ),
    ],
)
def test_lines_become_stages(text: str, stages: list[tuple[str, float, float, float, bool]]) -> None:
    assert plan(text) == stages


def test_users_are_closed_and_rates_are_open() -> None:
    assert load_of("[{users: 1, for: 1s}]").model == "closed"
    assert load_of("[{rate: 1/s, for: 1s}]").model == "open"


def test_the_stress_staircase_takes_fifteen_minutes() -> None:
    assert load_of("[{users: 100..1000, step: 100, over: 10s, for: 80s}]").duration_s == 15 * 60
