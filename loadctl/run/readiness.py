"""Readiness: ask the system until it answers twice in a row, never a bare sleep."""

from __future__ import annotations

import ipaddress
import random
import time
from collections.abc import Callable, Iterator
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from loadctl.errors import RunError
from loadctl.run.probe import REFUSED, Probe
from loadctl.scenario.scenario import Tls

_TRY_S = 2.0
_LAST_TRY_S = 0.25
_IN_A_ROW = 2
_LOOK_S = 0.25


class Container(Protocol):
    """What is asked of a container that is waited for."""

    @property
    def name(self) -> str: ...

    def health(self) -> str | None:
        """The word of its health check; None: it does not run. Raises: UsageError where it has none."""

    def why_dead(self) -> str | None:
        """Why it will never be healthy, with its last log lines."""


def wait_until_ready(
    url: str,
    *,
    health: str | None = None,
    deadline_s: float = 30.0,
    tls: Tls | None = None,
    elsewhere: Callable[[str], str] | None = None,
    alive: Callable[[], str | None] = lambda: None,
    pause: Callable[[float], None] = time.sleep,
    tell: Callable[[str], None] = lambda _: None,
    is_base: bool = False,
) -> float:
    """Probe `url` (with the path `health`, where given) until it is ready; the seconds that took.

    Ready: 2xx on a path, any answer below 500 on the root, twice in a row. With `is_base` the path of `url` is only
    what those of requests begin with, so it is taken as a root. `alive` says why it never will be
    ready, or None; `elsewhere` says the same command for another URL; `pause` sleeps between tries and may raise;
    `tell` hears what is still wrong.
    Raises: RunError after `deadline_s`, or as soon as `alive` has a reason.
    """
    place = urlsplit(url)
    path = health or (place.path or "/") + (f"?{place.query}" if place.query else "")
    began = time.monotonic()
    deadline = began + deadline_s
    pauses = backoff(random.Random())
    lenient = health is None and (is_base or path == "/")
    probe = Probe(url, path, tls or Tls(), lenient=lenient)
    successes = 0
    while True:
        trouble = probe.trouble(min(_TRY_S, max(_LAST_TRY_S, deadline - time.monotonic())))
        successes = 0 if trouble else successes + 1
        if successes == _IN_A_ROW:
            return time.monotonic() - began
        if trouble:
            tell(trouble)
            reason = alive()
            if reason is not None:
                raise RunError(f"{_at(place)} is gone (nothing was sent): {reason}")
            if time.monotonic() >= deadline:
                raise _never_ready(place, path, trouble, deadline_s, elsewhere)
        wait = next(pauses) if trouble else 0.0
        pause(max(0.0, min(wait, deadline - time.monotonic())))


def wait_until_healthy(
    container: Container,
    *,
    deadline_s: float,
    tell: Callable[[str], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
) -> float:
    """Until the container's own health check says healthy; the seconds that took.

    Raises: UsageError where it has no health check; RunError after `deadline_s`, or as soon as it has ended.
    """
    began = time.monotonic()
    while True:
        health = container.health()
        if health == "healthy":
            return time.monotonic() - began
        reason = container.why_dead()
        if reason is not None:
            raise RunError(f"{container.name} is gone: {reason}")
        trouble = f"its health check says {health}" if health else "it does not run"
        tell(trouble)
        left_s = began + deadline_s - time.monotonic()
        if left_s <= 0:
            raise RunError(f"{container.name} was never healthy: {trouble} (waited for {deadline_s:.0f} s).")
        pause(min(_LOOK_S, left_s))


def backoff(chance: random.Random) -> Iterator[float]:
    """Seconds to wait between tries: 50 ms, × 1.6 each time up to 1 s, ± 20 %."""
    pause = 0.05
    while True:
        yield pause * chance.uniform(0.8, 1.2)
        pause = min(1.0, pause * 1.6)


def is_loopback(hostname: str) -> bool:
    """Whether the name can only mean this machine: a proxy has no business with it."""
    if hostname.lower() == "localhost" or hostname.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False


def _never_ready(
    place: SplitResult, path: str, trouble: str, deadline_s: float, elsewhere: Callable[[str], str] | None
) -> RunError:
    tried = f"(tried for {deadline_s:.0f} s, nothing was sent)"
    local = is_loopback(place.hostname or "")
    if trouble == REFUSED:
        from loadctl.run.listeners import listeners_hint

        hint = listeners_hint(place.port, elsewhere) if local and elsewhere else None
        return RunError(f"nothing listens on {_at(place)} {tried}.", hint=hint)
    hints = {
        True: "in the scenario, trust its certificate:  ca: FILE      or do not check it:  verify: false  (--insecure)"
    }
    return RunError(
        f"{_at(place)} was never ready on {path}: {trouble} {tried}.", hint=hints.get("TLS" in trouble)
    )


def _at(place: SplitResult) -> str:
    port = place.port or (443 if place.scheme == "https" else 80)
    host = f"[{place.hostname}]" if ":" in (place.hostname or "") else place.hostname
    return f"{host}:{port}"
