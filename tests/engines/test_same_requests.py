"""The same scenario means the same on both engines: user types by chance send the same bytes and are told of alike."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from loadctl.engines.artillery.engine import javascript_plan
from loadctl.engines.shard_plan import user_type_plan
from loadctl.scenario.consent import consent_of
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import Scenario
from tests.engines.answers_by_chance import Answers
from tests.engines.scripted import Runtime, Server, unordered
from tests.engines.user_types_by_chance import UserTypes

if TYPE_CHECKING:
    from pathlib import Path

    from loadctl.engines.artillery.locate import Artillery

USERS = 100
TURNS = 4


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("files")
    contents = {'a "b".png': b"\x89PNG\0\xff", "ünï.json": b"{}", "x.unknown": b"", "plain.txt": b"a\r\n--b"}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


@pytest.mark.parametrize("seed", range(3))
def test_both_runtimes_send_and_tell_the_same(artillery: Artillery, files: list[Path], seed: int) -> None:
    answers = Answers(seed)
    with Server(answers) as server:
        made = UserTypes(seed, server.url, files)
        types = [made.one(number) for number in range(USERS)]
        scenario = Scenario(name="x", host=server.url, load=Load("closed", ()), user_types=types)
        given = {
            "plan": {
                "host": server.url + "/base",
                "seed": seed,
                "rate_limit": {"limit": 1},
                "tls": {"verify": True, "ca": None, "cert": None},
                "consent": consent_of(scenario).plan,
                "secret_headers": [],
                "user_types": [user_type_plan(each) for each in types],
                "rotation": list(range(USERS)),
                **javascript_plan(scenario),
            },
            "acts": [act for turn in range(TURNS) for user in range(USERS) for act in acts_of(user, turn)],
            "requests_max": 5000,
        }
        python = Runtime("locust").run("run_journey", given)
        sent = list(server.requests)
        answers.first = len(sent)
        javascript = Runtime("artillery", artillery).run("run_journey", given)
    assert_same(
        [unordered(each) for each in sent], [unordered(each) for each in server.requests[len(sent) :]]
    )
    assert_same([plain(call) for call in python], [plain(call) for call in javascript])
    assert len(sent) > 300
    kinds = Counter(call.get("error") or call["call"] for call in python)
    assert kinds.keys() >= {"end", "turn", "fault", "sleep", "check_failed", "status_404"}, kinds


def acts_of(user: int, turn: int) -> list[tuple[str, int, int | None]]:
    """Every other one is a place, in which each turn is another arrival's."""
    arrives = [("become", user, user + turn * USERS)] if user % 2 and turn else []
    return [*arrives, ("turn", user, None)]


def assert_same(python: list[Any], javascript: list[Any]) -> None:
    """One by one: the first that differs says more than all of them."""
    for number, (one, other) in enumerate(zip(python, javascript, strict=False)):
        assert other == one, f"number {number}"
    assert len(javascript) == len(python)


def plain(call: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on how long it took."""
    if call["call"] != "end":
        return call
    if call.get("error") == "protocol":  # each parser of HTTP has its own words
        call = {**call, "message": ""}
    unsaid = {
        "error": None,
        "size": 0,
        "rate_limited": False,
        "status": None,
        "message": "",
        "body": "",
        "stale": False,
    }
    return {**unsaid, **{key: value for key, value in call.items() if key not in {"us", "ttfb_us"}}}
