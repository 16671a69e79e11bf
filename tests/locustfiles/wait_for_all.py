"""No user begins before all have been started."""

from gevent.event import Event
from locust import HttpUser, constant, events, task
from notes import note_events

note_events(events)
all_started = Event()


@events.spawning_complete.add_listener
def on_spawning_complete(user_count, **_):
    all_started.set()


class Visitor(HttpUser):
    wait_time = constant(0.1)
    left = 3

    def on_start(self):
        all_started.wait()
        self.client.get("/started")

    @task
    def visit(self):
        if self.left:
            self.left -= 1
            self.client.get("/visit")
