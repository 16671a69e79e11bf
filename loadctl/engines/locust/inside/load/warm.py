"""Warm-up: a few hundred throw-away requests inside this process, through the code that the load will run.

Python compiles and caches on first use, so the first seconds would otherwise measure loadctl. Nothing is sent to the
system.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cache
from typing import Any

import gevent
from gevent.server import StreamServer

ROUNDS = 15
_CLIENTS = 8
_AT_MOST_S = 2.0
_REQUEST: dict[str, object] = {
    "kind": "request",
    "method": "GET",
    "url": "/warm-up",
    "endpoint": "warm-up",
    "query": [],
    "headers": [],
    "body": None,
    "capture": [["ok", "$.ok"]],
    "check": {"status": [[200, 299]], "has": ["ok"], "lacks": [], "json": [], "text": [], "within_s": 1.0},
    "timeout_s": 1.0,
}
_FEATURES = {"$expr": ["call", "random_floats", [["lit", 8]]]}
_JSON = ['{"features":', _FEATURES, ',"ok":', {"$expr": ["var", "ok"]}, "}"]
_BODY = {"kind": "json", "json": _JSON, "fields": [], "files": [], "raw": ""}
_WARM_TYPE: dict[str, object] = {
    "name": "warm-up",
    "start": [],
    "tasks": [
        {
            "name": "w",
            "weight": 1,
            "flow": [_REQUEST, {**_REQUEST, "method": "POST", "body": _BODY, "capture": []}],
        }
    ],
    "headers": [],
    "think": None,
    "pace_s": None,
    "data": [],
}
_PLAN = {
    "rate_limit": None,
    "tls": {"verify": True, "ca": None, "cert": None},
    "consent": {"agreed": r"127\.0\.0\.1", "private": "", "networks": []},
    "secret_headers": [],
    "seed": 0,
    "user_types": [_WARM_TYPE],
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


@cache
def warm_users() -> None:
    """The runtime of user types, with a type of its own: the scenario's requests might leave this process. Once."""
    from ..journey.journey import make_users
    from ..recorder.recorder import Recorder
    from .load import Alarm
    from .place import Place

    def go(url: str) -> None:
        recorder = Recorder(lambda _: None)
        [make] = make_users({**_PLAN, "host": url}, recorder)
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
