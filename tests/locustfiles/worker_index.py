"""Each process takes its own part of the data."""

from locust import FastHttpUser, events
from notes import note
from steps import Steps


@events.test_start.add_listener
def on_start(environment, **_):
    runner = environment.runner
    note("worker", index=runner.worker_index, users=environment.parsed_options.num_users)


def get(user):
    user.client.get(f"/part/{user.environment.runner.worker_index}")


class Visitor(Steps, FastHttpUser):
    steps = (get,)
