"""A rehearsal: one user of each type sends every request once, by the very code that a run uses.

One JSON line a request on standard output: the number of the request (counted over all steps of the plan, in its
order), what was sent, what came, and how a run would have taken it. Secrets are replaced before anything is cut.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from ....redaction import Held, Redaction, credentials, names_credential, values_of
from ..client.client import KEEP_FOR_EXAMPLES, Client
from ..client.connection import Watchdog
from ..client.consent import Consent
from ..client.network import Network
from ..control import Control, kill_group
from .capture import Reply
from .journey import User, UserType
from .request import Fault, Pairs, Plan, Request

if TYPE_CHECKING:
    from ..client.client import Outgoing
    from ..client.connection import Response

PAUSE_MAX_S = 1.0
"""A rehearsal is watched by a person; a pause may matter to the system, but not its length."""
UNREACHABLE = "the system cannot be reached"
LOOPS = 1
WHILE_LOOPS = 2
BODY_MAX = 2000
VALUE_MAX = 200
_READ_MAX = 1 << 16
_NOBODY_THERE = frozenset({"connect_refused", "connect_timeout", "dns", "tls"})
_CREDENTIALS = ("authorization", "cookie", "key", "token", "secret", "pass", "password", "session", "jwt")


Perform = Callable[[Plan], bool]
"""Sends one request; whether the flow goes on."""


def main() -> None:
    control = Control()
    control.listen()
    plan = json.loads(control.next_line() or "null")
    if plan is None:
        kill_group()
    Rehearsal(plan, _write).run()
    os._exit(0)  # not sys.exit: nothing is left to do, and greenlets of the hub need no farewell


def _write(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=True) + "\n")
    sys.stdout.flush()


class Observed(Client):
    """A client that remembers its last request and its answer."""

    __slots__ = ("outgoing", "response")

    def __init__(self, network: Network, watchdog: Watchdog) -> None:
        super().__init__(network, watchdog)
        self.forget()

    def forget(self) -> None:
        self.outgoing: Outgoing | None = None
        self.response: Response | None = None

    def send(self, outgoing: Outgoing, timeout_s: float, keep: int = KEEP_FOR_EXAMPLES) -> Response:
        self.outgoing = outgoing
        self.response = super().send(outgoing, timeout_s, keep)
        return self.response


class Noted:
    """A recorder of one request."""

    def __init__(self) -> None:
        self.error: str | None = None
        self.message = ""
        self.us = 0

    def begin(self, endpoint: str) -> object:
        return endpoint

    def end(
        self,
        token: object,  # noqa: ARG002  (the recorder's own signature)
        *,
        us: int,
        error: str | None = None,
        ttfb_us: int | None = None,  # noqa: ARG002
        size: int = 0,  # noqa: ARG002
        rate_limited: bool = False,
        status: int | None = None,  # noqa: ARG002
        message: str = "",
        body: bytes = b"",  # noqa: ARG002
        stale: bool = False,  # noqa: ARG002
        held: Held | None = None,  # noqa: ARG002
    ) -> None:
        self.us, self.error = us, error
        self.message = "within the declared rate limit" if rate_limited else message

    def abandon(self, token: object) -> None: ...
    def turn(self) -> None: ...
    def fault(self, message: str, endpoint: str = "") -> None: ...


class Awake:
    """The context of a user whom nobody stops."""

    def stopping(self, user: User) -> bool:  # noqa: ARG002
        return False

    def sleep(self, seconds: float) -> bool:
        import gevent

        gevent.sleep(min(seconds, PAUSE_MAX_S))
        return True


class Rehearsal:
    """All user types, one user each: its start steps, then each of its tasks."""

    def __init__(self, plan: Plan, write: Callable[[Mapping[str, object]], None]) -> None:
        self._plan = plan
        self._rate_limited = plan["rate_limit"] is not None
        self._teller = Teller(
            write, cast("list[str]", plan["secrets"]), cast("list[str]", plan["secret_variables"])
        )
        self._seen: set[object] = set()
        self._broken = ""
        """What went wrong last."""

    def run(self) -> None:
        tls = cast("Mapping[str, object]", self._plan["tls"])
        network = Network(
            verify=bool(tls["verify"]),
            ca=cast("str | None", tls["ca"]),
            cert=cast("str | None", tls["cert"]),
            consent=Consent(
                cast("Plan", self._plan["consent"]), cast("list[str]", self._plan["secret_headers"])
            ),
        )
        watchdog = Watchdog()
        types = cast("list[Plan]", self._plan["user_types"])
        for number, step in enumerate(step for kind in types for step in _requests(_all_steps(kind))):
            step["request"] = number
        for index, kind in enumerate(types):
            compiled = UserType(kind, host=str(self._plan["host"]), rate_limited=self._rate_limited)
            seed, client = cast("int", self._plan["seed"]), Observed(network, watchdog)
            user = User(compiled, index, seed=seed, client=client, recorder=Noted(), context=Awake())
            self._live(kind, user)
            user.close()

    def _live(self, kind: Plan, user: User) -> None:
        perform = self._performer(kind, user)
        started = self._walk(cast("list[Plan]", kind["start"]), user, perform)
        for task in cast("list[Plan]", kind["tasks"]):
            flow = cast("list[Plan]", task["flow"])
            if started:
                self._walk(flow, user, perform)
            else:
                self._skip(flow, UNREACHABLE if self._teller.nobody_there else "its start steps failed")

    def _performer(self, kind: Plan, user: User) -> Perform:
        loops = [str(step["while"]) for step in _loops(_all_steps(kind)) if step["while"] is not None]
        client = cast("Observed", user.client)

        def perform(step: Plan) -> bool:
            request = Request(
                step,
                host=str(self._plan["host"]),
                headers=cast("Pairs", kind["headers"]),
                rate_limited=self._rate_limited,
                optional=frozenset(loops),
            )
            noted = Noted()
            client.forget()
            try:
                goes_on = request.perform(user, noted)
            except Fault as fault:
                noted.error, noted.message, goes_on = "generator", str(fault), False
            self._seen.add(step["request"])
            self._broken = f"{step['endpoint']} failed"
            self._teller.tell(step, noted, client, user.variables)
            return goes_on

        return perform

    def _walk(self, steps: Sequence[Plan], user: User, perform: Perform) -> bool:
        """Whether the flow came to its end; what it did not reach is told, too."""
        for at, step in enumerate(steps):
            if self._teller.nobody_there:
                self._skip(steps[at:], UNREACHABLE)
                return False
            if step["kind"] == "think":
                user.pause(cast("float", step["min_s"]), cast("float", step["max_s"]))
            elif step["kind"] == "repeat":
                if not self._repeat(step, user, perform):
                    return self._broken_off(steps[at + 1 :])
            elif not perform(step):
                return self._broken_off(steps[at + 1 :])
        return True

    def _repeat(self, step: Plan, user: User, perform: Perform) -> bool:
        flow, watched = cast("list[Plan]", step["flow"]), cast("str | None", step["while"])
        for _ in range(min(cast("int", step["times"]), LOOPS if watched is None else WHILE_LOOPS)):
            if watched is not None and user.variables.get(watched) in (None, "", [], {}):
                self._skip(flow, f"{watched} is empty, so the loop ends at once")
                break
            if not self._walk(flow, user, perform):
                return False
        return True

    def _broken_off(self, rest: Sequence[Plan]) -> bool:
        self._skip(rest, UNREACHABLE if self._teller.nobody_there else self._broken)
        return False

    def _skip(self, steps: Sequence[Plan], why: str) -> None:
        for step in _requests(steps):
            if step["request"] not in self._seen:
                self._seen.add(step["request"])
                self._teller.skip(step, why)


class Teller:
    """Lines about requests, without secrets."""

    def __init__(
        self, write: Callable[[Mapping[str, object]], None], secrets: Sequence[str], variables: Sequence[str]
    ) -> None:
        """`variables`: those whose values are secrets too."""
        self._write = write
        self._secrets = list(secrets)
        self._secret_variables = variables
        self._redact = Redaction(secrets)
        self._answered = False
        self.nobody_there = False
        """The first request already found no one to talk to."""

    def skip(self, step: Plan, why: str) -> None:
        self._write({"request": step["request"], "outcome": "skipped", "message": self._redact(why)})

    def tell(self, step: Plan, noted: Noted, client: Observed, variables: Mapping[str, object]) -> None:
        self._answered |= client.response is not None or noted.error not in _NOBODY_THERE
        self.nobody_there = not self._answered
        captured = () if noted.error else cast("Sequence[tuple[str, str]]", step["capture"])
        hidden = {n for n, source in captured if n in self._secret_variables or _is_secret(n, source)}
        self._hide(values_of([*hidden, *self._secret_variables], variables))
        self._hide(client.jar.secrets())
        self._hide(credentials(_texts(_sent_headers(client.outgoing)) if client.outgoing else ()))
        self._hide(credentials(_texts(client.response.headers) if client.response else ()))
        line: dict[str, object] = {
            "request": step["request"],
            "outcome": "failed" if noted.error else "expected",
            "error": noted.error,
            "message": self._redact(noted.message),
            "captured": {
                name: '"***"'
                if name in hidden
                else self._cut(json.dumps(variables.get(name), ensure_ascii=False), VALUE_MAX)
                for name, _ in captured
            },
        }
        if client.outgoing is not None:
            line |= {"latency_ms": round(noted.us / 1000, 3), **self._sent(client.outgoing)}
        if client.response is not None:
            line |= self._received(Reply(client.response, client))
        self._write(line)

    def _hide(self, values: Sequence[str]) -> None:
        """From here on, wherever they come back: in a URL, in another body."""
        if new := set(values).difference(self._secrets):
            self._secrets += new
            self._redact = Redaction(self._secrets)

    def _sent(self, outgoing: Outgoing) -> dict[str, object]:
        origin = outgoing.origin
        url = f"{'https' if origin.tls else 'http'}://{origin.authority}{outgoing.target.decode()}"
        return {
            "url": self._redact(url),
            "sent_headers": self._headers(_sent_headers(outgoing)),
            "sent_body": self._shown(outgoing.body.decode("utf-8", "replace"), len(outgoing.body))
            if outgoing.body
            else None,
        }

    def _received(self, reply: Reply) -> dict[str, object]:
        response = reply.response
        try:
            shown = self._shown(reply.text, len(response.body)) if response.body else None
        except ValueError as error:
            shown = f"({error})"
        return {
            "status": response.status,
            "received_headers": self._headers(response.headers),
            "received_body": shown,
            "received_bytes": response.size,
        }

    def _headers(self, headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in _texts(headers):
            found[name] = "***" if names_credential(name) else self._cut(value, VALUE_MAX)
        return found

    def _shown(self, text: str, size: int) -> str:
        if "\0" in text[:_READ_MAX]:
            return f"({size:,} bytes that are not text)"
        return self._cut(text[:_READ_MAX], BODY_MAX)

    def _cut(self, text: str, limit: int) -> str:
        """Secrets first: one that is cut in two would not be recognised."""
        text = self._redact(text)
        return text if len(text) <= limit else text[: limit - 1] + "…"


def _sent_headers(outgoing: Outgoing) -> list[tuple[bytes, bytes]]:
    lines = [line.partition(b": ") for line in outgoing.head.split(b"\r\n")[1:] if line]
    return [(name, value) for name, _, value in lines]


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in headers]


def _is_secret(name: str, source: str) -> bool:
    """Whether a captured variable is one by its name, or comes from a field that is; `$.token_type` is none."""
    field = source.rstrip("'\"]").lower()
    return source.startswith("cookie ") or names_credential(name) or field.endswith(_CREDENTIALS)


def _all_steps(kind: Plan) -> list[Plan]:
    tasks = cast("list[Plan]", kind["tasks"])
    return [
        *cast("list[Plan]", kind["start"]),
        *(s for task in tasks for s in cast("list[Plan]", task["flow"])),
    ]


def _requests(steps: Sequence[Plan]) -> Iterator[dict[str, object]]:
    for step in steps:
        if step["kind"] == "repeat":
            yield from _requests(cast("list[Plan]", step["flow"]))
        elif step["kind"] == "request":
            yield cast("dict[str, object]", step)


def _loops(steps: Sequence[Plan]) -> Iterator[Plan]:
    for step in steps:
        if step["kind"] == "repeat":
            yield step
            yield from _loops(cast("list[Plan]", step["flow"]))
