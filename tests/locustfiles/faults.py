"""Exceptions in every place where a user's code runs."""

from locust import HttpUser, constant, events, task
from notes import note, note_events
from steps import Steps

note_events(events)


@events.user_error.add_listener
def on_user_error(user_instance, exception, tb, **_):
    note("user_error", of=type(user_instance).__name__, text=str(exception), line=tb is not None)


def wrong(user):
    user.client.get("/before")
    raise ValueError("my own mistake")


def after(user):
    user.client.get("/after")


class InTask(Steps, HttpUser):
    steps = (wrong, after)


class InOnStart(HttpUser):
    wait_time = constant(0.1)

    def on_start(self):
        self.client.get("/on-start")
        raise RuntimeError("no account")

    @task
    def never(self):
        self.client.get("/never")


class InOnStop(HttpUser):
    wait_time = constant(0.1)

    def on_stop(self):
        self.client.get("/on-stop")
        raise RuntimeError("cannot log out")

    @task
    def idle(self):
        pass
