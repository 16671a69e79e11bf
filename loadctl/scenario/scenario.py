"""A scenario: a named, runnable description, complete and validated; with its script and its rate limit."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from loadctl.errors import Where
from loadctl.scenario.load import Load
from loadctl.scenario.redaction import Redaction
from loadctl.scenario.target import DEFAULT_STOP_RULES, Smoke, StopRule, Target
from loadctl.scenario.user_type import Request, UserType
from loadctl.scenario.watch import Watch


@dataclass(frozen=True, slots=True)
class Place:
    """A host that requests go to. `where`: the line of the scenario that names it; empty for its `host:`."""

    name: str
    where: str = ""


COMMAND_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCommand:
    """A program and its arguments, run on this machine in the folder of the scenario file."""

    argv: Sequence[str]
    timeout_s: float = COMMAND_TIMEOUT_S
    where: Where = field(default_factory=lambda: Where("<none>"))

    def shown(self, secrets: Iterable[str] = ()) -> str:
        """The command as one could type it, with `secrets` redacted."""
        return shlex.join(map(Redaction(secrets).hidden, self.argv))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptOptions:
    """Options for a script, beside its load; None: not given."""

    spawn_rate: float | None = None
    tags: Sequence[str] | None = None
    exclude_tags: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """Bring your own: a file written for one engine, run as it is. `key` is the YAML key that named it."""

    key: Literal["locustfile", "artillery"]
    path: str
    weights: Mapping[str, int] = field(default_factory=dict)
    """Weights of the user classes and user types that run; empty: all classes of the file, with their own weights."""
    environment: str | None = None
    host: str = ""
    """The system, from the scenario or the command line; empty: the script names it."""
    own_load: bool = False
    """The script makes its own load; the scenario's stages only say what to expect."""
    loose_arrivals: bool = False
    """The script leaves the number of its arrivals to chance or limits it, so that none counts as missing."""
    outlasts_s: float = 0.0
    """How much longer than its load its users may run."""
    more: Sequence[str] = ()
    """Further files, loaded together with `path`."""
    classes: Sequence[str] = ()
    """User classes chosen on the command line; empty: all."""
    arguments: Sequence[str] = ()
    """Arguments for options that the script itself declares, as typed."""
    engine_options: Mapping[str, str] = field(default_factory=dict)
    """Options of the engine's own command line for this script, by their long names."""
    options: ScriptOptions = field(default_factory=ScriptOptions)
    own_hosts: Sequence[str] = ()
    """Hosts that its classes name, where nothing else names the system."""
    places: Sequence[Place] = ()
    """Hosts of the absolute URLs in it."""

    @property
    def paths(self) -> Sequence[str]:
        return (self.path, *self.more)


@dataclass(frozen=True, slots=True)
class Tls:
    """`ca`: a bundle to trust instead of the system's · `cert`: client certificate and key in one file."""

    verify: bool = True
    ca: str | None = None
    cert: str | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    goal: str = ""
    source: str = ""
    """The file it came from, or "(packaged) NAME"."""
    reference: str = ""
    """How commands refer to it where its name does not find it: a file."""
    load_on_command_line: bool = False
    """It is a URL or a script whose load was made from options."""
    packaged: bool = False
    engine: str = "locust"
    host: str
    """Scheme, host, port and perhaps a path that all requests begin with, without a trailing slash; safe to show."""
    credentials: str = field(default="", repr=False)
    """User-info of the host's URL as it was written, "user:password"; never written to disk."""
    load: Load
    user_types: Sequence[UserType] = ()
    script: Script | None = None
    targets: Sequence[Target] = ()
    watch: Watch = field(default_factory=Watch)
    timeout_s: float = 30.0
    drain_s: float = 10.0
    max_in_flight: int = 1000
    rate_limit: RateLimit | None = None
    tls: Tls = field(default_factory=Tls)
    allow_hosts: Sequence[str] = ()
    health: str | None = None
    """Path that must answer 2xx before the run; None: any answer below 500 on /; "none": no readiness check."""
    stop_when: Sequence[StopRule] = DEFAULT_STOP_RULES
    """What ends a run early; empty: nothing does."""
    before: Sequence[LocalCommand] = ()
    """Commands that bring the system up, run before anything else."""
    after: Sequence[LocalCommand] = ()
    """Commands that run at the end, however the run ended."""
    seed: int = 1
    rescaled: str | None = None
    """How the command line changed the load: "30 s instead of 10 min"."""
    smoke: Smoke | None = None
    """Set for a quick look, which does not judge what its load is too small for."""
    notes: Sequence[str] = ()
    """What was found and is not used; shown before the run."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Values to redact in all that is shown, each with its replacement; never written to disk."""

    @property
    def own_stop_rules(self) -> Sequence[StopRule]:
        """Those that are not the default."""
        return [rule for rule in self.stop_when if rule not in DEFAULT_STOP_RULES]

    @property
    def address(self) -> str:
        """The host with its credentials: for sending requests, not to be shown."""
        return self.host.replace("://", f"://{self.credentials}@", 1) if self.credentials else self.host

    @property
    def shown_host(self) -> str:
        """The host as it is shown, with a secret in its path replaced by its name."""
        return Redaction(self.secrets).of_url(self.host)

    @property
    def hosts(self) -> Sequence[str]:
        """URLs of the system: its own, and those that the classes of a script name."""
        return [self.host, *(self.script.own_hosts if self.script is not None else ())]

    @property
    def all_headers(self) -> Sequence[Mapping[str, str]]:
        """Of its user types, and of their requests."""
        types = [user_type.headers for user_type in self.user_types]
        return [*types, *(request.headers for request in self.requests())]

    def requests(self) -> Sequence[Request]:
        return [request for user_type in self.user_types for request in user_type.requests()]

    @property
    def endpoints(self) -> Sequence[str]:
        """Names of all endpoints it can reach, in the order of the file; empty for a script."""
        return list(dict.fromkeys(request.endpoint for request in self.requests()))

    @property
    def judged_series(self) -> Sequence[str]:
        """Names of the monitored series that its targets limit."""
        return [target.scope.name for target in self.targets if target.scope.kind == "series"]

    @property
    def common_pace_s(self) -> float | None:
        """Seconds between turns, where all user types of a closed load keep the same pace."""
        paces = {user_type.pace_s for user_type in self.user_types} if self.script is None else set()
        return paces.pop() if self.load.model == "closed" and len(paces) == 1 else None
