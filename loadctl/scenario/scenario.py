"""A scenario: a named, runnable description. Complete and validated; no code below asks whether something was set."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from loadctl.errors import Where
from loadctl.scenario.load import Load
from loadctl.scenario.rate_limit import RateLimit
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
    """What the command line says to a script beside its load; None: nothing."""

    spawn_rate: float | None = None
    tags: Sequence[str] | None = None
    exclude_tags: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """Bring your own: a file written for one engine, run as it is. `key` is the YAML key that named it."""

    key: Literal["locustfile", "artillery"]
    path: str
    weights: Mapping[str, int] = field(default_factory=dict)
    """What runs, with weights: user classes of the file, and user types; empty: all its classes, with their own."""
    environment: str | None = None
    host: str = ""
    """What the scenario or the command line says of the system; empty: the script's own word counts."""
    own_load: bool = False
    """The load is the script's own: it makes it itself, and the scenario's stages only say what to expect."""
    loose_arrivals: bool = False
    """Of its own load: how many arrivals come is left to chance or limited by the script, so that none is missing."""
    outlasts_s: float = 0.0
    """How much longer than its own load its users may take to end."""
    more: Sequence[str] = ()
    """Further files, loaded together with `path`."""
    classes: Sequence[str] = ()
    """User classes chosen on the command line; empty: all."""
    arguments: Sequence[str] = ()
    """For options that the script itself declares, as typed."""
    engine_options: Mapping[str, str] = field(default_factory=dict)
    """Of the engine's own command line, by their long names: what the script is run with."""
    options: ScriptOptions = field(default_factory=ScriptOptions)
    own_hosts: Sequence[str] = ()
    """What its classes say of the system, where nobody else does."""
    places: Sequence[Place] = ()
    """Hosts of the absolute URLs that stand in it."""

    @property
    def paths(self) -> Sequence[str]:
        return (self.path, *self.more)


@dataclass(frozen=True, slots=True)
class Tls:
    """`ca`: a bundle to trust instead of the system's · `cert`: client certificate and key in one file."""

    verify: bool = True
    ca: str | None = None
    cert: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    goal: str = ""
    source: str = ""
    """The file it came from, or "(packaged) NAME"."""
    reference: str = ""
    """What commands call it, where its name alone does not find it: a file."""
    load_on_command_line: bool = False
    """It is a URL or a script, and its load was made from options."""
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
    """What ends a run before its plan; empty: nothing does."""
    before: Sequence[LocalCommand] = ()
    """Commands that bring the system up, run before anything else."""
    after: Sequence[LocalCommand] = ()
    """Commands that run at the end, whatever the end was."""
    seed: int = 1
    rescaled: str | None = None
    """What the command line made of the load, in words: "30 s instead of 10 min"."""
    smoke: Smoke | None = None
    """Only a quick look: what its load is too small for is not judged."""
    notes: Sequence[str] = ()
    """What was found and is not used, for the first lines."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Values to redact in all that is shown, each with what stands in its place; never written to disk."""

    @property
    def own_stop_rules(self) -> Sequence[StopRule]:
        """Those that somebody wrote."""
        return [rule for rule in self.stop_when if rule not in DEFAULT_STOP_RULES]

    @property
    def address(self) -> str:
        """The host with its credentials: for those who send requests, not to be shown."""
        return self.host.replace("://", f"://{self.credentials}@", 1) if self.credentials else self.host

    @property
    def shown_host(self) -> str:
        """The host for people: a secret in its path by its name."""
        return Redaction(self.secrets).of_url(self.host)

    def requests(self) -> Sequence[Request]:
        return [request for user_type in self.user_types for request in user_type.requests()]

    @property
    def endpoints(self) -> Sequence[str]:
        """Names of all endpoints it can reach, in the order of the file; empty for a script."""
        return list(dict.fromkeys(request.endpoint for request in self.requests()))

    @property
    def judged_series(self) -> Sequence[str]:
        """Names of monitored series that its targets are about."""
        return [target.scope.name for target in self.targets if target.scope.kind == "series"]

    @property
    def common_pace_s(self) -> float | None:
        """Seconds between turns, where all user types of a closed load keep the same pace."""
        paces = {user_type.pace_s for user_type in self.user_types} if self.script is None else set()
        return paces.pop() if self.load.model == "closed" and len(paces) == 1 else None
