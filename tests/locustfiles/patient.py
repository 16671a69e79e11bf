"""Users log in and then wait for long, as people do."""

from locust import HttpUser, between, events, task
from notes import note_events

note_events(events)


class Person(HttpUser):
    wait_time = between(20, 60)

    def on_start(self):
        self.client.post("/login", json={"user": "ada"})

    @task
    def read(self):
        pass
