"""Waits that keep a pace, and one that is the script's own function."""

import time

from locust import HttpUser, between, constant, constant_pacing, constant_throughput, events, task
from notes import note, note_events

note_events(events)


class Paced(HttpUser):
    abstract = True

    def on_start(self):
        self.at = []

    @task
    def get(self):
        if len(self.at) < 4:
            self.at.append(time.monotonic())
            self.client.get(f"/sleep/60/{type(self).__name__}")
            if len(self.at) == 4:
                note("paced", of=type(self).__name__, kept=self.at[3] - self.at[1] >= 0.38)


class Constant(Paced):
    wait_time = constant(0.14)


class Pacing(Paced):
    wait_time = constant_pacing(0.2)


class Throughput(Paced):
    wait_time = constant_throughput(5)


class Between(Paced):
    wait_time = between(0.135, 0.145)


class Own(Paced):
    def wait_time(self):
        self.waits = getattr(self, "waits", 0) + 1
        return 0.14
