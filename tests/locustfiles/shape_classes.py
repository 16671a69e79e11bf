"""The file brings its own load: ticks of three values choose the classes, two values mean all of them."""

from locust import HttpUser, LoadTestShape, constant, events, task
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


class ReadersFirst(LoadTestShape):
    def tick(self):
        run_time = self.get_run_time()
        if run_time < 0.5:
            return 2, 10, [Reader]
        if run_time < 1.5:
            return 4, 10, [Writer]
        return None
