"""Reads a scenario file, with the user types and targets that belong to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from loadctl.errors import Where
from loadctl.scenario.consent import web_address
from loadctl.scenario.load import Load
from loadctl.scenario.reading import keys
from loadctl.scenario.reading.commands import CommandReader
from loadctl.scenario.reading.document import Mistakes, Node, Sources, Text, TooManyMistakes
from loadctl.scenario.reading.environment import Environment
from loadctl.scenario.reading.stages import model_of, read_load
from loadctl.scenario.reading.targets import Applicable, TargetReader, merged
from loadctl.scenario.reading.user_types import IN_PLACE, UserTypeReader
from loadctl.scenario.reading.watch import WatchReader
from loadctl.scenario.reading.words import is_meant, unknown
from loadctl.scenario.redaction import secret_arguments
from loadctl.scenario.scenario import RateLimit, Scenario, Script, Tls, counted
from loadctl.scenario.target import DEFAULT_STOP_RULES, STOP_EXAMPLE, StopRule, Target, parse_stop_rule
from loadctl.scenario.units import NUMBER, parse_rate, rate_period_s
from loadctl.scenario.user_type import UserType

_ENGINES = ("locust", "artillery")
_MOST_IN_FLIGHT = 100_000
_COUNTED_PER = ("key", "user", "ip", "all")


def _health(node: Node) -> str:
    text = keys.one_line(node)
    if text != "none" and not text.startswith("/"):
        raise ValueError(f"takes a path such as /health, or none; not '{text}'")
    return text


def _in_flight(node: Node) -> int:
    number = keys.whole(node)
    if number > _MOST_IN_FLIGHT:
        raise ValueError(f"at most {_MOST_IN_FLIGHT:,}: a machine has 65,535 ports")
    return number


def _rate(node: Node) -> tuple[float, float]:
    text = keys.one_line(node)
    return parse_rate(text), rate_period_s(text)


def _stop_rule(node: Node) -> StopRule:
    if not node.is_scalar or node.is_null:
        raise ValueError(f"is a rule or a list of rules, as in  {STOP_EXAMPLE}; or never")
    return parse_stop_rule(node.text)


InFlight = Annotated[int, keys.Reads(_in_flight, keys.pattern_or("integer", keys.INTEGER))]
_WEIGHT_OR_TYPE: keys.Schema = {"anyOf": [keys.SCALAR, keys.ref("user_type")]}
_USERS: keys.Schema = {"type": "object", "additionalProperties": _WEIGHT_OR_TYPE}


class ScenarioShape(keys.Shape):
    kind: ClassVar[str] = "a scenario"
    goal: keys.Name = ""
    """One line for the head of the report: what this test is to find out."""
    host: keys.Line | None = None
    """Base URL of the system, perhaps with a path: `http://localhost:8000/api`. `--host` or `LOADCTL_HOST` sets
    another."""
    engine: Annotated[str, keys.Reads(keys.one_line, keys.choice(_ENGINES))] | None = None
    """locust or artillery: what makes the load unless `--engine` says otherwise."""
    users: Annotated[Node, keys.part(_USERS)] | None = None
    """User types and their weights: `{Reader: 3, Writer: 1}`. A number points to a user type of users.yaml; a whole
    user type may stand in its place. Left out where the scenario itself has `tasks:`."""
    load: Annotated[Node, keys.part(keys.list_of("stage"))] | None = None
    """Stages of the load, in order: `[{users: 50, over: 30s, for: 2m}]`. With `users:`, the model is closed: each
    user waits for its answers. With `rate:`, it is open: users arrive whatever the system does."""
    targets: Annotated[Node, keys.part(keys.ref("targets"))] | None = None
    """Limits of this scenario; they replace the same ones in targets.yaml. A single limit fails the run:
    `{latency_p95: 200ms}`. Two limits warn beyond the target and fail beyond the critical one. `null`: not judged
    here."""
    watch: Annotated[Node, keys.part(keys.ref("watch"))] | None = None
    """What is watched of the system: a process, containers or pods, metrics, logs."""
    locustfile: keys.Line | None = None
    """A locustfile to run; `users:` names its classes and user types. Without `load:`, its own shape is used."""
    artillery: keys.Line | None = None
    """An Artillery script to run instead of user types."""
    arguments: keys.Words = ()
    """Arguments for options that the locustfile declares, as in `[--tenant, acme]`."""
    environment: keys.Line | None = None
    """Which environment of the Artillery script to use."""
    max_in_flight: InFlight | None = None
    """With `rate:`, at most this many requests in flight; arrivals beyond that are dropped, and counted. Default
    1000."""
    rate_limit: Annotated[Node, keys.part(keys.ref("rate_limit"))] | None = None
    """The limit that the system should enforce: `{limit: 100/s, by: key}`. Its 429s are then no failures, and loadctl
    judges whether the limit holds."""
    allow_hosts: keys.Words = ()
    """Hosts beyond this machine and its network that requests may go to: `["*.staging.example.com"]`. Without it a
    public host is refused, so that nobody loads a stranger's system by mistake."""
    health: Annotated[str, keys.Reads(_health, keys.SCALAR)] | None = None
    """Path that must answer `2xx` before the load starts; `none`: do not wait. Default: any answer of `/` below 500."""
    timeout: keys.SomeSeconds = 30.0
    """Limit for a whole request, from its start to the last byte. Default 30s."""
    drain: keys.Seconds | None = None
    """How long to wait at the end for requests in flight. Default: timeout, at most 10s."""
    seed: keys.Integer = 1
    """Seed of everything random: the same seed sends the same requests. Default 1."""
    ca: keys.Line | None = None
    """File of certificates to trust."""
    cert: keys.Line | None = None
    """File of the client certificate and its key."""
    verify: keys.Flag = True
    """`false`: do not verify the certificate of the system. Default true."""
    stop_when: Annotated[Node, keys.part(keys.WORDS)] | None = None
    """A rule, or a list of rules, that ends the load early and fails the run: `error_rate > 50% for 10s`. `never`: no
    rule. Default: `error_rate > 90% for 30s`."""
    before: Annotated[Node, keys.part(keys.ref("commands"))] | None = None
    """Commands to run before waiting for the system, without a shell."""
    after: Annotated[Node, keys.part(keys.ref("commands"))] | None = None
    """Commands that always run at the end."""
    think: keys.Part | None = None
    pace: keys.Part | None = None
    start: keys.Part | None = None
    headers: keys.Part | None = None
    tasks: keys.Part | None = None
    data: keys.Part | None = None


