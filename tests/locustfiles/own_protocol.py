"""A client of its own, which fires the request event in every way that is seen in public files."""

import time

from locust import User, events
from notes import note_events
from steps import Steps

note_events(events)


def fire(user, name, **more):
    values = {"request_type": "queue", "name": name, "response_time": 12.5, "response_length": 7} | more
    user.environment.events.request.fire(**values)


def well(user):
    fire(user, "well", exception=None, context={"tenant": "acme"})
    fire(user, "short")
    fire(user, "whole", response_time=40, response_length=0)


def text(user):
    fire(user, "text", exception="quota exceeded")


def empty_text(user):
    fire(user, "empty text", exception="")
    fire(user, "false", exception=False)


def an_exception(user):
    fire(user, "exception", exception=TimeoutError("no answer in 5 s"))


def not_an_exception(user):
    fire(user, "number", exception=503)
    fire(user, "mapping", exception={"code": 7})


def measured(user):
    with user.environment.events.request.measure("queue", "measured") as meta:
        time.sleep(0.02)
        meta["response_length"] = 100


def measured_failure(user):
    with user.environment.events.request.measure("queue", "measured failure"):
        raise ConnectionError("broker is gone")


def by_the_module(user):
    events.request.fire(
        request_type="queue",
        name="by the module",
        response_time=3.0,
        response_length=1,
        response=object(),
        start_time=time.time(),
        url="queue://x",
    )


class Consumer(Steps, User):
    steps = (
        well,
        text,
        empty_text,
        an_exception,
        not_an_exception,
        measured,
        measured_failure,
        by_the_module,
    )
