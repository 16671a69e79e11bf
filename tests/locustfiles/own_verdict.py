"""The script judges the test itself, as in Locust's documentation; VERDICT says how."""

import os

from locust import HttpUser, events
from notes import note_events
from steps import Steps

note_events(events)


@events.quitting.add_listener
def judge(environment, **_):
    wanted = os.environ["VERDICT"]
    if wanted == "ratio":
        if environment.stats.total.fail_ratio > 0.3:
            environment.process_exit_code = 1
    else:
        environment.process_exit_code = int(wanted)


def fine(user):
    user.client.get("/fine")


def broken(user):
    user.client.get("/status/500")


class Visitor(Steps, HttpUser):
    steps = (fine, broken) if os.environ.get("BROKEN") else (fine, fine)
