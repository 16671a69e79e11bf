"""The users of user types: shard_plan.py's JSON, compiled once a type, lived by any number of users.

Rules that another engine must follow too:

* A failed request ends the turn only where it has captures: what comes after it would lack them.
* null is nothing to a capture, but a variable that a `while` of the user type looks at becomes null instead of failing.
* A user whose start steps broke takes them again with its next turn.
* A variable lives as long as its user; in the open model, as long as the arrival, which keeps only connections.
* A start step with `once` (open model) is taken by the first arrival in a place, and by the next ones until no request
  of it fails. What it captures and the cookies that it sets stay with the place, with their latest values. `user` and
  `row` are the place's too. A place serves one user type, and places are numbered as they are made.
* A status that is not accepted is status_NNN from 400 on, with or without a status check; below, check_failed.
* Values inside a URL are percent-encoded whole; a URL may begin with one, which then stands as it is.
* A pause draws once from the user's stream, even where it is constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from .....scenario.consent import Consent
from .....scenario.prng import Stream, hash32
from ..client.client import Client
from ..client.connection import Watchdog
from ..client.network import Network
from .request import CompiledRequest, Fault, Pairs, Plan, Sender

if TYPE_CHECKING:
    from ..recorder.recorder import Recorder

FAULT_PAUSE_S = 0.5
"""A user type that always fails must neither spin nor stop the load."""


class Context(Protocol):
    """The part of the load that users call."""

    def stopping(self, user: User) -> bool:
        """The user must not begin another request."""

    def sleep(self, seconds: float) -> bool:
        """False: woken early, because the user must leave."""


def make_users(plan: Plan, recorder: Recorder) -> list[Callable[[int, Context], User]]:
    """For each user type in turn, what makes user k, k counted over all shards.

    `plan`: {host, seed, rate_limit (None: no 429 is expected), tls: {verify, ca, cert}, consent, secret_headers,
    user_types: […]}.
    """
    network, watchdog = network_of(plan), Watchdog()

    def make(kind: UserType, index: int, context: Context) -> User:
        client = Client(network, watchdog)
        return User(kind, index, seed=plan["seed"], client=client, recorder=recorder, context=context)

    return [partial(make, UserType(each, plan)) for each in plan["user_types"]]


def network_of(plan: Plan) -> Network:
    return Network(**plan["tls"], consent=Consent(**plan["consent"], secret_headers=plan["secret_headers"]))


class UserType:
    """A user type, compiled: its flows are functions of a user that return whether the turn goes on."""

    def __init__(self, plan: Plan, run: Plan) -> None:
        """`run`: the plan of the whole run."""
        self._host: str = run["host"]
        self._rate_limited = run["rate_limit"] is not None
        self._headers: Pairs = plan["headers"]
        start: list[Plan] = plan["start"]
        tasks: list[Plan] = plan["tasks"]
        self._optional = frozenset(loop["while"] for loop in _steps(all_steps(plan), "repeat")) - {None}
        self.has_start = bool(start)
        self.start = _in_order([self._once(step) if step["once"] else self._step(step) for step in start])
        self.keeps = any(step["once"] for step in start)
        """Some steps are taken once per place, not once per arrival."""
        self.kept = tuple(
            name
            for request in requests([step for step in start if step["once"]])
            for name, _ in request["capture"]
        )
        self.tasks = [self._flow(task["flow"]) for task in tasks]
        self.weights = [task["weight"] for task in tasks]
        self.think: list[float] | None = plan["think"]
        """From, to."""
        self.pace_s: float | None = plan["pace_s"]
        self.rows: list[dict[str, str]] = plan["data"]

    def _flow(self, steps: Sequence[Plan]) -> Step:
        return _in_order([self._step(step) for step in steps])

    def _step(self, plan: Plan) -> Step:
        if plan["kind"] == "think":
            low, high = plan["min_s"], plan["max_s"]
            return lambda user: user.pause(low, high)
        if plan["kind"] == "repeat":
            return self._repeat(plan)
        request = self.request(plan)
        return lambda user: user.perform(request)

    def request(self, plan: Plan) -> CompiledRequest:
        return CompiledRequest(
            plan,
            host=self._host,
            headers=self._headers,
            rate_limited=self._rate_limited,
            optional=self._optional,
        )

    def _once(self, plan: Plan) -> Step:
        step = self._step(plan)
        return lambda user: user.take_once(step)

    def _repeat(self, plan: Plan) -> Step:
        times, watched, flow = plan["times"], plan["while"], self._flow(plan["flow"])

        def step(user: User) -> bool:
            for _ in range(times):
                if watched is not None and user.is_empty(watched):
                    break
                if not flow(user):
                    return False
            return True

        return step


class User(Sender):
    """One virtual user; in the open model, whoever is in one place. All of it runs in the user's own greenlet."""

    def __init__(
        self, kind: UserType, index: int, *, seed: int, client: Client, recorder: Recorder, context: Context
    ) -> None:
        super().__init__(Stream(0), {})
        self.kind = kind
        self.client = client
        self.due = None
        self.has_waited = self.failed = False
        self.think = kind.think
        self.pace_s = kind.pace_s
        self._recorder = recorder
        self._context = context
        self._seed = seed
        self._place = index
        self._place_stream = Stream(hash32(seed, -1 - index))
        self._taken: set[Step] = set()
        self.become(index)

    def become(self, index: int) -> None:
        """Become user `index`. Only open connections and the results of `once` steps stay."""
        kind = self.kind
        self.stream = Stream(hash32(self._seed, index))
        kept = {name: self.variables[name] for name in kind.kept if name in self.variables}
        number = self._place if kind.keeps else index
        self.variables = {"user": number, **kept}
        if kind.rows:
            self.variables["row"] = kind.rows[number % len(kind.rows)]
        self.client.jar.clear()
        self._started = not kind.has_start

    def take_once(self, step: Step) -> bool:
        """Take a step once. It draws from the place's stream, so that an arrival draws the same whoever came before
        it.
        """
        if step in self._taken:
            return True
        self.failed = False
        self.client.jar.keeps, stream, self.stream = True, self.stream, self._place_stream
        try:
            goes_on = step(self)
        finally:
            self.client.jar.keeps, self.stream = False, stream
        if goes_on and not self.failed:
            self._taken.add(step)
        return goes_on

    def start(self, due: float | None = None) -> bool:
        """Take the start steps if they have not been taken; True if none of them failed."""
        if not self._started:
            self.due = due
            self._started = self.kind.start(self)
        return self._started

    def turn(self, due: float | None = None) -> None:
        """One task, by weight, after the start steps where they are still to be taken.

        The latency of the first request of all these counts from `due` (monotonic seconds).
        """
        self.has_waited = False
        self.due = due
        if self.start(due):
            self.kind.tasks[self.stream.weighted_index(self.kind.weights)](self)
        self._recorder.turn()

    def broke(self, message: str) -> None:
        """A turn was ended by an unexpected fault of the generator."""
        self._recorder.turn()
        self._recorder.fault(message)

    def perform(self, request: CompiledRequest) -> bool:
        if self._context.stopping(self):
            return False
        try:
            return request.perform(self, self._recorder)
        except Fault as fault:
            self._recorder.fault(str(fault), request.endpoint)
            self._context.sleep(FAULT_PAUSE_S)
            return False

    def pause(self, low: float, high: float) -> bool:
        return self._context.sleep(low + (high - low) * self.random())

    def is_empty(self, variable: str) -> bool:
        """Whether a `while` over this variable ends."""
        return self.variables.get(variable) in (None, "", [], {})

    def random(self) -> float:
        return self.stream.next() / 4294967296

    def close(self) -> None:
        self.client.close()


Step = Callable[[User], bool]


def _in_order(steps: Sequence[Step]) -> Step:
    if len(steps) == 1:
        return steps[0]
    return lambda user: all(step(user) for step in steps)


def all_steps(user_type: Plan) -> Sequence[Plan]:
    return [*user_type["start"], *chain.from_iterable(task["flow"] for task in user_type["tasks"])]


def requests(steps: Iterable[Plan]) -> Iterator[Plan]:
    return _steps(steps, "request")


def _steps(steps: Iterable[Plan], kind: str) -> Iterator[Plan]:
    """All steps of a kind, including those within loops."""
    for step in steps:
        if step["kind"] == kind:
            yield step
        if step["kind"] == "repeat":
            yield from _steps(step["flow"], kind)
