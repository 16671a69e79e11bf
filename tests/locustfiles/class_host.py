"""The system's address stands in the class, with a path before all others."""

from locust import FastHttpUser, HttpUser, events
from notes import note, note_events
from steps import Steps

note_events(events)


def get(user):
    note("host", path=user.host.rpartition("/")[2])
    user.client.get("/items?page=1")


class Plain(Steps, HttpUser):
    host = "http://127.0.0.1:8000/api/v1"
    steps = (get,)


class Fast(Steps, FastHttpUser):
    host = "http://127.0.0.1:8000/api/v2"
    steps = (get,)
