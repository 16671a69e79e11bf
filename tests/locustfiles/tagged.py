"""Tasks chosen by their tags."""

from locust import FastHttpUser, constant, events, tag, task
from notes import note, note_events

note_events(events)


class Tagged(FastHttpUser):
    wait_time = constant(0.02)
    seen = ()

    def once(self, path):
        if path not in self.seen:
            self.seen = (*self.seen, path)
            self.client.get(path)

    @tag("read", "quick")
    @task
    def quick(self):
        self.once("/quick")

    @tag("read")
    @task
    def read(self):
        self.once("/read")

    @tag("write")
    @task
    def write(self):
        self.once("/write")

    @task
    def untagged(self):
        self.once("/untagged")


@events.test_start.add_listener
def on_start(environment, **_):
    note("tags", tags=environment.tags, exclude_tags=environment.exclude_tags)
    note("tasks", names=sorted(task.__name__ for task in Tagged.tasks))
