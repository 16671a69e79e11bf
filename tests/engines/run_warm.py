"""Runs in a process of its own: warms sessions whose server is slow, then says which of them go on afterwards."""

from __future__ import annotations

import json
import sys

import gevent

from loadctl.engines.locust.inside.load import warm


def main() -> None:
    json.load(sys.stdin)
    went_on: list[str] = []

    def client(_url: str) -> None:
        gevent.sleep(0.2)
        went_on.append("one")

    warm._AT_MOST_S = 0.05
    warm._with_server(client)
    gevent.sleep(0.4)
    json.dump(went_on, sys.stdout)


main()
