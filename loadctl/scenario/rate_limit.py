"""The rate limit that a system declares, and how many keys a load spreads its requests over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit

from loadctl.scenario.user_type import Request, UserType

_KEY_HEADERS = {"x-api-key", "authorization", "api-key", "apikey"}
_KEY_PARAMETERS = {"api_key", "apikey", "api-key", "access_token"}
_CELL = re.compile(r"\{\{\s*row\.(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """429s within it are expected. `by`: what the system counts per.

    `period_s`: of the unit that it is written in. A system may count over so long, and accept a whole period's
    requests at once. `keys`: how many the user types send, counted before they are redacted; None: not known.
    `evenly`: each key sends the same share of the requests.
    """

    per_s: float
    by: str
    period_s: float = 1.0
    keys: int | None = None
    evenly: bool = False


def counted(limit: RateLimit, types: Sequence[UserType]) -> RateLimit:
    """The limit with the keys of these user types. Without any (a script) nothing is known of them."""
    found = [_keys(user_type) for user_type in types]
    if not found or any(keys is None for keys in found):
        return limit
    keys = {key for part in found for key in part or ()}
    alike = {_behaviour(user_type) for user_type in types}
    one_each = all(len(part or ()) == 1 for part in found) and len(alike) == 1
    from_rows = len(types) == 1 and len(types[0].data) >= len(keys)
    return replace(limit, keys=max(1, len(keys)), evenly=len(keys) <= 1 or one_each or from_rows)


def _keys(user_type: UserType) -> set[str] | None:
    """The keys that its requests send; None: they are only known at run time (a captured token)."""
    found: set[str] = set()
    for request in user_type.requests():
        for written in _written(user_type, request):
            values = {_filled(written, row) for row in user_type.data or [{}]}
            if any("{{" in value or "${" in value for value in values):
                return None
            found |= values
    return found


def _written(user_type: UserType, request: Request) -> Iterator[str]:
    headers = {name.lower(): value for name, value in {**user_type.headers, **request.headers}.items()}
    yield from (value for name, value in headers.items() if name in _KEY_HEADERS)
    query = [*parse_qsl(urlsplit(request.url).query), *((k, str(v)) for k, v in request.query.items())]
    yield from (value for name, value in query if name.lower() in _KEY_PARAMETERS)


def _filled(text: str, row: Mapping[str, str]) -> str:
    return _CELL.sub(lambda cell: row.get(cell[1], cell[0]), text)


def _behaviour(user_type: UserType) -> tuple[object, ...]:
    """Two types with equal behaviour send the same number of requests."""
    tasks = tuple(task.weight for task in user_type.tasks)
    endpoints = tuple(request.endpoint for request in user_type.requests())
    return user_type.weight, user_type.think, user_type.pace_s, tasks, endpoints
