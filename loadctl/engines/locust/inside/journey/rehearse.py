"""A rehearsal: one user of each type sends every request once, by the very code that a run uses.

One JSON line a request on standard output: the number of the request (counted over all steps of the plan, in its
order), what was sent, what came, and how a run would have taken it. Secrets are replaced before anything is cut.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

from ....redaction import Redaction, credentials, names_credential, values_of
from ..client.client import KEEP_FOR_EXAMPLES, Client, Outgoing, header_texts
from ..client.connection import Response, Watchdog
from ..control import Control
from ..recorder.recorder import Recorder
from .capture import Reply
from .journey import User, UserType, all_steps, network_of, requests
from .request import Fault, Plan

if TYPE_CHECKING:
    from ..client.network import Network
    from ..recorder.cells import Flight


PAUSE_MAX_S = 1.0
"""Someone is waiting for a rehearsal. The system may need a pause, but not its full length."""
UNREACHABLE = "the system cannot be reached"
LOOPS = 1
WHILE_LOOPS = 2
BODY_MAX = 2000
VALUE_MAX = 200
_READ_MAX = 1 << 16
_NOBODY_THERE = frozenset({"connect_refused", "connect_timeout", "dns", "tls"})


Perform = Callable[[Plan], bool]
"""Sends one request; whether the flow goes on."""


def main() -> None:
    control = Control()
    control.listen()
    plan = control.next_json()
    Rehearsal(plan, _write).run()
    os._exit(0)  # not sys.exit: nothing is left to do, and greenlets of the hub need no farewell


def _write(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=True) + "\n")
    sys.stdout.flush()


class Observed(Client):
    """A client that remembers its last request and response."""

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


class Noted(Recorder):
    """A recorder that remembers how one request ended."""

    def __init__(self) -> None:
        super().__init__(lambda _: None)
        self.error: str | None = None
        self.message = ""
        self.us = 0

    def end(
        self,
        token: Flight,  # noqa: ARG002  (the recorder's own signature)
        *,
        us: int,
        error: str | None = None,
        rate_limited: bool = False,
        message: str = "",
        **_: object,
    ) -> None:
        self.us, self.error = us, error
        self.message = "within the declared rate limit" if rate_limited else message


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
        self._report = Report(write, plan["secrets"], plan["secret_variables"])
        self._seen: set[int] = set()
        self._broken = ""
        """Why the last request ended its flow."""

    def run(self) -> None:
        network, watchdog = network_of(self._plan), Watchdog()
        types, seed = self._plan["user_types"], self._plan["seed"]
        for number, step in enumerate(step for kind in types for step in requests(all_steps(kind))):
            cast("dict[str, int]", step)["request"] = number
        for index, kind in enumerate(types):
            compiled, client = UserType(kind, self._plan), Observed(network, watchdog)
            user = User(compiled, index, seed=seed, client=client, recorder=Noted(), context=Awake())
            self._take_steps(kind, user, partial(self._perform, compiled, user, client))
            user.close()

    def _take_steps(self, kind: Plan, user: User, perform: Perform) -> None:
        started = self._walk(kind["start"], user, perform)
        why = UNREACHABLE if self._report.is_unreachable else "its start steps failed"
        for task in kind["tasks"]:
            if started:
                self._walk(task["flow"], user, perform)
            else:
                self._skip(task["flow"], why)

    def _perform(self, kind: UserType, user: User, client: Observed, step: Plan) -> bool:
        noted = Noted()
        client.forget()
        try:
            goes_on = kind.request(step).perform(user, noted)
        except Fault as fault:
            noted.error, noted.message, goes_on = "generator", str(fault), False
        self._seen.add(step["request"])
        self._broken = f"{step['endpoint']} failed"
        self._report.sent(step, noted, client, user.variables)
        return goes_on

    def _walk(self, steps: Sequence[Plan], user: User, perform: Perform) -> bool:
        """Whether the flow was completed; requests that were not reached are reported as skipped."""
        for at, step in enumerate(steps):
            if self._report.is_unreachable:
                self._skip(steps[at:], UNREACHABLE)
                return False
            if step["kind"] == "think":
                user.pause(step["min_s"], step["max_s"])
            elif step["kind"] == "repeat":
                if not self._repeat(step, user, perform):
                    return self._broken_off(steps[at + 1 :])
            elif not perform(step):
                return self._broken_off(steps[at + 1 :])
        return True

    def _repeat(self, step: Plan, user: User, perform: Perform) -> bool:
        flow, watched = step["flow"], step["while"]
        for _ in range(min(step["times"], LOOPS if watched is None else WHILE_LOOPS)):
            if watched is not None and user.is_empty(watched):
                self._skip(flow, f"{watched} is empty, so the loop ends at once")
                break
            if not self._walk(flow, user, perform):
                return False
        return True

    def _broken_off(self, rest: Sequence[Plan]) -> bool:
        self._skip(rest, UNREACHABLE if self._report.is_unreachable else self._broken)
        return False

    def _skip(self, steps: Sequence[Plan], why: str) -> None:
        for step in requests(steps):
            if step["request"] not in self._seen:
                self._seen.add(step["request"])
                self._report.skipped(step, why)


class Report:
    """A line for each request, without secrets."""

    def __init__(
        self, write: Callable[[Mapping[str, object]], None], secrets: Sequence[str], variables: Sequence[str]
    ) -> None:
        """`variables`: those whose values are secrets."""
        self._write = write
        self._secrets = list(secrets)
        self._secret_variables = variables
        self._redact = Redaction(secrets)
        self._answered = False
        self.is_unreachable = False
        """Not even the first request could connect."""

    def skipped(self, step: Plan, why: str) -> None:
        self._write({"request": step["request"], "outcome": "skipped", "message": self._redact(why)})

    def sent(self, step: Plan, noted: Noted, client: Observed, variables: Mapping[str, object]) -> None:
        self._answered |= client.response is not None or noted.error not in _NOBODY_THERE
        self.is_unreachable = not self._answered
        captured = () if noted.error else step["capture"]
        exchanged = [one.headers for one in (client.outgoing, client.response) if one is not None]
        self._hide(
            [
                *values_of(self._secret_variables, variables),
                *client.jar.secrets(),
                *(secret for headers in exchanged for secret in credentials(header_texts(headers))),
            ]
        )
        line: dict[str, object] = {
            "request": step["request"],
            "outcome": "failed" if noted.error else "expected",
            "error": noted.error,
            "message": self._redact(noted.message),
            "captured": {
                name: '"***"'
                if name in self._secret_variables
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
        """From here on these values are hidden wherever they occur, such as in a URL or another body."""
        if new := set(values).difference(self._secrets):
            self._secrets += new
            self._redact = Redaction(self._secrets)

    def _sent(self, outgoing: Outgoing) -> dict[str, object]:
        origin = outgoing.origin
        url = f"{'https' if origin.tls else 'http'}://{origin.authority}{outgoing.target.decode()}"
        return {
            "url": self._redact(url),
            "sent_headers": self._headers(outgoing.headers),
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
        return {
            name: "***" if names_credential(name) else self._cut(value, VALUE_MAX)
            for name, value in header_texts(headers)
        }

    def _shown(self, text: str, size: int) -> str:
        if "\0" in text[:_READ_MAX]:
            return f"({size:,} bytes that are not text)"
        return self._cut(text[:_READ_MAX], BODY_MAX)

    def _cut(self, text: str, limit: int) -> str:
        """Secrets are replaced first: one that is cut in two would not be recognised."""
        text = self._redact(text)
        return text if len(text) <= limit else text[: limit - 1] + "…"
