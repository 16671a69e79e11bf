"""Ends the test before the first user, because a check failed; END says in which event."""

import os

from locust import HttpUser, events
from notes import note_events
from steps import Steps

note_events(events)


def check(environment, **_):
    environment.process_exit_code = 4
    environment.runner.quit()


getattr(events, os.environ["END"]).add_listener(check)


def get(user):
    user.client.get("/never")


class Visitor(Steps, HttpUser):
    steps = (get,)
