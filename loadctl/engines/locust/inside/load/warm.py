"""Warm-up: a few hundred throw-away requests inside this process, through the code that the load will run.

Python compiles and caches on first use, so the first seconds would otherwise measure loadctl. Nothing is sent to the
system.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent.server import StreamServer

ROUNDS = 15
_CLIENTS = 8
_AT_MOST_S = 2.0
_PLAN: Mapping[str, Any] = {
    "rate_limit": None,
    "tls": {"verify": True, "ca": None, "cert": None},
    "consent": {"agreed": r"127\.0\.0\.1", "private": "", "networks": []},
    "secret_headers": [],
    "seed": 0,
}
_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'


def warm_sessions(environment: Any) -> None:
    """Both kinds of session, because a script may use both."""
    from locust.clients import HttpSession
    from locust.contrib.fasthttp import FastHttpSession
    from locust.event import EventHook

    def go(url: str) -> None:
        # Another version may make its sessions in another way: then the start is cold, and nothing worse.
        with contextlib.suppress(TypeError):
            sessions_at(url)

    def sessions_at(url: str) -> None:
        for session in (FastHttpSession(url, EventHook(), None), HttpSession(url, EventHook(), None)):
            for _ in range(ROUNDS if isinstance(session, FastHttpSession) else 3):
                session.post("/w", json={"x": [1, 2, 3]}, name="/w")
                session.get("/w", name="/w")

    _with_server(go)
    environment.stats.reset_all()


def warm_users(user_type: Mapping[str, Any]) -> None:
    """The runtime of user types, with a type of its own: the scenario's requests might leave this process."""
    from ..journey.journey import make_users
    from ..recorder.recorder import Recorder
    from .load import Alarm, Place

    def go(url: str) -> None:
        recorder = Recorder(lambda _: None)
        [make] = make_users({**_PLAN, "host": url, "user_types": [user_type]}, recorder)
        user = make(0, Place(0))
        for _ in range(ROUNDS):
            user.turn(None)
        user.close()

    _with_server(go)
    Alarm().close()


def _with_server(client: Callable[[str], None]) -> None:
    server = StreamServer(("127.0.0.1", 0), _answer)
    server.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        clients = [gevent.spawn(client, url) for _ in range(_CLIENTS)]
        gevent.joinall(clients, timeout=_AT_MOST_S)
        # On a busy machine: what is left would go on during the load, against a closed port.
        gevent.killall(clients)
    finally:
        server.stop(0)


def _answer(sock: Any, _address: object) -> None:
    """One answer for every request; all that are sent here fit into one segment."""
    try:
        while sock.recv(65536):
            sock.sendall(_ANSWER)
    except OSError:
        return
