"""What a task sees of the whole test: how many users of each class there are, and in which state the test is."""

from locust import HttpUser, constant, events, task
from notes import note, note_events

note_events(events)
complete = False


@events.spawning_complete.add_listener
def on_complete(**_):
    global complete
    complete = True


class Reader(HttpUser):
    weight = 3
    wait_time = constant(0.1)
    left = 1

    @task
    def read(self):
        runner = self.environment.runner
        if complete and self.left:
            self.left -= 1
            counts = runner.user_classes_count
            note(
                "seen",
                counts=counts,
                users=runner.user_count,
                target=runner.target_user_count,
                state=runner.state,
            )
            self.client.get(f"/readers/{counts['Reader']}")


class Writer(HttpUser):
    weight = 1
    wait_time = constant(0.1)
    left = 1

    @task
    def write(self):
        if complete and self.left:
            self.left -= 1
            self.client.post(f"/writers/{self.environment.runner.user_classes_count['Writer']}")


class Admin(HttpUser):
    fixed_count = 1
    wait_time = constant(0.1)

    def on_start(self):
        self.client.get("/admin")

    @task
    def idle(self):
        pass
