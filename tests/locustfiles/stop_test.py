"""The test is stopped by an exception before it begins."""

from locust import HttpUser, events
from locust.exception import StopTest
from notes import note_events
from steps import Steps

note_events(events)


@events.test_start.add_listener
def check_licence(**_):
    raise StopTest("no licence")


def get(user):
    user.client.get("/fine")


class Visitor(Steps, HttpUser):
    steps = (get,)
