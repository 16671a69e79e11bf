"""The users of user types: journey_plan.py's JSON, compiled once a type, lived by any number of users.

Rules that DESIGN §6 leaves open, and that another engine must follow:

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

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, cast

from ..client.client import Client
from ..client.connection import Watchdog
from ..client.consent import Consent
from ..client.network import Network
from .render import Stream, hash32
from .request import Fault, Pairs, Plan, Recorder, Request, Sender

FAULT_PAUSE_S = 0.5
"""A script that always breaks must neither spin nor stop the load."""


class Context(Protocol):
    """What the load tells its users."""

    def stopping(self, user: User) -> bool:
        """The user must not begin another request."""

    def sleep(self, seconds: float) -> bool:
        """False: woken early, because the user must leave."""


def make_users(plan: Plan, recorder: Recorder) -> list[Callable[[int, Context], User]]:
    """For each user type in turn, what makes user k, k counted over all shards.

    `plan`: {host, seed, rate_limit (None: no 429 is expected), tls: {verify, ca, cert}, consent, secret_headers,
    user_types: […]}.
    """
    tls = cast("dict[str, object]", plan["tls"])
    network = Network(
        verify=bool(tls["verify"]),
        ca=cast("str | None", tls["ca"]),
        cert=cast("str | None", tls["cert"]),
        consent=Consent(cast("Plan", plan["consent"]), cast("list[str]", plan["secret_headers"])),
    )
    watchdog = Watchdog()
    seed = cast("int", plan["seed"])

    def maker(kind: UserType) -> Callable[[int, Context], User]:
        def make(index: int, context: Context) -> User:
            client = Client(network, watchdog)
            return User(kind, index, seed=seed, client=client, recorder=recorder, context=context)

        return make

    return [
        maker(UserType(each, host=str(plan["host"]), rate_limited=plan["rate_limit"] is not None))
        for each in cast("list[Plan]", plan["user_types"])
    ]


class UserType:
    """A user type, compiled: its flows are functions of a user that return whether the turn goes on."""

    def __init__(self, plan: Plan, *, host: str, rate_limited: bool) -> None:
        self.name = str(plan["name"])
        self._host = host
        self._rate_limited = rate_limited
        self._headers = cast("Pairs", plan["headers"])
        start = cast("list[Plan]", plan["start"])
        tasks = cast("list[Plan]", plan["tasks"])
        flows = [start, *(cast("list[Plan]", task["flow"]) for task in tasks)]
        self._optional = frozenset(variable for flow in flows for variable in _watched(flow))
        self.has_start = bool(start)
        self.start = _in_order([self._once(step) if step["once"] else self._step(step) for step in start])
        self.keeps = any(step["once"] for step in start)
        """Something outlives an arrival."""
        self.kept = tuple(_captured([step for step in start if step["once"]]))
        self.tasks = [self._flow(flow) for flow in flows[1:]]
        self.weights = [cast("int", task["weight"]) for task in tasks]
        self.think = cast("list[float] | None", plan["think"])
        self.pace_s = cast("float | None", plan["pace_s"])
        self.rows = cast("list[dict[str, str]]", plan["data"])

    def _flow(self, steps: Sequence[Plan]) -> Step:
        return _in_order([self._step(step) for step in steps])

    def _step(self, plan: Plan) -> Step:
        if plan["kind"] == "think":
            low, high = cast("float", plan["min_s"]), cast("float", plan["max_s"])
            return lambda user: user.pause(low, high)
        if plan["kind"] == "repeat":
            return self._repeat(plan)
        request = Request(
            plan,
            host=self._host,
            headers=self._headers,
            rate_limited=self._rate_limited,
            optional=self._optional,
        )
        return lambda user: user.perform(request)

    def _once(self, plan: Plan) -> Step:
        step = self._step(plan)
        return lambda user: user.take_once(step)

    def _repeat(self, plan: Plan) -> Step:
        times, watched = cast("int", plan["times"]), cast("str | None", plan["while"])
        flow = self._flow(cast("list[Plan]", plan["flow"]))

        def step(user: User) -> bool:
            for _ in range(times):
                if watched is not None and user.variables.get(watched) in (None, "", [], {}):
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
        self.think = (kind.think[0], kind.think[1]) if kind.think else None
        self.pace_s = kind.pace_s
        self._recorder = recorder
        self._context = context
        self._seed = seed
        self._place = index
        self._place_stream = Stream(hash32(seed, -1 - index))
        self._taken: set[Step] = set()
        self.become(index)

    def become(self, index: int) -> None:
        """Be user `index` from now on. Of who it was, open connections are left, and what `once` steps keep."""
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
        """Unless it is taken. It draws from the place's stream: an arrival draws the same, whoever came before it."""
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
        """Take the start steps, unless they are taken; True when none of them broke."""
        if not self._started:
            self.due = due
            self._started = self.kind.start(self)
        return self._started

    def turn(self, due: float | None = None) -> None:
        """One task, by weight, after the start steps where they are still to be taken.

        The latency of the first request of all these counts from `due` (monotonic seconds).
        """
        self.has_waited = False
        if self._started:
            self.due = due
            self._any_task()
        elif self.start(due):
            self._any_task()
        self._recorder.turn()

    def _any_task(self) -> None:
        self.kind.tasks[self.stream.weighted_index(self.kind.weights)](self)

    def broke(self, message: str) -> None:
        """A turn ended by a fault of the generator that nothing here expected."""
        self._recorder.turn()
        self._recorder.fault(message)

    def perform(self, request: Request) -> bool:
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

    def random(self) -> float:
        return self.stream.next() / 4294967296

    def close(self) -> None:
        self.client.close()


Step = Callable[[User], bool]


def _in_order(steps: Sequence[Step]) -> Step:
    if len(steps) == 1:
        return steps[0]
    return lambda user: all(step(user) for step in steps)


def _captured(steps: Sequence[Plan]) -> Iterator[str]:
    for step in steps:
        if step["kind"] == "repeat":
            yield from _captured(cast("list[Plan]", step["flow"]))
        elif step["kind"] == "request":
            yield from (name for name, _ in cast("Pairs", step["capture"]))


def _watched(steps: Sequence[Plan]) -> set[str]:
    """Variables that a `while` looks at."""
    found: set[str] = set()
    for step in steps:
        if step["kind"] == "repeat":
            found |= _watched(cast("list[Plan]", step["flow"]))
            if step["while"] is not None:
                found.add(str(step["while"]))
    return found
