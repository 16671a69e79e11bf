"""One row of data for each user: whoever starts the test hands the rows out by messages."""

from locust import HttpUser, constant, events, task
from locust.runners import LocalRunner, MasterRunner, WorkerRunner
from notes import note, note_events

note_events(events)
rows = []


def on_rows(environment, msg, **_):
    rows.extend(msg.data)
    environment.runner.send_message("rows_received", {"count": len(msg.data)})


def on_received(environment, msg, **_):
    note("received", count=msg.data["count"])


@events.init.add_listener
def register(environment, **_):
    if not isinstance(environment.runner, MasterRunner):
        environment.runner.register_message("rows", on_rows)
    if not isinstance(environment.runner, WorkerRunner):
        environment.runner.register_message("rows_received", on_received)


@events.test_start.add_listener
def hand_out(environment, **_):
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        return
    made = [f"row-{number}" for number in range(runner.target_user_count)]
    workers = [runner.client_id] if isinstance(runner, LocalRunner) else list(runner.clients)
    share = len(made) // len(workers)
    for index, worker in enumerate(workers):
        end = len(made) if index + 1 == len(workers) else (index + 1) * share
        runner.send_message("rows", made[index * share : end], worker)


class Customer(HttpUser):
    wait_time = constant(0.1)

    def __init__(self, environment):
        super().__init__(environment)
        self.row = rows.pop()
        self.left = 2

    @task
    def use(self):
        if self.left:
            self.left -= 1
            self.client.get(f"/use/{self.row}")
