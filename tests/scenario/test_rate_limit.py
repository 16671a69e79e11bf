"""How many keys a load sends, and whether they share its requests evenly."""

from __future__ import annotations

import pytest

from loadctl.scenario.scenario import RateLimit, counted
from loadctl.scenario.user_type import Request, Task, UserType

BY_KEY = RateLimit(100, "key")
ROWS = [{"key": "a"}, {"key": "b"}, {"key": "b"}]


def kind(url: str = "/", data: list[dict[str, str]] | None = None, **headers: str) -> UserType:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    flow = [Request(method="GET", url=url, endpoint="GET /")]
    return UserType(name="U", weight=1, tasks=[Task("t", 1, flow)], headers=named, data=data or ())


@pytest.mark.parametrize(
    ("types", "keys", "evenly"),
    [
        ([kind(X_API_Key="a")], 1, True),
        ([kind(X_API_Key="a"), kind(x_api_key="b")], 2, True),
        ([kind(X_API_Key="a"), kind(X_API_Key="a")], 1, True),
        ([kind(X_API_Key="a"), kind("/?q=1", Authorization="Bearer b"), kind("/?api_key=c")], 3, True),
        ([kind()], 1, True),
        ([kind(data=ROWS, X_API_Key="{{ row.key }}")], 2, True),
        ([kind(data=ROWS, X_API_Key="{{ row.key }}"), kind(X_API_Key="z")], 3, False),
        ([kind(Authorization="Bearer {{ token }}")], None, False),
        ([kind(X_API_Key="{{ row.other }}", data=ROWS)], None, False),
        ([], None, False),
    ],
)
def test_keys_are_counted_where_they_stand_in_the_scenario(
    types: list[UserType], keys: int | None, evenly: bool
) -> None:
    told = counted(BY_KEY, types)
    assert (told.keys, told.evenly) == (keys, evenly)


def test_types_that_send_more_than_others_do_not_share_evenly() -> None:
    busy = kind(X_API_Key="b")
    busy = UserType(name="B", weight=3, tasks=busy.tasks, headers=busy.headers)
    assert counted(BY_KEY, [kind(X_API_Key="a"), busy]) == RateLimit(100, "key", keys=2)
