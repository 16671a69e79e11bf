"""The file brings its own load: stages of two values."""

from locust import FastHttpUser, LoadTestShape, constant, events, task
from notes import note, note_events

note_events(events)


class Stages(LoadTestShape):
    stages = [(1.5, 2, 10), (2.5, 4, 10)]

    def tick(self):
        for until, users, spawn_rate in self.stages:
            if self.get_run_time() < until:
                return users, spawn_rate
        note("shape_over", users=self.get_current_user_count())
        return None


class Visitor(FastHttpUser):
    wait_time = constant(0.1)

    def on_start(self):
        self.client.get("/born")

    @task
    def idle(self):
        pass

    def on_stop(self):
        self.client.get("/gone")