class RateLimitShape(keys.Shape):
    kind: ClassVar[str] = "rate_limit"
    limit: Annotated[tuple[float, float], keys.Reads(_rate, keys.pattern(f"{NUMBER} ?{keys.PER}"))]
    """Requests that the system accepts: 100/s."""
    by: Annotated[str, keys.one_of(_COUNTED_PER)]
    """What the system counts by: an API key, a user, an address (ip), or all requests together."""


@dataclass(slots=True)
class ScenarioReader:
    mistakes: Mistakes
    environment: Environment
    sources: Sources
    host: str | None = None
    engine: str | None = None
    targets: Node | None = None
    """After read(): the scenario's own targets, still to be read."""
    applicable: Applicable = field(default_factory=Applicable)
    """After read(): what targets can name."""

    def read(self, name: str, node: Node) -> Scenario | None:
        """The scenario without its targets; it is only complete if no mistake was found."""
        if self.host is not None and node.entries is not None:
            node = Node(node.where, entries={k: v for k, v in node.entries.items() if k.text != "host"})
        commands, unfilled = CommandReader(self.mistakes, self.environment), node
        node = self.environment.fill(node)
        shape = keys.read_shape(ScenarioShape, node, self.mistakes)
        if shape is None:
            return None
        self.targets = shape.targets
        load = self._load(node, shape)
        model = model_of(shape.load)
        user_types = UserTypeReader(
            self.mistakes, self.environment, self.sources, shape.timeout, open_model=model == "open"
        )
        if _names_a_script(shape):
            script, types = self._script(node, shape, user_types)
        else:
            script, types = None, user_types.read(name, node, shape.users)
        for key, owner in (("environment", "artillery"), ("arguments", "locustfile")):
            if node.get(key) is not None and node.get(owner) is None:
                self.mistakes.add(node.key_where(key), f"{key}: belongs to {owner}:")
        if shape.max_in_flight is not None and model == "closed":
            message = "max_in_flight: belongs to a load with rate:; a number of users is its own limit"
            self.mistakes.add(node.key_where("max_in_flight"), message)
        host, credentials = self._host(node, shape)
        scenario = Scenario(
            name=name,
            goal=shape.goal,
            engine=self._engine(node, shape, script),
            host=host,
            credentials=credentials,
            load=load or Load("closed", ()),
            user_types=types,
            script=script,
            watch=WatchReader(self.mistakes, self.environment).read(shape.watch),
            timeout_s=shape.timeout,
            drain_s=min(shape.timeout, 10.0) if shape.drain is None else shape.drain,
            max_in_flight=shape.max_in_flight or 1000,
            rate_limit=self._rate_limit(shape.rate_limit, types),
            tls=Tls(shape.verify, self._file(node, "ca", shape.ca), self._file(node, "cert", shape.cert)),
            allow_hosts=tuple(shape.allow_hosts),
            health=shape.health,
            stop_when=self._stop_when(node.get("stop_when")),
            before=commands.read(unfilled, "before"),
            after=commands.read(unfilled, "after"),
            seed=shape.seed,
            notes=tuple(dict.fromkeys(user_types.notes)),
        )
        self.applicable = replace(applicable_to(scenario), model=model)
        return scenario

    def _load(self, node: Node, shape: ScenarioShape) -> Load | None:
        if shape.load is not None:
            return read_load(shape.load, self.mistakes)
        if _names_a_script(shape) and not _misnamed("load", node):
            return Load("open" if shape.artillery is not None else "closed", ())  # the script's own
        if not _misnamed("load", node):
            hint = "as in  load: [{users: 50, for: 5m}]"
            self.mistakes.add(node, "a scenario needs load:, its stages", hint)
        return None

    def _script(
        self, node: Node, shape: ScenarioShape, user_types: UserTypeReader
    ) -> tuple[Script | None, tuple[UserType, ...]]:
        """The script, and the user types that stand beside its classes."""
        if shape.locustfile is not None and shape.artillery is not None:
            message = "a scenario runs one script: locustfile: or artillery:"
            self.mistakes.add(node.key_where("artillery"), message)
            return None, ()
        key: Literal["locustfile", "artillery"] = "locustfile" if shape.locustfile else "artillery"
        for other in IN_PLACE:
            if node.get(other) is not None:
                message = f"{other}: and {key}: exclude each other; the script defines what users do"
                self.mistakes.add(node.key_where(other), message)
        named = shape.locustfile or shape.artillery or ""
        path = self._file(node, key, named) or ""
        if key == "artillery":
            if shape.users is not None:
                message = "users: picks classes of a locustfile; an Artillery script has weights of its own"
                self.mistakes.add(node.key_where("users"), message, "leave users: out")
            return Script(key, path, environment=shape.environment), ()
        weights, types = self._mixed(shape.users, user_types, named) if shape.users else ({}, ())
        self.environment.redact(*secret_arguments(shape.arguments))
        own_load = shape.load is None
        return Script(key, path, weights, own_load=own_load, arguments=tuple(shape.arguments)), types

    def _mixed(
        self, users: Node, user_types: UserTypeReader, script: str
    ) -> tuple[Mapping[str, int], tuple[UserType, ...]]:
        """Weights by name: those of user types (in place, or in users.yaml) and of classes of the script."""
        if users.entries is None:
            self.mistakes.add(users, "users: picks classes of the script, as in  users: {WebsiteUser: 3}")
        text = self.sources.read(script) or ""
        weights: dict[str, int] = {}
        types: list[UserType] = []
        for key, value in (users.entries or {}).items():
            if value.entries is not None or user_types.has(key.text):
                if re.search(rf"^class {re.escape(key.text)}\b", text, re.MULTILINE):
                    message = f"'{key.text}' is a user type and a class of {script}"
                    self.mistakes.add(key, message, "give one of them another name")
                if (found := user_types.one(key, value)) is not None:
                    types.append(found)
                    weights[found.name] = found.weight
            elif (weight := self.mistakes.value(key.text, value, keys.whole)) is not None:
                weights[key.text] = weight
        user_types.check_weights(users, types)
        return weights, tuple(types)

    def _host(self, node: Node, shape: ScenarioShape) -> tuple[str, str]:
        """The host as it may be shown, and the credentials of its URL."""
        place = node.get("host") if self.host is None else Node(Where("--host"), self.host, self.host)
        if place is not None:
            return self.mistakes.value("host", place, self._url) or ("", "")
        if not _names_a_script(shape) and not _misnamed("host", node):
            hint = "host: http://localhost:8080, --host URL or LOADCTL_HOST"
            self.mistakes.add(node, "no host: say which system to load", hint)
        return "", ""

    def _url(self, node: Node) -> tuple[str, str]:
        """A host without trailing slash, and its user-info, which is a secret. Raises ValueError."""
        text = keys.one_line(node)
        if "://" not in text:
            message = f"'{text}' has no scheme; write http://{text}"
            raise ValueError("has no scheme" if "@" in text else message)
        credentials, _, address = urlsplit(text).netloc.rpartition("@")
        self.environment.redact_user_info(credentials, node)
        url = web_address(text)
        if url.query or url.fragment:
            raise ValueError("write scheme, host, port and perhaps a path; a query belongs in the requests")
        return f"{url.scheme}://{address}{url.path.rstrip('/')}", credentials

    def _engine(self, node: Node, shape: ScenarioShape, script: Script | None) -> str:
        place = node.value_where("engine") if self.engine is None else Where("--engine")
        asked = self.engine or shape.engine
        implied = None if script is None else "artillery" if script.key == "artillery" else "locust"
        if asked is not None and asked not in _ENGINES:
            self.mistakes.add(place, unknown("engine", asked, "this version", _ENGINES))
        elif asked is not None and implied not in {None, asked}:
            self.mistakes.add(place, f"{script.key if script else ''}: runs on {implied}, not on {asked}")
        return implied or asked or _ENGINES[0]

    def _stop_when(self, node: Node | None) -> Sequence[StopRule]:
        """`never`, a rule or a list of rules; nothing: the default."""
        if node is None:
            return DEFAULT_STOP_RULES
        items = node.items or (node,)
        if [item.text for item in items] == ["never"]:
            return ()
        rules = [self.mistakes.value("stop_when", item, _stop_rule) for item in items]
        return tuple(rule for rule in rules if rule is not None)

    def _rate_limit(self, node: Node | None, types: Sequence[UserType]) -> RateLimit | None:
        shape = keys.read_shape(RateLimitShape, node, self.mistakes) if node else None
        if shape is None:
            return None
        limit = RateLimit(shape.limit[0], shape.by, shape.limit[1])
        return counted(limit, types) if limit.by == "key" else limit

    def _file(self, node: Node, key: str, path: str | None) -> str | None:
        if path is None:
            return None
        found = self.sources.resolve(path)
        return self.mistakes.existing(node.value_where(key), path, found, f"{key}: ")


