"""Runs in a process of its own, because gevent's hub has no place in pytest's: cases in on stdin, answers out."""

from __future__ import annotations

import base64
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import gevent

from loadctl.engines.locust.inside.client.client import (
    KEEP_TO_READ,
    Client,
    Outgoing,
    encode_fields,
    split_url,
    start_line,
)
from loadctl.engines.locust.inside.client.connection import Watchdog
from loadctl.engines.locust.inside.client.network import Network
from loadctl.engines.route import Failed
from loadctl.scenario.consent import Consent

BUSY_AFTER_S = 0.2


def prepared(method: str, url: str, headers: list[tuple[bytes, bytes]], body: bytes) -> Outgoing:
    try:
        origin, target, credentials = split_url(url)
    except ValueError as error:
        raise Failed("other", str(error)) from error
    if credentials and not any(name.lower() == b"authorization" for name, _ in headers):
        headers = [*headers, (b"Authorization", credentials)]
    head = start_line(method.encode(), target) + encode_fields(method, origin, headers, len(body))
    closes = (b"Connection", b"close") in headers
    return Outgoing(method.encode(), origin, target, head, body, closes=closes)


def answer(client: Client, request: dict[str, Any]) -> dict[str, object]:
    gevent.sleep(request.get("pause_s", 0.0))
    if "busy_s" in request:
        # gevent does not know this sleep: all stand still
        gevent.spawn_later(BUSY_AFTER_S, time.sleep, request["busy_s"])
    began = time.monotonic()
    headers = [(name.encode(), value.encode()) for name, value in request.get("headers", {}).items()]
    body = request.get("body", "").encode() * request.get("times", 1)
    try:
        outgoing = prepared(request.get("method", "GET"), request["url"], headers, body)
        response = client.send(outgoing, request.get("timeout_s", 5.0), KEEP_TO_READ)
    except Failed as failed:
        return {
            "error": failed.error_class,
            "message": failed.message,
            "stale": failed.stale,
            "took_s": time.monotonic() - began,
        }
    return {
        "status": response.status,
        "body": base64.b64encode(response.body).decode(),
        "size": response.size,
        "ttfb_s": response.first_byte_at - began,
        "took_s": response.finished_at - began,
    }


def main() -> None:
    watchdog = Watchdog()

    def run(case: dict[str, Any]) -> list[dict[str, object]]:
        if case.get("no_descriptors"):
            in_use = len(list(Path("/dev/fd").iterdir()))
            resource.setrlimit(resource.RLIMIT_NOFILE, (in_use - 1, in_use - 1))
        consent = (
            Consent(**case["consent"], secret_headers=case["secret_headers"]) if "consent" in case else None
        )
        network = Network(**case.get("tls", {}), environ=case.get("environ", {}), consent=consent)
        client = Client(network, watchdog)
        answers = [answer(client, request) for request in case["requests"]]
        client.close()
        return answers

    cases = json.load(sys.stdin)
    jobs = [gevent.spawn(run, case) for case in cases]
    gevent.joinall(jobs)
    json.dump([job.get() for job in jobs], sys.stdout)


main()
