"""Users log out when they are stopped, and clean up once more with a client of another library."""

from locust import FastHttpUser, HttpUser, TaskSet, constant, events, task
from notes import note, note_events

note_events(events)


class LogsOut:
    wait_time = constant(0.1)

    def on_start(self):
        self.client.post("/login")

    def on_stop(self):
        self.client.post("/logout")
        self.client.delete("/session", name="session")
        note("logged out")


class Plain(LogsOut, HttpUser):
    @task
    def idle(self):
        pass


class Fast(LogsOut, FastHttpUser):
    @task
    class Inner(TaskSet):
        @task
        def idle(self):
            pass

        def on_stop(self):
            self.client.get("/leave-set")
