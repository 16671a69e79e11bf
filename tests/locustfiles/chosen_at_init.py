"""Which users there are is decided when the options are known."""

from locust import HttpUser, constant, events, task
from notes import note_events

note_events(events)


class Born(HttpUser):
    abstract = True
    wait_time = constant(0.1)

    def on_start(self):
        self.client.get(f"/born/{type(self).__name__}")

    @task
    def idle(self):
        pass


class Reader(Born):
    pass


class Writer(Born):
    pass


class Admin(Born):
    pass


@events.init.add_listener
def choose(environment, **_):
    Reader.weight = 3
    environment.user_classes.remove(Admin)
