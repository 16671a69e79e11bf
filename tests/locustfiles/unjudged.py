"""Mistakes that are easily made with catch_response: no `with`, a block that raises, a task that ends within it."""

from locust import FastHttpUser, HttpUser, events
from locust.exception import RescheduleTask
from notes import note_events
from steps import Steps

note_events(events)


def without_with(user):
    user.client.get("/status/500/bare", catch_response=True)


def without_with_kept(user):
    user.response = user.client.get("/fine/kept", catch_response=True)


def raises(user):
    with user.client.get("/status/500/raises", catch_response=True) as response:
        response.json()["items"][0]["id"].lower()


def raises_after_success(user):
    with user.client.get("/fine/raises", catch_response=True) as response:
        response.json()["items"]


def judged_then_raises(user):
    with user.client.get("/fine/judged", catch_response=True) as response:
        response.failure("too old")
        raise KeyError("items")


def rescheduled(user):
    with user.client.get("/fine/rescheduled", catch_response=True):
        raise RescheduleTask


def returned(user):
    with user.client.get("/fine/returned", catch_response=True) as response:
        if response.ok:
            return
        response.failure("never")


class Careless(Steps):
    steps = (
        without_with,
        without_with_kept,
        raises,
        raises_after_success,
        judged_then_raises,
        rescheduled,
        returned,
    )


class Plain(Careless, HttpUser):
    pass


class Fast(Careless, FastHttpUser):
    pass
