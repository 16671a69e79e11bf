"""A listener with a mistake; RAISE_IN says which."""

import os

from locust import HttpUser, events
from notes import note_events
from steps import Steps

note_events(events)


def mistaken(**_):
    raise LookupError("no such account")


getattr(events, os.environ["RAISE_IN"]).add_listener(mistaken)


def get(user):
    user.client.get("/fine")


class Visitor(Steps, HttpUser):
    steps = (get, get)