def _misnamed(key: str, node: Node) -> bool:
    """An unknown key was meant to be this one, and is a mistake already."""
    known = ScenarioShape.keys()
    return is_meant(key, [k.text for k in node.entries or {} if k.text not in known], ScenarioShape.kind)


def _names_a_script(shape: ScenarioShape) -> bool:
    return shape.locustfile is not None or shape.artillery is not None


def read_scenario(
    name: str,
    sources: Sources,
    *,
    host: str | None = None,
    engine: str | None = None,
    targets: Sequence[str] = (),
) -> Scenario:
    """The scenario called `name`; `host`, `engine` and `targets` (as `--target` takes them) override the file.

    Raises InvalidInput with all mistakes of all files.
    """
    mistakes = Mistakes()
    environment = Environment(sources.env, mistakes)
    reader = ScenarioReader(mistakes, environment, sources, host=host, engine=engine)
    scenario: Scenario | None = None
    shared = TargetReader(mistakes, reader.applicable, own=False)
    own = TargetReader(mistakes, reader.applicable, own=True)
    with suppress(TooManyMistakes):
        node = mistakes.read(sources.scenario)
        table = mistakes.read(sources.targets) if sources.targets else None
        scenario = None if node is None else reader.read(name, node)
        shared.scenario = own.scenario = reader.applicable
        shared.read(environment.fill(table) if table else None)
        own.read(reader.targets)
        for option in targets:
            own.option(option)
    mistakes.raise_if_any(environment.secrets)
    if scenario is None:
        raise AssertionError("what cannot be read has mistakes")
    return replace(
        scenario,
        source=f"(packaged) {name}" if sources.packaged else sources.scenario.name,
        packaged=sources.packaged,
        targets=merged(shared.table, own.table),
        secrets=environment.secrets,
    )


def read_targets(
    text: Text | None,
    applicable: Applicable,
    *,
    env: Mapping[str, str] | None = None,
    targets: Sequence[str] = (),
) -> tuple[Target, ...]:
    """A targets table for a scenario that was read before (`score RUN --targets other.yaml`).

    Limits on unknown endpoints and stages are left out. Raises InvalidInput.
    """
    mistakes = Mistakes()
    environment = Environment(env or {}, mistakes)
    table = TargetReader(mistakes, applicable, own=False)
    options = TargetReader(mistakes, applicable, own=True)
    with suppress(TooManyMistakes):
        node = mistakes.read(text) if text else None
        table.read(environment.fill(node) if node else None)
        for option in targets:
            options.option(option)
    mistakes.raise_if_any(environment.secrets)
    return merged(table.table, options.table)


def applicable_to(scenario: Scenario) -> Applicable:
    """What targets can name in a scenario."""
    return Applicable(
        endpoints=None if scenario.script else scenario.endpoints or None,
        stages=[stage.name for stage in scenario.load.stages] or None,
        model=scenario.load.model,
    )
