"""Starts users of its own beside those that were asked for."""

from locust import HttpUser, constant, events, task
from notes import note, note_events

note_events(events)


class Visitor(HttpUser):
    wait_time = constant(0.1)
    visits = 0

    @task
    def visit(self):
        if self.visits < 2:
            self.visits += 1
            self.client.get("/visit")

    def on_stop(self):
        note("on_stop")


@events.init.add_listener
def on_init(environment, **_):
    @events.spawning_complete.add_listener
    def on_spawning_complete(**_):
        users = environment.runner.spawn_users({"Visitor": 2})
        note("started", users=len(users), count=environment.runner.user_count)
