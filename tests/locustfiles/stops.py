"""Users that end by themselves after one request, in each of the ways there are."""

from locust import HttpUser, TaskSet, constant, events, task
from locust.exception import StopUser
from notes import note, note_events

note_events(events)


class Ends(HttpUser):
    abstract = True
    wait_time = constant(0.1)

    def on_stop(self):
        note("on_stop", of=type(self).__name__)


class Raises(Ends):
    @task
    def once(self):
        self.client.get("/raises")
        raise StopUser


class Stops(Ends):
    @task
    def once(self):
        self.client.get("/stops")
        self.stop()


class StopsByForce(Ends):
    @task
    def once(self):
        self.client.get("/by-force")
        self.stop(force=True)


class RaisesInSet(Ends):
    @task
    class Inner(TaskSet):
        @task
        def once(self):
            self.client.get("/in-set")
            raise StopUser

        def on_stop(self):
            note("on_stop", of="Inner")


class RaisesOnStart(Ends):
    def on_start(self):
        self.client.get("/on-start")
        raise StopUser

    @task
    def never(self):
        self.client.get("/never")
